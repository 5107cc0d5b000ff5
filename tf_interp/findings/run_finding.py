"""`RunFinding`: one thing that a person would want to be told of a run, with what shows it and how sure it is."""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

from tf_interp.display import cut, tell
from tf_interp.records import Record

FINDING = "finding"  # kind of the records
LAYER = "run"  # of the records of findings, which belong to no layer


class Kind(NamedTuple):
    """A kind of finding.

    Args:
        about: what it is about: "concepts", "decisions", "groups", "units" or "training".
        words: what it says, for a list of kinds.
    """

    about: str
    words: str


KINDS = {  # those of most consequence first
    "not-finite": Kind("training", "the loss or an activation is no number any more"),
    "relies": Kind("concepts", "a decision relies on a concept, or begins to"),
    "turns-sign": Kind("concepts", "a concept that a decision relies on now speaks the other way"),
    "stops-relying": Kind("concepts", "a decision no longer relies on a concept"),
    "one-region-decides": Kind("decisions", "most pictures of a class hang on the same region of the input"),
    "one-group-decides": Kind("decisions", "most pictures of a class hang on one group of neurons"),
    "border-evidence": Kind("decisions", "what speaks for a class lies on the border of most of its pictures"),
    "constant-layer": Kind("units", "no channel of a layer reacts to what the network is given"),
    "dead-units": Kind("units", "a quarter or more of a layer's channels do not react to what the network is given"),
    "saturated-units": Kind("units", "a quarter or more of a layer's channels only ever give their ends"),
    "group-lost": Kind("groups", "a group that had settled is gone"),
    "group-born": Kind("groups", "a large group appears where groups had settled"),
    "part-failed": Kind("training", "a part of the look failed"),
    "looks-skipped": Kind("training", "looks were left out to keep within max_overhead"),
}


@dataclasses.dataclass(frozen=True)
class RunFinding:
    """One thing that a person would want to be told of a run.

    Args:
        kind: one of `KINDS`.
        sentence: what was found, with the numbers that matter; the same words everywhere.
        step: training step at which it was found, 0 of a finished model.
        epoch: epoch from 0 after which that was, or None.
        subject: what it is about, {"target", "concept"} or {"group", "layer"} and the like: with `kind` it tells
            whether two findings, of two runs say, are the same.
        rate: how often such a thing is said though it is not so, or that it is a plain threshold.
        evidence: {"kind", "layer", "step"} of the record that shows it, or None.
        numbers: those in the sentence, and others.
    """

    kind: str
    sentence: str
    step: int
    epoch: int | None
    subject: Mapping[str, Any]
    rate: str
    evidence: Mapping[str, Any] | None = None
    numbers: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def key(self) -> tuple[Any, ...]:
        """By which findings are the same, in one run or in two: kind and subject."""
        return self.kind, *sorted((name, str(value)) for name, value in self.subject.items())

    @property
    def rank(self) -> tuple[int, int]:
        """By which findings are sorted: by consequence, then by step."""
        kinds = list(KINDS)
        return (kinds.index(self.kind) if self.kind in KINDS else len(kinds)), self.step

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, which `from_dict` takes; `about` is added to them."""
        about = KINDS[self.kind].about if self.kind in KINDS else None
        return {"kind": self.kind, "about": about} | {
            field.name: value if not isinstance(value := getattr(self, field.name), Mapping) else dict(value)
            for field in dataclasses.fields(self)
            if field.name != "kind"
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "RunFinding":
        """Return the finding that `to_dict` turned into JSON values; fields of a later version are left out.

        Raises:
            ValueError: if a field is missing.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        try:
            return cls(**{name: value for name, value in values.items() if name in known})
        except TypeError as error:
            raise ValueError(f"not a finding of a run: {error}") from error

    def __repr__(self) -> str:
        when = f"step {self.step}" if self.epoch is None else f"step {self.step}, epoch {self.epoch + 1}"
        return tell(self, self.kind, when, cut(self.sentence, 140))


def tell_moment(step: int, epoch: int | None) -> str:
    """Return when something was found, as sentences begin: "Epoch 3: ", "Step 120: ", "" of a finished model."""
    if epoch is not None:
        return f"Epoch {epoch + 1}: "
    return f"Step {step}: " if step else ""


def find_in(
    record: Record, kind: str, words: str, subject: Mapping[str, Any], rate: str, numbers: Mapping[str, Any]
) -> RunFinding:
    """Return a finding that a record shows.

    Args:
        record: the record.
        kind: one of `KINDS`.
        words: the sentence without its moment; of a finished model it begins with a capital letter.
        subject: as of `RunFinding`.
        rate: as of `RunFinding`.
        numbers: as of `RunFinding`.
    """
    epoch = record.data.get("epoch")
    moment = tell_moment(record.step, epoch)
    sentence = moment + words if moment else words[:1].upper() + words[1:]
    evidence = {"kind": record.kind, "layer": record.layer, "step": record.step}
    return RunFinding(kind, sentence, record.step, epoch, subject, rate, evidence, numbers)


def name_class(record: Record, index: int) -> str:
    """Return what a class is called in the findings of a record."""
    names = record.data.get("class_names") or ()
    return names[index] if index < len(names) else f"class {index}"


def note_nan(step: int, epoch: int | None) -> RunFinding:
    """Return what is found of a network whose weights are no numbers any more.

    Args:
        step: of the look.
        epoch: of the look.
    """
    from tf_interp.models.value_range.range_guess import NAN_WEIGHTS  # not above: `--help` needs no TensorFlow

    sentence = tell_moment(step, epoch) + NAN_WEIGHTS + "."
    return RunFinding("not-finite", sentence, step, epoch, {"number": "weights"}, "a fact: it is counted, not judged")
