"""What `open_model` takes and what it refuses, with the sentence that helps."""

import pathlib
import zipfile

import keras
import networks
import numpy as np
import pytest
from networks import SIZE, pictures

from tf_interp.models import GraphModel, KerasModel, open_model

L = keras.layers


def test_a_live_model_of_any_kind_and_an_open_one():
    network = networks.functional()
    model = open_model(network.model, class_names=["a", "b", "c"])
    assert isinstance(model, KerasModel)
    assert model.model is network.model
    assert model.name == "functional"
    assert open_model(model) is model
    with pytest.raises(ValueError, match=r"open already, so \['class_names'\] cannot be set"):
        open_model(model, class_names=["x", "y", "z"])


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras with NumPy 2
def test_a_keras_file(tmp_path):
    network = networks.nested()
    network.model.save(tmp_path / "net.keras")
    for source in (tmp_path / "net.keras", str(tmp_path / "net.keras")):
        model = open_model(source)
        assert isinstance(model, KerasModel)
        got = model.run(network.images, ["output"])["output"]
        np.testing.assert_allclose(got, network.model(network.images), rtol=1e-6)


def test_a_saved_model_folder(tmp_path):
    network = networks.operations()
    network.model.export(tmp_path / "net", verbose=False)
    for source in (tmp_path / "net", str(tmp_path / "net")):
        model = open_model(source, class_names=["a", "b", "c"])
        assert isinstance(model, GraphModel)
        assert model.name == "net"
        assert model.resolve_target("c") == 2


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (3, r"expected a Keras model, a \.keras file, the folder of a SavedModel.*, or zoo:NAME, got builtins.int"),
        (L.Dense(2), r"got keras.*Dense; a layer goes into keras.Sequential"),
        (None, "got builtins.NoneType"),
        (np.zeros(3), "got numpy.ndarray"),
    ],
)
def test_other_things_are_refused(source, message):
    with pytest.raises(TypeError, match=message):
        open_model(source)


def test_files_that_are_no_network(tmp_path):
    with pytest.raises(ValueError, match="no such file or folder"):
        open_model(tmp_path / "nothing.keras")
    for name in ("net.onnx", "net.keras"):
        (tmp_path / name).write_bytes(b"not a network")
        with pytest.raises(ValueError, match=r"is not a \.keras file; expected"):
            open_model(tmp_path / name)
    for name, advice in (
        ("net.tflite", "TFLite file lets no gradients pass: open the Keras model or SavedModel"),
        ("net.onnx", "turn it into a SavedModel"),
        ("net.pt", "give it these weights"),
        ("net.ckpt.index", "build the model, load them"),
    ):
        (tmp_path / name).write_bytes(b"not a network")
        with pytest.raises(ValueError, match=advice):
            open_model(tmp_path / name)
    (tmp_path / "net.weights.h5").write_bytes(b"")
    with pytest.raises(ValueError, match="holds weights only"):
        open_model(tmp_path / "net.weights.h5", trust=True)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"no saved_model.pb in it, but \['cat.png'\]"):
        open_model(tmp_path / "photos")


def test_a_wrong_kind_of_input():
    with pytest.raises(TypeError, match="a Keras model takes input="):
        open_model(networks.functional().model, input="pictures")


class _TakesDict(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = L.Dense(3)

    def call(self, inputs):
        return self.dense(inputs["picture"][:, 0, 0])


def test_the_only_entry_of_a_dict_is_named(tmp_path):
    x = np.random.default_rng(0).random((4, 2, 2, 3), np.float32)
    written, inputs = _TakesDict(), {"picture": keras.Input((2, 2, 3), name="picture")}
    written({"picture": x})
    functional = keras.Model(inputs, L.Dense(3)(inputs["picture"][:, 0, 0]))
    functional.export(tmp_path, verbose=False)
    with pytest.raises(ValueError, match=r"if it takes a dict, .* name it: input=\{'name': \(2, 2, 3\)\}"):
        open_model(_TakesDict(), input=(2, 2, 3)).layers  # noqa: B018
    with pytest.raises(TypeError, match=r"got the string 'pictures'; its inputs are \['picture'\]"):
        open_model(functional, input="pictures")
    cases = [(_TakesDict(), {"picture": (2, 2, 3)}), (written, "picture"), (functional, "picture")]
    for source, given in [*cases, (tmp_path, "picture"), (tmp_path, "serving_default_picture")]:
        model = open_model(source, input=given)
        direct = (source if isinstance(source, keras.Model) else functional)({"picture": x})
        for images in (x, {"picture": x}):
            np.testing.assert_allclose(model.run(images, ["output"])["output"], direct, rtol=1e-5)


def _with_lambda():
    return keras.Sequential([keras.Input(SIZE), L.Lambda(lambda x: 2.0 * x, name="twice"), L.Flatten()])


def test_a_lambda_in_a_keras_file_needs_trust(tmp_path):
    _with_lambda().save(tmp_path / "net.keras")
    with pytest.raises(ValueError, match=r"could not be opened(.|\n)*trust=True"):
        open_model(tmp_path / "net.keras")
    got = open_model(tmp_path / "net.keras", trust=True).run(pictures(), ["twice"])["twice"]
    np.testing.assert_array_equal(got, 2.0 * pictures())


def test_a_live_lambda_is_fine():
    got = open_model(_with_lambda()).run(pictures(), ["twice"])["twice"]
    np.testing.assert_array_equal(got, 2.0 * pictures())


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_h5_needs_trust(tmp_path):
    network = networks.functional()
    network.model.save(tmp_path / "net.h5")
    with pytest.raises(ValueError, match=r"trust=True, or save the model as \.keras") as error:
        open_model(tmp_path / "net.h5")
    snippet = str(error.value).rpartition("once and for all: ")[2]
    exec(snippet)  # noqa: S102  what the message offers works
    converted = open_model(tmp_path / "net.keras").run(network.images, ["conv"])["conv"]
    np.testing.assert_allclose(converted, network.before(network.images), rtol=1e-6)
    got = open_model(tmp_path / "net.h5", trust=True).run(network.images, ["conv"])["conv"]
    np.testing.assert_allclose(got, network.before(network.images), rtol=1e-6)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_an_unknown_layer_says_what_to_do(tmp_path):
    class Own(L.Layer):
        def call(self, inputs):
            return inputs

    keras.Sequential([keras.Input(SIZE), Own()]).save(tmp_path / "net.keras")
    with pytest.raises(ValueError, match="custom_objects="):
        open_model(tmp_path / "net.keras")


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_saved_model_inside_a_keras_file_is_refused(tmp_path):
    networks.functional().model.export(tmp_path / "inner", verbose=False)
    layer = L.TFSMLayer(str(tmp_path / "inner"), call_endpoint="serving_default")
    x = keras.Input(SIZE)
    keras.Model(x, layer(x)).save(tmp_path / "net.keras")
    with pytest.raises(ValueError, match="could not be opened"):
        open_model(tmp_path / "net.keras")


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_config_that_names_a_function_of_another_module_is_refused(tmp_path):
    networks.sequential().model.save(tmp_path / "net.keras")
    with zipfile.ZipFile(tmp_path / "net.keras") as source, zipfile.ZipFile(tmp_path / "bad.keras", "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if name == "config.json":
                assert b'"module": "keras.layers"' in data
                function = b'{"module": "os", "class_name": "function", "config": "mkdir", "registered_name": "mkdir"}'
                data = data.replace(b'"activation": "relu"', b'"activation": ' + function, 1)
                assert b'"mkdir"' in data
            target.writestr(name, data)
    with pytest.raises(ValueError, match="could not be opened"):
        open_model(tmp_path / "bad.keras")


def test_paths_are_local():
    with pytest.raises(ValueError, match="no such file"):
        open_model("https://example.org/net.keras")
    assert not pathlib.Path("https:").exists()


@pytest.mark.parametrize("loss", ["mse", keras.losses.BinaryCrossentropy(from_logits=True), keras.losses.huber])
def test_a_file_says_what_loss_it_was_trained_with(tmp_path, loss):
    network = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4)])
    network.compile("adam", loss)
    network.save(tmp_path / "model.keras")
    live, saved = (open_model(source).heads["output"] for source in (network, tmp_path / "model.keras"))
    assert (saved.kind, saved.evidence, saved.source) == (live.kind, live.evidence, "loss")


def test_losses_of_several_outputs_are_read_from_the_file_too(tmp_path):
    inputs = keras.Input((6,))
    outputs = {"age": keras.layers.Dense(1, name="age")(inputs), "tags": keras.layers.Dense(3, name="tags")(inputs)}
    network = keras.Model(inputs, outputs)
    network.compile("adam", {"age": "mae", "tags": keras.losses.BinaryCrossentropy(from_logits=True)})
    network.save(tmp_path / "model.keras")
    found = {head.label: head.kind for head in open_model(tmp_path / "model.keras").heads.values()}
    assert found == {"age": "regression", "tags": "multilabel"}
