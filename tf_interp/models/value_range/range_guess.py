"""Is a network fed the values that it was trained on? Measured, since no list of first layers is complete."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.models.value_range.first_weights import compile_first

_PICTURES = 16  # fewer of large ones: no more than so many values
_VALUES = 2**24
_FLAT = 0.03  # a spread of pictures below it is nearly one picture: those in [0,1] have .3, normalized ones about 1
_LOW_LOGITS = 0.1  # no trained network tells pictures by less
_HIGH_LOGITS = 100.0  # none is that sure
_TELLING = 1.5  # so much larger a part of its logits do pictures decide in the range that a network was trained on
_ONE = 1.5  # pictures in [0,1] stay below it
NAN_WEIGHTS = (
    "weights of the network hold NaN, as they do when a training has diverged: nothing that it computes with them "
    "means anything, also where a ReLU turns NaN into zeros"
)
_REMEDY = "multiply by 255 in preprocess (preprocess='0..255')"
_PLURALS = {"probability": "probabilities", "log-probability": "log-probabilities", "number": "numbers"}


@dataclasses.dataclass(frozen=True)
class RangeGuess:
    """What is believed of the values that a network takes.

    Args:
        expects: "0..255" if images should be multiplied by 255, "0..1" if they should not have been; what is `fed` if
            the first layers show that to be right; None where nothing can be told.
        fed: lowest and highest value that reach the network now.
        evidence: what was measured, in words; or why nothing was.
        warning: a sentence that a person must read, or None.
    """

    expects: str | None
    fed: str
    evidence: str
    warning: str | None = None


class ValueRange:
    """The part of `Model` that is about the values that it takes."""

    name: str
    preprocess: Callable[[Any], Any] | None
    input_shape: Any
    cached: Callable[..., Any]

    def weight_vectors(self) -> Iterator[np.ndarray]:
        """Yield the weights with one axis as they are now: biases, and statistics of normalizations."""
        raise NotImplementedError

    @property
    def is_trained(self) -> bool:
        """Whether biases or statistics have left their start, where those of a layer are all one number, or two."""
        return any(vector.size > 4 and np.unique(vector).size > 3 for vector in self.weight_vectors())

    @property
    def holds_nan(self) -> bool:
        """Whether biases or statistics are no numbers any more: a training that diverges reaches all weights."""
        return any(bool((vector != vector).any()) for vector in self.weight_vectors())  # only NaN differs from itself

    def _tell_nan(self) -> list[str]:
        return [NAN_WEIGHTS] if self.holds_nan else []

    def range_guess(self, images: Any = None, *, in_training: bool = False) -> RangeGuess:
        """Return which values the network seems to take, measured with a few pictures as [0,1] and as 0..255.

        It is measured at the first weights, which shows what scales pictures before them whatever that is; and of a
        trained network by its logits. Of a network without either a sign, such as one of random weights that takes
        pictures as they come, nothing is believed. It is measured once, and again with pictures of yours, as long as
        what was measured settles nothing.

        Args:
            images: float32 [N,H,W,C] in [0,1] to measure with; None takes noise.
            in_training: whether the network may not have learned much yet: weak logits are no sign then.

        Returns:
            The guess.

        Example:
            >>> import keras
            >>> from tf_interp.models import open_model
            >>> layers = [keras.Input((8, 8, 3)), keras.layers.Rescaling(1 / 255.0), keras.layers.Conv2D(4, 3)]
            >>> open_model(keras.Sequential(layers)).range_guess().expects
            '0..255'
        """
        kept = self.cached("range guess", dict)
        if kept.get("preprocess", self) is not self.preprocess:
            kept.clear()
            kept["preprocess"] = self.preprocess
        if "guess" not in kept or (images is not None and not kept["settled"]):
            try:
                kept["guess"], kept["settled"] = _guess(self, kept, images, in_training)
            except Exception as error:  # what a user's layer or preprocess raises on such pictures
                kept["guess"] = RangeGuess(None, "unknown", f"no guess of the value range: {error}")
                kept["settled"] = False
        return kept["guess"]


def _guess(model: Any, kept: dict[str, Any], images: Any, in_training: bool) -> tuple[RangeGuess, bool]:
    """Return the guess, and whether a better look would not change it."""
    shape = model.input_shape
    if why := _why_not(shape, images):
        return RangeGuess(None, "unknown", f"no guess of the value range: {why}"), False
    size = _picture_shape(shape) if images is None else np.shape(images)[1:]
    count = model.fixed_batch or max(4, min(_PICTURES, _VALUES // int(np.prod(size))))
    noise = make_noise(count, size)
    low, high = (float(np.asarray(item)) for item in _extremes(model, noise))
    fed = f"{low:.4g}..{high:.4g}"
    if "first" not in kept:
        kept["first"] = _guess_by_first_weights(model, noise, fed, high)
    guess = kept["first"]
    if guess.warning is not None:
        return guess, True
    if not model.head().decides or not model.is_trained:
        return guess, False
    pictures = noise if images is None else _choose(images, count)
    large = high > _ONE
    found, lively = _guess_by_logits(
        model, pictures, guess, large=large, real=images is not None, in_training=in_training
    )
    return found, found.warning is not None or (lively and images is not None)


def _why_not(shape: Any, images: Any) -> str | None:
    if isinstance(shape, dict):
        return f"the network takes {len(shape)} inputs"
    if shape is None:
        return "the network was never called"
    if not _is_picture(shape):
        return f"the network takes {['N', *shape]}, no pictures"
    if None in shape and images is None:
        return "the network takes pictures of any size; one of a probe is needed"
    return None


def _is_picture(shape: tuple[int | None, ...]) -> bool:
    """Return whether one input is a picture: of a series nobody knows the range."""
    return len(shape) == 3 or (len(shape) == 2 and shape[0] == shape[1] and (shape[0] or 0) > 4)


def _picture_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape if len(shape) == 3 else (*shape, 1)


def make_noise(count: int, shape: tuple[int, ...]) -> np.ndarray:
    """Return coarse noise in [0,1] that differs from picture to picture also where it is made smaller, [N,H,W,C]."""
    coarse = np.random.default_rng(0).random((count, 4, 4, shape[2])).astype(np.float32)
    return np.clip(tf.image.resize(coarse, shape[:2]).numpy(), 0, 1)


def _choose(images: Any, count: int) -> np.ndarray:
    """Return some pictures from all over the batch; as many as a network of a fixed number takes."""
    return np.asarray(images)[np.linspace(0, len(images) - 1, min(count, max(len(images), 1))).astype(int)]


def _prepared(model: Any, pictures: np.ndarray) -> tf.Tensor:
    images = tf.constant(pictures)
    return images if model.preprocess is None else tf.cast(model.preprocess(images), tf.float32)


def _extremes(model: Any, pictures: np.ndarray) -> tuple[Any, Any]:
    fed = _prepared(model, pictures)
    return tf.reduce_min(fed), tf.reduce_max(fed)


def _guess_by_first_weights(model: Any, noise: np.ndarray, fed: str, high: float) -> RangeGuess:
    """Compare how pictures as they are and times 255 spread where they reach the first weights."""
    like = _prepared(model, noise)
    function = compile_first(model, like)
    if function is None:
        return RangeGuess(None, fed, "no guess of the value range: no weights were found that take the pictures")
    spans, levels = [], []
    for factor in (1.0, 255.0, 1 / 255.0):
        values = np.asarray(function(_prepared(model, noise * np.float32(factor))), np.float64)
        spans.append(float(np.sqrt(values.var(0).mean())))
        levels.append(float(np.sqrt((values.mean(0) ** 2).mean())))
    contrasts = [span / (span + level + 1e-12) for span, level in zip(spans, levels, strict=True)]
    said = (
        f"{len(noise)} noise pictures in [0,1] reach the first weights spread by {spans[0]:.2g} around "
        f"{levels[0]:.2g}, as 0..255 by {spans[1]:.2g} around {levels[1]:.2g}"
    )
    if spans[1] <= 1.5 * spans[0] + 1e-9 and spans[0] <= 1.5 * spans[1] + 1e-9 and levels[1] <= 1.5 * levels[0] + 1e-9:
        return RangeGuess(None, fed, f"{said}: nearly the same whatever the range, which cannot be told there")
    tiny = spans[0] < _FLAT and levels[0] < 0.1 and 0.05 < spans[1] < 20  # what is averaged stays around its mean
    drowned = contrasts[0] < 0.02 and contrasts[1] > 0.2  # means of 0..255 are taken off pictures in [0,1]
    if tiny or drowned:
        warning = f"{said}: the network or its preprocess seems to expect 0..255, then {_REMEDY}"
        return RangeGuess("0..255", fed, said, warning)
    own = float(np.sqrt(np.asarray(like).var(0).mean()))
    scales = not 0.5 < spans[0] / max(own, 1e-12) < 2  # the network itself does, so that it tells what it expects
    if scales and high <= _ONE and spans[1] <= 0.05 and spans[1] > 100 * spans[0]:  # it grows as pictures do
        warning = (
            f"{said}: nearly one picture even then, so the network seems to expect still larger numbers, such as those "
            "of 16 bits: multiply in preprocess by what its own preparation divides by"
        )
        return RangeGuess(None, fed, said, warning)
    if scales and high > _ONE and spans[0] > 20 and 0.05 < spans[2] < 5:
        warning = (
            f"{said}, as [0,1/255] by {spans[2]:.2g}: the network seems to expect values 255 times smaller, then leave "
            "out what makes 0..255 of pictures in preprocess"
        )
        return RangeGuess("0..1", fed, said, warning)
    # all on one side of 0, more than [0,1] is: a mean is taken off that is not theirs, perhaps that of [-1,1]
    aside = levels[0] > max(0.7, spans[0] / 0.6)
    return RangeGuess(fed if scales and not aside and 0.05 < spans[0] < 20 else None, fed, said)


def _guess_by_logits(
    model: Any, pictures: np.ndarray, guess: RangeGuess, *, large: bool, real: bool, in_training: bool
) -> tuple[RangeGuess, bool]:
    """Compare the logits of a trained network for pictures as they are, times 255, and divided by it.

    Returns:
        The guess; and whether pictures as they are tell as much as they should.
    """
    path = model.head().path
    spreads, relative, outputs = [], [], []
    for factor in (1.0, 255.0, 1 / 255.0):
        with model.with_noise():  # nor are pictures in the wrong range what it was given
            logits = np.asarray(model.run(pictures * np.float32(factor), [path])[path], np.float64)
        logits = logits.reshape(len(pictures), -1)
        logits = logits - logits.mean(1, keepdims=True) if logits.shape[1] > 1 else logits  # as softmax sees them
        spreads.append(float(np.sqrt(logits.var(0).mean())))
        relative.append(spreads[-1] / (float(np.sqrt((logits.mean(0) ** 2).mean())) + spreads[-1] + 1e-12))
        outputs.append(logits)
    named = f"{len(pictures)} {'probe' if real else 'noise'} pictures"
    what = _PLURALS.get(model.head().quantity, "logits")
    said = f"{what} of {named} spread by {spreads[0]:.2g} as [0,1], by {spreads[1]:.2g} as 0..255"
    drowned = relative[0] < 0.05 and relative[1] > 10 * relative[0] and spreads[1] > 0.3  # biases alone decide
    # of noise a network need not think anything; one of few steps gives as little of any range, only larger
    weak = real and not in_training and spreads[1] > 1 and relative[1] > _TELLING * relative[0]
    if guess.expects is not None:  # the first weights get what they should
        pass
    elif spreads[0] < _LOW_LOGITS and (drowned or weak):
        warning = f"{said}: the network or its preprocess seems to expect 0..255, then {_REMEDY}"
        return RangeGuess("0..255", guess.fed, said, warning), True
    bent = np.abs(outputs[0] - 255 * outputs[2]).mean() > 0.05 * np.abs(outputs[0]).mean()  # else any scale is alike
    if large and spreads[0] > _HIGH_LOGITS and 0.3 < spreads[2] < 30 and bent:
        said += f", by {spreads[2]:.2g} divided by 255"
        warning = (
            f"{said}: the network seems to expect values 255 times smaller, then leave out what makes 0..255 of "
            "pictures in preprocess"
        )
        return RangeGuess("0..1", guess.fed, said, warning), True
    return dataclasses.replace(guess, evidence=f"{guess.evidence}; {said}"), 0.3 < spreads[0] < _HIGH_LOGITS
