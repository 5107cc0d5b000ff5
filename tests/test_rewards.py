"""Every reward against its formula, on given activations."""

import numpy as np
import pytest
from lookup import value_of

from tf_interp.directions import Directions
from tf_interp.features import (
    activation_difference,
    channel,
    channel_interpolate,
    class_logit,
    deepdream,
    direction,
    direction_neuron,
    dot_compare,
    from_directions,
    neuron,
    tensor_direction,
)

RANDOM = np.random.default_rng(1)
A = RANDOM.normal(size=(2, 4, 6, 5)).astype(np.float32)
V = RANDOM.normal(size=5).astype(np.float32)
LOGITS = RANDOM.normal(size=(2, 1, 1, 3)).astype(np.float32)
LAYERS = {"conv": A, "output": LOGITS}


def project(a, vec, power):
    # In float64: OpenBLAS 0.3.31's AVX-512 kernel for float32 rows of five numbers reads stack it never wrote. Products
    # are right, but where a signaling NaN lay there NumPy warns of an invalid value.
    a, vec = a.astype(float), vec.astype(float)
    cosine = (a @ vec) / (1e-4 + np.linalg.norm(a, axis=-1)) / (1e-4 + np.linalg.norm(vec))
    return (a @ vec) * np.maximum(0.1, cosine) ** power


def check(objective, expected, **options):
    np.testing.assert_allclose(value_of(objective, LAYERS, **options), expected, rtol=1e-4, atol=1e-5)


def test_channel():
    check(channel("conv", 3), A[..., 3].mean((1, 2)))


def test_neuron_is_in_the_middle_and_x_is_the_column():
    check(neuron("conv", 3), A[:, 2, 3, 3])
    check(neuron("conv", 3, x=5, y=0), A[:, 0, 5, 3])
    check(neuron("conv", 3, x=1), A[:, 2, 1, 3])


@pytest.mark.parametrize("power", [0, 1, 2.5])
def test_direction(power):
    check(direction("conv", V, cossim_pow=power), project(A, V, power).mean((1, 2)))
    check(direction_neuron("conv", V, cossim_pow=power), project(A[:, 2, 3], V, power))
    check(direction_neuron("conv", V, x=0, y=1, cossim_pow=power), project(A[:, 1, 0], V, power))


def test_one_hot_direction_is_the_channel():
    one_hot = np.eye(5)[3]
    check(direction("conv", one_hot), value_of(channel("conv", 3), LAYERS))
    check(direction_neuron("conv", one_hot), value_of(neuron("conv", 3), LAYERS))


def test_tensor_direction_is_central():
    vec = RANDOM.normal(size=(2, 3, 5)).astype(np.float32)
    expected = (A[:, 1:3, 1:4] * vec).sum(-1).mean((1, 2))
    check(tensor_direction("conv", vec), expected)
    check(tensor_direction("conv", vec[None]), expected)


def test_directions_become_one_objective_a_row():
    rows = Directions("conv", np.stack([V, -V]), ["up", "down"])
    up, down = from_directions(rows, cossim_pow=1)
    check(up, project(A, V, 1).mean((1, 2)))
    assert (str(up), str(down)) == ("up", "down")
    assert up.structure() == down.structure()


def test_deepdream():
    check(deepdream("conv"), (A**2).mean((1, 2, 3)))


def test_class_logit():
    check(class_logit(2), LOGITS[:, 0, 0, 2])


def test_channel_interpolate_goes_from_one_to_the_other():
    a = RANDOM.normal(size=(3, 2, 2, 4)).astype(np.float32)
    means = a.mean((1, 2))
    expected = [means[0, 1], (means[1, 1] + means[1, 2]) / 2, means[2, 2]]
    objective = channel_interpolate("one", 1, "two", 2)
    np.testing.assert_allclose(value_of(objective, {"one": a, "two": a}, count=3), expected, rtol=1e-4, atol=1e-6)
    with pytest.raises(ValueError, match="count=2"):
        value_of(objective, {"one": a, "two": a}, count=1)


@pytest.mark.parametrize("power", [0, 2])
def test_dot_compare(power):
    real = RANDOM.uniform(0, 1, (4, 6, 5)).astype(np.float32)  # the look-up gives the picture itself as its activation
    dot = (A * real).sum((1, 2, 3))
    cosine = dot / (np.linalg.norm(A.reshape(2, -1), axis=1) * np.linalg.norm(real))
    check(dot_compare("conv", real, cossim_pow=power), dot * np.maximum(0.1, cosine) ** power)


def test_dot_compare_weighs_channels():
    real = RANDOM.uniform(0, 1, (4, 6, 5)).astype(np.float32)
    check(dot_compare("conv", real, weights=V), (A * real * V).sum((1, 2, 3)))
    check(dot_compare("conv", real, 2, np.ones(5)), value_of(dot_compare("conv", real, 2), LAYERS))
    check(dot_compare("conv", real, weights=np.eye(5)[3]), (A * real)[..., 3].sum((1, 2)))


def test_activation_difference():
    real = RANDOM.uniform(0, 1, (4, 6, 5)).astype(np.float32)
    check(activation_difference("conv", real), np.abs(A - real).mean((1, 2, 3)))
    gram = np.einsum("nhwc,nhwd->ncd", A, A) / 24, np.einsum("hwc,hwd->cd", real, real) / 24
    style = np.abs(gram[0] - gram[1]).mean((1, 2))
    check(activation_difference(["conv", "conv"], real, gram=True), 2 * style)
    check(activation_difference("conv", real), 0.0, rewards_only=True)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: channel("conv", -1), "0 or more"),
        (lambda: neuron("conv", 1, x=-1), "0 or more"),
        (lambda: direction("conv", [[1.0]]), "shape"),
        (lambda: tensor_direction("conv", [1.0]), "shape"),
        (lambda: dot_compare("conv", np.full((2, 2, 3), 200.0)), r"\[0,1\]"),
        (lambda: dot_compare("conv", np.ones((2, 2, 3)), weights=[[1.0]]), "weights must have shape"),
    ],
)
def test_bad_arguments_are_refused_at_once(build, message):
    with pytest.raises(ValueError, match=message):
        build()
