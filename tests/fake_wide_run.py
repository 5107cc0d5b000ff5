"""A run with very many units, pictures and layers, written as event files without a network, to find one's way in."""

import pathlib
from typing import Any

import numpy as np
from fake_run import _png, _sheet, write_events

from tensorboard_plugin_interp import metadata

STEPS = (1, 2, 3)
UNITS, PICTURES = 1000, 500
LAYERS = ("backbone/block2/conv", "backbone/block2/add", "backbone/block10/conv", "head/dense", "stem")
CLASS_NAMES = ["cat", "dog", "=HYPERLINK(1)", "eel"]


def write_wide_run(
    folder: pathlib.Path, name: str = "wide", layers: tuple[str, ...] = LAYERS, wide: bool = True
) -> None:
    """Write a run into `<folder>/<name>/interp`: a few units a layer; of a `wide` one many, and pictures."""
    events = []
    for step in STEPS:
        for place, layer in enumerate(layers):
            kinds = [("features", *units_of(step, UNITS if wide and place == 0 else 3))]
            if wide and place == 0:
                kinds += [("groups", *groups_of(step)), ("attribution", *attribution_of(step))]
            for kind, data, images in kinds:
                header = {"schema": 1, "kind": kind, "layer": layer, "step": step, "title": kind, "data": data}
                events.append((f"{kind}/{layer}", step, metadata.pack(header, [_png(image) for image in images])))
    write_events(folder / name / metadata.SUBRUN, events)


def unit(index: int, step: int) -> dict[str, Any]:
    """Return one unit: every 100th is silent, every 7th below the probe's best, every 250th dead."""
    most = 1.0 + index % 13
    share = 0.5 if index % 7 == 0 else 1.0 + ((index * 37) % 1000) / 500
    share += 0.001 * (step - 1) * ((index * 61) % 1000)
    silent = index % 100 == 99
    return {
        "channel": index,
        "name": f"channel {index}",
        "picture": index,
        "activation": 0.0 if silent else most * share,
        "probe_mean": most if index % 250 == 3 else most / 4,
        "probe_max": most,
        "status": "did not activate: 0 after 128 steps, 0 for noise" if silent else "ok",
        "examples": [],
    }


def units_of(step: int, count: int) -> tuple[dict[str, Any], list[np.ndarray]]:
    """Return the data and pictures of `count` units: the brightness of each is its number."""
    cells = np.tile(((np.arange(count) % 200 + 20 + step) / 255)[:, None, None], (1, 24, 24))
    cells[:, 8:16, 8:16] = 0.1 * step
    sheet, grid = _sheet(cells, min(count, 32))
    units = [unit(index, step) for index in range(count)]
    return _common(step) | {"units": units, "pictures": {"image": 0, **grid}, "probe": None}, [sheet]


def _common(step: int) -> dict[str, Any]:
    return {"model": {"name": "wide"}, "class_names": CLASS_NAMES, "settings": {}, "seconds": 1.0, "epoch": step - 1,
            "ordinal": step - 1, "notes": [], "scalars": {}}  # fmt: skip


def _probe(image: int, step: int) -> tuple[dict[str, Any], np.ndarray]:
    labels = np.arange(PICTURES) % 4
    predictions = np.where(np.arange(PICTURES) % (5 * step) == 0, (labels + 1) % 4, labels)
    cells = np.tile(((np.arange(PICTURES) % 200 + 30) / 255)[:, None, None], (1, 16, 16))
    sheet, grid = _sheet(cells, 25)
    return {
        "count": PICTURES,
        "ids": [f"picture_{index:03d}.png" for index in range(PICTURES)],
        "labels": labels.tolist(),
        "predictions": predictions.tolist(),
        "right": (labels == predictions).tolist(),
        "thumbnails": {"image": image, **grid},
    }, sheet


def groups_of(step: int, count: int = 12) -> tuple[dict[str, Any], list[np.ndarray]]:
    """Return the data and pictures of groups."""
    rng = np.random.default_rng([step, count])
    maps, grid = _sheet(rng.random((PICTURES * count, 4, 4)), count * 5)
    shares = [(1 + (index * 5) % count) / (count * (count + 1) / 2) for index in range(count)]
    groups = [
        {"name": f"group {index + 1}", "share": share, "icon": None, "channels": [], "effects": {"cat": share - 0.05}}
        for index, share in enumerate(shares)
    ]
    probe, thumbnails = _probe(1, step)
    data = {"groups": groups, "error": 0.1, "residual_effects": {}, "icons": None, "maps": {"image": 0, **grid}}
    return _common(step) | data | {"map_scale": [1.0] * count, "probe": probe}, [maps, thumbnails]


def attribution_of(step: int) -> tuple[dict[str, Any], list[np.ndarray]]:
    """Return the data and pictures of attributions."""
    rng = np.random.default_rng(step)
    positive, grid = _sheet(rng.random((PICTURES, 4, 4)), 25)
    negative, _ = _sheet(rng.random((PICTURES, 4, 4)), 25)
    probe, thumbnails = _probe(2, step)
    pictures = [
        {"probe": index, "target": index % 4, "logit": 2.0 + index / 100, "total": 1.0, "top": []}
        for index in range(PICTURES)
    ]
    sheets = {"positive": {"image": 0, **grid}, "negative": {"image": 1, **grid}, "scale": 1.0}
    data = {"target": None, "method": "gradient_x_input", "pictures": pictures, "probe": probe, **sheets}
    return _common(step) | data, [positive, negative, thumbnails]
