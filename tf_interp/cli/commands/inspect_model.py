"""`tf-interp inspect`: what a network is, what is worth watching in it, what will not work, and what to run next."""

import argparse
import dataclasses
import json
import pathlib
import shlex
from collections.abc import Mapping
from typing import Any

from rich.table import Table

import tf_interp
from tf_interp.analysis.planning.layer_choice import choose_layers
from tf_interp.analysis.planning.traced_layers import DeadEnd, find_dead_ends, trace_shapes
from tf_interp.cli.sources import open_source
from tf_interp.cli.terminal import Terminal, format_shape
from tf_interp.models import Model
from tf_interp.models.saved_model.reading import list_signatures

SCHEMA = 1  # of --json: fields may be added; what is there keeps name and meaning while this number stays
_SIDE = 224  # pixels, put into the next command where the network leaves the size open
_LISTED = 2  # layers in the next command
_FLAGS = ("trust", "signature", "head", "output", "labels", "preprocess", "range", "size")


def inspect_command(options: argparse.Namespace) -> None:
    """Print what is known of a network.

    Args:
        options: of the command.
    """
    model = open_source(options)
    report = inspect_model(model, options)
    terminal = Terminal(options.quiet, options.verbose)
    if options.json:
        terminal.result(json.dumps(report, indent=1, ensure_ascii=False), soft_wrap=True)
    else:
        _print(report, terminal)


def inspect_model(model: Model, options: argparse.Namespace) -> dict[str, Any]:
    """Return what `inspect --json` prints.

    Args:
        model: the network.
        options: of the command.

    Returns:
        JSON values, as `tf-interp inspect --help` says.
    """
    rows = model.inspect()
    outside = {row.path: _why_not(model, row.path) for row in rows}
    layers = [row for row in rows if row.path not in model.outputs]
    readable = [row for row in layers if outside[row.path] is None]
    worth = choose_layers(readable, trace_shapes(model, [row.path for row in readable], options.size))
    shape = model.input_shape
    named = shape if isinstance(shape, dict) else {"input": shape}
    heads = list(model.heads.values())
    words = _next_words(model, options, list(worth))
    return {
        "schema": SCHEMA,
        "version": tf_interp.__version__,
        "model": {
            "source": str(options.model),
            "name": model.name,
            "kind": _name_kind(pathlib.Path(options.model)),
            "digest": model.digest(),
        },
        "inputs": [{"name": name, "shape": item} for name, item in named.items()],
        "outputs": [
            {
                "path": head.path,
                "label": head.label,
                "kind": head.kind,
                "evidence": head.evidence,
                "described": head.describe(),
                "shape": head.shape,
                "names": head.names,
                "quantity": head.quantity,
                "meant": head.path == model.head().path,
            }
            for head in heads
        ],
        "signatures": list_signatures(options.model),
        "range": dataclasses.asdict(model.range_guess()),
        "layers": [
            {
                "path": row.path,
                "kind": row.kind,
                "shape": row.shape,
                "parameters": row.parameters,
                "called_on": row.called_on,
                "worth_watching": worth.get(row.path),
                "not_readable": outside[row.path],
            }
            for row in layers
        ],
        "will_not_work": _find_trouble(model, find_dead_ends(model, list(worth), options.size), outside),
        "warnings": model.warnings,
        "notes": model.notes,
        "next": words,
        "next_command": shlex.join(words),
    }


def _why_not(model: Model, path: str) -> str | None:
    """Return why a layer cannot be looked at, or None."""
    try:
        model.resolve(path, channels=True)
    except ValueError as error:
        return str(error)
    return None


def _name_kind(path: pathlib.Path) -> str:
    return "SavedModel" if path.is_dir() else "frozen graph" if path.suffix == ".pb" else "Keras model"


def _find_trouble(
    model: Model, dead_ends: Mapping[str, DeadEnd], outside: Mapping[str, str | None]
) -> list[dict[str, str]]:
    """Return what will not work with this network, and why."""
    found = [(head.label, head.caution) for head in model.heads.values() if head.caution is not None]
    if isinstance(model.input_shape, dict):
        names = ", ".join(model.input_shape)
        found.append(("--probe with pictures", f"it takes {len(model.input_shape)} inputs: an .npz file with {names}"))
    if model.fixed_batch is not None:
        found.append(("batches", f"the network takes {model.fixed_batch} pictures at a time: others run in pieces"))
    elif not model.takes_any_batch:
        found.append(("batches", "the network is built for each number of pictures anew"))
    for path, end in dead_ends.items():
        found += [(f"drawing {path}", end.drawing)] if end.drawing else []
        found += [(f"attribution to {path}", end.attribution)] if end.attribution else []
    refused = {path: why for path, why in outside.items() if why is not None}
    if refused:
        path, why = next(iter(refused.items()))
        more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
        found.append((f"{path}{more}", why))
    return [{"about": about, "why": why} for about, why in found]


def _next_words(model: Model, options: argparse.Namespace, worth: list[str]) -> list[str]:
    """Return the words of the command that comes next; PICTURES stands for what only the user knows."""
    words = ["tf-interp", "analyze", str(options.model), "--probe", "PICTURES"]
    for layer in worth[-_LISTED:] or ["LAYER"]:
        words += ["--layer", layer]
    words += ["--logdir", f"logs/{model.name}"]
    values = {name: getattr(options, name) for name in _FLAGS}
    if values["size"] is None and isinstance(model.input_shape, tuple) and None in model.input_shape[:2]:
        values["size"] = _SIDE
    for name, value in values.items():
        if value is True:
            words.append(f"--{name}")
        elif value not in (None, False):
            words += [f"--{name}", *(f"{item:g}" for item in value)] if name == "range" else [f"--{name}", str(value)]
    return words


def _describe_range(guess: Mapping[str, Any]) -> str:
    """Return what is believed of the values that the network takes, and why."""
    if guess["fed"] == "unknown":
        return guess["evidence"]
    if guess["expects"] is None:
        return f"cannot be told; pictures reach it as {guess['fed']} ({guess['evidence']})"
    if guess["warning"] is None:
        return f"pictures reach it as {guess['fed']}, which seems right ({guess['evidence']})"
    return f"seems to be {guess['expects']}, but pictures reach it as {guess['fed']}; see the warning"


def _print(report: Mapping[str, Any], terminal: Terminal) -> None:
    """Print a report for people: layers first, so that what matters stands last and is seen."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("layer", overflow="fold")
    table.add_column("kind", overflow="fold")
    table.add_column("output shape", no_wrap=True)
    table.add_column("parameters", no_wrap=True, justify="right")
    for row in report["layers"]:
        mark = "* " if row["worth_watching"] else "! " if row["not_readable"] else "  "
        style = "bold" if row["worth_watching"] else "dim" if row["not_readable"] else ""
        numbers = f"{row['parameters']:,}" if row["parameters"] else ""
        table.add_row(mark + row["path"], row["kind"], format_shape(row["shape"]), numbers, style=style)
    terminal.table(table)
    model = report["model"]
    terminal.result(f"\n{model['name']}: a {model['kind']} of {len(report['layers'])} layers (* worth watching)\n")
    facts = [("input" if item["name"] == "input" else f"input {item['name']}", format_shape(item["shape"]))
             for item in report["inputs"]]  # fmt: skip
    for item in report["outputs"]:
        meant = " (meant)" if len(report["outputs"]) > 1 and item["meant"] else ""
        facts.append(
            (item["label"] + meant, f"{item['described']}; {item['quantity']}s, {format_shape(item['shape'])}")
        )
    if len(report["signatures"]) > 1:
        facts.append(("signatures", ", ".join(report["signatures"])))
    facts.append(("value range", _describe_range(report["range"])))
    facts += [("warning", warning) for warning in report["warnings"]]
    facts += [("note", note) for note in report["notes"] if note not in report["warnings"]]
    terminal.facts(facts)
    watched = [(row["path"], row["worth_watching"]) for row in report["layers"] if row["worth_watching"]]
    if watched:
        terminal.result("\nworth watching")
        terminal.facts([(path, why) for path, why in watched])
    if report["will_not_work"]:
        terminal.result("\nwill not work")
        terminal.facts([(item["about"], item["why"]) for item in report["will_not_work"]])
    given = {"--range", "--preprocess"} & set(report["next"]) or str(model["source"]).startswith("zoo:")
    hint = "" if given else " (and --preprocess, if the network takes other values than 0 to 1)"
    terminal.result(f"\nNext, with a folder of pictures{hint}:")
    terminal.result(f"  {report['next_command']}", soft_wrap=True)
