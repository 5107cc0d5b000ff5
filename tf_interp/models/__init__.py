"""The one door to networks."""

from tf_interp.models.keras_model.keras_model import KerasModel as KerasModel
from tf_interp.models.loading import open_model as open_model
from tf_interp.models.model import LayerRow as LayerRow
from tf_interp.models.model import Model as Model
from tf_interp.models.outputs.heads import Head as Head
from tf_interp.models.outputs.targets import Target as Target
from tf_interp.models.saved_model.graph_model import GraphModel as GraphModel
