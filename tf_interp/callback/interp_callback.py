"""`InterpCallback`: the one line that fills the tab while a model trains, and leaves the training bit-identical."""

import logging
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from tf_interp.analysis import Analysis, Attributions, Decisions, Features, NeuronGroups, Part
from tf_interp.callback.budget import Budget
from tf_interp.callback.failures import Failures
from tf_interp.callback.last_word import WeightLog, call_last, tell_average
from tf_interp.callback.networks import Of, pick_network
from tf_interp.callback.news import News
from tf_interp.callback.session import Session, begin_session
from tf_interp.callback.steps import Steps
from tf_interp.callback.valid_settings import check_settings
from tf_interp.display import name_some, quote, tell
from tf_interp.findings import FINDING, RunFinding
from tf_interp.models import check_keras, open_model
from tf_interp.probe import Probe

_LOG = logging.getLogger("tf_interp")


class InterpCallback(keras.callbacks.Callback):
    """Looks at the model on a probe set during `fit` and writes what it finds for TensorBoard.

    It runs its own compiled functions, with `training=False` and its own seeds, so weights, optimizer and batch-norm
    state stay bit-identical. Names, settings and the first look are checked before the first training step (where the
    first batch builds the network, after the first epoch): what is wrong then is raised. An error of ours during
    training is logged and counted, and raised only with `on_error="raise"`.

    Steps are `optimizer.iterations`, or batches from the first epoch on in which those stand still (optimizers of a
    `train_step`'s own, gradients gathered over epochs). They go on where they were in a second `fit` of the same
    callback, also after a new `compile`, and in a training that is resumed in the same log directory. Another training
    there, or another model with the same callback, is a session of its own, `<log_dir>/interp-2` and so on. Weights put
    back when training ends (`EarlyStopping(restore_best_weights=True)`), or averaged, are looked at one step later.

    Without `fit`: `attach` it to the model, `look` when you like, `close` it.

    Args:
        log_dir: TensorBoard log directory of this run; records go to `<log_dir>/interp`.
        probe: the pictures to look with, from `Probe.from_arrays(...)`.
        layers: layer names; a unique suffix of a path is enough.
        parts: what to do; None means `[Features(), NeuronGroups(6), Attributions(), Decisions()]`.
        every: epochs of a `fit` between two looks. The first look is before training, the last after its last epoch.
        on_error: "warn" logs and goes on (a part that fails three times in a row is switched off), "disable" switches
            a part off at its first failure, "raise" raises.
        max_overhead: share of the training time that looks may take, e.g. 0.05; over it pictures get fewer steps, then
            what costs most is left out, or the whole look, and counted. Always made are the look before training, which
            is not held against it, in a quarter of the steps, the first after it, and the last. None: no limit.
        preprocess: from images in [0,1] to what the model was trained on, if that differs.
        class_names: names by class index; None takes the probe's.
        head: what the output is, where the guess is wrong, as in `open_model`.
        output: label of the output that labels and targets are about, of a model with several; None is the first.
        of: the network to look at, if not the model that trains itself: a path in it ("generator", "vae.encoder"), a
            Keras model, or a function from the model to one.
        on_finding: called with each `RunFinding` as it is found: to stop the training, to keep a checkpoint, to post.

    Raises:
        ValueError: for an unknown `on_error`, or `every` or `max_overhead` out of range.
        TypeError: if `probe` is not a `Probe`, `every` not a whole number, or `on_finding` cannot be called.

    Example:
        >>> watch = InterpCallback("logs/run1", probe, layers=["conv"], parts=[NeuronGroups(2, icons=False)])
        >>> watch.every
        1

        A training loop of your own:

        >>> layers = [keras.layers.Conv2D(8, 3, name="conv"), keras.layers.GlobalAveragePooling2D()]
        >>> network, optimizer = keras.Sequential([keras.Input((32, 32, 3)), *layers]), keras.optimizers.SGD()
        >>> watch = InterpCallback(tmp_path, probe, layers=["conv"], parts=[NeuronGroups(2, icons=False)])
        >>> with watch.attach(network):
        ...     for epoch in range(3):
        ...         with tf.GradientTape() as tape:
        ...             loss = tf.reduce_mean(network(photos) ** 2)
        ...         optimizer.apply(tape.gradient(loss, network.trainable_variables), network.trainable_variables)
        ...         _ = watch.look(step=epoch + 1, epoch=epoch)
        >>> watch.looks
        3
    """

    async_safe = True  # Keras may tell of batches from a thread, and need not wait for us

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
        of: Of = None,
        on_finding: Callable[[RunFinding], Any] | None = None,
    ) -> None:
        super().__init__()
        check_settings(probe, every, on_error, max_overhead, on_finding)
        self.log_dir, self.probe, self.layers = log_dir, probe, layers
        self.parts = [Features(), NeuronGroups(6), Attributions(), Decisions()] if parts is None else list(parts)
        self.every, self.on_error, self.max_overhead = int(every), on_error, max_overhead
        self.preprocess, self.class_names, self.head, self.output = preprocess, class_names, head, output
        self.of, self.looks, self._skipped_steps = of, 0, set[int]()
        self._kinds, self._plan = dict[str, bool](), dict[str, float]()  # see `Budget.plan`
        self._failures, self._news = Failures(on_error), News(on_finding)
        self._epoch: int | None = None
        self._steps, self._budget = Steps(), Budget(max_overhead)
        self._picked: tuple[Any, Any] | None = None  # the model that trains, and the network that is looked at
        self._analysis: Analysis | None = None
        self._session: Session | None = None
        self._weights: WeightLog | None = None  # of this training; None until it has begun
        self._comes_last = self._has_ended = False

    # --- while `fit` trains

    def set_model(self, model: Any) -> None:
        """Take from Keras what is trained; a model of tf_keras is refused."""
        check_keras(model)
        super().set_model(model)

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Check every name and setting. The first look waits for the first epoch: other callbacks load weights now."""
        self._get_ready()
        self._has_ended = False
        self._comes_last = call_last(self.model, self.params, self._end_last)
        if not self._is_built():
            _LOG.warning(
                "InterpCallback: the network %r is built by its first batch, and doing so earlier might change the "
                "training: the first look comes after the first epoch (give it a keras.Input for an earlier one)",
                self._network.name,
            )

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Open the log and look once before the first step."""
        self._news.tell(self._quiet)
        if self._weights is None and self._epoch is None:
            self._steps.begin(self.model, epoch * (self._param("steps") or 0))
            if self._is_built():
                self._begin_fit()

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Count."""
        self._steps.see_batch(batch)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Look, if it is time and the budget allows."""
        self._epoch = epoch
        self._steps.end_epoch()
        weights = self._weights or self._begin_fit()  # by now the network is built
        with self._budget.charged():
            weights.add(self._digest(), epoch)
        self._news.see_loss((logs or {}).get("loss"), self._steps.now(), epoch)
        if (epoch + 1) % self.every:
            return
        plan = self._budget.plan(self._kinds, whole=(last := epoch + 1 == self._param("epochs")))
        if told := self._budget.announce({} if last else plan):  # the look at the end follows at once, in full
            _LOG.warning("InterpCallback: %s", told[0])
            self._news.note("looks-skipped", told[1], self._steps.now(), epoch)
        if not any(plan.values()):
            self._skipped_steps.add(self._steps.now())
        elif self._look(self._steps.now(), epoch, plan):
            self._budget.note(plan)

    def on_train_end(self, logs: dict | None = None) -> None:
        """Look at the final weights, and when all callbacks are done at those that they put back; close the log."""
        self._has_ended = True
        if self._weights is None:  # there was nothing to train
            self.on_epoch_begin(0)
        self._look_at_end()
        if not self._comes_last:
            self.close()

    def _end_last(self) -> None:
        """Be called when all callbacks have ended, or before us, where the user put Keras's `History` there."""
        if not self._has_ended:
            self._comes_last = False
            return
        self._look_at_end()
        self.close()

    def _begin_fit(self) -> WeightLog:
        weights = self._begin(self._prepare(), self._steps.now())
        self._look(self._steps.now(), self._epoch, self._budget.plan_first(self._kinds, self._has_ended), first=True)
        self._budget.begin()  # the first look compiles: not held against the budget
        return weights

    def _param(self, name: str) -> Any:
        """Return what Keras says of this `fit`, None where it says nothing."""
        params: dict[str, Any] = self.params or {}
        return params.get(name)

    # --- without `fit`

    def attach(self, model: keras.Model) -> "InterpCallback":
        """Get ready to look at a model that trains without `fit`: then call `look`, and `close` at the end.

        Args:
            model: the Keras model that is trained.

        Returns:
            The callback itself: `with watch.attach(model):` closes the log at the end.
        """
        self.set_model(model)
        self.params = None
        self._get_ready()
        self._steps.begin(model, 0)
        return self

    def look(self, step: int | None = None, epoch: int | None = None) -> bool:
        """Look now, whatever `every` and `max_overhead` say; for training loops without `fit`, after `attach`.

        Args:
            step: training step to file the records under, higher each time; None takes the iterations of the model's
                own optimizer.
            epoch: epoch from 0 that has just ended, if there is one.

        Returns:
            Whether there are records of it; False for a step that a resumed training has looked at before.

        Raises:
            ValueError: if the callback is not attached, the step does not go up, or, at the first look, for a mistake
                in names or settings.
        """
        if self._picked is None:
            raise ValueError("look() needs a model: call attach(model) first, or give the callback to model.fit")
        step, first = self._steps.now() if step is None else int(step), self._weights is None
        if first:
            self._begin(self._prepare(), step)
        session = self._session
        if session is None or session.writer is None:
            raise ValueError("the log is closed: call attach(model) again to go on")
        if step <= session.last and session.began is not None:
            raise ValueError(f"steps must go up: step {session.last} was looked at already, got step {step}")
        return self._look(step, epoch, first=first)

    def __enter__(self) -> "InterpCallback":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the log and say in one line what was written; the next `fit` opens it again.

        Keras does not call `on_train_end` after an error or Ctrl-C.
        """
        session = self._session
        if session is None or session.writer is None:
            return
        session.close()
        amiss = self._budget.summarize(self.skipped, self.failures)
        line, quiet = session.summarize(amiss), self._quiet and not amiss
        self._news.tell(self._quiet)
        _LOG.log(logging.INFO if quiet else logging.WARNING, "InterpCallback: %s", line)

    @property
    def skipped(self) -> int:
        """How many looks were due and left out to keep within `max_overhead`."""
        return len(self._skipped_steps)

    @property
    def failures(self) -> int:
        """How many errors of parts were logged instead of raised."""
        return self._failures.count

    @property
    def findings(self) -> list[RunFinding]:
        """What was found in this training so far, in the order in which it was."""
        return self._news.findings

    # --- both

    @property
    def _quiet(self) -> bool:
        return self._param("verbose") == 0

    def _get_ready(self) -> None:
        """Find the network, and check all that can be checked of it now."""
        self._epoch = self._weights = None
        self._failures.begin()
        known = self._picked is not None and self._picked[0] is self.model
        if not known or isinstance(self.of, str | keras.Model):  # what a function made is kept
            self._picked = self.model, pick_network(self.model, self.of)
        if self._is_built():
            self._prepare()

    def _is_built(self) -> bool:
        return self._network is self.model or self._network.built

    @property
    def _network(self) -> Any:
        return None if self._picked is None else self._picked[1]

    def _digest(self) -> str:
        return "" if self._analysis is None else self._analysis.model.digest()

    def _prepare(self) -> Analysis:
        """Open the network and check parts, layers and probe against it."""
        if self._analysis is None or getattr(self._analysis.model, "model", None) is not self._network:
            options: dict[str, Any] = {"class_names": self.class_names, "head": self.head, "output": self.output}
            model = open_model(self._network, preprocess=self.preprocess, **options)
            self._analysis = Analysis(model, self.probe, self.layers, self.parts, repeated=True)
        else:
            self._analysis.align()  # compiled anew, perhaps with another loss
        return self._analysis

    def _begin(self, analysis: Analysis, step: int) -> WeightLog:
        """Find the session that this training belongs to, and open its log."""
        weights, session = analysis.model.digest(), self._session
        self._kinds = {part.kind: part.drawing is not None for part in analysis.parts}
        anew = session is not None and session.first_weights == weights != session.weights
        if session is None or session.network is not self._network or anew:
            if anew:  # nothing is carried over
                analysis = Analysis(analysis.model, self.probe, self.layers, self.parts, repeated=True)
            ours = self.log_dir, self._network, step, weights, self.params
            session = begin_session(*ours, before=session, new=anew)
            analysis.count_from(session.written)
            last = session.read_last([*self._kinds])
            analysis.recall(last)
            self._news.begin(next((record for record in last if record.kind == FINDING), None))
            if session.words:
                _LOG.warning("InterpCallback: %s: %s", self.log_dir, session.words)
        elif weights != session.weights:
            self._steps.advance_to(session.last + 1)
        if weights == session.weights:
            self._steps.advance_to(session.last)
        session.open(self.params, tell_average(self.model))
        self._analysis, self._session, self._weights = analysis, session, WeightLog(weights, self._epoch)
        for line in analysis.warnings:
            _LOG.warning("InterpCallback: %s", line)
        return self._weights

    def _look_at_end(self) -> None:
        """Look at the weights that a training leaves behind, if they have not been looked at."""
        session = self._session
        if session is None or self._weights is None:
            return
        weights = self._digest()
        epoch, session.ending = self._weights.explain(weights)
        if not (session.ending or all(self._plan.values()) or self._steps.now() > session.last):  # it came unforeseen
            self._look(session.last + 1, self._epoch, {kind: float(not effort) for kind, effort in self._plan.items()})
            self._plan = {}
        elif not session.ending:
            self._look(self._steps.now(), self._epoch)
        elif weights != session.weights:
            self._look(max(self._steps.now(), session.last) + 1, epoch)

    def _look(self, step: int, epoch: int | None, plan: Mapping[str, float] | None = None, first: bool = False) -> bool:
        """Run the parts, if this step has not been looked at; the log is closed if that ends the training."""
        try:
            return self._run_parts(step, epoch, plan or dict.fromkeys(self._kinds, 1.0), first)
        except BaseException:  # Ctrl-C too
            self.close()
            raise

    def _run_parts(self, step: int, epoch: int | None, plan: Mapping[str, float], first: bool) -> bool:
        session = self._session
        if session is None or session.writer is None or self._analysis is None or step <= session.last:
            return False
        written, self._plan = 0, dict(plan)
        told: dict[str, Any] = {"weights": self._digest(), **self._steps.describe(self.params, self._epoch)}
        for part in [] if self._news.see_weights(self._analysis.model, step, epoch) else self._analysis.parts:
            if self._failures.is_off(part) or not (effort := plan[part.kind]):
                continue
            about = self._budget.describe(part.kind, session.describe())
            try:
                with self._budget.charged(part.kind, effort):
                    for record in self._analysis.run(step, epoch, [part], about=about, effort=effort, **told):
                        session.writer.add(self._news.see(record))
                        written += 1
                self._failures.forgive(part)
            except Exception as error:
                if first and isinstance(error, ValueError | TypeError):  # a mistake in what was asked for
                    raise
                self._failures.report(part, error)
                self._news.note("part-failed", f"{type(part).__name__} failed: {error}", step, epoch, part=part.kind)
        with self._budget.charged():
            self._news.end_look(step, epoch, session.writer.add, self._failures.report_other, told["weights"])
        if self._param("epochs") is None:  # no progress bar to be torn
            self._news.tell(False)
        self.looks += written > 0
        session.note_look(step, told["weights"], written)
        self._skipped_steps.discard(step)
        return written > 0

    def __getstate__(self) -> dict:
        """Pickle and copy without the open file and the model: both come back at the next `fit`."""
        dropped = dict.fromkeys(("_session", "_analysis", "_model", "_picked", "_weights"))
        return {**self.__dict__, **dropped, "_steps": Steps()}

    def __repr__(self) -> str:
        return tell(self, quote(self.log_dir, 60), f"{self.looks} looks", f"layers {name_some(self.layers)}")
