"""SavedModels: a frozen graph, read by the names of its operations."""

from tf_interp.models.saved_model.graph_model import GraphModel as GraphModel
