"""Every penalty against its formula: positive, one number per picture."""

import numpy as np
import pytest
import tensorflow as tf
from lookup import Given, evaluate, value_of

from tf_interp.features import (
    alignment,
    blur_alpha,
    blur_input,
    boundary_complexity,
    decay,
    diversity,
    input_diff,
    l1,
    l2,
    mean_alpha,
    only_after,
    saturation,
    total_variation,
)
from tf_interp.features.objectives.penalties import blur

RANDOM = np.random.default_rng(2)
X = RANDOM.uniform(0, 1, (2, 9, 7, 3)).astype(np.float32)
A = RANDOM.normal(size=(4, 3, 3, 5)).astype(np.float32)


def check(objective, expected, pictures=X, **options):
    np.testing.assert_allclose(value_of(objective, pictures=pictures, **options), expected, rtol=1e-4, atol=1e-6)


def test_total_variation_is_a_number_a_picture():
    expected = np.abs(np.diff(X, axis=1)).sum((1, 2, 3)) + np.abs(np.diff(X, axis=2)).sum((1, 2, 3))
    check(total_variation(), expected)


def test_norms():
    check(l1(), X.sum((1, 2, 3)))
    check(l1(constant=0.5), np.abs(X - 0.5).sum((1, 2, 3)))
    check(l2(constant=0.5), np.sqrt(1e-6 + ((X - 0.5) ** 2).sum((1, 2, 3))))
    np.testing.assert_allclose(value_of(l1("conv"), {"conv": A}), np.abs(A).sum((1, 2, 3)), rtol=1e-4)
    check(input_diff(X[0]), [0, np.sqrt(((X[1] - X[0]) ** 2).mean())])


def test_saturation_is_between_0_and_1():
    check(saturation(), np.abs(2 * X - 1).mean((1, 2, 3)))
    check(saturation(), [0, 1], pictures=np.stack([np.full((4, 4, 1), 0.5), np.ones((4, 4, 1))]).astype(np.float32))
    check(saturation(0.0), X.mean((1, 2, 3)))


@pytest.mark.parametrize("width", [3, 5])
def test_blur_leaves_constants_alone(width):
    constant = np.full((1, 8, 6, 2), 0.3, np.float32)
    np.testing.assert_allclose(blur(constant, width), constant, rtol=1e-6)


def test_blur_weighs_the_ring_half():
    point = np.zeros((1, 7, 7, 1), np.float32)
    point[0, 3, 3] = 1
    np.testing.assert_allclose(
        blur(point, 3)[0, 2:5, 2:5, 0], np.array([[1, 1, 1], [1, 2, 1], [1, 1, 1]]) / 10, rtol=1e-6
    )


def test_gradient_of_blur_input_is_what_the_blur_takes_away():
    x = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = tf.reduce_sum(evaluate(blur_input(), Given({}, x)))
    np.testing.assert_allclose(tape.gradient(value, x), X - blur(X, 3), atol=1e-6)


def test_alpha():
    opaque = np.concatenate([X, np.full((2, 9, 7, 1), 0.25)], -1).astype(np.float32)
    check(mean_alpha(), 0.25, pictures=opaque, alpha=True)
    check(blur_alpha(), 0, pictures=opaque, alpha=True)
    with pytest.raises(ValueError, match="alpha=True"):
        value_of(mean_alpha(), pictures=X)


def test_boundary_complexity_counts_the_frame_only():
    quiet = X.copy()
    quiet[:, :3], quiet[:, -3:], quiet[:, :, :3], quiet[:, :, -3:] = 0.5, 0.5, 0.5, 0.5
    check(boundary_complexity(width=1), 0, pictures=quiet)
    whole = ((blur(X, 5) - X) ** 2 + 0.8 * (X - 0.25) ** 2).numpy()
    check(boundary_complexity(width=20, constant=0.25), whole.sum((1, 2, 3)))


def test_diversity():
    equal = np.repeat(A[:1], 4, 0)
    np.testing.assert_allclose(value_of(diversity("conv"), {"conv": equal}, count=4), [3] * 4, rtol=1e-5)
    gram = np.einsum("nhwc,nhwd->ncd", A, A)
    gram /= np.linalg.norm(gram.reshape(4, -1), axis=1)[:, None, None]
    likeness = np.einsum("ncd,mcd->nm", gram, gram) - np.eye(4)
    np.testing.assert_allclose(value_of(diversity("conv"), {"conv": A}, count=4), likeness.sum(1), rtol=1e-4)


def test_diversity_compares_pictures_of_one_objective_only():
    apart = value_of(diversity("conv"), {"conv": A}, count=2)
    np.testing.assert_allclose(apart[:2], value_of(diversity("conv"), {"conv": A[:2]}, count=2), rtol=1e-5)
    np.testing.assert_allclose(apart[0], apart[1], rtol=1e-5)


def test_alignment():
    equal = np.repeat(A[:1], 4, 0)
    np.testing.assert_allclose(value_of(alignment("conv"), {"conv": equal}, count=4), [0] * 4)
    far = [((A[i] - A[i + d]) ** 2).mean() / 3**d for d in (1, 2, 3) for i in range(4 - d)]
    np.testing.assert_allclose(value_of(alignment("conv", 3.0), {"conv": A}, count=4), [sum(far)] * 4, rtol=1e-4)


@pytest.mark.parametrize("objective", [diversity("conv"), alignment("conv")])
def test_comparing_one_picture_is_refused(objective):
    with pytest.raises(ValueError, match="count="):
        value_of(objective, {"conv": A}, count=1)


@pytest.mark.parametrize(("step", "falling", "late"), [(0, 1, 0), (5, 0.5, 0), (10, 0, 1), (20, 0, 1)])
def test_schedules(step, falling, late):
    check(decay(10), falling, step=float(step))
    check(only_after(10), late, step=float(step))
    check(decay(10) * l1(), falling * X.sum((1, 2, 3)), step=float(step))


def test_schedules_count_as_1_and_penalties_as_0_in_an_activation():
    check(decay(10) * 3 - l1(), 3, step=20.0, rewards_only=True)


PENALTIES = [total_variation(), l1(), l2(), blur_input(), boundary_complexity(2), input_diff(X[0]), saturation()]


@pytest.mark.parametrize("objective", PENALTIES, ids=str)
def test_no_penalty_is_negated_already(objective):
    """Each is 0 or more, so that all of them are subtracted, and none of them is a reward."""
    values = value_of(objective, pictures=X)
    assert (values >= 0).all()
    assert (values > 0).any()
    assert [term.neutral for term in objective.terms()] == [0.0]


@pytest.mark.parametrize("channels", [2, 3, 4, 5])
def test_alpha_is_the_last_channel_however_many_the_network_takes(channels):
    pictures = RANDOM.uniform(0, 1, (2, 5, 5, channels)).astype(np.float32)
    check(mean_alpha(), pictures[..., -1].mean((1, 2)), pictures=pictures, alpha=True)
    with pytest.raises(ValueError, match=f"pictures with alpha, got {channels} channels"):
        value_of(mean_alpha(), pictures=pictures)
