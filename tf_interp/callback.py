"""`InterpCallback`: the one line that fills the tab while a model trains, and leaves the training bit-identical."""

import logging
import os
import pathlib
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import keras

from tf_interp.analysis import Analysis, Attributions, Features, NeuronGroups, Part
from tf_interp.models import open_model
from tf_interp.probe import Probe
from tf_interp.records import Writer

_LOG = logging.getLogger("tf_interp")
_STRIKES = 3  # failures in a row after which we leave the training alone
RAISE_VARIABLE = "TF_INTERP_RAISE"  # set in tests and CI: every swallowed error is raised


class InterpCallback(keras.callbacks.Callback):
    """Looks at the model on a probe set during `fit` and writes what it finds for TensorBoard.

    It runs its own compiled functions, with `training=False` and its own seeds, so weights, optimizer and batch-norm
    state stay bit-identical. Names and settings are checked in `on_train_begin`. An error of ours while training is
    logged and counted, never raised, unless `on_error="raise"`.

    Args:
        log_dir: TensorBoard log directory of this run; records go to `<log_dir>/interp`.
        probe: the pictures to look with, from `Probe.from_arrays(...)`.
        layers: layer names; a unique suffix of a path is enough.
        parts: what to do; None means `[Features(), NeuronGroups(6), Attributions()]`.
        every: epochs between two looks. The first look is before training, the last after its last epoch.
        on_error: "warn" logs and goes on (three failures in a row switch us off), "disable" switches off at the first,
            "raise" raises.
        max_overhead: share of the training time that looks may take, e.g. 0.05; looks over it are skipped and counted.
            The first and the last are always made. None means no limit.
        preprocess: from images in [0,1] to what the model was trained on, if that differs.
        class_names: names by class index; None takes the probe's.

    Raises:
        ValueError: for an unknown `on_error`, or `every` or `max_overhead` out of range.
        TypeError: if `probe` is not a `Probe`.

    Example:
        >>> watch = InterpCallback("logs/run1", probe, layers=["conv"], parts=[NeuronGroups(2, icons=False)])
        >>> watch.every
        1
    """

    def __init__(
        self,
        log_dir: str | pathlib.Path,
        probe: Probe,
        *,
        layers: Sequence[str],
        parts: Sequence[Part] | None = None,
        every: int = 1,
        on_error: str = "warn",
        max_overhead: float | None = 0.05,
        preprocess: Callable[[Any], Any] | None = None,
        class_names: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        if on_error not in ("warn", "raise", "disable"):
            raise ValueError(f'on_error must be "warn", "raise" or "disable", got {on_error!r}')
        if int(every) < 1:
            raise ValueError(f"every must be a number of epochs of at least 1, got {every!r}")
        if max_overhead is not None and not max_overhead > 0:
            raise ValueError(
                f"max_overhead must be a share above 0 (0.05 is 5 %) or None for no limit, got {max_overhead!r}"
            )
        if not isinstance(probe, Probe):
            raise TypeError(
                f"probe must be a Probe, got {type(probe).__name__}: use Probe.from_arrays, from_folder or from_dataset"
            )
        self.log_dir, self.probe, self.layers = log_dir, probe, layers
        self.parts = [Features(), NeuronGroups(6), Attributions()] if parts is None else list(parts)
        self.every, self.on_error, self.max_overhead = int(every), on_error, max_overhead
        self.preprocess, self.class_names = preprocess, class_names
        self.looks = self.failures = 0
        self._skipped_steps: set[int] = set()
        self._analysis: Analysis | None = None
        self._writer: Writer | None = None

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Check every name and setting, open the log, and look once before the first step."""
        if self._analysis is None or self._analysis.model.model is not self.model:  # type: ignore[attr-defined]
            names = self.class_names or self.probe.class_names
            model = open_model(self.model, preprocess=self.preprocess, class_names=names)
            if model.input_shape is None:  # a subclassed model does not say what it takes
                sample = self.probe.images[:1] if self.preprocess is None else self.preprocess(self.probe.images[:1])
                model = open_model(self.model, preprocess=self.preprocess, class_names=names, input=sample)
            self._analysis = Analysis(model, self.probe, self.layers, self.parts)
            self._last_step = -1
        self._writer = Writer(self.log_dir, take_over=True)  # Keras skips on_train_end after an error or Ctrl-C
        self._strikes = 0
        self._warned: set[str] = set()
        self._own_seconds = 0.0
        self._last_cost = 0.0
        self._began = time.perf_counter()
        self._epoch: int | None = None
        self._look()
        self._began, self._own_seconds = (
            time.perf_counter(),
            0.0,
        )  # the first look compiles: not held against the budget

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Look, if it is time and the budget allows."""
        self._epoch = epoch
        if (epoch + 1) % self.every:
            return
        if self._is_affordable():
            self._look()
        else:
            self._skipped_steps.add(int(self.model.optimizer.iterations))

    def on_train_end(self, logs: dict | None = None) -> None:
        """Look at the final weights, close the log, and say in one line what was done."""
        self._look()
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        if self.skipped or self.failures:
            _LOG.warning(
                "InterpCallback: %d looks written to %s; %d skipped to keep max_overhead=%s (None lifts it); %d failed",
                self.looks, self.log_dir, self.skipped, self.max_overhead, self.failures,
            )  # fmt: skip

    @property
    def skipped(self) -> int:
        """How many looks were due and left out to keep within `max_overhead`."""
        return len(self._skipped_steps)

    def _is_affordable(self) -> bool:
        if self.max_overhead is None:
            return True
        training = time.perf_counter() - self._began - self._own_seconds
        return self._own_seconds + self._last_cost <= self.max_overhead * training

    def _look(self) -> None:
        step = int(self.model.optimizer.iterations) if getattr(self.model, "optimizer", None) is not None else 0
        if self._writer is None or self._analysis is None or step <= self._last_step:
            return
        started = time.perf_counter()
        try:
            for record in self._analysis.run(step, self._epoch):
                self._writer.add(record)
            self.looks += 1
            self._strikes = 0
            self._skipped_steps.discard(step)
        except Exception as error:
            self._report(error)
        self._last_step = step
        self._last_cost = time.perf_counter() - started
        self._own_seconds += self._last_cost

    def _report(self, error: Exception) -> None:
        """Count a failure; log the first traceback of each cause; switch off after three in a row."""
        if self.on_error == "raise" or os.environ.get(RAISE_VARIABLE):
            raise error
        self.failures += 1
        self._strikes += 1
        cause = f"{type(error).__name__}: {error}"
        if cause not in self._warned:
            self._warned.add(cause)
            _LOG.warning(
                "InterpCallback: a look failed, training goes on.\n%s", "".join(traceback.format_exception(error))
            )
        if self.on_error == "disable" or self._strikes >= _STRIKES:
            _LOG.warning("InterpCallback: switched off after %d failures in a row; training goes on", self._strikes)
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    def __getstate__(self) -> dict:
        """Pickle and copy without the open file and the model: both come back at the next `fit`."""
        return {**self.__dict__, "_writer": None, "_analysis": None, "_model": None}
