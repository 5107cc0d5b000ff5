"""The one door to networks."""

from tf_interp.models.keras_model.keras_model import KerasModel as KerasModel
from tf_interp.models.layer_names import LayerRow as LayerRow
from tf_interp.models.loading import check_keras as check_keras
from tf_interp.models.loading import open_model as open_model
from tf_interp.models.model import Model as Model
from tf_interp.models.outputs.class_names import read_class_names as read_class_names
from tf_interp.models.outputs.heads import Head as Head
from tf_interp.models.outputs.targets import Target as Target
from tf_interp.models.saved_model.graph_model import GraphModel as GraphModel
from tf_interp.models.value_range.named_preprocess import named_preprocess as named_preprocess
from tf_interp.models.value_range.range_guess import RangeGuess as RangeGuess
