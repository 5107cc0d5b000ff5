"""Which layers of a network are worth watching, and why. The one home of that rule; and names by pattern."""

import fnmatch
import itertools
import re
from collections.abc import Mapping, Sequence

from tf_interp.models import LayerRow, Model

_JOINS = re.compile(r"(add|concat|merge)", re.IGNORECASE)
_BENDS = re.compile(r"(relu|elu|gelu|selu|silu|swish|activation|tanh|softplus|mish|hardswish)", re.IGNORECASE)
_HIDDEN = re.compile(
    r"(input|placeholder|rescaling|normalization$|random|resizing|crop|pad|softmax|dropout|flatten|reshape|cast|"
    r"identity|quantize)",
    re.IGNORECASE,
)
_FEWEST_CHANNELS = 5  # fewer are colors, or maps that the network gives out
_STEPS_OF_ONE_STAGE = 4  # of a network that keeps its resolution: at a quarter, a half, three quarters and the end


def choose_layers(rows: Sequence[LayerRow], shapes: Mapping[str, tuple[int | None, ...]]) -> dict[str, str]:
    """Return the layers that are worth watching, in the order of the calls, each with the reason.

    A network works in stages of one resolution. What a stage has found is in its last layer: where blocks are added or
    concatenated, behind the last of these, else behind the last activation or convolution. Behind the last
    convolution of all, classes are read off. A layer without positions is worth it where no layer has any.

    Args:
        rows: of `Model.inspect`.
        shapes: path -> shape of the output without the batch axis, for a picture of the size at hand.

    Returns:
        Path -> reason.

    Example:
        >>> choose_layers([LayerRow("conv", "Conv2D", (8, 8, 16), 448), LayerRow("out", "Dense", (10,), 0)],
        ...               {"conv": (8, 8, 16), "out": (10,)})
        {'conv': 'last of the layers at 8 x 8, from which the decision is read'}
    """
    seen = [row for row in rows if _has_positions(shapes[row.path]) and not _HIDDEN.search(row.kind)]
    spatial = [row for row in seen if (shapes[row.path][-1] or _FEWEST_CHANNELS) >= _FEWEST_CHANNELS] or seen
    if not spatial:
        flat = [row for row in rows if len(shapes[row.path]) == 1 and row.parameters and not _HIDDEN.search(row.kind)]
        hidden = flat[:-1][-1:]
        return {row.path: "no layer has positions; the last before the output has channels" for row in hidden}
    stages = [list(group) for _, group in itertools.groupby(spatial, lambda row: shapes[row.path][:-1])]
    chosen: dict[str, str] = {}
    for stage in stages:
        where = " x ".join(str(side) for side in shapes[stage[0].path][:-1])
        joins = [index for index, row in enumerate(stage) if _is_join(row)]
        for index in _spread(joins) if len(stages) <= 2 else joins[-1:]:
            row = _behind(stage, index, shapes)
            which = "last" if index == joins[-1] else f"number {joins.index(index) + 1}"
            which = f"{which} of the {len(joins)} places" if len(joins) > 1 else "the only place"
            chosen[row.path] = f"{which} at {where} where branches are joined"
        if not joins or stage is stages[-1]:
            bent = [row for row in stage[(joins or [-1])[-1] + 1 :] if _BENDS.search(row.kind)]
            rest = [row for row in stage[(joins or [-1])[-1] + 1 :] if row.parameters]
            ends = (bent or rest)[-1:]
            reason = f"last of the layers at {where}"
            if stage is stages[-1]:
                reason += ", from which the decision is read"
            chosen.update({row.path: reason for row in ends})
    return chosen


def expand_layers(model: Model, patterns: Sequence[str]) -> list[str]:
    """Return the layers that names and patterns stand for.

    Args:
        model: the network.
        patterns: layer names, or patterns with `*`, `?` or `[...]` that fit a whole path or its last parts.

    Returns:
        Paths, each once; of a pattern only layers that can be looked at.

    Raises:
        ValueError: if there is no such layer.
    """
    found: dict[str, None] = {}
    layers = [path for path, shape in model.layers.items() if shape and path not in model.outputs]
    for pattern in patterns:
        if not set(pattern) & set("*?[") or pattern in layers:
            found[model.resolve(pattern, channels=True)] = None
            continue
        fitting = [path for path in layers if fnmatch.fnmatchcase(f"/{path}", f"*/{pattern.lstrip('/')}")]
        if not fitting:
            raise ValueError(
                f"no layer of {model.name!r} fits {pattern!r}; it has {layers[:8]}, ... (tf-interp inspect)"
            )
        found.update(dict.fromkeys(fitting))
    return list(found)


def _has_positions(shape: tuple[int | None, ...]) -> bool:
    return len(shape) > 1 and all(side is None or side > 1 for side in shape[:-1])


def _is_join(row: LayerRow) -> bool:
    return bool(_JOINS.search(row.kind)) and not row.parameters  # a bias or a normalization is an addition too


def _spread(joins: Sequence[int]) -> list[int]:
    """Return some of many joins, evenly, the last among them."""
    count = min(len(joins), _STEPS_OF_ONE_STAGE)
    return [joins[(number + 1) * len(joins) // count - 1] for number in range(count)]


def _behind(stage: Sequence[LayerRow], index: int, shapes: Mapping[str, tuple[int | None, ...]]) -> LayerRow:
    """Return the activation right behind a join, or the join."""
    after = stage[index + 1] if index + 1 < len(stage) else None
    same = after is not None and shapes[after.path] == shapes[stage[index].path] and _BENDS.search(after.kind)
    return after if after is not None and same else stage[index]
