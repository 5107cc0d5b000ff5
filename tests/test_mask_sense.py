"""What a mask says is read from what a network does with it: what stays, what is left out, or nothing of the kind."""

import numpy as np
import pytest
import tensorflow as tf

from tf_interp.models.batching.mask_sense import read_sense
from tf_interp.models.dependence import find_behind

_WEIGHTS = np.random.default_rng(0).random((9, 4), np.float32)


def _floats(mask):
    return tf.cast(mask, tf.float32)[..., None]


def _scores(x):
    return tf.matmul(x, x, transpose_b=True)


USES = {
    "a product": (1, lambda m, x: x * _floats(m)),
    "a product with the rest": (-1, lambda m, x: x * (1 - _floats(m))),
    "a mean": (1, lambda m, x: tf.reduce_sum(x * _floats(m), 1) / tf.reduce_sum(_floats(m), 1)),
    "a product of matrices": (1, lambda m, x: tf.einsum("nt,ntd->nd", tf.cast(m, tf.float32), x)),
    "scores by choice": (1, lambda m, x: tf.where(m[:, None], _scores(x), -1e9)),
    "scores by the other choice": (-1, lambda m, x: tf.where(m[:, None], -1e9, _scores(x))),
    "a choice of lower scores": (-1, lambda m, x: tf.where(m[:, None], _scores(x) - 1e9, _scores(x))),
    "scores with a sum": (1, lambda m, x: _scores(x) + (1 - tf.cast(m, tf.float32))[:, None] * -1e9),
    "scores with a difference": (-1, lambda m, x: _scores(x) - 1e9 * tf.cast(m, tf.float32)[:, None]),
    "scores with a sum, from below": (1, lambda m, x: _scores(x) + (tf.cast(m, tf.float32)[:, None] - 1) * 1e9),
    "a large number everywhere": (-1, lambda m, x: tf.where(m[..., None], tf.ones_like(x) * -(2.0**32), x)),
    "scores of minus infinity": (1, lambda m, x: tf.where(m[..., None], x, -np.inf)),
    "with the order of words": (
        1,
        lambda m, x: tf.where(m[:, None] & tf.linalg.band_part(tf.ones((5, 5), tf.bool), -1, 0), _scores(x), -1e9),
    ),
    "not": (-1, lambda m, x: x * _floats(~m)),
    "two kinds of tokens": (0, lambda m, x: tf.where(m[..., None], x, 2 * x)),
    "two kinds, as a sum": (0, lambda m, x: x * _floats(m) + 2 * x * (1 - _floats(m))),
    "a vector in its place": (0, lambda m, x: tf.where(m[..., None], x, _WEIGHTS[0])),
    "a vector in its place, as a sum": (0, lambda m, x: x * _floats(m) + _WEIGHTS[0] * (1 - _floats(m))),
    "a feature": (0, lambda m, x: tf.concat([x, _floats(m)], -1)),
    "weights": (0, lambda m, x: tf.matmul(tf.cast(m, tf.float32)[:, :4], _WEIGHTS[0][:, None])),
}


@pytest.mark.parametrize("use", USES)
def test_the_sense_of_a_mask(use):
    sense, compute = USES[use]
    with tf.Graph().as_default():
        tokens = tf.compat.v1.placeholder(tf.int32, [None, 5])
        mask = tf.not_equal(tokens, 0)
        compute(mask, tf.gather(_WEIGHTS, tokens))
        assert read_sense(mask, find_behind([tokens])) == sense
