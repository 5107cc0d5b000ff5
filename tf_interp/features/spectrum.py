"""Fourier transforms of pictures in the making: from scaled half spectra, fast both ways, and what scales them."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf


@functools.lru_cache(64)
def inverse_fourier(height: int, width: int, power: float) -> Callable[[Any], Any]:
    """Return the function to [N,C,h,w] from Fourier coefficients [N,C,h,w//2+1,2] (real, imaginary), scaled.

    Args:
        height: of the pictures.
        width: of the pictures.
        power: of the frequency, by which coefficients are divided.
    """
    # divided by Lucid's constant 4, to which the learning rate 0.05 is tuned
    return make_inverse_fourier(fourier_scale(height, width, power) / np.float32(4.0), width)


def make_inverse_fourier(scale: np.ndarray, width: int) -> Callable[[Any], Any]:
    """Return the function to [N,C,h,w] from Fourier coefficients [N,C,h,w//2+1,2] (real, imaginary), scaled.

    The derivative is written out: it takes a third of the time of TensorFlow's own, in a step where this counts. It is
    a compiled function of its own since TensorFlow never forgets the graphs in which a derivative is written out: keep
    it.

    Args:
        scale: float32 [h,w//2+1], of each coefficient, or [C,h,w//2+1].
        width: of the pictures.
    """
    height = scale.shape[-2]
    twice = np.full((width // 2 + 1, 1), 2.0, np.float32)  # a column that stands for its mirror image too
    twice[0] = 1.0
    if width % 2 == 0:
        twice[-1] = 1.0
    weight = scale[..., None]
    # both parts of a coefficient have one weight; written out, since stretching an array takes twice the time
    weight, back = (np.repeat(w, 2, -1) for w in (weight, weight * twice / np.float32(height * width)))

    @tf.custom_gradient
    def transform(values: Any) -> Any:
        def gradient(g: Any) -> Any:
            return tf.bitcast(tf.signal.rfft2d(g), tf.float32) * back

        spectrum = tf.bitcast(values * weight, tf.complex64)
        return tf.signal.irfft2d(spectrum, fft_length=[height, width]), gradient

    spec = tf.TensorSpec((None, None, *weight.shape[-3:-1], 2), tf.float32)
    return tf.function(transform, input_signature=[spec], autograph=False)


def tie_phases(phase: Any, width: int) -> Any:
    """Return phases [N,C,h,w//2+1] of real pictures, whose half spectrum holds some frequencies twice.

    The first column, and the last of an even width, hold a frequency and its mirror image, whose phase is the same with
    the sign changed; with two phases of their own both would act on the magnitude too. So the lower half counts. Where
    a frequency is its own mirror image, the phase is 0 or pi.

    Args:
        phase: [N,C,h,w//2+1], radians.
        width: of the pictures.
    """
    rows, columns = np.arange(phase.shape[2])[:, None], np.arange(phase.shape[3])
    doubled = (columns == 0) | (2 * columns == width)
    own = doubled & (2 * rows % len(rows) == 0)
    upper = doubled & (2 * rows > len(rows))
    flipped = tf.cast(tf.cos(phase) < 0, tf.float32) * np.float32(np.pi)
    mirror = tf.roll(tf.reverse(phase, [2]), 1, 2)
    return tf.where(own, flipped, tf.where(upper, -mirror, phase))


def _frequencies(height: int, width: int) -> np.ndarray:
    """Return cycles per pixel of the half spectrum, [h, w//2+1]."""
    return np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])


def fourier_scale(height: int, width: int, power: float) -> np.ndarray:
    """Return the scale of each coefficient; sqrt(wh) makes the transform unitary, as if pixels were optimized.

    Args:
        height: of the pictures.
        width: of the pictures.
        power: of the frequency, by which coefficients are divided.
    """
    lowest = 1.0 / max(height, width)  # the constant gets the scale of the lowest frequency
    return (np.sqrt(width * height) / np.maximum(_frequencies(height, width), lowest) ** power).astype(np.float32)


def natural_magnitude(height: int, width: int, power: float) -> np.ndarray:
    """Return a half spectrum of magnitudes of pictures of mean 0 and variance 1.

    Args:
        height: of the pictures.
        width: of the pictures.
        power: of the frequency, by which they are divided.
    """
    magnitude = fourier_scale(height, width, power)
    magnitude[0, 0] = 0.0
    whole = np.fft.irfft2(magnitude, s=(height, width))
    return magnitude / np.sqrt(np.mean(whole**2))
