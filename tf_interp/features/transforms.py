"""Random transforms of the pictures in each step, so that what is found is a feature and not a high-frequency pattern.

A transform is `Geometric`, or any function `(images [N,h,w,C], seed int32 [2]) -> images`; one draw serves the whole
batch. Geometric neighbors in the list become one affine warp (bilinear, one operation); the last warp also fits the
picture to the network's input size. This module knows no model, objective or parameterization.
Source: Lucid, `optvis.transform`.
"""

import dataclasses
import functools
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.models.private import override_gradients

Transform = Callable[[Any, Any], Any]


@dataclasses.dataclass(frozen=True)
class Geometric:
    """A random affine map about the center of the picture."""

    def draw(self, random: np.random.Generator) -> np.ndarray:
        """Return a matrix [3,3] from output to input positions, in pixels from the center, x before y.

        Args:
            random: where to take random numbers from.
        """
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class Jitter(Geometric):
    """Move by a whole number of pixels, `size + 1` possible ones along each axis.

    Args:
        size: in pixels.
        rows_only: move up and down only: along the time of a series, and not across.
    """

    size: int
    rows_only: bool = False

    def draw(self, random):  # noqa: D102
        x, y = random.integers(0, self.size + 1, 2) - self.size // 2
        x = 0 if self.rows_only else x
        return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]])


@dataclasses.dataclass(frozen=True)
class Scale(Geometric):
    """Enlarge by one of the given factors."""

    factors: tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "factors", _numbers("scale factors", self.factors))
        if min(self.factors) <= 0:
            raise ValueError(f"scale factors must be above 0, got {min(self.factors)}")

    def draw(self, random):  # noqa: D102
        factor = self.factors[random.integers(len(self.factors))]
        return np.diag([1 / factor, 1 / factor, 1])


@dataclasses.dataclass(frozen=True)
class Rotate(Geometric):
    """Rotate by one of the given angles, in degrees."""

    angles: tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "angles", _numbers("angles", self.angles))

    def draw(self, random):  # noqa: D102
        angle = math.radians(self.angles[random.integers(len(self.angles))])
        c, s = math.cos(angle), math.sin(angle)
        return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


@dataclasses.dataclass(frozen=True)
class Pad:
    """Add a frame. Without it pictures already lie on mid-grey; this is for other surroundings.

    Args:
        width: of the frame, in pixels.
        mode: "constant", "reflect", or "uniform" (another grey each step).
        value: of a constant frame.
    """

    width: int
    mode: str = "constant"
    value: float = 0.5

    def __post_init__(self) -> None:
        if self.mode not in ("constant", "reflect", "uniform"):
            raise ValueError(f"the mode of Pad must be 'constant', 'reflect' or 'uniform', got {self.mode!r}")

    def __call__(self, images: Any, seed: Any) -> Any:
        """Return pictures [N, h + 2 width, w + 2 width, C]."""
        frame = [[0, 0], [self.width, self.width], [self.width, self.width], [0, 0]]
        if self.mode == "reflect":
            return tf.pad(images, frame, "REFLECT")
        value = tf.random.stateless_uniform([], seed) if self.mode == "uniform" else self.value
        return tf.pad(images, frame, constant_values=value)


@dataclasses.dataclass(frozen=True)
class NormalizeGradient:
    """Leave pictures alone; divide each picture's gradient by its L2 norm."""

    def __call__(self, images: Any, seed: Any) -> Any:
        """Return the same images."""

        @tf.custom_gradient
        def identity(x: Any) -> Any:
            def gradient(g: Any) -> Any:
                return g / (tf.norm(tf.reshape(g, [tf.shape(g)[0], -1]), axis=1)[:, None, None, None] + 1e-12)

            return x, gradient

        return identity(images)


@dataclasses.dataclass(frozen=True)
class CollapseAlpha:
    """Put pictures with alpha on a random smooth background, another one each step.

    Args:
        contrast: standard deviation of the background's noise before the sigmoid.
    """

    contrast: float = 1.0

    def __call__(self, images: Any, seed: Any) -> Any:
        """Return pictures [N,h,w,C] of images [N,h,w,C+1]."""
        height, width, channels = images.shape[1], images.shape[2], images.shape[3] - 1
        raw = tf.zeros([1, height, width, channels])
        for octave, cell in enumerate((4, 16, 64)):
            size = [1, max(1, height // cell), max(1, width // cell), channels]
            raw += tf.image.resize(
                tf.random.stateless_normal(size, seed + tf.constant([0, octave << 20])), (height, width)
            )
        background = tf.sigmoid(self.contrast * raw)
        return images[..., -1:] * images[..., :-1] + (1 - images[..., -1:]) * background


def standard(size: tuple[int, int]) -> tuple[Geometric, ...]:
    """Return Lucid's standard transforms; below 128 pixels the jitter shrinks with the picture.

    Jitter 8, scale 0.90 to 1.10 in steps of 0.02, rotate -10 to 10 degrees (half as often 0), jitter 4.

    Args:
        size: (height, width) of the pictures.

    Returns:
        A tuple of transforms.
    """
    ratio = min(1.0, max(size) / 128)
    scales = tuple(1 + (i - 5) / 50 for i in range(11))
    angles = (*range(-10, 11), *[0] * 5)
    return Jitter(max(1, round(8 * ratio))), Scale(scales), Rotate(angles), Jitter(max(1, round(4 * ratio)))


def along_time(length: int) -> tuple[Geometric, ...]:
    """Return the standard transforms of a series [T,F], made as T rows of one pixel: it moves along time, and only so.

    Jitter 8 and 4, as for pictures, less below 128 points of time. To turn or stretch it would mix its features.

    Args:
        length: T.

    Returns:
        A tuple of transforms.
    """
    ratio = min(1.0, length / 128)
    return Jitter(max(1, round(8 * ratio)), True), Jitter(max(1, round(4 * ratio)), True)


def strong(size: tuple[int, int]) -> tuple[Geometric, ...]:
    """Return the strongest set of Lucid's tutorial, for deep layers: scale 0.80 to 1.19, more jitter.

    Args:
        size: (height, width) of the pictures.

    Returns:
        A tuple of transforms.
    """
    ratio = min(1.0, max(size) / 128)
    scales = tuple(1 + i / 100 for i in range(-20, 20))
    angles = (*range(-10, 11), *range(-5, 6), *(angle for _ in range(10) for angle in range(-2, 3)))
    return Jitter(max(1, round(8 * ratio))), Scale(scales), Rotate(angles), Jitter(max(1, round(2 * ratio)))


def plan(transforms: Sequence[Transform | Geometric], seed: int, step: int) -> np.ndarray:
    """Return what the geometric transforms do in one step: drawn on the host, so that the step need not.

    Args:
        transforms: in order.
        seed: together with the step it decides the draw.
        step: number of the step.

    Returns:
        float32 [R,3,3], one matrix for each of the R runs of geometric transforms.
    """
    random = np.random.default_rng((seed, step))
    runs = [list(items) for geometric, items in _runs(transforms) if geometric]
    # what comes first acts on the input's side, so it is the first factor on the way from output back to input
    matrices = [functools.reduce(np.matmul, [item.draw(random) for item in run]) for run in runs]
    return np.array(matrices, np.float32).reshape(len(runs), 3, 3)


def apply(
    transforms: Sequence[Transform | Geometric],
    images: Any,
    matrices: Any,
    seed: Any,
    size: tuple[int, int],
    clean: Any = False,
    fill: Any = None,
) -> Any:
    """Return the pictures, transformed, in the size that the network wants.

    Args:
        transforms: in order.
        images: [N,h,w,C] in [0,1].
        matrices: [R,3,3], what `plan` gave for the geometric ones.
        seed: int32 [2] for the others; the same seed is the same transform.
        size: (height, width) of the result; pictures of another size are enlarged or shrunk to fit.
        clean: bool scalar; if true those others are left out, or have one fixed seed if they change the shape.
        fill: what lies around the pictures, float [C]; None is mid-grey.

    Returns:
        float32 tensor [N,height,width,C].
    """
    zoom = max(images.shape[1] / size[0], images.shape[2] / size[1])  # padding later does not count
    runs = [(geometric, list(items)) for geometric, items in _runs(transforms)]
    moves = iter(tf.unstack(matrices, sum(geometric for geometric, _ in runs)))
    for index, (geometric, items) in enumerate(runs):
        if geometric and index == len(runs) - 1:
            return warp(images, next(moves), size, zoom, fill)
        if geometric:
            images = warp(images, next(moves), (images.shape[1], images.shape[2]), fill=fill)
            continue
        used = tf.where(clean, tf.zeros_like(seed), seed)  # clean pictures are compared, on the same background
        for number, transform in enumerate(items):
            changed = transform(images, used + tf.constant([0, (16 * index + number + 1) << 20]))
            images = tf.where(clean, images, changed) if changed.shape[1:] == images.shape[1:] else changed
    return images if tuple(images.shape[1:3]) == tuple(size) else warp(images, tf.eye(3), size, zoom, fill)


def _runs(transforms: Sequence[Transform | Geometric]) -> Any:
    return itertools.groupby(transforms, lambda item: isinstance(item, Geometric))


def warp(images: Any, matrix: Any, size: tuple[int, int], zoom: float = 1.0, fill: Any = None) -> Any:
    """Return pictures under an affine map, bilinear, filled with one color outside.

    Args:
        images: [N,h,w,C].
        matrix: [3,3] from output to input positions, in input pixels from the center, x before y.
        size: (height, width) of the result.
        zoom: input pixels per pixel of the result, before the map.
        fill: the color, float [C]; None is mid-grey.

    Returns:
        float32 tensor [N,height,width,C].
    """
    height, width = images.shape[1], images.shape[2]
    out_x, out_y = (size[1] - 1) / 2, (size[0] - 1) / 2
    centered = tf.constant([[zoom, 0, -zoom * out_x], [0, zoom, -zoom * out_y], [0, 0, 1]], tf.float32)
    back = tf.constant([[1, 0, (width - 1) / 2], [0, 1, (height - 1) / 2], [0, 0, 1]], tf.float32)
    flat = tf.reshape(tf.matmul(back, tf.matmul(matrix, centered)), [1, 9])[:, :8]
    with override_gradients({"ImageProjectiveTransformV3": "TfInterpWarp"}):
        if fill is None:
            return _warp(images, flat, size, 0.5)
        return _warp(images - fill, flat, size, 0.0) + fill  # the operation knows one number for all channels


def _warp(images: Any, flat: Any, size: Any, fill: float) -> Any:
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=flat,
        output_shape=size,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
        fill_value=fill,
    )


@tf.RegisterGradient("TfInterpWarp")
def _warp_back(operation: Any, gradient: Any) -> list[Any]:
    # TensorFlow's own gradient, for affine maps only: a third of its operations to build, before a first picture
    images, flat = operation.inputs[:2]
    matrix = tf.reshape(tf.pad(flat, [[0, 0], [0, 1]], constant_values=1.0), [1, 3, 3])
    inverse = tf.slice(tf.reshape(tf.linalg.inv(matrix), [1, 9]), [0, 0], [1, 8])
    size = images.shape[1:3] if images.shape[1:3].is_fully_defined() else tf.shape(images)[1:3]
    return [_warp(gradient, inverse, size, 0.0), None, None, None]


def _numbers(name: str, values: Any) -> tuple[float, ...]:
    array = np.atleast_1d(np.asarray(values, np.float32))
    if array.ndim != 1 or not len(array) or not np.isfinite(array).all():
        raise ValueError(f"{name} must be a list of finite numbers, got {values!r}")
    return tuple(float(value) for value in array)
