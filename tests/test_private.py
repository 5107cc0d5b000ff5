"""Names that nobody promises stand in one file; without them numbers are the same, and one line says what is gone."""

import ast
import importlib
import logging
import pathlib
import re

import keras
import networks
import numpy as np
import pytest
import tensorflow as tf

from tf_interp import channel, open_model, render
from tf_interp.models import private
from tf_interp.models.keras_model.wiring import read_wiring

ROOT = pathlib.Path(private.__file__).parents[1]
PLAIN = {"functional": networks.functional, "sequential": networks.sequential, "operations": networks.operations}


@pytest.fixture(autouse=True)
def nothing_told(monkeypatch):
    monkeypatch.setattr(private, "_told", set())
    monkeypatch.delenv(private.PLAIN_VARIABLE, raising=False)


def look(network, path=None):
    """Activation, logits, and the gradient of one with respect to the other; and a picture of one unit."""
    model = open_model(network.model if path is None else path)
    got = model.run(network.images, [network.layer, "output"])
    given = tf.cast(got[network.layer], tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(given)
        logits = model.run(network.images, ["output"], {network.layer: given})["output"]
        score = tf.reduce_sum(logits[:, 0] ** 2)
    return list(model.layers), got[network.layer], got["output"], tape.gradient(score, given)


def assert_equal(first, second):
    assert first[0] == second[0]
    for a, b in zip(first[1:], second[1:], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", PLAIN)
def test_both_roads_lead_to_the_same_numbers(name, monkeypatch, tmp_path, caplog):
    network = PLAIN[name]()
    network.model.export(tmp_path, verbose=False)
    fast, saved = look(network), look(network, tmp_path)
    monkeypatch.setenv(private.PLAIN_VARIABLE, "1")
    assert read_wiring(network.model) is None
    assert_equal(look(network), fast)
    assert_equal(look(network, tmp_path), saved)
    assert not caplog.records, "the switch is the user's own wish"


@pytest.mark.parametrize("form", ["keras", "saved"])
def test_a_picture_is_the_same_by_both_roads(form, monkeypatch, tmp_path):
    network = networks.functional()
    network.model.export(tmp_path, verbose=False)
    source = network.model if form == "keras" else tmp_path
    options = {"steps": 4, "retries": 0}
    fast = render(open_model(source), channel("conv2", 1), **options)
    monkeypatch.setenv(private.PLAIN_VARIABLE, "1")
    plain = render(open_model(source), channel("conv2", 1), **options)
    np.testing.assert_allclose(plain.images, fast.images, atol=2e-3)
    np.testing.assert_allclose(plain.losses, fast.losses, rtol=1e-3, atol=1e-4)


NAMES = {  # attribute -> how it is told
    "_nodes_by_depth": r"keras\.Function\._nodes_by_depth",
    "fill_in": "arguments of a Keras node",
    "_outputs_struct": r"keras\.Function\._outputs_struct",
    "_functional": r"keras\.Sequential\._functional",
    "_flatten_layers": r"keras\.Layer\._flatten_layers",
    "inference_fn": r"ConcreteFunction\.inference_fn",
    "call_flat": r"AtomicFunction\.call_flat",
    "gradient_override_map": r"Graph\.gradient_override_map",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_name_is_told_once_and_numbers_stay(name, monkeypatch, caplog):
    network = networks.sequential() if name == "_functional" else networks.functional()
    layer = network.layer
    fast = look(network), render(open_model(network.model), [f"{layer}:1", f"{layer}:2"], steps=3, retries=0)
    monkeypatch.setattr(private, "_get", lambda owner, asked, *rest: None if asked == name else getattr(owner, asked))
    with caplog.at_level(logging.WARNING, "tf_interp"):
        slow = look(network), render(open_model(network.model), [f"{layer}:1", f"{layer}:2"], steps=3, retries=0)
    assert_equal(slow[0], fast[0])
    np.testing.assert_allclose(slow[1].images, fast[1].images, atol=2e-3)
    (told,) = [record.getMessage() for record in caplog.records]
    assert re.match(rf".*{NAMES[name]}.* is not there any more \(TensorFlow .*, Keras .*\): ", told)


def test_one_operation_keeps_its_gradient_where_it_cannot_be_changed(monkeypatch, caplog):
    with tf.Graph().as_default():
        operation = tf.nn.silu(tf.compat.v1.placeholder(tf.float32, [2])).op
    monkeypatch.setattr(private, "_get", lambda owner, asked, *rest: None)
    private.set_gradient(operation, b"TfInterpRedirectedSilu")
    assert "Operation._set_attr is not there any more" in caplog.text


@pytest.mark.parametrize(
    "module", ["tensorflow.core.protobuf.saved_model_pb2", "tensorflow.core.protobuf.trackable_object_graph_pb2"]
)
def test_a_savedmodel_that_cannot_be_parsed_is_refused_in_words(module, monkeypatch, tmp_path):
    networks.functional().model.export(tmp_path, verbose=False)
    monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(ValueError, match=r"does not describe SavedModels .*open the Keras model itself"):
        open_model(tmp_path)


def test_graphs_are_refused_in_words_where_operations_are_not_listed(monkeypatch):
    assert private.describe_operation("Conv2D").name == "Conv2D"
    with pytest.raises(ValueError, match=r"'Nothing', which this TensorFlow does not know: import the package"):
        private.describe_operation("Nothing")
    monkeypatch.delattr(importlib.import_module("tensorflow.python.framework"), "op_def_registry")
    monkeypatch.setitem(__import__("sys").modules, "tensorflow.python.framework.op_def_registry", None)
    with pytest.raises(ValueError, match=r"does not list its operations .*open the Keras model itself"):
        private.describe_operation("Conv2D")


def test_sublayers_are_found_among_attributes_too(monkeypatch):
    class Block(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.first, self.rest = keras.layers.Dense(2), [keras.layers.Dense(3), {"a": keras.layers.Dense(4)}]

    class Outer(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.block = Block()

    layer = Outer()
    expected = {id(item) for item in private.list_sublayers(layer)}
    monkeypatch.setenv(private.PLAIN_VARIABLE, "1")
    assert {id(item) for item in private.list_sublayers(layer)} == expected
    assert [type(item) for item in private.list_sublayers(layer, recursive=False)] == [Block]


# --- a name that is there, but is not what it was


class Changed:
    """A concrete function whose private parts take other arguments than they did, or are gone."""

    def __init__(self, **parts):
        self.__dict__.update(parts)

    def __call__(self, x):
        return (x + 1.0,)


@pytest.mark.parametrize(
    ("what", "use"),
    [
        ("a node", lambda: private.read_nodes(Changed(_nodes_by_depth={0: [Changed(operation=len)]}))),
        ("a node", lambda: private.read_nodes(Changed(_nodes_by_depth=[len]))),
        (
            "call_flat",
            lambda: private.FlatCall(Changed(inference_fn=Changed(call_flat=lambda: 1), captured_inputs=[]))(1.0),
        ),
        ("captured_inputs", lambda: private.FlatCall(Changed(inference_fn=Changed(call_flat=max)))(1.0)),
    ],
)
def test_a_name_that_is_not_what_it_was_is_told_once_and_does_without(what, use, caplog):
    for _ in range(2):
        assert use() in (None, (2.0,), [])
    (told,) = [record.getMessage() for record in caplog.records]
    assert what in told


def test_sublayers_are_found_where_the_listing_takes_other_arguments(caplog):
    class Odd(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.inner = keras.layers.Dense(2)

        def _flatten_layers(self, deep=True):
            return []

    layer = Odd()
    assert [*map(id, private.list_sublayers(layer, recursive=False))] == [id(layer.inner)]
    assert "keras.Layer._flatten_layers is not what it was" in caplog.text


# --- no private name of others stands anywhere else

PUBLIC = {"_replace"}  # of named tuples
ALIKE = {"model._losses"}  # of our Model; Keras has one too
UNDOCUMENTED = {"inference_fn", "call_flat", "captured_inputs", "captures", "gradient_override_map"}
CLASSES = (keras.Sequential, keras.Model, keras.Layer, keras.Function, keras.Operation, tf.Graph, tf.Operation)
INSTANCES = [networks.sequential().model, networks.functional().model, networks.functional().model.layers[1]]
FOREIGN = {name for thing in (*CLASSES, *INSTANCES) for name in dir(thing)} | {"_inbound_nodes", "_set_attr"}
_DEFINED = re.compile(r"def (_\w+)|self\.(_\w+)\b|^ +(_\w+):", re.MULTILINE)
OURS = {name for p in ROOT.rglob("*.py") for found in _DEFINED.findall(p.read_text()) for name in found if name}


def find_foreign(text):
    """Yield what a source says of names of others that nobody promises."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Attribute):
            name, owner = node.attr, ast.unparse(node.value)
            private_name = name.startswith("_") and not name.startswith("__") and name not in PUBLIC
            # an object of ours may be called as one of others is: then the name decides
            theirs = private_name and owner not in ("self", "cls", "twin") and (name in FOREIGN or name not in OURS)
            if theirs or name in UNDOCUMENTED:
                yield from {ast.unparse(node)} - ALIKE
        modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        modules += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        yield from (name for name in modules if name.startswith(("tensorflow.python", "tensorflow.core", "keras.src")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "hasattr"):
            name = ast.unparse(node.args[1]).strip("'")
            if name in UNDOCUMENTED or re.match("_[a-z]", name):
                yield name


def test_private_names_stand_in_one_file():
    sources = [*ROOT.rglob("*.py"), *(ROOT.parent / "tensorboard_plugin").rglob("*.py")]
    found = {
        (str(path), name)
        for path in sources
        if path.name != "private.py"
        for name in find_foreign(path.read_text(encoding="utf-8"))
    }
    assert not found


@pytest.mark.parametrize(
    "text", ["model._functional", "item._layers", "getattr(x, '_layers')", "f.graph.captures", "import keras.src.ops"]
)
def test_the_search_finds_them(text):
    assert list(find_foreign(text))
