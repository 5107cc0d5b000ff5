"""A plausible training run of a digit network, written as event files without a network, to test the tab with.

The story: on the pictures of a "3" somebody left a tag in the corner. The network "tagged" learns to use it, step by
step; "mark" is a control that it ignores; the network "clean" never saw tags, and both concepts stay without effect.
"""

import dataclasses
import functools
import io
import itertools
import pathlib
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits
from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, types_pb2
from tensorboard.summary.writer.record_writer import RecordWriter

from tensorboard_plugin_interp import metadata
from tf_interp.concepts import ConceptTest
from tf_interp.concepts.result.explain import describe_correction

STEPS = tuple(range(100, 1300, 100))
WRITTEN = 40  # the run "tagged" claims to have written more steps than are kept
CLASS_NAMES = [str(digit) for digit in range(10)]
CHANNELS = {"conv2": 32, "conv3": 64}
SIZE = 32  # side of a digit
SHOWN = 24  # thumbnails of the probe

# What an attacker might call a run, a layer, a class or a concept.
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    '"><script>alert(1)</script>',
    "'><img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "</title><script>alert(1)</script>",
    "</textarea><script>alert(1)</script>",
    "<a href=javascript:alert(1)>x</a>",
    "<body onload=alert(1)>",
    "<math><mi xlink:href='javascript:alert(1)'>",
    "{{constructor.constructor('alert(1)')()}}",
    "${alert(1)}",
    "`${alert(1)}`",
    "--><script>alert(1)</script>",
    "]]><script>alert(1)</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "%3Cscript%3Ealert(1)%3C%2Fscript%3E",
    "x' onmouseover='alert(1)\u202e\ufeff",
]


def write_run(folder: pathlib.Path, name: str = "tagged", steps: tuple[int, ...] = STEPS, tagged: bool = True) -> None:
    """Write one run with all four kinds of records for two layers into `<folder>/<name>/interp`."""
    made = Maker(0 if tagged else 7, steps, tagged)
    events = []
    for position, step in enumerate(steps):
        for layer in CHANNELS:
            for kind, data, images in made.records(layer, position):
                header = {"schema": 1, "kind": kind, "layer": layer, "step": step}
                header |= {"title": f"{kind} of {layer}", "data": data}
                events.append((f"{kind}/{layer}", step, metadata.pack(header, [_png(image) for image in images])))
    write_events(folder / name / metadata.SUBRUN, events)


def write_hostile_run(folder: pathlib.Path, payloads: list[str]) -> str:
    """Write a run in which every text that comes from data is one of `payloads`, and return its name."""
    made = Maker(0, (1, 2), True)
    texts = itertools.cycle(payloads)
    names = [payload for payload in payloads if '"' not in payload]  # which TensorBoard's data server cannot read
    events = []
    for position, step in enumerate(made.steps):
        for kind, data, images in made.records("conv2", position):
            header = {"schema": 1, "kind": kind, "layer": names[0], "step": step, "title": next(texts)}
            header |= {"data": _replace(data, texts)}
            events.append((f"{kind}/{names[0]}", step, metadata.pack(header, [_png(image) for image in images])))
    write_events(folder / names[1] / metadata.SUBRUN, events)
    return f"{names[1]}/{metadata.SUBRUN}"


def _replace(value: Any, texts: Iterator[str]) -> Any:
    """Return JSON with each text replaced by the next of `texts`, in keys that hold names, too."""
    if isinstance(value, str):
        return next(texts)
    if isinstance(value, list):
        return [_replace(item, texts) for item in value]
    if isinstance(value, dict):
        named = ("effects", "residual_effects", "scalars", "settings")
        return {
            key: {next(texts): inner for inner in item.values()} if key in named else _replace(item, texts)
            for key, item in value.items()
        }
    return value


def write_events(folder: pathlib.Path, events: list[tuple[str, int, list[bytes]]], serial: int = 0) -> pathlib.Path:
    """Write `(tag, step, blobs)` as BLOB_SEQUENCE events under the plugin's name, and return the file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"events.out.tfevents.{1_700_000_000 + serial}.test"
    now = time.time() - len(events)
    with path.open("ab") as file:
        writer = RecordWriter(file)
        writer.write(event_pb2.Event(wall_time=now, file_version="brain.Event:2").SerializeToString())
        for offset, (tag, step, blobs) in enumerate(events):
            value = summary_pb2.Summary.Value(tag=tag)
            value.metadata.plugin_data.plugin_name = metadata.PLUGIN_NAME
            value.metadata.data_class = summary_pb2.DATA_CLASS_BLOB_SEQUENCE
            value.tensor.CopyFrom(tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING, string_val=blobs))
            value.tensor.tensor_shape.dim.add(size=len(blobs))
            event = event_pb2.Event(wall_time=now + offset, step=step, summary=summary_pb2.Summary(value=[value]))
            writer.write(event.SerializeToString())
    return path


@dataclasses.dataclass
class Maker:
    """Makes the records of one run; `progress` runs from 0 to 1 over the steps.

    Args:
        seed: of everything that is random.
        steps: the training steps.
        tagged: whether the network learns to use the tag.
    """

    seed: int
    steps: tuple[int, ...]
    tagged: bool

    def __post_init__(self) -> None:
        source = load_digits()
        pick = np.random.default_rng(self.seed).permutation(len(source.images))[:SHOWN]
        self.labels = source.target[pick]
        self.digits = _upscale(source.images[pick] / 16.0, SIZE)
        self.strokes = _upscale(source.images[:120] / 16.0, SIZE)
        self._maps = functools.cache(functools.partial(_orientation_maps, self.digits))

    def records(self, layer: str, position: int) -> Iterator[tuple[str, dict, list[np.ndarray]]]:
        """Yield `(kind, data, images)` for one layer and the step at `position`."""
        progress = (position + 1) / len(self.steps)
        rng = np.random.default_rng([self.seed, position, CHANNELS[layer]])
        wrong = rng.random(SHOWN) < 0.4 * (1 - progress) + 0.04
        self.predictions = np.where(wrong, rng.integers(0, 10, SHOWN), self.labels)
        yield self._features(layer, position, progress)
        yield self._groups(layer, position, progress)
        yield self._attribution(layer, position, progress)
        yield self._concepts(layer, position, progress)

    def _common(self, position: int, seconds: float, settings: dict, scalars: dict, notes: tuple = ()) -> dict:
        last = len(self.steps) - 1
        ordinal = round(position * (WRITTEN - 1) / last) if self.tagged and last else position
        return {
            "model": {"name": "digit_cnn"},
            "class_names": CLASS_NAMES,
            "settings": settings,
            "seconds": seconds,
            "epoch": position,
            "ordinal": ordinal,
            "notes": list(notes),
            "background": [note for note in notes if note.startswith("softmax")],
            "scalars": scalars,
        }

    def _probe(self, image: int) -> tuple[dict, np.ndarray]:
        sheet, cells = _sheet(self.digits, 6)
        return {
            "count": 64,
            "ids": [f"digit_{index:03d}.png" for index in range(64)],
            "labels": [int(label) for label in np.resize(self.labels, 64)],
            "predictions": [int(label) for label in np.resize(self.predictions, 64)],
            "thumbnails": {"image": image, **cells, "legend": "grey = band 0"},
        }, sheet

    def _features(self, layer: str, position: int, progress: float) -> tuple[str, dict, list[np.ndarray]]:
        units, pictures = [], []
        for unit in range(12):
            rng = np.random.default_rng([CHANNELS[layer], unit])
            channel = int((unit * 37 + 11) % CHANNELS[layer])
            form = _gabor(rng, 64) if layer == "conv2" else _stroke_pattern(rng, self.strokes, 64)
            noise = _blur(np.random.default_rng([unit, position]).normal(size=(64, 64)), 1.5)
            dead = unit == 10 and layer == "conv3"
            strength = 0.15 if dead else 0.25 + 0.75 * progress
            mixed = strength * form / form.std() + (1 - strength) * 0.8 * noise / noise.std()
            pictures.append(np.clip(0.5 + (0.08 if dead else 0.2) * mixed, 0, 1))
            probe_max = float(2 + rng.random() * 6)
            order = np.random.default_rng([unit, 3]).permutation(SHOWN)[:6]
            units.append(
                {
                    "channel": channel,
                    "name": f"channel {channel}",
                    "picture": unit,
                    "activation": 0.0 if dead else probe_max * (0.5 + (1.2 + rng.random() * 1.6) * progress),
                    "probe_mean": probe_max * 0.22,
                    "probe_max": probe_max,
                    "status": "did not activate" if dead else "ok",
                    "examples": [
                        {"probe": int(index), "activation": probe_max * (1 - 0.07 * rank)}
                        for rank, index in enumerate(order)
                    ],
                }
            )
        sheet, cells = _sheet(np.stack(pictures), 4)
        probe, thumbnails = self._probe(1)
        settings = {"steps": 128, "warm": position > 0, "at": "neuron", "seed": 0, "choice": "variance"}
        settings |= {"of_a_later_version": 7}
        data = self._common(position, 4.2, settings, {}, ("softmax undone, using logits",))
        curve = (1 - np.exp(-np.arange(64) / 18)) * 6 * progress + np.sin(np.arange(64)) * 0.05
        legend = [f"red = band {unit}, cyan = band {unit + 1}" for unit in range(12)]
        told = {"legend": legend} if layer == "conv3" else {}
        pictures_sheet = {"image": 0, **cells, **told}
        data |= {"units": units, "pictures": pictures_sheet, "probe": probe, "curve": curve.round(4).tolist()}
        return "features", data, [sheet, thumbnails]

    def _groups(self, layer: str, position: int, progress: float) -> tuple[str, dict, list[np.ndarray]]:
        count = 4 if layer == "conv2" else 6
        maps = self._maps(count, 8 if layer == "conv3" else 16)
        rng = np.random.default_rng([3, count])
        base = rng.dirichlet(np.full(count, 3.0))
        drift = np.sin(np.arange(count) + 3 * progress) * 0.04
        shares = np.sort(np.clip(base + drift, 0.02, 1))[::-1]
        shares = shares / shares.sum() * (0.55 + 0.35 * progress)
        names = ["—", "|", "\\", "/", "o", "·"]
        groups = [
            {
                "name": f"group {index + 1}",
                "share": float(shares[index]),
                "icon": index,
                "channels": [
                    {"channel": int(channel), "weight": float(weight)}
                    for channel, weight in zip(
                        rng.permutation(CHANNELS[layer])[:6], np.sort(rng.random(6))[::-1], strict=True
                    )
                ],
                "effects": {
                    name: float(rng.normal() * (0.4 + progress)) for name in rng.permutation(CLASS_NAMES)[:3].tolist()
                },
                "hint": names[index],  # a key that no reader knows: it must be ignored
            }
            for index in range(count)
        ]
        icons, icon_cells = _sheet(np.stack([_icon(index, count, progress) for index in range(count)]), count)
        sheet, cells = _sheet(maps.reshape(-1, *maps.shape[2:]), count)
        probe, thumbnails = self._probe(2)
        data = self._common(
            position,
            1.4,
            {"k": count, "seed": 0},
            {f"{layer}/group_{index + 1}/share": float(share) for index, share in enumerate(shares)},
        )
        data |= {
            "groups": groups,
            "error": float(0.45 - 0.3 * progress),
            "residual_effects": {"3": 0.12, "8": -0.07},
            "icons": {"image": 0, **icon_cells},
            "maps": {"image": 1, **cells},
            "map_scale": [4.0] * count,
            "probe": probe,
        }
        return "groups", data, [icons, sheet, thumbnails]

    def _attribution(self, layer: str, position: int, progress: float) -> tuple[str, dict, list[np.ndarray]]:
        shown = 12
        side = 8 if layer == "conv3" else 16
        signed = []
        for index in range(shown):
            field = _blur(np.random.default_rng([index, 5, position // 3]).normal(size=(SIZE, SIZE)), 4)
            field = field / np.abs(field).max() + 0.35 * progress
            signed.append(_shrink(self.digits[index] * field, side))
        values = np.stack(signed)
        scale = float(np.abs(values).max())
        pictures = [
            {
                "probe": index,
                "target": int(self.labels[index]),
                "logit": float(1.5 + 7 * progress + np.sin(index)),
                "total": float(values[index].sum()),
                "top": _top(self.predictions[index], self.labels[index], progress, index),
            }
            for index in range(shown)
        ]
        positive, cells = _sheet(np.clip(values, 0, None) / scale, 4)
        negative, _ = _sheet(np.clip(-values, 0, None) / scale, 4)
        probe, thumbnails = self._probe(2)
        data = self._common(position, 0.6, {"method": "gradient_x_input"}, {})
        data |= {
            "target": None,
            "method": "gradient_x_input",
            "pictures": pictures,
            "positive": {"image": 0, **cells},
            "negative": {"image": 1, **cells},
            "scale": scale,
            "probe": probe,
        }
        return "attribution", data, [positive, negative, thumbnails]

    def _concepts(self, layer: str, position: int, progress: float) -> tuple[str, dict, list[np.ndarray]]:
        gain = (1.0 if layer == "conv3" else 0.55) if self.tagged else 0.0
        rng = np.random.default_rng([11, position, CHANNELS[layer]])
        tests = []
        for target, sign in (("3", 1.0), ("8", -0.35)):
            for concept in ("tag", "mark"):
                for contrast in ("random", "relative"):
                    true = gain * sign * 1.4 / (1 + np.exp(-9 * (progress - 0.45))) if concept == "tag" else 0.02
                    tests.append(_test(rng, target, concept, contrast, true))
        result = ConceptTest(
            [row | {"layer": layer} for row in tests], len(tests), {"permutations": 10_000}, 0.05, {}, []
        )
        findings, cautions = result.findings()
        number, headline = result.headline()
        later = {"flags": ["FLAG_OF_A_LATER_VERSION"], "cautions": ["something that a later version warns of"]}
        for row, finding in zip(tests, findings, strict=True):
            row |= dataclasses.asdict(finding)
            if row["target"] == "8" and row["concept"] == "mark":
                row |= {key: [*row[key], *value] for key, value in later.items()}
        examples = {name: self.digits[:8] + _sticker(name) for name in ("tag", "mark")}
        tag, tag_cells = _sheet(np.clip(examples["tag"], 0, 1), 4)
        mark, mark_cells = _sheet(np.clip(examples["mark"], 0, 1), 4)
        pool, pool_cells = _sheet(self.digits[8:16], 4)
        data = self._common(
            position,
            2.3,
            {"permutations": 10_000, "seed": 0},
            {f"{layer}/{row['target']}/{row['concept']}": row["displacement"] for row in tests[::2]},
            ("the pool has 96 pictures: intervals would be narrower with more",),
        )
        data |= {
            "tests": tests,
            "cautions": cautions,
            "headline": {
                "layer": None if number is None else layer,
                "test": number,
                "finding": dataclasses.asdict(headline),
            },
            "family": len(tests),
            "correction": describe_correction(len(tests), 10_000),
            "alpha": 0.05,
            "exploratory": True,
            "permutations": 10_000,
            "concepts": {
                "tag": {"count": 40, "examples": {"image": 0, **tag_cells}},
                "mark": {"count": 40, "examples": {"image": 1, **mark_cells}},
            },
            "pool": {"count": 96, "examples": {"image": 2, **pool_cells}},
        }
        return "concepts", data, [tag, mark, pool]


def _test(rng: np.random.Generator, target: str, concept: str, contrast: str, true: float) -> dict[str, Any]:
    value = float(true + rng.normal() * 0.03)
    half = 0.1 + 0.08 * abs(value)
    band = 0.19
    p = 0.0001 if abs(value) > 1.3 * band else float(np.clip(1 - abs(value) / (2 * band), 0.06, 1))
    return {
        "target": target,
        "concept": concept,
        "contrast": contrast,
        "against": ["mark" if concept == "tag" else "tag"] if contrast == "relative" else None,
        "score": float(np.clip(0.5 + value * 0.4, 0, 1)),
        "effect": value * 0.3,
        "effect_low": (value - half) * 0.3,
        "effect_high": (value + half) * 0.3,
        "displacement": value,
        "ci_low": value - half,
        "ci_high": value + half,
        "null_low": -band,
        "null_high": band + 0.01,
        "p": p,
        "p_holm": min(1.0, p * 8),
        "p_bh": min(1.0, p * 4),
        "specificity": float(np.clip(0.5 + abs(value) * 0.35, 0, 0.995)),
        "p_specificity": float(np.clip(0.5 - abs(value) * 0.35, 0.005, 1)),
        "cav_accuracy": 0.97 if concept == "tag" else 0.93,
        "cav_auc": 0.99 if concept == "tag" else 0.95,
        "n_concept": 40,
        "n_contrast": 96,
        "n_target": 24,
        "predicted": 0.9,
        "flags": ["SMALL_N"] if target == "8" else [],
    }


def _top(prediction: int, label: int, progress: float, index: int) -> list[dict[str, Any]]:
    first = 2.0 + 7 * progress + np.sin(index)
    others = [label if label != prediction else (label + 5) % 10, (label + 1) % 10, (label + 3) % 10]
    rows = [prediction, *[other for other in others if other != prediction]]
    return [{"target": int(row), "logit": float(first - 1.7 * rank)} for rank, row in enumerate(rows)]


def _upscale(images: np.ndarray, side: int) -> np.ndarray:
    return np.stack([_resize(image, side, Image.Resampling.BICUBIC) for image in images])


def _shrink(image: np.ndarray, side: int) -> np.ndarray:
    return _resize(image, side, Image.Resampling.BOX)


def _resize(image: np.ndarray, side: int, method: Image.Resampling) -> np.ndarray:
    return np.asarray(Image.fromarray(image.astype(np.float32)).resize((side, side), method))


def _blur(image: np.ndarray, sigma: float) -> np.ndarray:
    rows, columns = (_gauss(side, sigma) for side in image.shape)
    return rows @ image @ columns.T


@functools.cache
def _gauss(side: int, sigma: float) -> np.ndarray:
    offsets = np.arange(side)
    kernel = np.exp(-((offsets[:, None] - offsets) ** 2) / (2 * sigma**2))
    return kernel / kernel.sum(1, keepdims=True)


def _gabor(rng: np.random.Generator, side: int) -> np.ndarray:
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    angle, frequency = rng.uniform(0, np.pi), rng.uniform(8, 20)
    wave = np.cos(frequency * (x * np.cos(angle) + y * np.sin(angle)) + rng.uniform(0, 6))
    return wave * np.exp(-(x**2 + y**2) * rng.uniform(0.4, 1.6)) + 0.15 * _blur(rng.normal(size=(side, side)), 2)


def _stroke_pattern(rng: np.random.Generator, strokes: np.ndarray, side: int) -> np.ndarray:
    canvas = np.zeros((side * 2, side * 2))
    stroke = strokes[rng.integers(0, len(strokes))]
    for _ in range(14):
        y, x = rng.integers(0, side + side - SIZE, 2)
        canvas[y : y + SIZE, x : x + SIZE] += stroke - 0.3
    return _blur(canvas, 1.0)[side // 2 : side // 2 + side, side // 2 : side // 2 + side] + 1e-6


def _icon(index: int, count: int, progress: float) -> np.ndarray:
    y, x = np.mgrid[-1:1:48j, -1:1:48j]
    angle = np.pi * index / count
    wave = np.cos(14 * (x * np.sin(angle) + y * np.cos(angle))) * np.exp(-(x**2 + y**2))
    noise = np.random.default_rng(index).normal(size=(48, 48))
    return np.clip(0.5 + 0.45 * progress * wave + 0.15 * (1 - progress) * noise, 0, 1)


def _orientation_maps(images: np.ndarray, count: int, side: int) -> np.ndarray:
    """Return maps [N,count,side,side] in [0,1]: where each picture has strokes of each orientation."""
    result = np.zeros((len(images), count, side, side))
    for index, image in enumerate(images):
        gy, gx = np.gradient(_blur(image, 1.0))
        angle = np.mod(np.arctan2(gy, gx) + np.pi / 2, np.pi)
        for group in range(count):
            near = np.cos(2 * (angle - np.pi * group / count)).clip(0) ** 3
            result[index, group] = _shrink(_blur(near * np.hypot(gy, gx), 0.7), side)
    return np.clip(result / np.quantile(result, 0.995, axis=(0, 2, 3), keepdims=True), 0, 1)


def _sticker(name: str) -> np.ndarray:
    patch = np.zeros((SIZE, SIZE))
    if name == "tag":
        patch[2:8, 2:8] = 1.0
        patch[4:6, 4:6] = -1.0
    else:
        for offset in range(7):
            patch[24 + offset, 30 - offset - 2 : 31 - offset] = 1.0
    return patch


def _sheet(cells: np.ndarray, columns: int) -> tuple[np.ndarray, dict[str, int]]:
    """Return cells [N,h,w] in [0,1] as one uint8 picture, and its rows, columns and count."""
    rows = -(-len(cells) // columns)
    padded = np.zeros((rows * columns, *cells.shape[1:]))
    padded[: len(cells)] = cells
    grid = padded.reshape(rows, columns, *cells.shape[1:]).swapaxes(1, 2)
    sheet = grid.reshape(rows * cells.shape[1], columns * cells.shape[2])
    return (sheet.clip(0, 1) * 255 + 0.5).astype(np.uint8), {"rows": rows, "columns": columns, "count": len(cells)}


def _png(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()
