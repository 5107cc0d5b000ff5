"""Live Keras models: layers read through hooks, or run one after the other where that is the same."""

from tf_interp.models.keras_model.keras_model import KerasModel as KerasModel
