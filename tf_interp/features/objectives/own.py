"""`objective`: an objective of one's own, from a function of the look-up."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.features.objectives.algebra import Objective, Term


def objective(function: Callable[..., Any] | None = None, *, penalty: bool = False) -> Any:
    """Make an objective of one's own from a function of the look-up.

    Positional arguments that are numbers or arrays reach the function as tensors [N,...], one row per picture, so that
    other numbers need no new program; whole numbers as int32, unless the argument is annotated as a `float`. Strings
    and keyword-only arguments reach it as they are, and make another one.

    Args:
        function: `(T, ...) -> [N]` or a scalar.
        penalty: True for what is to be subtracted; it is left out of a picture's activation.

    Returns:
        The function without its first argument, returning an `Objective`.

    Example:
        >>> @objective
        ... def redness(T, weight: float):
        ...     return weight * tf.reduce_mean(T("input")[..., 0], axis=[1, 2])
        >>> str(redness(0.5))
        'redness(0.5)'
    """
    if function is None:
        return functools.partial(objective, penalty=penalty)
    signature = inspect.signature(function)
    own = list(signature.parameters.values())[1:]
    outer = signature.replace(parameters=own, return_annotation=Objective)
    keyword_only = {p.name for p in own if p.kind is p.KEYWORD_ONLY}
    floats = {p.name for p in own if p.annotation in (float, "float")}

    @functools.wraps(function)
    def make(*args: Any, **kwargs: Any) -> Objective:
        bound = outer.bind(*args, **kwargs)
        bound.apply_defaults()
        fixed: dict[str, Any] = {}
        values: dict[str, Any] = {}
        for name, value in bound.arguments.items():
            as_is = name in keyword_only or value is None or isinstance(value, str | bool)
            (fixed if as_is else values)[name] = np.float32(value) if name in floats and not as_is else value
        needs = tuple(
            (v, "layer", 0) for k, v in fixed.items() if k.startswith("layer") and isinstance(v, str) and v != "input"
        )
        text = ", ".join(_short(value) for value in bound.arguments.values())
        title = f"{function.__name__}({text})"
        return Term(function, fixed, values, neutral=0.0 if penalty else None, needs=needs, title=title)

    make.__signature__ = outer  # type: ignore[attr-defined]
    return make


def _short(value: Any) -> str:
    return "..." if isinstance(value, np.ndarray | tf.Tensor) and np.size(value) > 4 else repr(value)
