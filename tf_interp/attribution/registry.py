"""All methods by name."""

import dataclasses
import difflib
from collections.abc import Sequence
from typing import Any

from tf_interp.attribution.methods.class_activation import GradCam, GradCamPlusPlus, LayerCam
from tf_interp.attribution.methods.expected_gradients import ExpectedGradients
from tf_interp.attribution.methods.gradient import Gradient, GradientXInput
from tf_interp.attribution.methods.integrated_gradients import IntegratedGradients
from tf_interp.attribution.methods.lrp.lrp import Lrp
from tf_interp.attribution.methods.method import Method
from tf_interp.attribution.methods.smoothgrad import SmoothGrad, SquareGrad, VarGrad
from tf_interp.attribution.methods.switching_off.occlusion import Occlusion
from tf_interp.attribution.methods.switching_off.rise import Rise
from tf_interp.attribution.methods.switching_off.shapley import Shapley

_ALL: tuple[type[Method], ...] = (
    Gradient, GradientXInput, IntegratedGradients, ExpectedGradients, SmoothGrad, SquareGrad, VarGrad, GradCam,
    GradCamPlusPlus, LayerCam, Lrp, Occlusion, Rise, Shapley,
)  # fmt: skip
_BY_NAME = {method.name: method for method in _ALL}
METHODS = tuple(_BY_NAME)
DEFAULT = GradientXInput.name
AT_PICTURES: dict[str, Any] = {
    "baseline": "mean"
}  # settings of the default at the input of pictures: black is no "nothing"


def read_method(name: Any, options: dict[str, Any]) -> Method:
    """Return a method with its settings.

    Args:
        name: one of `METHODS`.
        options: name of a setting -> value; None leaves it as it is.

    Raises:
        ValueError: if there is no such method.
        TypeError: if the method has no such setting.
    """
    if name not in _BY_NAME:
        near = difflib.get_close_matches(str(name), METHODS, 1)
        raise ValueError(
            f"method must be one of {list(METHODS)}, got {name!r}" + (f"; did you mean {near[0]!r}?" if near else "")
        )
    kind = _BY_NAME[name]
    known = [field.name for field in dataclasses.fields(kind)]
    unknown = [option for option in options if option not in known]
    if unknown:
        raise TypeError(f"method {name!r} has no setting {unknown[0]!r}: it has {known or 'none'}")
    method = kind(**options)
    method.check()
    return method


def list_methods(methods: Any) -> list[tuple[str, dict[str, Any]]]:
    """Return (name, settings) of methods that are named, or given as such a pair.

    Raises:
        TypeError: if it is a single name.
    """
    if isinstance(methods, str):
        raise TypeError(f"methods must be a list of names, got the string {methods!r}: write [{methods!r}]")
    return [(item, {}) if isinstance(item, str) else (item[0], dict(item[1])) for item in methods]


def number_names(names: Sequence[str]) -> list[str]:
    """Return names of methods, those that come several times with a number."""
    return [name if names.count(name) == 1 else f"{name} {1 + names[:at].count(name)}" for at, name in enumerate(names)]
