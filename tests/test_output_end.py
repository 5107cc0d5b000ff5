"""What a mask that the network takes is multiplied with keeps its bounds, and is called no logits."""

import keras
import numpy as np
import pytest

from tf_interp import open_model

L, ops = keras.layers, keras.ops
RNG = np.random.default_rng(5)
X = {"seen": RNG.normal(size=(40, 6)).astype("f") * 3, "mask": RNG.integers(0, 2, (40, 4)).astype("f")}


def _share(p):
    return p / (ops.sum(p, -1, keepdims=True) + 1e-9)


# what is made of four numbers and a mask: quantity, words of the caution; None where these are logits
ENDS = {
    "softmax": (lambda y, mask: ops.softmax(y) * mask, "number", "all outputs lie in [0,1]"),
    "softmax, by a layer": (lambda y, mask: L.Multiply()([mask, L.Softmax()(y)]), "number", "all outputs lie in [0,1]"),
    "softmax, by its sum": (lambda y, mask: _share(ops.softmax(y) * mask), "probability", "sum to one"),
    "exponentials, by their sum": (lambda y, mask: _share(ops.exp(ops.tanh(y)) * mask), "probability", "sum to one"),
    "sigmoid": (lambda y, mask: mask * ops.sigmoid(y), "number", "all outputs lie in [0,1]"),
    "left out": (lambda y, mask: ops.sigmoid(y) * (1 - mask), "number", "all outputs lie in [0,1]"),
    "whole numbers": (
        lambda y, mask: ops.softmax(y) * ops.cast(ops.cast(mask, "int32"), "float32"),
        "number",
        "all outputs lie in [0,1]",
    ),
    "tanh": (lambda y, mask: 3 * ops.tanh(y) * mask, "number", "lie between -3 and 3"),
    "relu": (lambda y, mask: ops.relu(y) * mask, "number", "is ever negative"),
    "added to the input": (lambda y, mask: mask + ops.tanh(y), "number", "lie between -1 and 2"),
    "attention to labels": (
        lambda y, mask: ops.einsum("bk,bkc->bc", ops.softmax(y), ops.stack([mask, 1 - mask, mask, mask], 1)),
        "number",
        "all outputs lie in [0,1]",
    ),
    "logits": (lambda y, mask: y * mask, "logit", None),
    "logits, by addition": (lambda y, mask: y + (1 - mask) * -1e9, "logit", None),
    "logits, by choice": (lambda y, mask: ops.where(mask > 0.5, y, -1e9), "logit", None),
    "logits under a softmax": (lambda y, mask: ops.softmax(y + (1 - mask) * -1e9), "logit", None),
    "softmax, by its own": (lambda y, mask: ops.softmax(y) * L.Dense(4)(mask), "logit", None),
}


def _key(name):
    return name.replace(" ", "_").replace(",", "")


def _network(ends):
    keras.utils.set_random_seed(2)
    seen, mask = keras.Input((6,), name="seen"), keras.Input((4,), name="mask")
    y = L.Dense(4)(seen)
    return keras.Model([seen, mask], {_key(name): make(y, mask) for name, make in ends.items()})


@pytest.fixture(scope="module")
def doors(tmp_path_factory):
    network, folder = _network({name: end[0] for name, end in ENDS.items()}), tmp_path_factory.mktemp("masked")
    network.export(folder, verbose=False)
    direct = {name: np.array(value) for name, value in network([X["seen"], X["mask"]]).items()}
    return direct, {"live": open_model(network), "saved": open_model(folder)}


@pytest.mark.parametrize("door", ["live", "saved"])
@pytest.mark.parametrize("name", ENDS)
def test_what_is_masked_is_told(name, door, doors):
    _, quantity, words = ENDS[name]
    direct, model = doors[0][_key(name)], doors[1][door]
    head = model.head(_key(name))
    assert (head.kind, head.quantity) == ("multiclass", quantity), head
    assert head.caution is None if words is None else words in head.caution
    fed = model._ends()[head.path].fed
    assert fed[0] - 1e-6 <= direct.min() <= direct.max() <= fed[1] + 1e-6
    if words and "sum to one" not in words:
        assert "where what the network takes lies in [0,1], as masks and shares do" in head.caution


@pytest.mark.parametrize("door", ["live", "saved"])
def test_decisions_of_masked_probabilities_are_those_of_one_half(door, tmp_path):
    """Of several classes that may be true, each is decided at 0.5: the numbers are probabilities, not logits."""
    network = _network({"sigmoid": ENDS["sigmoid"][0]})
    network.export(tmp_path / "saved", verbose=False)
    model = open_model(network if door == "live" else tmp_path / "saved", head="multilabel")
    head, direct = model.head(), np.array(network([X["seen"], X["mask"]])["sigmoid"])
    assert head.quantity == "probability"
    np.testing.assert_array_equal(head.decide(np.array(model.run(X, ["output"])["output"])), direct > 0.5)


def test_a_loss_of_probabilities_fits_what_is_masked():
    network = _network({"softmax": ENDS["softmax"][0]})
    network.compile(loss={"softmax": "categorical_crossentropy"})
    head = open_model(network).head()
    assert (head.kind, head.quantity) == ("multiclass", "number")
    assert "do not sum to one" in head.caution
    network.compile(loss={"softmax": keras.losses.CategoricalCrossentropy(from_logits=True)})
    assert (
        "takes logits (from_logits=True), but what the network returns lies in [0,1]"
        in open_model(network).head().caution
    )
