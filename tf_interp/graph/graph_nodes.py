"""The nodes of a graph: regions of the input, groups of layers, what they leave over, and outputs."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tf_interp.attribution.grid import make_grid
from tf_interp.capture import read_positions
from tf_interp.groups import Groups, find_groups
from tf_interp.models import Model
from tf_interp.models.layer_names import take_names

INPUT, REST, OUTPUT = "input", "rest", "output"
FEATURES = 32  # of a vector, most nodes: of more, several are one


@dataclasses.dataclass(frozen=True, eq=False)
class Layer:
    """The nodes of one place of the network: the input, or a layer.

    Args:
        path: of the layer; "input" for the input.
        names: of its nodes; the last is the rest, but for the input, which has none.
        point: float32 [N,...], the activation.
        parts: float32 [V,N,...], what each node has of it; their sum is the activation.
        maps: float32 [V,N,h,w], where each node is present, 0 or more.
        boxes: float [V,4]: of regions top, left, bottom and right as they are shown, as shares of the sides.
    """

    path: str
    names: tuple[str, ...]
    point: np.ndarray
    parts: np.ndarray
    maps: np.ndarray
    boxes: np.ndarray | None = None


def cut_input(array: np.ndarray, cells: int, kind: str) -> Layer:
    """Return the parts of the input as nodes: regions of pictures, segments of series, features of vectors.

    Args:
        array: float32 [N,H,W,C]; of series [N,T,F] or [N,T,F,1], of vectors [N,F].
        cells: regions along each side; a series has cells * cells segments of time.
        kind: "pictures", "series" or "vectors".
    """
    flat = kind != "pictures"
    height, width = array.shape[1], 1 if flat else array.shape[2]
    grid = make_grid(height, width, {"pictures": cells, "series": cells * cells, "vectors": FEATURES}[kind])
    names, parts, maps, boxes = [], [], [], []
    for number in range(int(grid.max()) + 1):
        mask = grid == number
        rows, columns = np.nonzero(mask)
        box = [rows.min() / height, columns.min() / width, (rows.max() + 1) / height, (columns.max() + 1) / width]
        row, column = divmod(number, int(grid[0].max()) + 1)
        several = f"features {rows.min()} to {rows.max()}" if len(rows) > 1 else f"feature {rows[0]}"
        names.append({"pictures": f"region {row},{column}", "series": f"segment {number}", "vectors": several}[kind])
        boxes.append([0, box[0], 1, box[2]] if flat else box)  # time and features are shown from left to right
        parts.append(np.where(mask.reshape((height, *((1,) * (array.ndim - 2) if flat else (width, 1)))), array, 0))
        shown = mask.T if flat else mask
        maps.append(np.broadcast_to(shown, (len(array), *shown.shape)))
    stacked = np.stack(maps).astype(np.float32)
    return Layer(INPUT, tuple(f"{INPUT}: {name}" for name in names), array, np.stack(parts), stacked, np.array(boxes))


def cut_layer(model: Model, images: Any, path: str, k: int, groups: Groups | None, seed: int) -> tuple[Layer, Groups]:
    """Return the groups of a layer, and their rest, as nodes.

    Args:
        model: the network.
        images: as `find_groups` takes them.
        path: of the layer.
        k: number of groups, where none are given.
        groups: found before, on these or other images; None finds them.
        seed: of the factorization.
    """
    groups = groups or find_groups(model, images, path, k, seed=seed)
    whole = read_positions(model, images, [path])[path]
    weights = groups.weights_for(images, whole)
    if weights is None:  # found on other images, or before a training
        weights = groups.weigh(whole)
    parts = np.stack([weights[..., [row]] * groups.vectors[row] for row in range(len(groups))])
    rest = whole - parts.sum(0)
    parts = np.concatenate([parts, rest[None]])
    maps = np.concatenate([np.abs(np.moveaxis(weights, -1, 0)), np.linalg.norm(rest, axis=-1)[None]])
    shape = read_shape(model, path, whole)
    names = (*(f"{path}: {name}" for name in groups.names), f"{path}: {REST}")
    return Layer(path, names, whole.reshape(shape), parts.reshape(len(parts), *shape), maps), groups


def read_shape(model: Model, path: str, whole: np.ndarray) -> tuple[int, ...]:
    """Return the shape of an activation [N,h,w,C] as the layer itself has it."""
    rank = len(model.layers[path])
    return (len(whole), *whole.shape[4 - rank :])


def check_layers(model: Model, layers: Sequence[str], groups: Mapping[str, Groups] | None) -> list[str]:
    """Return the paths of layers in the order of the network.

    Raises:
        ValueError: if a layer does not exist, stands twice, is an output, or groups belong to another.
    """
    paths = [model.resolve(name, channels=True) for name in take_names(layers)]
    if not paths or len(set(paths)) < len(paths):
        raise ValueError(f"a graph needs one or more different layers, got {paths}")
    for path in paths:
        if path in model.outputs:
            raise ValueError(f"{path!r} is an output of the network, which the graph has anyway: name layers before it")
        if len(model.layers[path]) > 3:
            raise ValueError(
                f"{path!r} is a layer of a volume, {model.layers[path]}, which a graph cannot draw: name others"
            )
    for name, found in (groups or {}).items():
        if model.resolve(name) not in paths or model.resolve(found.layer) != model.resolve(name):
            raise ValueError(f"groups are given for {name!r}, which is not one of the layers {paths} or not theirs")
    order = list(model.layers)
    return sorted(paths, key=order.index)


def unit_pattern(part: np.ndarray) -> np.ndarray:
    """Return a node's part [N,...] of an activation with length 1 for each image; zeros stay."""
    flat = part.reshape(len(part), -1)
    norms = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.divide(flat, norms, out=np.zeros_like(flat), where=norms > 0).reshape(part.shape)
