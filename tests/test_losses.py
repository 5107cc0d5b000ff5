"""What a loss says of an output: of Keras's own by their names, of namesakes of the user nothing."""

import keras
import numpy as np
import pytest

from tf_interp import open_model
from tf_interp.models.outputs.losses import Place, parse_loss, read_losses

L = keras.layers


def binary_crossentropy(truth, given):
    return keras.ops.mean((truth - given) ** 2, -1)


class MeanSquaredError(keras.losses.Loss):
    def call(self, truth, given):
        return keras.ops.mean(keras.losses.binary_crossentropy(truth, given))


@keras.saving.register_keras_serializable("mine")
def mean_squared_error(truth, given):
    return keras.losses.binary_crossentropy(truth, given)


def _network(loss, units=1, activation=None):
    keras.utils.set_random_seed(3)
    network = keras.Sequential([keras.Input((4,)), L.Dense(units, activation)])
    network.compile("sgd", loss)
    return network


@pytest.mark.parametrize(
    "loss", ["mse", "MeanSquaredError", keras.losses.mean_squared_error, keras.losses.MeanSquaredError()]
)
def test_losses_of_keras_are_known_in_every_form(loss, tmp_path):
    network = _network(loss)
    network.save(tmp_path / "network.keras")
    for source in (network, tmp_path / "network.keras"):
        assert open_model(source).head().evidence.startswith("trained with m")


@pytest.mark.parametrize("loss", [binary_crossentropy, MeanSquaredError(), mean_squared_error])
def test_a_namesake_says_nothing(loss):
    plain = open_model(_network(None)).head()
    head = open_model(_network(loss)).head()
    assert (head.kind, head.quantity, head.caution, head.source) == (
        plain.kind,
        plain.quantity,
        plain.caution,
        "network",
    )
    assert head.decides_at is None


def test_nor_does_it_in_a_file():
    config = {"module": None, "class_name": "MeanSquaredError", "config": {}, "registered_name": "MeanSquaredError"}
    for saved in (
        config,
        config | {"module": "mine.losses"},
        {"module": "builtins", "class_name": "function", "config": "mine>mean_squared_error"},
        {"module": "mine", "class_name": "function", "config": "mean_squared_error"},
    ):
        (loss,) = read_losses(parse_loss(saved), {"output": Place()}).values()
        assert (loss.kind(1), loss.takes, loss.known) == (None, None, False)
    saved = keras.losses.serialize(keras.losses.BinaryCrossentropy(from_logits=True))
    (loss,) = read_losses(parse_loss(saved), {"output": Place()}).values()
    assert (loss.kind(1), loss.takes) == ("binary", "logits")


@pytest.mark.parametrize("loss", ["mse", "mae", keras.losses.Huber()])
@pytest.mark.parametrize(
    ("units", "kind", "words"),
    [(1, "binary", "taken for the probability of the second"), (3, "multilabel", "taken for probabilities of classes")],
)
def test_a_sigmoid_that_was_trained_on_numbers_may_be_one(loss, units, kind, words):
    network = _network(loss, units, "sigmoid")
    head = open_model(network).head()
    assert (head.kind, head.quantity) == (kind, "logit")
    assert words in head.caution
    assert "say head='regression'" in head.caution
    model = open_model(network, head="regression")
    assert (model.head().kind, model.head().quantity, model.head().caution) == ("regression", "number", None)
    images = np.random.default_rng(0).random((5, 4), np.float32)
    np.testing.assert_allclose(model.run(images, ["output"])["output"], network(images), rtol=1e-5)


def test_a_sigmoid_with_a_loss_of_classes_is_none():
    assert open_model(_network("binary_crossentropy", 1, "sigmoid")).head().caution is None


@pytest.mark.parametrize(("loss", "units", "kind"), [("hinge", 1, "binary"), ("squared_hinge", 3, "multilabel")])
def test_numbers_of_a_tanh_are_no_logits(loss, units, kind):
    network = _network(loss, units, "tanh")
    head = open_model(network).head()
    assert (head.kind, head.quantity, head.threshold) == (kind, "number", 0.0)
    images = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)
    given = np.array(network(images))
    expected = given > 0 if units > 1 else given[:, 0] > 0
    np.testing.assert_array_equal(head.decide(given), expected)
    assert open_model(_network(loss, units)).head().quantity == "logit"
    assert open_model(_network("mse", 1, "tanh")).head().kind == "regression"
    assert open_model(_network(None, 1, "tanh")).head().evidence == "one number between -1 and 1"


def _outputs():
    """Return a network's input and its outputs: three classes, one number, four numbers."""
    keras.utils.set_random_seed(3)
    x = keras.Input((4,), name="x")
    return x, L.Dense(3, name="za")(x), L.Dense(1, name="ab")(x), L.Dense(4, name="mc")(x)


def _classes():
    return keras.losses.CategoricalCrossentropy(from_logits=True)


def _one():
    return keras.losses.BinaryCrossentropy(from_logits=True)


NESTED = {
    "dicts in a dict": (lambda a, b, c: {"main": {"za": a, "ab": b}, "aux": c}, {"main": {"za": 0, "ab": 1}, "aux": 2}),
    "a list in a dict": (lambda a, b, c: {"main": [a, b], "aux": c}, {"main": [0, 1], "aux": 2}),
    "a dict in a list": (lambda a, b, c: [{"za": a, "ab": b}, c], [{"za": 0, "ab": 1}, 2]),
    "a list in a list": (lambda a, b, c: [[a, b], c], [[0, 1], 2]),
    "one list for all": (lambda a, b, c: [[a, b], c], [0, 1, 2]),
    "a dict": (lambda a, b, c: {"z": a, "b": b, "m": c}, {"m": 2, "b": 1, "z": 0}),
    "a list for a dict": (lambda a, b, c: {"z": a, "b": b, "m": c}, [1, 2, 0]),
    "a dict for a list": (lambda a, b, c: [a, b, c], {"mc": 2, "ab": 1, "za": 0}),
    "a dict for lists": (lambda a, b, c: [[a, b], c], {"mc": 2, "ab": 1, "za": 0}),
    "several of one": (lambda a, b, c: {"z": a, "b": b, "m": c}, {"m": [2, 2], "b": [1], "z": 0}),
    "not of all": (lambda a, b, c: {"main": {"za": a, "ab": b}, "aux": c}, {"main": {"za": 0, "ab": 1}}),
}


@pytest.mark.parametrize("how", NESTED)
def test_each_output_has_the_loss_that_keras_gives_it(how, tmp_path):
    """The sum that Keras computes shows which loss it gives to which output."""
    x, *outputs = _outputs()
    pack, places = NESTED[how]
    network = keras.Model(x, pack(*outputs))
    losses = [_classes(), _one(), "mse"]
    network.compile("sgd", keras.tree.map_structure(lambda index: losses[index], places))
    truth = pack(np.eye(2, 3), np.eye(2, 1), np.ones((2, 4)))
    given = [keras.Model(x, output)(np.ones((2, 4))).numpy() for output in outputs]
    single = [_classes()(np.eye(2, 3), given[0]), _one()(np.eye(2, 1), given[1]), np.mean((given[2] - 1) ** 2)]
    counts = [keras.tree.flatten(places).count(index) for index in range(3)]
    by_keras = network.evaluate(np.ones((2, 4)), truth, verbose=0, return_dict=True)["loss"]
    np.testing.assert_allclose(by_keras, sum(np.multiply(single, counts)), rtol=1e-5)
    network.save(tmp_path / "network.keras")
    expected = {3: ("multiclass", "loss"), 1: ("binary", "loss"), 4: ("regression", "loss")}
    if how == "not of all":
        expected[4] = ("multiclass", "network")
    for source in (network, tmp_path / "network.keras"):
        heads = open_model(source).heads.values()
        assert {head.shape[-1]: (head.kind, head.source) for head in heads} == expected


@pytest.mark.parametrize("place", ["key", "layer", "list", "two"])
def test_the_loss_of_an_only_output_may_be_named(place):
    x, output, *_ = _outputs()
    network = keras.Model(x, {"key": output} if place == "key" else [output] if place == "list" else output)
    loss = {"list": [_classes()], "two": [_classes(), MeanSquaredError()], "key": {"key": _classes()}}
    network.compile("sgd", loss.get(place, {"za": _classes()}))
    network.evaluate(np.ones((2, 4)), {"key": np.eye(2, 3)} if place == "key" else np.eye(2, 3), verbose=0)
    head = open_model(network).head()
    assert (head.kind, head.evidence) == ("multiclass", "trained with categoricalcrossentropy")


@pytest.mark.parametrize("loss", [keras.losses.Dice(), keras.losses.tversky])
@pytest.mark.parametrize(
    ("units", "kind", "end"), [(1, "binary", "a sigmoid"), (3, "multiclass", "a sigmoid or softmax")]
)
def test_a_loss_of_overlaps_forces_nothing_and_is_not_said_to(loss, units, kind, end):
    """Of numbers that are no shares Keras computes it as they are: below zero, where a match gives zero."""
    truth, given = np.eye(2, units, dtype=np.float32), np.array([[-0.8] * units, [-0.4] * units], np.float32)
    assert abs(float(_loss_of(loss, truth, given)) - float(_loss_of(loss, truth, given.clip(0, 1)))) > 0.1
    head = open_model(_network(loss, units)).head()
    assert (head.kind, head.quantity) == (kind, "number")
    assert "compares sums of shares in [0,1]" in head.caution
    assert head.caution.endswith(f"End it in {end}")
    assert "logits" not in head.evidence
    bounded = open_model(_network(loss, units, "sigmoid")).head()
    assert (bounded.kind, bounded.quantity, bounded.caution) == (
        "binary" if units == 1 else "multilabel",
        "logit",
        None,
    )


def _loss_of(loss, truth, given):
    return keras.ops.mean(loss(truth, given))
