"""The attribution graph: how what was detected became a decision, with a proof beside every claim."""

from tf_interp.graph.attribution_graph import attribution_graph as attribution_graph
from tf_interp.graph.graph_result import AttributionGraph as AttributionGraph
from tf_interp.graph.graph_result import Edge as Edge
from tf_interp.graph.graph_result import Intervention as Intervention
from tf_interp.graph.graph_result import Node as Node
