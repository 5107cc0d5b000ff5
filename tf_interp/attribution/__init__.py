"""What pushed a decision: one function, one loop, a file a method."""

from tf_interp.attribution.attribute import attribute as attribute
from tf_interp.attribution.attributed import Attribution as Attribution
from tf_interp.attribution.evidence.faithfulness import Faithfulness as Faithfulness
from tf_interp.attribution.evidence.faithfulness import faithfulness as faithfulness
from tf_interp.attribution.evidence.weight_randomization import WeightRandomization as WeightRandomization
from tf_interp.attribution.evidence.weight_randomization import weight_randomization as weight_randomization
from tf_interp.attribution.registry import METHODS as METHODS
from tf_interp.attribution.scores import LayerTarget as LayerTarget
