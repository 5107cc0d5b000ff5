"""Transforms: one draw for the batch, one warp for a run of geometric ones, seeds that reproduce."""

import numpy as np
import pytest
import tensorflow as tf

from tf_interp.features.transforms import (
    CollapseAlpha,
    Geometric,
    Jitter,
    NormalizeGradient,
    Pad,
    Rotate,
    Scale,
    apply,
    plan,
    standard,
    strong,
    warp,
)

SIZE = (12, 16)
X = np.random.default_rng(0).uniform(0, 1, (1, *SIZE, 3)).astype(np.float32)


def seed(number=0):
    return tf.constant([7, number])


def run(transforms, images=X, number=0, size=SIZE, clean=False):
    return apply(transforms, tf.constant(images), plan(transforms, 7, number), seed(number), size, clean).numpy()


def operations(transforms, images=X, size=SIZE):
    moves = plan(transforms, 0, 0)
    function = tf.function(lambda x: apply(transforms, x, moves, seed(), size))
    graph = function.get_concrete_function(tf.constant(images)).graph
    return [operation.type for operation in graph.get_operations()]


def test_no_transform_is_no_operation():
    np.testing.assert_array_equal(run(()), X)
    assert "ImageProjectiveTransformV3" not in operations(())


def test_jitter_moves_by_whole_pixels_over_its_whole_range():
    seen = set()
    for number in range(60):
        moved = run([Jitter(2)], number=number)
        for dy in (-1, 0, 1):
            for dx in (-1, 0, 1):
                inner = X[:, 1 + dy : 11 + dy, 1 + dx : 15 + dx]
                if np.allclose(moved[:, 1:11, 1:15], inner, atol=1e-6):
                    seen.add((dy, dx))
    assert len(seen) == 9


def test_rotation_by_90_degrees_is_exact():
    square = X[:, :, :12]
    turned = run([Rotate((90,))], square, size=(12, 12))
    assert np.allclose(turned, np.rot90(square, axes=(1, 2)), atol=1e-4) or np.allclose(
        turned, np.rot90(square, -1, axes=(1, 2)), atol=1e-4
    )


def test_scale_enlarges_about_the_center():
    ramp = np.broadcast_to(np.linspace(0, 1, 16, dtype=np.float32)[None, None, :, None], (1, 12, 16, 1))
    np.testing.assert_allclose(run([Scale((2.0,))], ramp)[0, 6, :, 0], (ramp[0, 6, :, 0] - 0.5) / 2 + 0.5, atol=1e-5)


def test_outside_is_grey():
    small = run([Scale((0.5,))])
    np.testing.assert_allclose(small[:, 0], 0.5, atol=1e-6)
    assert np.abs(small[:, 6, 8] - 0.5).max() > 0.01


def test_a_run_of_geometric_transforms_is_one_warp():
    assert operations(standard((128, 128))).count("ImageProjectiveTransformV3") == 1
    assert operations([Jitter(2), NormalizeGradient(), Rotate((5,))]).count("ImageProjectiveTransformV3") == 2


class Moved(Geometric):
    def draw(self, random):
        return np.array([[1, 0, 3], [0, 1, -2], [0, 0, 1]])


def test_the_composed_warp_does_what_its_parts_do_one_after_the_other():
    smooth = np.broadcast_to(
        np.sin(np.linspace(0, 3, 48))[None, :, None, None] * np.cos(np.linspace(0, 2, 48))[None, None, :, None],
        (1, 48, 48, 1),
    )
    smooth = (0.5 + 0.3 * smooth).astype(np.float32)
    parts = [Scale((1.3,)), Rotate((20,)), Moved(), Rotate((-7,))]
    together = run(parts, smooth, size=(48, 48))
    one_by_one = smooth
    for part in parts:
        one_by_one = run([part], one_by_one, size=(48, 48))
    np.testing.assert_allclose(together[:, 12:-12, 12:-12], one_by_one[:, 12:-12, 12:-12], atol=0.01)


def test_every_picture_of_a_batch_gets_the_same_draw():
    twice = run(standard(SIZE), np.concatenate([X, X]), number=3)
    np.testing.assert_array_equal(twice[0], twice[1])


def test_the_seed_decides():
    np.testing.assert_array_equal(run(standard(SIZE), number=3), run(standard(SIZE), number=3))
    assert not np.allclose(run(standard(SIZE), number=3), run(standard(SIZE), number=4))


def test_two_jitters_of_a_list_draw_apart():
    moves = {run([Jitter(8), Jitter(8)], number=n).tobytes() == run([Jitter(8)], number=n).tobytes() for n in range(8)}
    assert False in moves


def test_pictures_fit_the_network():
    np.testing.assert_allclose(run((), size=(24, 32))[:, 2:-2:2, 2:-2:2].mean(), X[:, 1:-1, 1:-1].mean(), atol=0.01)
    assert run(standard(SIZE), size=(24, 32)).shape == (1, 24, 32, 3)
    assert run((), size=(24, 24)).shape == (1, 24, 24, 3)


def test_padding_does_not_shrink_the_picture():
    np.testing.assert_allclose(run([Pad(4)]), X, atol=1e-5)
    np.testing.assert_allclose(run([Pad(4, "reflect"), Scale((0.75,))])[0, 0, 8], X[0, 3, 8], atol=0.6)


@pytest.mark.parametrize(("mode", "flat"), [("constant", True), ("uniform", True), ("reflect", False)])
def test_pad(mode, flat):
    frame = Pad(2, mode)(tf.constant(X), seed()).numpy()
    assert frame.shape == (1, 16, 20, 3)
    assert (np.ptp(frame[:, 0]) < 1e-6) == flat
    np.testing.assert_array_equal(frame[:, 2:-2, 2:-2], X)


def test_a_warp_has_tensorflows_gradient():
    images = tf.constant(np.random.default_rng(0).normal(size=(2, 9, 12, 3)).astype(np.float32))
    move = tf.constant(plan([Scale([1.3]), Rotate([20.0]), Jitter(3)], 0, 0)[0])

    @tf.function(autograph=False)
    def both(images):
        with tf.GradientTape() as tape:  # does not see ours
            tape.watch(images)
            y = tf.reduce_sum(warp(images, move, (7, 8), 1.2) ** 2)
        return tf.gradients(y, images)[0], tape.gradient(y, images)

    ours, theirs = both(images)
    assert np.abs(theirs).max() > 0.5
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    operations = both.get_concrete_function(images).graph.get_operations()
    (forward,) = (o for o in operations if o.type == "ImageProjectiveTransformV3" and "grad" not in o.name)
    assert forward.get_attr("_gradient_op_type") == b"TfInterpWarp"


def test_a_warp_is_differentiable_and_its_gradient_lies_where_the_pixel_went():
    shift = tf.constant([[1.0, 0, 2], [0, 1, 1], [0, 0, 1]])
    x = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        pixel = warp(x, shift, SIZE)[0, 5, 5, 0]
    gradient = tape.gradient(pixel, x).numpy()
    assert gradient[0, 6, 7, 0] == pytest.approx(1, abs=1e-5)
    assert np.abs(gradient).sum() == pytest.approx(1, abs=1e-4)


def test_normalize_gradient():
    x = tf.constant(np.concatenate([X, X]))
    push = np.random.default_rng(1).normal(size=x.shape).astype(np.float32)
    with tf.GradientTape() as tape:
        tape.watch(x)
        same = NormalizeGradient()(x, seed())
    np.testing.assert_array_equal(same, x)
    gradient = tape.gradient(same, x, push).numpy()
    np.testing.assert_allclose(np.linalg.norm(gradient.reshape(2, -1), axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(gradient[1] / gradient[1, 0, 0, 0], push[1] / push[1, 0, 0, 0], rtol=1e-4)


def test_collapse_alpha_shows_the_background_where_alpha_is_0():
    alpha = np.zeros((1, *SIZE, 1), np.float32)
    alpha[:, :, 8:] = 1
    images = tf.constant(np.concatenate([X, alpha], -1))
    one, two = (CollapseAlpha()(images, seed(n)).numpy() for n in range(2))
    np.testing.assert_allclose(one[:, :, 8:], X[:, :, 8:], atol=1e-6)
    assert not np.allclose(one[:, :, :8], two[:, :, :8], atol=0.01)
    assert 0 < one.min() < one.max() < 1


def test_clean_pictures_are_left_alone():
    def darker(images, seed):
        return images * 0.5

    np.testing.assert_array_equal(run([darker, NormalizeGradient()], clean=True), X)
    np.testing.assert_allclose(run([darker]), X * 0.5)
    assert run([Pad(2)], clean=True).shape == X.shape


def test_own_transforms_get_seeds_of_their_own():
    seen = []

    def note(images, seed):
        seen.append(tuple(int(number) for number in seed))
        return images

    run([note, note, Jitter(1), note], number=5)
    assert len(set(seen)) == 3
    assert all(first == 7 for first, _ in seen)


def test_standard_values_and_their_small_version():
    jitter, scale, rotate, last = standard((224, 224))
    assert (jitter.size, last.size) == (8, 4)
    np.testing.assert_allclose(scale.factors, np.arange(0.9, 1.101, 0.02), atol=1e-6)
    assert sorted(set(rotate.angles)) == list(range(-10, 11))
    assert rotate.angles.count(0) == 6
    assert (standard((32, 32))[0].size, standard((32, 32))[3].size) == (2, 1)
    assert strong((224, 224))[1].factors[0] == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Scale(()), "list of finite numbers"),
        (lambda: Scale((0.0,)), "above 0"),
        (lambda: Rotate((float("nan"),)), "finite"),
        (lambda: Pad(2, "mirror"), "'reflect'"),
    ],
)
def test_bad_settings(build, message):
    with pytest.raises(ValueError, match=message):
        build()
