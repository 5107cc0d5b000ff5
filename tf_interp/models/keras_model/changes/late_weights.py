"""`LateWeights`: what a network has only since it was called, so that no file can have filled it."""

import logging
import pathlib
from collections.abc import Iterable

import keras
import tensorflow as tf

from tf_interp.models.private import list_sublayers

_LOG = logging.getLogger("tf_interp")


class LateWeights:
    """The weights of a network that came out of a file without them, and without a word of Keras.

    A `build` that sets `built` and builds no layer leaves them to the first call; layers in objects that Keras does not
    search, and a `tf.Variable`, are never written at all.

    Args:
        model: as it was loaded, not called yet.
        file: the `.keras` file that it was loaded from; None if that was not here.
    """

    def __init__(self, model: keras.Model, file: pathlib.Path | None) -> None:
        self._model, self._file = model, file
        self._early = [variable.value for variable in model.variables] if file is not None or model.built else None
        self.notes: list[str] = []
        self.warnings: list[str] = []

    def check(self, variables: Iterable[tf.Variable]) -> None:
        """Read what a first call has made from the file, and remember what to say of the rest.

        Args:
            variables: what the call has read.
        """
        if self._early is None:
            return
        known, self._early = {id(value) for value in self._early}, None
        names = {id(weight.value): weight.path for weight in self._model.weights}
        layers = list_sublayers(self._model, recursive=True)
        states = keras.tree.flatten([getattr(layer, "states", None) for layer in layers])
        known |= {id(getattr(state, "value", None)) for state in states}  # they begin with zeros, as they should
        late = {id(item): item.name for item in variables if id(item) not in known and item.dtype.is_floating}  # seeds
        if self._file is None:  # what Keras does not know may be as it was made
            late = {key: name for key, name in late.items() if key in names}
        if not late:
            return
        read: set[int] = set()
        if self._file is not None and late.keys() & names:
            try:
                self._model.load_weights(self._file)
                read = late.keys() & names
            except Exception as error:  # whatever a user's layer raises
                _LOG.info("%s: %s", self._file, error)
        if read:
            self.notes.append(
                f"{len(read)} weights ({list_some(names[key] for key in read)}) were read from {self._file} only "
                "after a first call had made them: keras.saving.load_model alone leaves them at random, since a build "
                "method of the network builds none of its layers"
            )
        if rest := [names.get(key, name) for key, name in late.items() if key not in read]:
            which = f"{len(rest)} weights that the network computes with ({list_some(rest)})"
            self.warnings.append(
                f"{which} were made by a first call here, though it said that it was built: they hold what its code "
                "starts with, random numbers mostly, unless it was trained since. A file that it was loaded from has "
                "not filled them: let build build the layers, or load_weights after a first call"
                if self._file is None
                else f"{which} are not read from {self._file}: they hold what its code starts with, random numbers "
                "mostly, and nothing that is found here is about the trained network. Keras does not write a "
                "tf.Variable (add_weight is written) and no layers in objects that it does not search; correct that, "
                "train, and save again, or open the live model"
            )


def list_some(names: Iterable[str]) -> str:
    """Return the first names of several, for a sentence."""
    known = [*dict.fromkeys(names)]
    return ", ".join(known[:4]) + (", ..." if len(known) > 4 else "")
