"""Parameterizations: the variables that are optimized, and how pictures are made from them.

Every class here is a small hashable setting with three methods: `variables` (where to start), `image` (a pure,
differentiable function from variables to pictures [N,h,w,C] in [0,1]), and `invert` (variables for given pictures).
This module knows no model, objective or transform.
Source: Lucid, `optvis.param`; Mordvintsev et al., "Differentiable Image Parameterizations" (2018).
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from tf_interp.features.matrices import multiply
from tf_interp.features.spectrum import fourier_scale, inverse_fourier, natural_magnitude, tie_phases

# Square root of the correlation of ImageNet's colors; columns = lightness, red-blue, green-magenta.
_ROOT = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]], np.float32)
COLOR = _ROOT / np.linalg.norm(_ROOT, axis=0).max()


@dataclasses.dataclass(frozen=True)
class Param:
    """What all parameterizations share: color and alpha.

    Args:
        decorrelate: three-channel pictures are optimized along the natural axes of color (lightness first).
        alpha: a further channel of opacity; transforms then put the picture on random backgrounds.
        sd: standard deviation of the variables at the start; 0 starts from flat grey.
    """

    decorrelate: bool = True
    alpha: bool = False
    sd: float = 0.01

    shared: ClassVar[bool] = False  # True where pictures share variables, so that rows are not independent

    @property
    def fill(self) -> np.ndarray | None:
        """Color around the pictures, where transforms move them, float32 [C]; None is mid-grey."""
        return None

    def variables(self, shape: tuple[int, int, int], seeds: Sequence[Sequence[int]]) -> list[np.ndarray]:
        """Return the variables to start from.

        Args:
            shape: (h, w, C) of one picture as the network sees it, without alpha.
            seeds: for each picture, numbers that seed its noise.

        Returns:
            float32 arrays; unless `shared`, the first axis is the picture.
        """
        raise NotImplementedError

    def image(self, variables: Sequence[Any], shape: tuple[int, int, int]) -> Any:
        """Return the pictures that the variables stand for, differentiable.

        Args:
            variables: as `variables` made them.
            shape: (h, w, C) of one picture, without alpha.

        Returns:
            float32 tensor [N,h,w,C], or [N,h,w,C+1] with alpha, in [0,1].
        """
        return self._valid(self._raw(variables, shape), shape[2])

    def invert(self, images: np.ndarray) -> list[np.ndarray]:
        """Return variables whose `image` is the given pictures: how to start from a picture.

        Args:
            images: float32 [N,h,w,C] in [0,1] (with alpha: [N,h,w,C+1]); values are kept 0.002 away from 0 and 1.

        Returns:
            float32 arrays.
        """
        clipped = np.clip(images, 0.002, 0.998)
        raw = np.log(clipped / (1 - clipped))
        matrix = self._colors(raw.shape[-1] - self.alpha)
        if matrix is not None:
            raw = raw @ np.linalg.inv(matrix).T
        return self._from_raw(raw.astype(np.float32))

    def _raw(self, variables: Sequence[Any], shape: tuple[int, int, int]) -> Any:
        raise NotImplementedError

    def _from_raw(self, raw: np.ndarray) -> list[np.ndarray]:
        raise NotImplementedError

    def _colors(self, channels: int) -> np.ndarray | None:
        """Return the matrix from decorrelated to real channels, or None where they are the same."""
        if not self.decorrelate or channels != 3:
            return None
        matrix = np.eye(3 + self.alpha, dtype=np.float32)
        matrix[:3, :3] = COLOR
        return matrix

    def _valid(self, raw: Any, channels: int) -> Any:
        matrix = self._colors(channels)
        return tf.sigmoid(raw if matrix is None else tf.matmul(raw, tf.constant(matrix), transpose_b=True))

    def _noise(self, shape: Sequence[int], seeds: Sequence[Sequence[int]], sd: float | None = None) -> np.ndarray:
        sd = self.sd if sd is None else sd
        draws = [np.random.default_rng(tuple(seed)).normal(0.0, sd, shape) for seed in seeds]
        return np.stack(draws).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class Pixel(Param):
    """Plain pixels: high frequencies come easily, so pictures look noisy. For comparison, and to change a picture."""

    def variables(self, shape, seeds):  # noqa: D102
        return [self._noise((*shape[:2], shape[2] + self.alpha), seeds)]

    def _raw(self, variables, shape):
        return variables[0]

    def _from_raw(self, raw):
        return [raw]


@dataclasses.dataclass(frozen=True)
class Fourier(Param):
    """Fourier coefficients, scaled so that all frequencies of a natural picture come equally easily. The default.

    Args:
        decay_power: coefficients are scaled by 1 / frequency^decay_power; 0 is white noise, higher is smoother.

    Example:
        >>> settings = Fourier()
        >>> settings.image(settings.variables((16, 17, 3), [(0, 0)]), (16, 17, 3)).shape.as_list()
        [1, 16, 17, 3]
    """

    decay_power: float = 1.0

    def variables(self, shape, seeds):  # noqa: D102
        height, width, channels = shape
        return [self._noise((channels + self.alpha, height, width // 2 + 1, 2), seeds)]

    def image(self, variables, shape):  # noqa: D102
        matrix, planes = self._colors(shape[2]), self._planes(variables[0], shape)
        if matrix is None:
            return tf.sigmoid(tf.transpose(planes, [0, 2, 3, 1]))
        # colors are mixed by the product that brings them last, instead of a transposition and a product
        flat = tf.reshape(planes, [variables[0].shape[0] or -1, len(matrix), shape[0] * shape[1]])
        mixed = multiply(flat, tf.constant(matrix[None]), transpose_a=True, transpose_b=True)
        return tf.sigmoid(tf.reshape(mixed, [-1, *shape[:2], len(matrix)]))

    def _raw(self, variables, shape):
        return tf.transpose(self._planes(variables[0], shape), [0, 2, 3, 1])

    def _planes(self, values, shape):
        """Return [N,C,h,w]."""
        return inverse_fourier(*shape[:2], self.decay_power)(values)

    def _from_raw(self, raw):
        height, width = raw.shape[1:3]
        spectrum = np.fft.rfft2(raw.transpose(0, 3, 1, 2) * 4.0) / fourier_scale(height, width, self.decay_power)
        return [np.stack([spectrum.real, spectrum.imag], -1).astype(np.float32)]


@dataclasses.dataclass(frozen=True)
class Pyramid(Param):
    """A Laplacian pyramid: a sum of pictures of halving size, resized with half-pixel centers.

    Args:
        levels: how many sizes.
    """

    levels: int = 4

    def __post_init__(self) -> None:
        if self.levels < 1:
            raise ValueError(f"a pyramid has 1 level or more, got levels={self.levels}")

    def variables(self, shape, seeds):  # noqa: D102
        height, width, channels = shape
        sizes = [(max(1, height >> n), max(1, width >> n)) for n in range(self.levels)]
        return [
            self._noise((*size, channels + self.alpha), [(*seed, level) for seed in seeds])
            for level, size in enumerate(sizes)
        ]

    def _raw(self, variables, shape):
        return tf.add_n([_resize(level, shape) for level in variables])

    def _from_raw(self, raw):
        sizes = [(max(1, raw.shape[1] >> n), max(1, raw.shape[2] >> n)) for n in range(1, self.levels)]
        return [raw, *(np.zeros((len(raw), *size, raw.shape[-1]), np.float32) for size in sizes)]


@dataclasses.dataclass(frozen=True)
class Shared(Param):
    """Fourier pictures, plus low-resolution parts that they share: they come out aligned.

    Args:
        parts: pairs (batch, factor): `batch` low-resolution pictures of 1/factor of the size; 1 is the same for all
            pictures, 2 a linear ramp from the first picture to the last.

    Source: Mordvintsev et al. (2018), "Aligned Neuron Interpolation".
    """

    parts: tuple[tuple[int, int], ...] = ((1, 2), (1, 4), (1, 8), (2, 8), (1, 16), (2, 16))

    shared: ClassVar[bool] = True

    def _unique(self) -> Fourier:
        return Fourier(self.decorrelate, self.alpha, self.sd)

    def variables(self, shape, seeds):  # noqa: D102
        height, width, channels = shape
        low = [
            self._noise(
                (max(1, height // factor), max(1, width // factor), channels + self.alpha),
                [(*seeds[0], index, row) for row in range(batch)],
            )
            for index, (batch, factor) in enumerate(self.parts)
        ]
        return self._unique().variables(shape, seeds) + low

    def _raw(self, variables, shape):
        raw = self._unique()._raw(variables[:1], shape)
        for low in variables[1:]:
            raw += tf.einsum("nb,bhwc->nhwc", _ramp(tf.shape(raw)[0], low.shape[0]), _resize(low, shape))
        return raw

    def _from_raw(self, raw):
        sizes = [
            (batch, max(1, raw.shape[1] // factor), max(1, raw.shape[2] // factor)) for batch, factor in self.parts
        ]
        return self._unique()._from_raw(raw) + [np.zeros((*size, raw.shape[-1]), np.float32) for size in sizes]


@dataclasses.dataclass(frozen=True)
class Cppn(Param):
    """A small network from coordinates to color, for pictures of any resolution (call `image` with a larger shape).

    Use it with `learning_rate=0.005`, `transforms=()` and 512 steps or so.

    Args:
        hidden: width of the hidden layers.
        depth: number of hidden layers.

    Source: Mordvintsev et al. (2018), "Compositional Pattern Producing Networks".
    """

    hidden: int = 24
    depth: int = 8

    def variables(self, shape, seeds):  # noqa: D102
        variables, width = [], 2
        for layer in range(self.depth):
            own = [(*seed, layer) for seed in seeds]
            variables.append(self._noise((width, self.hidden), own, sd=width**-0.5))
            variables.append(self._noise((1, self.hidden), [(*seed, 1) for seed in own], sd=0.1))
            width = 2 * self.hidden
        channels = shape[2] + self.alpha
        count = len(seeds)
        return [*variables, np.zeros((count, width, channels), np.float32), np.zeros((count, 1, channels), np.float32)]

    def image(self, variables, shape):  # noqa: D102
        height, width, _ = shape
        side = 3.0**0.5  # coordinates of unit variance
        rows, columns = np.linspace(-side, side, height), np.linspace(-side, side, width)
        grid = np.stack(np.meshgrid(columns, rows), -1).reshape(1, height * width, 2).astype(np.float32)
        x = tf.constant(grid)
        for weight, bias in zip(variables[:-2:2], variables[1:-2:2], strict=True):
            bend = tf.atan(tf.matmul(x, weight) + bias)
            x = tf.concat([bend / 0.67, bend * bend / 0.6], -1)  # divided by their standard deviations under N(0,1)
        out = tf.matmul(x, variables[-2]) + variables[-1]
        return tf.sigmoid(tf.reshape(out, [-1, height, width, out.shape[-1]]))

    def invert(self, images):  # noqa: D102
        raise ValueError(
            "a Cppn cannot start from a picture; use Fourier or Pixel, or init=a Rendering made with a Cppn"
        )


@dataclasses.dataclass(frozen=True)
class Maco(Param):
    """Fourier phases only; the magnitudes stay those of natural pictures. For deep networks and transformers.

    There is no flat grey to start from, so `sd` does not count, and of a picture to start from only the phases stay.

    Args:
        decay_power: magnitudes are 1 / frequency^decay_power; natural pictures have 1 to 1.5.
        contrast: standard deviation of the pictures before the sigmoid.
        rate: phase in radians per unit of the variable, so that the usual learning rate 0.05 fits.

    Source: Fel et al., "Unlocking Feature Visualization for Deeper Networks with MAgnitude Constrained
    Optimization" (2023).
    """

    decay_power: float = 1.3
    contrast: float = 1.5
    rate: float = 4.0

    def variables(self, shape, seeds):  # noqa: D102
        height, width, channels = shape
        size = (channels + self.alpha, height, width // 2 + 1)
        return [
            np.stack([np.random.default_rng(tuple(seed)).uniform(-np.pi, np.pi, size) for seed in seeds]).astype(
                np.float32
            )
            / np.float32(self.rate)
        ]

    def _raw(self, variables, shape):
        height, width, _ = shape
        phase = tie_phases(variables[0] * self.rate, width)
        magnitude = natural_magnitude(height, width, self.decay_power) * self.contrast
        spectrum = tf.complex(magnitude * tf.cos(phase), magnitude * tf.sin(phase))
        return tf.transpose(tf.signal.irfft2d(spectrum, fft_length=[height, width]), [0, 2, 3, 1])

    def _from_raw(self, raw):
        return [(np.angle(np.fft.rfft2(raw.transpose(0, 3, 1, 2))) / self.rate).astype(np.float32)]


def _resize(images: Any, shape: tuple[int, int, int]) -> Any:
    return images if tuple(images.shape[1:3]) == shape[:2] else tf.image.resize(images, shape[:2])


def _ramp(count: Any, rows: int) -> Any:
    """Return weights [count, rows] that interpolate linearly from the first row to the last, both reached."""
    position = tf.linspace(0.0, float(rows - 1), count)
    return tf.maximum(0.0, 1.0 - tf.abs(position[:, None] - tf.range(float(rows))[None]))
