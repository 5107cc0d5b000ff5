"""`Steps`: at which step a training is, whatever it counts with."""

from typing import Any

import keras


class Steps:
    """Follows the optimizer's iterations, or counts batches where those stand still.

    They do where a `train_step` of the model's own uses other optimizers, or none; and for an epoch or longer where
    gradients of many batches are gathered for one step, or a loss scale makes all of them overflow. From the first
    such epoch on batches are counted, so that steps go up whatever the optimizer does next.
    """

    def __init__(self) -> None:
        self.trainings = 0  # that began: a `fit` that goes on where another stopped is none
        self._model: Any = None
        self._start = self._began = 0  # of the running epoch: its step, and the optimizer's iterations
        self._seen = 0  # batches of the running epoch
        self._by_batches = False

    def begin(self, model: Any, batches: int) -> None:
        """Begin to follow a `fit`.

        Args:
            model: what is trained.
            batches: those of the epochs before the first of this `fit`, for a training that counts nothing itself.
        """
        self.trainings += batches == 0
        self._model, self._began = model, read_iterations(model)
        self._start = self._began or batches
        self._seen, self._by_batches = 0, False

    def advance_to(self, step: int) -> None:
        """Be at this step, unless we are behind it: an optimizer that was compiled anew counts from 0."""
        self._start += max(0, step - self.now())

    def see_batch(self, index: int) -> None:
        """Note that a batch of the running epoch is done; several may be done together, and be told in any order."""
        self._seen = max(self._seen, index + 1)

    def end_epoch(self) -> None:
        """Note that an epoch is done."""
        iterations = read_iterations(self._model)
        self._by_batches = self._by_batches or iterations <= self._began
        self._start, self._began, self._seen = self.now(), iterations, 0

    def describe(self, params: Any, epoch: int | None) -> dict[str, Any]:
        """Return which training this is, from 1, and which share of it is over.

        Args:
            params: what Keras says of the `fit`.
            epoch: that has ended last, from 0; None before the first.
        """
        return {"training": self.trainings, "progress": share_over(params, epoch)}

    def now(self) -> int:
        """Return the step."""
        moved = 0 if self._by_batches else read_iterations(self._model) - self._began
        return self._start + (moved if moved > 0 else self._seen)


def read_iterations(model: Any) -> int:
    """Return the iterations of a model's optimizer, 0 without one."""
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None:
        return 0
    return int(keras.ops.convert_to_numpy(optimizer.iterations))  # a MirroredVariable is no number


def share_over(params: dict[str, Any] | None, epoch: int | None) -> float | None:
    """Return which share of a `fit` is over after an epoch; None where nobody knows how long it is.

    Args:
        params: what Keras tells callbacks of the `fit`, or None without one.
        epoch: from 0, or None before the first.
    """
    epochs = (params or {}).get("epochs")
    return None if not epochs else 0.0 if epoch is None else min(1.0, (epoch + 1) / epochs)
