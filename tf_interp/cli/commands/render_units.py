"""`tf-interp render`: pictures of what units detect, in one file."""

import argparse
import pathlib
import time
from typing import Any

import numpy as np
from PIL import Image
from rich.table import Table

from tf_interp.cli.sources import open_source
from tf_interp.cli.terminal import Terminal, format_seconds
from tf_interp.features import Objective, RenderedUnit, as_objective, class_logit, render_many
from tf_interp.images import make_sheet
from tf_interp.records.whole_file import replace_file

_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".npz")
_STEPS = 256


def render_command(options: argparse.Namespace) -> None:
    """Draw what was asked for and write it.

    Args:
        options: of the command.

    Raises:
        ValueError: if something that was asked for does not fit, before anything is drawn.
    """
    if not options.unit:
        raise ValueError("what shall be drawn? Give LAYER:CHANNEL, e.g. block3/relu:7 (tf-interp inspect lists layers)")
    if options.out is None or options.out.suffix.lower() not in _SUFFIXES:
        raise ValueError(f"where to? Give -o a file that ends in one of {', '.join(_SUFFIXES)}, got {options.out}")
    terminal = Terminal(options.quiet, options.verbose)
    objectives = [_read_unit(unit) for unit in options.unit]
    model = open_source(options)
    steps = _STEPS if options.steps is None else options.steps
    settings = {"steps": steps, "size": options.size, "seed": options.seed or 0}
    terminal.say(f"drawing {len(objectives)} {'picture' if len(objectives) == 1 else 'pictures'} x {steps} steps")
    started = time.perf_counter()
    units: list[RenderedUnit] = []
    with terminal.bar(len(objectives)) as (advance, describe):
        describe("drawing")
        for unit in render_many(model, objectives, batch_size=1, **settings):
            units.append(unit)
            advance(1)
            terminal.detail(f"drew {unit.name} ({time.perf_counter() - started:.1f} s)")
    _save(options.out, units)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("unit", "activation", "status"):
        table.add_column(name, overflow="fold")
    for name, unit in zip(options.unit, units, strict=True):
        table.add_row(name, f"{unit.activations[0]:.4g}" if len(unit.activations) else "", unit.status[0])
    if not options.quiet:
        terminal.table(table)
    terminal.say(f"{len(units)} drawn in {format_seconds(time.perf_counter() - started)}")
    terminal.result(options.out)


def _read_unit(text: str) -> Objective:
    """Return what is to be drawn: a channel, or a class by its name."""
    layer, _, unit = text.partition(":")
    return class_logit(unit) if layer == "output" and unit and not unit.isdigit() else as_objective(text)


def _save(path: pathlib.Path, units: list[RenderedUnit]) -> None:
    """Write pictures as one sheet, or as arrays."""
    drawn = [unit for unit in units if len(unit.images)]
    if not drawn:
        raise ValueError(f"nothing could be drawn: {units[0].status[0]}")
    images = np.concatenate([unit.images for unit in drawn])
    if path.suffix.lower() == ".npz":
        arrays: dict[str, Any] = {
            "images": images,
            "activations": np.concatenate([unit.activations for unit in drawn]),
            "status": np.array([status for unit in drawn for status in unit.status]),
            "names": np.array([unit.name for unit in drawn]),
        }
        replace_file(path, lambda file: np.savez(file, **arrays))
        return
    kind = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP"}[path.suffix.lower()]
    picture = Image.fromarray(make_sheet(images)[0])
    replace_file(path, lambda file: picture.save(file, format=kind))
