"""What other callbacks do when training ends: be called after them, and tell which weights they left behind."""

from collections.abc import Callable
from typing import Any

import keras


def call_last(model: Any, params: Any, call: Callable[[], None]) -> bool:
    """Have something called when a `fit` ends, after all other callbacks.

    Keras puts a `History` of its own behind the callbacks that it is given; that one calls us.

    Args:
        model: what is trained.
        params: what Keras has given the callbacks of this `fit`, by which its `History` is known.
        call: called once.

    Returns:
        Whether that can be: a list of callbacks may have no `History`.
    """
    history = getattr(model, "history", None)
    if not isinstance(history, keras.callbacks.History) or params is None or history.params is not params:
        return False
    own = history.on_train_end

    def on_train_end(logs: dict | None = None) -> None:
        vars(history).pop("on_train_end", None)
        own(logs)
        call()

    history.on_train_end = on_train_end
    return True


class WeightLog:
    """Which weights there were after which epoch of a `fit`, by their digest.

    Args:
        digest: of the weights when it begins.
        epoch: after which epoch that is; None is before the first.
    """

    def __init__(self, digest: str, epoch: int | None = None) -> None:
        self._epochs: dict[str, int | None] = {digest: epoch}
        self._last = digest

    def add(self, digest: str, epoch: int) -> None:
        """Note the weights after an epoch; of equal ones the first counts."""
        self._epochs.setdefault(digest, epoch)
        self._last = digest

    def explain(self, digest: str) -> tuple[int | None, str]:
        """Return which epoch the weights at the end of a `fit` are from, and a sentence on how they came there.

        Args:
            digest: of those weights.

        Returns:
            The epoch, None if it is none; the sentence, "" if they are simply those after the last epoch.
        """
        if digest == self._last:
            return self._epochs[digest], ""
        if digest not in self._epochs:
            return None, (
                "the weights were changed when training ended (put back, or averaged): they are not those after any "
                "of its epochs"
            )
        epoch = self._epochs[digest]
        when = "from before the first epoch" if epoch is None else f"after epoch {epoch + 1}"
        return epoch, f"these weights were put back when training ended: they are those {when}"
