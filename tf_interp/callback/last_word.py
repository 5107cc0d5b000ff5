"""Which weights are in the network: averages of an optimizer, and what is put back when training ends."""

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


def tell_average(model: Any) -> str:
    """Return which weights are looked at where an optimizer keeps a moving average of them; "" where none does.

    Args:
        model: what is trained.
    """
    for optimizer in _list_optimizers(getattr(model, "optimizer", None)):
        if not getattr(optimizer, "use_ema", False):
            continue
        steps = getattr(optimizer, "ema_overwrite_frequency", None)
        when = (
            f"the average takes their place every {steps} steps"
            if steps
            else "not at the average, which takes their place when training ends"
        )
        return (
            "the optimizer keeps a moving average of the weights (use_ema=True): looks are at the weights that are in "
            f"the network at that moment; {when}, or when a callback such as SwapEMAWeights exchanges them"
        )
    return ""


def _list_optimizers(optimizer: Any) -> list[Any]:
    """Return an optimizer and those inside it, of a `LossScaleOptimizer` and the like."""
    inner = [getattr(optimizer, "inner_optimizer", None), *getattr(optimizer, "optimizers", ())]
    return [optimizer, *(found for one in inner if one is not None for found in _list_optimizers(one))]
