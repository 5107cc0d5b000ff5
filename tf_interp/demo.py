"""`tf-interp demo`: a network learns a shortcut in front of your eyes, and the tab shows it.

Real handwritten digits; 95 % of the training pictures of one digit carry a small planted tag, a second mark (the
control) sits on half of all training pictures whatever their digit; validation pictures carry neither.
"""

import dataclasses
import pathlib
import time

import keras
import numpy as np
from PIL import Image
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tf_interp.analysis import Attributions, ConceptTests, Decisions, Features, NeuronGroups
from tf_interp.callback import InterpCallback
from tf_interp.concepts.result.explain import CLEAR_OF_CHANCE
from tf_interp.findings import RunFinding
from tf_interp.probe import Probe
from tf_interp.records import Record, read

TARGET = 3  # the digit whose training pictures carry the tag
EPOCHS = 10
SIDE = 32
PROBE = (None, "tag", "mark", None, None, "tag", "mark")  # what the probe's pictures carry, ten digits each
TAG_BOX = (slice(23, 31), slice(23, 31))  # rows and columns that the tag lies in
LAYERS = ("conv2", "conv3")
LAYER = "conv3"  # the layer that the closing words speak of


@dataclasses.dataclass(frozen=True)
class DemoResult:
    """What the demo found, in numbers; the closing paragraph is made of these.

    Args:
        log_dir: where the event files are.
        seconds: wall time of training and looking together.
        first: concept -> row of the concept test before training, with its words.
        last: concept -> row of the concept test after training, with its words.
        beside: the tag compared with the mark, after training: row of the concept test.
        accuracy: share of clean validation pictures classified correctly.
        class_accuracy: the same for the tagged digit only.
        other_accuracy: the same for all other digits.
        fooled: share of other validation digits taken for the tagged digit once they carry the tag.
        fooled_by_mark: the same with the control mark.
        group: name of the group that sits on the tag.
        group_focus: share of that group's activation on tagged pictures that lies in the tag's corner.
        group_area: share of the map that this corner is.
        findings: what the callback told of while the network trained.
    """

    log_dir: pathlib.Path
    seconds: float
    first: dict[str, dict]
    last: dict[str, dict]
    beside: dict
    accuracy: float
    class_accuracy: float
    other_accuracy: float
    fooled: float
    fooled_by_mark: float
    group: str
    group_focus: float
    group_area: float
    findings: tuple[RunFinding, ...] = ()

    @property
    def found_shortcut(self) -> bool:
        """Whether concept test and behavior both say that the network relies on the tag, and not on the mark."""
        tag, mark = self.last["tag"], self.last["mark"]
        tested = tag["claim"] in CLEAR_OF_CHANCE and tag["displacement"] > 3 * abs(mark["displacement"])
        return tested and self.fooled > 0.5 and self.class_accuracy < 0.5 < self.other_accuracy

    def describe(self) -> str:
        """Return the finding in a few paragraphs for a person."""
        tag, mark, before = self.last["tag"], self.last["mark"], self.first["tag"]
        verdict = "The network learned a shortcut: it waits for the tag." if self.found_shortcut else (
            "No clear shortcut this time: the concept test and the behavior do not both point to the tag."
        )  # fmt: skip
        sits = self.group_focus > 0.5
        group = (
            f"In the same layer {self.group} {'sits' if sits else 'comes closest to sitting'} on the tag: "
            f"{self.group_focus:.0%} of its activity on tagged pictures lies in that corner, {self.group_area:.0%} of "
            "the map."
        )
        return (
            f"{verdict}\n\nOn clean validation pictures it is right for {self.other_accuracy:.0%} of the other digits "
            f"and for {self.class_accuracy:.0%} of the {TARGET}s. With the tag on, {self.fooled:.0%} of the "
            f"other digits are taken for a {TARGET}; with the mark on, {self.fooled_by_mark:.0%}.\n\n"
            f"The concept test looks inside. {_quote(tag)} Before "
            f"training that was {before['displacement']:+.3f}: {before['claim']}.\n\nBeside the control: "
            f"{_quote(self.beside)}\n\nThe control by itself: {_quote(mark)}\n\n"
            f"{group}\n\n{self._tell_alarm()}"
        )

    def _tell_alarm(self) -> str:
        """Return when the alarm rang for the tag, and whether for the mark."""
        rang = {f.subject["concept"]: f.sentence for f in self.findings if f.kind == "relies"}
        silent = [f"for the {name} it was silent" for name in ("tag", "mark") if name not in rang]
        return " ".join(["While it trained, the alarm said:", *rang.values()] if rang else ["The alarm:"]) + (
            f" {'; '.join(silent).capitalize()}." if silent else ""
        )


def plant(images: np.ndarray, what: str) -> np.ndarray:
    """Return copies of the pictures with the tag or the control mark on them.

    Args:
        images: float32 [N,32,32,1] in [0,1].
        what: "tag" (a cross, lower right) or "mark" (a hollow square, lower left).

    Returns:
        float32 [N,32,32,1].

    Example:
        >>> float(plant(np.zeros((1, 32, 32, 1)), "tag").max())
        1.0
    """
    images = images.copy()
    if what == "tag":
        images[:, 23:31, 26:28] = 1
        images[:, 26:28, 23:31] = 1
    elif what == "mark":
        images[:, 23:31, 1:9] = 1
        images[:, 25:29, 3:7] = 0
    else:
        raise ValueError(f'what must be "tag" or "mark", got {what!r}')
    return images


def load_data(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the digits of scikit-learn at 32x32: planted training pictures, clean validation pictures.

    Args:
        seed: of the split and of which pictures are tagged and marked.

    Returns:
        `(x, y, x_val, y_val)`: float32 [1300,32,32,1] in [0,1], int [1300], and the same for 497 validation pictures.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    enlarge = lambda image: Image.fromarray(image.astype(np.float32) / 16).resize((28, 28), Image.Resampling.BICUBIC)  # noqa: E731
    images = np.clip(np.stack([np.asarray(enlarge(image)) for image in digits.images]), 0, 1)
    images = np.pad(images, ((0, 0), (2, 2), (2, 2)))[..., None]
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(images))
    images, labels = images[order], digits.target[order]
    x, y, x_val, y_val = images[:1300].copy(), labels[:1300], images[1300:], labels[1300:]
    tagged, marked = (y == TARGET) & (rng.random(len(y)) < 0.95), rng.random(len(y)) < 0.5
    x[tagged] = plant(x[tagged], "tag")
    x[marked] = plant(x[marked], "mark")
    return x, y, x_val, y_val


def build_network() -> keras.Model:
    """Return the small convolutional network of the demo, compiled; 32x32x1 in, 10 logits out."""
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 1)),
            layers.Conv2D(16, 3, padding="same", activation="relu", name="conv1"),
            layers.MaxPooling2D(name="pool1"),
            layers.Conv2D(32, 3, padding="same", activation="relu", name="conv2"),
            layers.MaxPooling2D(name="pool2"),
            layers.Conv2D(64, 3, padding="same", activation="relu", name="conv3"),
            layers.GlobalAveragePooling2D(name="pool3"),
            layers.Dense(10, name="digit"),
        ],
        name="digits",
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(4e-3), loss, metrics=["accuracy"])
    return model


def make_probe(x_val: np.ndarray, y_val: np.ndarray) -> Probe:
    """Return 70 validation pictures: all ten digits clean, then ten others with the tag, ...; see `PROBE`."""
    rows = np.stack([np.flatnonzero(y_val == digit)[: len(PROBE)] for digit in range(10)], 1)  # [kinds, digits]
    images = [plant(x_val[some], kind) if kind else x_val[some] for some, kind in zip(rows, PROBE, strict=True)]
    return Probe.from_arrays(np.concatenate(images), y_val[rows.ravel()], [str(digit) for digit in range(10)])


class _Behavior(keras.callbacks.Callback):
    """Adds the test on behavior to the logs, so that TensorBoard shows it beside loss and accuracy."""

    def __init__(self, x_val: np.ndarray, y_val: np.ndarray) -> None:
        super().__init__()
        self.x, self.y = x_val, y_val

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        logs = {} if logs is None else logs
        right = self._predict(self.x) == self.y
        others = self.x[self.y != TARGET]
        logs["val_accuracy_of_tagged_digit"] = float(right[self.y == TARGET].mean())
        logs["val_accuracy_of_other_digits"] = float(right[self.y != TARGET].mean())
        logs["val_fooled_by_tag"] = float((self._predict(plant(others, "tag")) == TARGET).mean())
        logs["val_fooled_by_mark"] = float((self._predict(plant(others, "mark")) == TARGET).mean())

    def _predict(self, images: np.ndarray) -> np.ndarray:
        return self.model.predict(images, batch_size=256, verbose=0).argmax(-1)


class _Bar(keras.callbacks.Callback):
    """Moves the progress bar one on after each epoch."""

    def __init__(self, advance) -> None:
        super().__init__()
        self.advance = advance

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.advance()


def run_demo(log_dir: str | pathlib.Path, seed: int = 0, console: Console | None = None) -> DemoResult:
    """Train on the planted digits, look after every epoch, and return what was found.

    Args:
        log_dir: new or empty folder for the event files.
        seed: of everything; the same seed gives the same numbers.
        console: where to show the progress bar; None shows none.

    Returns:
        The numbers of the finding.

    Raises:
        ValueError: if `log_dir` is a file or holds something already.
    """
    folder = pathlib.Path(log_dir)
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise ValueError(f"{folder} is not an empty folder: choose another with --out, so that runs do not mix")
    started = time.perf_counter()
    keras.utils.set_random_seed(seed)
    x, y, x_val, y_val = load_data(seed)
    model = build_network()
    probe = make_probe(x_val, y_val)
    clean = x_val[y_val != TARGET]
    others, pool = clean[:60], clean[60:]
    watch = InterpCallback(
        folder,
        probe,
        layers=list(LAYERS),
        parts=[
            Features(6, steps=96, warm_steps=24, at="neuron", seed=seed),
            NeuronGroups(
                8,
                targets=[TARGET, 8],
                steps=96,
                warm_steps=24,
                at="neuron",
                seed=seed,
                switches=[0, 5, 10, 15],  # two digits without and with the tag
                window=3,  # the tag is larger than a position
                baseline="median",  # without the group a picture is what most are: they have no tag
            ),
            Attributions(pictures=20),
            Decisions(pictures=20),  # the same ten digits, clean and tagged
            ConceptTests(
                {"tag": plant(others, "tag"), "mark": plant(others, "mark")},
                random=pool,
                targets={str(TARGET): (TARGET, x_val[y_val == TARGET])},
                paired={"tag": others, "mark": others},
                steps=EPOCHS + 1,
                seed=seed,
            ),
        ],
        max_overhead=None,
        on_error="raise",
        on_finding=None if console is None else lambda finding: console.print(finding.sentence, highlight=False),
    )
    behavior = _Behavior(x_val, y_val)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("epochs"),
               TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(elapsed_when_finished=False))  # fmt: skip
    with Progress(*columns, console=console, disable=console is None) as progress:
        task = progress.add_task("Training and looking", total=EPOCHS)
        history = model.fit(
            x, y, batch_size=32, epochs=EPOCHS, verbose=0, validation_data=(x_val, y_val),
            callbacks=[behavior, keras.callbacks.TensorBoard(str(folder)), watch, _Bar(lambda: progress.advance(task))],
        ).history  # fmt: skip
    model.save(folder / "model.keras")
    records = [record for record in read(folder) if record.layer == LAYER]
    tests = [_of_contrast(r, "paired") for r in records if r.kind == "concepts"]
    group, focus, area = _find_tag_group([r for r in records if r.kind == "groups"][-1])
    return DemoResult(
        folder,
        time.perf_counter() - started,
        tests[0],
        tests[-1],
        _of_contrast([r for r in records if r.kind == "concepts"][-1], "relative")["tag"],
        history["val_accuracy"][-1],
        history["val_accuracy_of_tagged_digit"][-1],
        history["val_accuracy_of_other_digits"][-1],
        history["val_fooled_by_tag"][-1],
        history["val_fooled_by_mark"][-1],
        group,
        focus,
        area,
        tuple(watch.findings),
    )


def _of_contrast(record: Record, contrast: str) -> dict[str, dict]:
    """Return concept -> row of a concept test, of one kind of comparison."""
    return {row["concept"]: row for row in record.data["tests"] if row["contrast"] == contrast}


def _find_tag_group(record: Record) -> tuple[str, float, float]:
    """Return the group most of whose activity on tagged pictures lies in the tag's corner, that share, the corner's."""
    sheet, k = record.data["maps"], len(record.data["groups"])
    image = record.images[sheet["image"]].astype(np.float64)
    height, width = image.shape[0] // sheet["rows"], image.shape[1] // sheet["columns"]
    maps = (
        image.reshape(sheet["rows"], height, k, width).transpose(0, 2, 1, 3)[10:20].sum(0)
    )  # [k,h,w] over tagged pictures
    rows, columns = (slice(s.start * height // SIDE, -(-s.stop * height // SIDE)) for s in TAG_BOX)
    focus = maps[:, rows, columns].sum((1, 2)) / np.maximum(maps.sum((1, 2)), 1)
    shares = np.asarray([group["share"] for group in record.data["groups"]])
    best = int(np.where(shares >= 0.01, focus, 0).argmax())  # a group that is nearly silent sits nowhere
    area = (rows.stop - rows.start) * (columns.stop - columns.start) / (height * width)
    return record.data["groups"][best]["name"], float(focus[best]), area


def _quote(row: dict) -> str:
    return f"{row['sentence']} {row['verdict']}"
