"""Which layers are worth watching, of networks whose stages are known."""

import keras
import pytest

from tf_interp.analysis.planning.layer_choice import choose_layers, expand_layers
from tf_interp.analysis.planning.traced_layers import find_dead_ends, trace_shapes
from tf_interp.models import open_model

layers = keras.layers


def _choose(network, side=None):
    model = open_model(network)
    rows = [row for row in model.inspect() if row.path not in model.outputs]
    return choose_layers(rows, trace_shapes(model, [row.path for row in rows], side))


def _residual(side=32):
    x = start = keras.Input((side, side, 3))
    for stage in range(2):
        x = layers.Conv2D(8 << stage, 3, 2, padding="same", name=f"s{stage}_down")(x)
        for block in range(2):
            y = layers.Conv2D(8 << stage, 3, padding="same", name=f"s{stage}b{block}_conv")(x)
            y = layers.BatchNormalization(name=f"s{stage}b{block}_bn")(y)
            x = layers.Add(name=f"s{stage}b{block}_add")([x, y])
            x = layers.ReLU(name=f"s{stage}b{block}_relu")(x)
    return keras.Model(start, layers.Dense(5, name="head")(layers.GlobalAveragePooling2D()(x)))


@pytest.mark.parametrize("side", [32, None])
def test_of_each_stage_the_activation_behind_its_last_sum(side):
    assert list(_choose(_residual(side), 32)) == [
        "s0b0_relu", "s0b1_relu", "s1b0_relu", "s1b1_relu",
    ]  # two stages only: some sums of each  # fmt: skip


def test_the_same_layers_in_a_saved_model(tmp_path):
    network = _residual()
    network.export(tmp_path / "saved", verbose=False)
    assert list(_choose(network)) == list(_choose(tmp_path / "saved"))


def test_without_sums_the_last_convolution_of_each_resolution():
    network = keras.Sequential(
        [keras.Input((16, 16, 3))]
        + [
            layer
            for n in range(3)
            for layer in (
                layers.Conv2D(8, 3, padding="same", name=f"c{n}a"),
                layers.Conv2D(8, 3, padding="same", activation="relu", name=f"c{n}b"),
                layers.MaxPooling2D(name=f"p{n}"),
            )
        ]
        + [layers.Flatten(), layers.Dense(4, activation="softmax")]
    )
    assert list(_choose(network)) == ["c0b", "c1b", "c2b"]


def test_a_network_without_positions_gives_its_last_hidden_layer():
    network = keras.Sequential(
        [keras.Input((9,)), layers.Dense(8, name="a"), layers.Dense(6, name="b"), layers.Dense(2)]
    )
    assert list(_choose(network)) == ["b"]


def test_patterns_fit_whole_paths_and_their_last_parts():
    model = open_model(_residual())
    assert expand_layers(model, ["s1*_add"]) == ["s1b0_add", "s1b1_add"]
    assert expand_layers(model, ["s1b1_add", "s?b1_add"]) == ["s1b1_add", "s0b1_add"]
    with pytest.raises(ValueError, match=r"no layer of .* fits 'x\*'"):
        expand_layers(model, ["x*"])
    with pytest.raises(ValueError, match="did you mean"):
        expand_layers(model, ["s1b1_ad"])


def test_where_gradients_end_is_said():
    x = keras.Input((8, 8, 3))
    first = layers.Conv2D(6, 3, name="first")(x)
    cut = layers.Lambda(keras.ops.stop_gradient, name="cut")(first)
    last = layers.Conv2D(6, 3, name="last")(cut)
    model = open_model(keras.Model(x, layers.Dense(2)(layers.GlobalAveragePooling2D()(last))))
    found = find_dead_ends(model, ["first", "last"])
    assert found["first"].drawing is None
    assert "no gradient reaches it from the output" in found["first"].attribution
    assert "no gradient reaches the picture" in found["last"].drawing
    assert found["last"].attribution is None
