"""`InterpCallback`: the one line that fills the tab while a model trains, and leaves the training bit-identical."""

import collections
import logging
import os
import pathlib
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from tf_interp.analysis import Analysis, Attributions, Features, NeuronGroups, Part
from tf_interp.models import open_model
from tf_interp.probe import Probe
from tf_interp.records import Writer, last_step

_LOG = logging.getLogger("tf_interp")
_STRIKES = 3  # failures in a row after which a part leaves the training alone
RAISE_VARIABLE = "TF_INTERP_RAISE"  # set in tests and CI: every swallowed error is raised


class _Budget:
    """Decides whether another look may be taken, from what the last ones took."""

    def __init__(self, share: float | None) -> None:
        self.share = share
        self.began = time.perf_counter()
        self.spent = self.last = 0.0

    def allows(self) -> bool:
        """Return whether a look like the last one keeps within the share of the training time."""
        training = time.perf_counter() - self.began - self.spent
        return self.share is None or self.spent + self.last <= self.share * training or self.last == 0

    def charge(self, seconds: float) -> None:
        """Note what a look took."""
        self.spent, self.last = self.spent + seconds, seconds


class InterpCallback(keras.callbacks.Callback):
    """Looks at the model on a probe set during `fit` and writes what it finds for TensorBoard.

    It runs its own compiled functions, with `training=False` and its own seeds, so weights, optimizer and batch-norm
    state stay bit-identical. Names, settings and the first look are checked before the first training step: what is
    wrong then is raised. An error of ours during training is logged and counted, and raised only with
    `on_error="raise"`.

    Steps are `optimizer.iterations`, and go on where they were in a second `fit` of the same callback, also after a new
    `compile`. Weights that another callback puts back when training ends (`EarlyStopping(restore_best_weights=True)`)
    are not looked at again.

    Args:
        log_dir: TensorBoard log directory of this run; records go to `<log_dir>/interp`.
        probe: the pictures to look with, from `Probe.from_arrays(...)`.
        layers: layer names; a unique suffix of a path is enough.
        parts: what to do; None means `[Features(), NeuronGroups(6), Attributions()]`.
        every: epochs of a `fit` between two looks. The first look is before training, the last after its last epoch.
        on_error: "warn" logs and goes on (a part that fails three times in a row is switched off), "disable" switches
            a part off at its first failure, "raise" raises.
        max_overhead: share of the training time that looks may take, e.g. 0.05; looks over it are skipped and counted.
            The look before training, the first one after it (which shows what a look costs) and the last are always
            made. None means no limit.
        preprocess: from images in [0,1] to what the model was trained on, if that differs.
        class_names: names by class index; None takes the probe's.
        head: what the output is, where the guess is wrong, as in `open_model`.
        output: label of the output that labels and targets are about, of a model with several; None is the first.

    Raises:
        ValueError: for an unknown `on_error`, or `every` or `max_overhead` out of range.
        TypeError: if `probe` is not a `Probe`, or `every` not a whole number.

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
        class_names: Sequence[str] | Mapping[str, Sequence[str]] | None = None,
        head: str | Mapping[str, str] | None = None,
        output: str | None = None,
    ) -> None:
        super().__init__()
        if on_error not in ("warn", "raise", "disable"):
            raise ValueError(f'on_error must be "warn", "raise" or "disable", got {on_error!r}')
        if not isinstance(every, int) or isinstance(every, bool):
            raise TypeError(f"every must be a whole number of epochs, got {every!r}")
        if every < 1:
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
        self.preprocess, self.class_names, self.head, self.output = preprocess, class_names, head, output
        self.looks = self.failures = 0
        self._skipped_steps: set[int] = set()
        self._strikes: collections.Counter[str] = collections.Counter()
        self._warned: set[str] = set()
        self._last_step = -1
        self._offset = 0
        self._epoch: int | None = None
        self._analysis: Analysis | None = None
        self._writer: Writer | None = None
        self._budget = _Budget(max_overhead)

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Check every name and setting, open the log, and look once before the first step."""
        if self._analysis is None or getattr(self._analysis.model, "model", None) is not self.model:
            options: dict[str, Any] = {"class_names": self.class_names, "head": self.head, "output": self.output}
            model = open_model(self.model, preprocess=self.preprocess, **options)
            self._analysis = Analysis(model, self.probe, self.layers, self.parts, repeated=True)
        else:
            self._analysis.align()  # compiled anew, perhaps with another loss
        self._epoch = None
        self._offset = 0
        if self._iterations() < self._last_step:  # compiled anew: a fresh optimizer counts from 0
            self._offset = self._last_step
        elif self._last_step < 0 and (last_step(self.log_dir) or 0) > self._iterations():
            _LOG.warning(
                "InterpCallback: %s holds records up to step %d of an earlier run, and TensorBoard drops those when "
                "steps go back: give each run a log directory of its own",
                self.log_dir,
                last_step(self.log_dir),
            )
        self._writer = Writer(self.log_dir, take_over=True)  # Keras skips on_train_end after an error or Ctrl-C
        self._strikes.clear()
        self._look(first=True)
        self._budget = _Budget(self.max_overhead)  # the first look compiles: not held against the budget

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Look, if it is time and the budget allows."""
        self._epoch = epoch
        if (epoch + 1) % self.every:
            return
        if self._budget.allows():
            self._look()
            return
        if not self._skipped_steps:
            _LOG.warning(
                "InterpCallback: a look takes %.1f s; some are skipped to keep within max_overhead=%s (None lifts it)",
                self._budget.last,
                self.max_overhead,
            )
        self._skipped_steps.add(self._step())

    def on_train_end(self, logs: dict | None = None) -> None:
        """Look at the final weights, close the log, and say in one line what was done."""
        self._look()
        self.close()
        if self.skipped or self.failures:
            _LOG.warning(
                "InterpCallback: %d looks written to %s; %d skipped to keep max_overhead=%s; %d failures",
                self.looks,
                self.log_dir,
                self.skipped,
                self.max_overhead,
                self.failures,
            )

    def close(self) -> None:
        """Close the log; Keras does not call `on_train_end` after an error or Ctrl-C. The next `fit` opens it again."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    @property
    def skipped(self) -> int:
        """How many looks were due and left out to keep within `max_overhead`."""
        return len(self._skipped_steps)

    def _iterations(self) -> int:
        """Return the optimizer's iterations; a model that trains by other means counts its epochs' steps."""
        optimizer = getattr(self.model, "optimizer", None)
        if optimizer is not None:
            return int(optimizer.iterations)
        epochs = 0 if self._epoch is None else self._epoch + 1
        return epochs * ((self.params or {}).get("steps") or 1)

    def _step(self) -> int:
        return self._offset + self._iterations()

    def _look(self, first: bool = False) -> None:
        """Run the parts, if this step has not been looked at; the log is closed if that ends the training."""
        try:
            self._run_parts(first)
        except BaseException:  # Ctrl-C too
            self.close()
            raise

    def _run_parts(self, first: bool) -> None:
        step = self._step()
        if self._writer is None or self._analysis is None or step <= self._last_step:
            return
        started = time.perf_counter()
        written = 0
        for part in self._analysis.parts:
            if self._strikes[part.kind] >= (1 if self.on_error == "disable" else _STRIKES):
                continue
            try:
                for record in self._analysis.run(step, self._epoch, [part]):
                    self._writer.add(record)
                    written += 1
                self._strikes[part.kind] = 0
            except Exception as error:
                if first and isinstance(error, ValueError | TypeError):  # a mistake in what was asked for
                    raise
                self._report(part, error)
        self.looks += written > 0
        self._last_step = step
        self._skipped_steps.discard(step)
        self._budget.charge(time.perf_counter() - started)

    def _report(self, part: Part, error: Exception) -> None:
        """Count a failure; log the first traceback of each cause; say so when a part is switched off."""
        if self.on_error == "raise" or os.environ.get(RAISE_VARIABLE):
            raise error
        self.failures += 1
        self._strikes[part.kind] += 1
        name, cause = type(part).__name__, f"{type(error).__name__}: {error}"
        if cause not in self._warned:
            self._warned.add(cause)
            text = "".join(traceback.format_exception(error))
            _LOG.warning("InterpCallback: %s failed, training goes on.\n%s", name, text)
        if self._strikes[part.kind] == (1 if self.on_error == "disable" else _STRIKES):
            _LOG.warning("InterpCallback: %s is switched off; training and the other parts go on", name)

    def __getstate__(self) -> dict:
        """Pickle and copy without the open file and the model: both come back at the next `fit`."""
        return {**self.__dict__, "_writer": None, "_analysis": None, "_model": None}
