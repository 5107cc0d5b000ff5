"""`PicturePrior`: a parameterization whose frequencies, colors, values and background are those of given pictures.

Where `Fourier` expects photographs (1/f, ImageNet's colors, mid-grey around), this one expects what a network is given.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.features.matrices import multiply
from tf_interp.features.param import Param
from tf_interp.features.spectrum import make_inverse_fourier
from tf_interp.images import check_images

_MOST = 256  # pictures that are looked at, spread over all that are given
_END = 0.02  # of the range, within which values count as black or white: a logit has no end of its own
_LEAST = 0.01  # of the mean magnitude, which every frequency has: what no picture shows must stay possible
_INSIDE = 0.98  # of the bound, to which a picture to start from is held


@dataclasses.dataclass(frozen=True, repr=False)
class _Learned:
    """What was read off pictures; bytes, since a setting that programs are kept by must be hashable."""

    shape: tuple[int, int, int]  # of a picture
    low: float
    high: float
    center: tuple[float, ...]  # logit of the mean, for each channel
    edge: tuple[float, ...]  # color around the pictures
    axes: bytes  # float32 [C,C]: from decorrelated to real channels
    magnitudes: bytes  # float32 [C,h,w]: root mean square of the spectrum of each decorrelated channel


@dataclasses.dataclass(frozen=True)
class PicturePrior(Param):
    """Fourier coefficients in units of what given pictures have: spectrum, colors, value range and background.

    A coefficient of size 1 is what these pictures have of that frequency and color, and none gets above `bound`, so
    nothing is drawn far stronger than they show it. Values stay between their lowest and highest, the start is their
    mean color, and around a picture, where transforms move it, is the color of their edges. `decorrelate` and `alpha`
    do not count: the colors are their own, and there is no opacity.

    Args:
        bound: most that a frequency gets, in units of the pictures' root mean square; infinity is no bound.
        learned: what `learn` read off the pictures.

    Raises:
        ValueError: if it was not made by `learn`, the bound is not above 0, or opacity is asked for.

    Example:
        >>> pictures = np.random.default_rng(0).uniform(0, 1, (8, 16, 16, 1)).astype(np.float32)
        >>> settings = PicturePrior.learn(pictures)
        >>> settings.image(settings.variables((16, 16, 1), [(0, 0)]), (16, 16, 1)).shape.as_list()
        [1, 16, 16, 1]

    Source: Olah et al., "Feature Visualization" (2017), "Preconditioning and Parameterization"; magnitudes of real
    pictures as in Fel et al. (2023), here as a bound.
    """

    bound: float = 2.0
    learned: _Learned | None = dataclasses.field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.learned is None:
            raise ValueError("a PicturePrior is learned from pictures: make it with PicturePrior.learn")
        if not self.bound > 0:
            raise ValueError(f"bound must be above 0, got {self.bound}")
        if self.alpha:
            raise ValueError("PicturePrior has no opacity: use Fourier(alpha=True)")

    @classmethod
    def learn(cls, images: Any, *, bound: float = 2.0, decorrelate: bool = True) -> "PicturePrior":
        """Return the parameterization of given pictures.

        Args:
            images: [N,h,w,C] in [0,1], such as a probe's; of more than 256 as many are taken, spread over all.
            bound: most that a frequency gets, in units of the pictures' root mean square.
            decorrelate: along the axes of their own colors; False takes the channels as they are.

        Returns:
            The parameterization; for pictures of another size the spectrum is interpolated, in cycles per pixel.

        Raises:
            ValueError: if they are no pictures in [0,1], or all of one color.

        Example:
            >>> PicturePrior.learn(np.eye(8)[None, :, :, None])
            PicturePrior(decorrelate=True, alpha=False, sd=0.01, bound=2.0)
        """
        pictures = check_images(images)
        some = pictures[np.unique(np.linspace(0, len(pictures) - 1, _MOST).round().astype(int))].astype(np.float64)
        low, high = float(some.min()), float(some.max())
        if not high - low > 1e-3:
            raise ValueError(f"all pictures are of one color ({low:.3g}): there is nothing to learn from them")
        raw = _to_logit((some - low) / (high - low))
        _, height, width, channels = raw.shape
        center = raw.mean((0, 1, 2))
        flat = (raw - center).reshape(-1, channels)
        axes = np.linalg.eigh(flat.T @ flat)[1] if decorrelate and channels > 1 else np.eye(channels)
        spectrum = np.fft.fft2(((raw - center) @ axes).transpose(0, 3, 1, 2))
        power = _smooth((np.abs(spectrum) ** 2).mean(0))
        magnitudes = np.maximum(np.sqrt(power), _LEAST * np.sqrt(power).mean())
        edge = np.median(some[:, _find_edge(height, width)].reshape(-1, channels), 0)
        learned = _Learned(
            (height, width, channels),
            low,
            high,
            tuple(center.tolist()),
            tuple(edge.tolist()),
            axes.astype(np.float32).tobytes(),
            magnitudes.astype(np.float32).tobytes(),
        )
        return cls(decorrelate=decorrelate, bound=float(bound), learned=learned)

    @property
    def fill(self) -> np.ndarray:
        """Color around the pictures, float32 [C]: the median along the edges of those given."""
        return np.asarray(self._known.edge, np.float32)

    @property
    def _known(self) -> _Learned:
        assert self.learned is not None  # by __post_init__
        return self.learned

    def variables(self, shape, seeds):  # noqa: D102
        height, width, channels = shape
        if channels != self._known.shape[2]:
            raise ValueError(
                f"this PicturePrior was learned from pictures of {self._known.shape[2]} channels, but {channels} are "
                "drawn: learn it from pictures as the network takes them"
            )
        return [self._noise((channels, height, width // 2 + 1, 2), seeds)]

    def image(self, variables, shape):  # noqa: D102
        known, values = self._known, variables[0]
        if np.isfinite(self.bound):
            size = tf.reduce_sum(values * values, -1, keepdims=True)
            values *= tf.math.rsqrt(1.0 + size / np.float32(self.bound**2))
        planes = _inverse_transform(known, *shape[:2])(values)  # [N,C,h,w]
        channels = shape[2]
        if channels > 1:  # colors are mixed by the product that brings them last
            flat = tf.reshape(planes, [values.shape[0] or -1, channels, shape[0] * shape[1]])
            mixed = multiply(flat, tf.constant(_axes(known)[None]), transpose_a=True, transpose_b=True)
            raw = tf.reshape(mixed, [-1, *shape])
        else:
            raw = tf.reshape(planes, [-1, *shape])
        unit = tf.sigmoid(raw + np.asarray(known.center, np.float32))
        return unit if (known.low, known.high) == (0.0, 1.0) else known.low + (known.high - known.low) * unit

    def invert(self, images: np.ndarray) -> list[np.ndarray]:
        """Return variables whose `image` comes close to the given pictures.

        Values within 2 % of the end of the range become those 2 %, and frequencies stronger than the bound are cut.

        Args:
            images: float32 [N,h,w,C] in [0,1].

        Returns:
            float32 array.
        """
        known = self._known
        raw = _to_logit((np.asarray(images, np.float64) - known.low) / (known.high - known.low)) - np.array(
            known.center
        )
        height, width = raw.shape[1:3]
        planes = (raw @ _axes(known)).transpose(0, 3, 1, 2)
        values = np.fft.rfft2(planes) / _magnitudes(known, height, width)
        if np.isfinite(self.bound):
            size = np.minimum(np.abs(values), _INSIDE * self.bound)
            values *= size / np.maximum(np.abs(values), 1e-12) / np.sqrt(1 - (size / self.bound) ** 2)
        return [np.stack([values.real, values.imag], -1).astype(np.float32)]


def _to_logit(values: np.ndarray) -> np.ndarray:
    clipped = np.clip(values, _END, 1 - _END)
    return np.log(clipped / (1 - clipped))


def _smooth(power: np.ndarray) -> np.ndarray:
    """Return the mean over 3 x 3 neighboring frequencies of [C,h,w], which few pictures need; the constant stays."""
    shifts = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)]
    others = np.ones(power.shape[1:])
    others[0, 0] = 0.0  # it is no neighbor: how bright a picture is says nothing of its stripes

    def add(values: np.ndarray) -> np.ndarray:
        return sum(np.roll(values, shift, (-2, -1)) for shift in shifts)  # type: ignore[return-value]

    smoothed = add(power * others) / np.maximum(add(others), 1)
    smoothed[:, 0, 0] = power[:, 0, 0]
    return smoothed


def _find_edge(height: int, width: int) -> np.ndarray:
    """Return which pixels lie within a sixteenth of a side of the edges, bool [h,w]."""
    rows, columns = max(1, height // 16), max(1, width // 16)
    edge = np.ones((height, width), bool)
    edge[rows : height - rows, columns : width - columns] = False
    return edge


def _axes(known: _Learned) -> np.ndarray:
    return np.frombuffer(known.axes, np.float32).reshape(known.shape[2], known.shape[2])


def _magnitudes(known: _Learned, height: int, width: int) -> np.ndarray:
    """Return what a coefficient of size 1 means, float32 [C,h,w//2+1], for pictures of any size."""
    rows, columns, channels = known.shape
    whole = np.frombuffer(known.magnitudes, np.float32).reshape(channels, rows, columns)
    if (height, width) != (rows, columns):
        for axis, (old, new) in enumerate(((rows, height), (columns, width)), 1):
            own, order = np.fft.fftfreq(old), np.argsort(np.fft.fftfreq(old))
            lines = np.moveaxis(whole, axis, -1)
            flat = [np.interp(np.fft.fftfreq(new), own[order], line[order]) for line in lines.reshape(-1, old)]
            whole = np.moveaxis(np.reshape(flat, (*lines.shape[:-1], new)), -1, axis)
        whole = whole * np.sqrt(height * width / (rows * columns))  # as noise of one strength has it
    return whole[:, :, : width // 2 + 1].astype(np.float32)


@functools.lru_cache(16)
def _inverse_transform(known: _Learned, height: int, width: int) -> Callable[[Any], Any]:
    return make_inverse_fourier(_magnitudes(known, height, width), width)
