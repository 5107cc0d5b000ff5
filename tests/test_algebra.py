"""The algebra of objectives: it is really linear, and numbers are kept apart from structure."""

import re

import numpy as np
import pytest
import tensorflow as tf
from lookup import value_of

from tf_interp.features import (
    Objective,
    as_objective,
    channel,
    channel_interpolate,
    deepdream,
    diversity,
    neuron,
    objective,
    total_variation,
)

RANDOM = np.random.default_rng(0)
A = RANDOM.normal(size=(3, 4, 5, 6)).astype(np.float32)
LAYERS = {"conv": A, "input": RANDOM.uniform(0, 1, (3, 8, 8, 3)).astype(np.float32)}
X, Y = A[..., 1].mean((1, 2)), A[..., 4].mean((1, 2))


@objective
def mean(T, layer, weight):
    return weight * tf.reduce_mean(T(layer), [1, 2, 3])


@objective
def keyed(T, *, form):
    return T("conv")[:, 0, 0, 0]


@objective
def scalar(T, layer):
    return tf.reduce_mean(T(layer))


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda a, b: a + b, X + Y),
        (lambda a, b: a - b, X - Y),
        (lambda a, b: -a - b, -X - Y),
        (lambda a, b: -(-1 * a), X),
        (lambda a, b: a - (b - a), 2 * X - Y),
        (lambda a, b: 2 * a - b * 3, 2 * X - 3 * Y),
        (lambda a, b: a / 4, X / 4),
        (lambda a, b: 1 - a, 1 - X),
        (lambda a, b: 1 + a, 1 + X),
        (lambda a, b: a + np.float32(1), X + 1),
        (lambda a, b: a * b, X * Y),
        (lambda a, b: sum([a, b, a]), 2 * X + Y),
        (lambda a, b: Objective.sum(["conv:1", b]), X + Y),
    ],
)
def test_algebra_is_that_of_numbers(build, expected):
    np.testing.assert_allclose(value_of(build(channel("conv", 1), channel("conv", 4)), LAYERS), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (lambda a, b: a - 0.1 * b, "conv:1 - 0.1 * conv:4"),
        (lambda a, b: (a + b) * 2, "(conv:1 + conv:4) * 2"),
        (lambda a, b: a - (b - 1), "conv:1 - (conv:4 - 1)"),
        (lambda a, b: a - b + 1, "conv:1 - conv:4 + 1"),
        (lambda a, b: -a, "-1 * conv:1"),
        (lambda a, b: a / 4, "conv:1 / 4"),
    ],
)
def test_text_says_everything(build, text):
    assert str(build(channel("conv", 1), channel("conv", 4))) == text


def test_other_numbers_are_the_same_structure():
    one = channel("conv", 1) - 0.1 * total_variation()
    assert one.structure() == (channel("conv", 5) - 7 * total_variation()).structure()
    assert one.structure() != (channel("conv2", 1) - 0.1 * total_variation()).structure()
    assert one.structure() != (channel("conv", 1) + 0.1 * total_variation()).structure()
    assert mean("conv", 2).structure() != mean("conv", 2.5).structure()  # another type
    assert mean("conv", 2.0).structure() == mean("conv", 2.5).structure()


def test_own_objective_gets_numbers_as_tensors():
    np.testing.assert_allclose(value_of(mean("conv", 2.0), LAYERS), 2 * A.mean((1, 2, 3)), rtol=1e-4, atol=1e-7)
    assert str(mean("conv", 2.0)) == "mean('conv', 2.0)"


def test_own_objective_gets_whole_numbers_as_they_are_or_as_floats_where_it_says_so():
    @objective
    def weighted(T, weight: float, n):
        assert (weight.dtype, n.dtype) == (tf.float32, tf.int32)
        return weight * tf.gather(tf.reduce_mean(T("conv"), [1, 2]), n, axis=1, batch_dims=1)

    np.testing.assert_allclose(value_of(weighted(2, 3), LAYERS), 2 * A.mean((1, 2))[:, 3], rtol=1e-4, atol=1e-7)


def test_keyword_only_arguments_are_structure():
    @objective
    def power(T, *, exponent):
        assert exponent == 3
        return tf.reduce_mean(T("conv") ** exponent, [1, 2, 3])

    np.testing.assert_allclose(value_of(power(exponent=3), LAYERS), (A**3).mean((1, 2, 3)), rtol=1e-4, atol=1e-6)
    assert power(exponent=3).structure() != power(exponent=2).structure()
    with pytest.raises(TypeError, match="exponent"):
        power()


def test_plain_function_is_an_objective():
    np.testing.assert_allclose(
        value_of(lambda T: tf.reduce_mean(T("conv"), [1, 2, 3]), LAYERS), A.mean((1, 2, 3)), atol=1e-6
    )


def test_scalar_counts_for_every_picture():
    np.testing.assert_allclose(value_of(scalar("conv"), LAYERS, count=3), [A.mean()] * 3, atol=1e-6)


def test_rewards_leave_penalties_out():
    penalized = channel("conv", 1) - 3 * total_variation()
    np.testing.assert_allclose(value_of(penalized, LAYERS, rewards_only=True), X, rtol=1e-5)
    assert (value_of(penalized, LAYERS) < X - 1).all()


def test_shorthand():
    np.testing.assert_allclose(value_of("conv:4", LAYERS), Y, rtol=1e-5)
    assert str(as_objective("block/conv:4")) == "block/conv:4"


@pytest.mark.parametrize("text", ["conv", "conv:", ":3", "conv:x", "conv:-1"])
def test_bad_shorthand_says_the_form(text):
    with pytest.raises(ValueError, match="'layer:channel'"):
        as_objective(text)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: as_objective(3), "got int"),
        (lambda: channel("conv", 1) + "conv:2", "got str"),
        (lambda: channel("conv", 1) / channel("conv", 2), "by a number only"),
        (lambda: channel("conv", [1, 2]), "list of objectives"),
        (lambda: channel("conv", True), "whole number"),
        (lambda: mean("conv", ["a"]), "weight must be a number"),
    ],
)
def test_wrong_kinds_are_type_errors(build, message):
    with pytest.raises(TypeError, match=message):
        build()


def test_nan_is_refused():
    with pytest.raises(ValueError, match="NaN"):
        mean("conv", float("nan"))


def test_a_map_is_not_an_objective():
    with pytest.raises(ValueError, match="one number per picture"):
        value_of(lambda T: T("conv"), LAYERS)


def test_the_sum_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        Objective.sum([])


def test_needs_name_the_layers():
    assert {layer for term in (channel("a", 1) - diversity("b")).terms() for layer, *_ in term.needs} == {"a", "b"}
    assert next(iter(mean("conv", 1.0).terms())).needs == (("conv", "layer", 0),)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: channel(["conv"], 0), "a layer is named by a string, got ['conv'] of type list"),
        (lambda: channel(3, 0), "a layer is named by a string, got 3 of type int"),
        (lambda: channel(None, 0), "a layer is named by a string, got None"),
        (lambda: neuron(["conv"], 0), "a layer is named by a string, got ['conv']"),
        (lambda: deepdream(np.zeros(2)), "a layer is named by a string, got array"),
        (lambda: channel_interpolate("conv", 0, {"conv"}, 1), "a layer is named by a string, got {'conv'} of type set"),
        (lambda: keyed(form=[1]), "form must be a text, a number or something else that can be hashed, got list [1]"),
    ],
)
def test_a_setting_that_no_program_can_be_named_by_is_refused_at_once(make, said):
    with pytest.raises(TypeError, match=re.escape(said)):
        make()
