"""Layer-wise relevance propagation."""

import dataclasses
from typing import Any, ClassVar

from tf_interp.attribution.methods.lrp.relevance_rules import GRADIENTS, find_unruled, settings
from tf_interp.attribution.methods.method import GradientMethod
from tf_interp.attribution.scene import Replacement, Scene

RULES = ("epsilon_plus", "epsilon", "z_plus")
_CONVOLUTIONS = ("Conv2D", "DepthwiseConv2dNative", "Conv3D", "Conv2DBackpropInput")


@dataclasses.dataclass(frozen=True)
class Lrp(GradientMethod):
    """The score is handed back layer by layer, in proportion to what each unit put in.

    Batch normalization is folded into the layer before it first. Biases keep what falls on them ("epsilon").

    Args:
        rule: "epsilon_plus" (z+ in convolutions, epsilon in dense layers), "epsilon" or "z_plus" everywhere.
        epsilon: keeps denominators away from 0.

    Raises:
        ValueError: where the network has operations without a rule: softmax inside, layer normalization, recurrence.

    Source:
        Bach et al., 2015; Montavon et al., Layer-Wise Relevance Propagation: An Overview, 2019.
    """

    name: ClassVar[str] = "lrp"
    folded: ClassVar[bool] = True
    silence: ClassVar[str] = "the relevance that reaches {} is zero"
    reason: ClassVar[str] = "by this rule nothing spoke for the score"
    rule: str = "epsilon_plus"
    epsilon: float = 1e-6

    def check(self) -> None:  # noqa: D102
        if self.rule not in RULES:
            raise ValueError(f"rule must be one of {list(RULES)}, got {self.rule!r}")
        if not self.epsilon > 0:
            raise ValueError(f"epsilon must be above 0, got {self.epsilon}")

    def pairs(self, scene: Scene) -> Any:  # noqa: D102
        yield scene.point, scene.replacing(Replacement(GRADIENTS, self, self.prepare)).gradient(scene.point)[1]

    def prepare(self, end: Any, start: Any) -> None:
        """Check a network that was built, before its gradients are."""
        unruled = find_unruled(end, start)
        if unruled:
            raise ValueError(
                f"LRP has no rule for {unruled}, which lie between the score and what it is attributed to: choose a "
                "layer behind them, or another method"
            )
        settings.epsilon = self.epsilon
        settings.z_plus = lambda operation: (
            self.rule != "epsilon"
            and operation.type in (*_CONVOLUTIONS, *(("MatMul",) if self.rule == "z_plus" else ()))
        )
