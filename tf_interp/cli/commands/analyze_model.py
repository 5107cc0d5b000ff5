"""`tf-interp analyze`: fill the tab for a finished model; killed, the same command goes on."""

import argparse
import difflib
import inspect
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tf_interp import analysis as parts_of_analysis
from tf_interp.analysis import Analysis, ConceptTests
from tf_interp.analysis.planning.cost import Cost, estimate_cost
from tf_interp.analysis.planning.layer_choice import choose_layers, expand_layers
from tf_interp.analysis.planning.traced_layers import find_dead_ends, trace_shapes
from tf_interp.analysis.workspace import Workspace
from tf_interp.cli.parser import FIRST_SETTINGS, PART_OPTIONS, PARTS, SHORT_OPTIONS
from tf_interp.cli.part_options import explain_options, make_part, parse_options
from tf_interp.cli.resume import Session, identify
from tf_interp.cli.sources import check_concepts, open_both, read_concepts, tell_warnings
from tf_interp.cli.terminal import Terminal, format_count, format_seconds
from tf_interp.concepts import Finding
from tf_interp.findings import FINDING, Finder, RunFinding
from tf_interp.images import digest_images
from tf_interp.models import Model
from tf_interp.records import Record, read_runs, write

# cheap ones first, so that there is something to look at soon; the last two show what the others found
_ORDER = ("attribution", "concepts", "groups", "features", "decisions", "dictionary")
_CLASSES: dict[str, Any] = {part: getattr(parts_of_analysis, PARTS[part]) for part in _ORDER}
_FLAGS = {part: f"--{option}" for part, option in PART_OPTIONS.items()}
_OWN = ("concepts", "random", "targets")  # of `ConceptTests`: given by flags of their own
_ASKED_FOR = ("dictionary",)  # parts that run only where they are named
_FEW = 2  # layers that are looked at where none are named: the deepest of those that are worth it


def analyze_command(options: argparse.Namespace) -> None:
    """Run an analysis and write its records.

    Args:
        options: of the command.

    Raises:
        ValueError: if something that was asked for does not fit, before anything is computed.
    """
    terminal = Terminal(options.quiet, options.verbose)
    if explain_parts(options, terminal):
        return
    words = _read_part_options(options)
    if options.logdir is None and not options.dry_run:
        raise ValueError("where to? Give --logdir a TensorBoard log directory, e.g. --logdir logs/run1")
    parts = {kind: make_part(_CLASSES[kind], _FLAGS[kind], words[kind]) for kind in words if kind != "concepts"}
    settings = {kind: _complete(_CLASSES[kind], words[kind]) for kind in words}
    model, probe = open_both(options, terminal)
    layers = expand_layers(model, options.layer) if options.layer else _suggest(model, terminal)
    if "concepts" in words:
        concepts, pool = read_concepts(options, model, probe)
        own = {"concepts": concepts, "random": pool, "targets": options.target}
        parts["concepts"] = make_part(ConceptTests, _FLAGS["concepts"], words["concepts"], **own)
        shown = {name: digest_images(concept.images) for name, concept in concepts.items()}
        settings["concepts"] |= {"concepts": shown, "random": digest_images(pool.images), "targets": options.target}
    analysis = Analysis(model, probe, layers, [parts[kind] for kind in words])
    step = options.step or 0
    if options.dry_run:
        tell_warnings(analysis, probe, terminal)
        _preview(terminal, analysis, estimate_cost(analysis))
        return
    session = Session(options.logdir, step, identify(analysis, probe, settings, {"step": step}), options.again)
    tell_warnings(analysis, probe, terminal)
    if session.logdir != options.logdir:
        terminal.say(f"{options.logdir} holds another analysis: writing to {session.logdir}")
    workspace = Workspace(session.folder)
    with session.open(workspace) as written:
        _run(terminal, analysis, session, workspace, written)
        _find(terminal, session, written)
    terminal.tell_how_to_see(session.logdir)


def _run(terminal: Terminal, analysis: Analysis, session: Session, workspace: Workspace, written: set[str]) -> None:
    """Compute what is missing and write it."""
    asked = [tag for part in analysis.parts for layer in analysis.missing(part, ()) for tag in part.tags(layer)]
    missing = [tag for tag in asked if tag not in written]
    if not missing:
        terminal.say(f"{session.logdir} holds all {len(asked)} records of this command already: nothing to compute\n")
        return
    if len(missing) < len(asked):
        terminal.say(f"going on in {session.logdir}: {len(asked) - len(missing)} of {len(asked)} records are there")
    cost = estimate_cost(analysis, written)
    _preview(terminal, analysis, cost)
    started = time.perf_counter()
    with terminal.bar(cost.steps) as (advance, describe):
        workspace.advance, workspace.tell = advance, terminal.detail

        def told(records: Iterable[Record]) -> Iterator[Record]:
            describe(f"record 1 of {len(missing)}")
            for count, record in enumerate(records, 1):
                yield record
                terminal.detail(f"wrote {record.tag} ({time.perf_counter() - started:.1f} s)")
                describe(f"record {min(count + 1, len(missing))} of {len(missing)}")

        write(told(analysis.run(session.step, workspace=workspace, written=written)), session.logdir)
    took = format_seconds(time.perf_counter() - started)
    terminal.say(f"{format_count(len(missing), 'record')} written in {took}\n")


def _preview(terminal: Terminal, analysis: Analysis, cost: Cost) -> None:
    """Say what will be done, and what it costs."""
    kinds = ", ".join(part.kind for part in analysis.parts)
    layers = f"{len(analysis.layers)} layers" if len(analysis.layers) > 3 else ", ".join(analysis.layers)
    terminal.say(f"{kinds} of {layers}, on {format_count(len(analysis.probe), 'picture')}")
    if cost.drawings:
        memory = "" if cost.memory is None else f", {cost.memory / 1e9:.1f} GB of memory"
        units = {"features": "units", "groups": "icons of groups", "dictionary": "icons and cells"}
        pictures = " and ".join(f"{number} {units.get(k, k)} x {steps} steps" for k, number, steps in cost.drawings)
        terminal.say(f"to draw: {pictures}, about {format_seconds(cost.seconds)}{memory}")


def _find(terminal: Terminal, session: Session, written: set[str]) -> None:
    """Say what was found, and write it, if it was not."""
    finder, headlines = Finder(), dict[str, None]()
    common: Mapping[str, Any] = {}
    before: list[RunFinding] = []
    for record in read_runs(session.logdir).get(".", ()):  # other runs may lie below
        if record.kind == FINDING and record.step < session.step:
            before = [RunFinding.from_dict(values) for values in record.data["findings"]]
        if record.step != session.step:
            continue
        finder.see(record)
        common = record.data
        if record.kind == "concepts":  # the layers of one test have the same
            headlines[Finding(**record.data["headline"]["finding"]).text] = None
    found = finder.finish()
    keys = {finding.key for finding in before}  # a record holds all findings of its run so far, each once
    new = [finding for finding in found if finding.key not in keys]
    record = Finder([*before, *new]).to_record(session.step, new, common)
    if new and record.tag not in written:
        write([record], session.logdir)
    for text in headlines:
        terminal.result(f"{text}\n")
    for finding in found:
        if finding.kind != "relies" or not headlines:  # of concepts the headline says more
            terminal.result(f"{finding.sentence}\n")


def explain_parts(options: argparse.Namespace, terminal: Terminal) -> bool:
    """Print the settings of a part, where they were asked for with `help`; return whether they were.

    Args:
        options: of the command.
        terminal: where to print.
    """
    asked = [kind for kind, flag in _FLAGS.items() if getattr(options, flag.lstrip("-"), None) == "help"]
    for kind in asked:
        terminal.result(f"settings of {_FLAGS[kind]}, e.g. {_FLAGS[kind]} NAME=VALUE,NAME=VALUE\n")
        rows = explain_options(_CLASSES[kind], _OWN)
        terminal.facts([(f"{name}={default}", f"{meaning} ({what})") for name, what, default, meaning in rows])
    return bool(asked)


def _suggest(model: Model, terminal: Terminal) -> list[str]:
    """Return the layers that are looked at where none are named, and say so."""
    worth = list(_worth_watching(model))
    ends = find_dead_ends(model, worth)
    chosen = [path for path in worth if path not in ends or ends[path].attribution is None][-_FEW:]
    if not chosen:
        raise ValueError("which layers? None is worth watching by itself: give --layer (tf-interp inspect lists them)")
    terminal.say(f"no --layer was given: looking at {' and '.join(chosen)} (tf-interp inspect tells why)")
    return chosen


def _worth_watching(model: Model) -> dict[str, str]:
    rows = [row for row in model.inspect() if row.path not in model.outputs and _is_readable(model, row.path)]
    return choose_layers(rows, trace_shapes(model, [row.path for row in rows]))


def _is_readable(model: Model, path: str) -> bool:
    try:
        return bool(model.resolve(path, channels=True))
    except ValueError:
        return False


def _read_part_options(options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Return the parts that were asked for, in the order in which they run, each with its settings."""
    asked = [word.strip() for item in options.part or [] for word in item.split(",")]
    for word in asked:
        if word not in PARTS:
            near = difflib.get_close_matches(word, PARTS, 1, 0.5)
            raise ValueError(f"--part {word}: {f'did you mean {near[0]}?' if near else f'it is one of {[*PARTS]}'}")
    if not asked:
        usual = [part for part in PARTS if part not in _ASKED_FOR or getattr(options, part, None) is not None]
        asked = [part for part in usual if part != "concepts" or options.concepts or options.target]
    if "concepts" in asked:
        check_concepts(options)
    elif options.concepts or options.random or options.target:
        raise ValueError(
            f"--concepts, --random and --target are for the part concepts, which --part leaves out: {asked}"
        )
    short = _read_short_options(options, asked)
    found = {}
    for part in _ORDER:
        text = getattr(options, _FLAGS[part].lstrip("-"))
        if text is not None and part not in asked:
            raise ValueError(f"{_FLAGS[part]} is for the part {part}, which --part leaves out: {asked}")
        own = parse_options(text) if text else {}
        if "" in own and FIRST_SETTINGS[part] in own:
            raise ValueError(f"{_FLAGS[part]} {text}: gives {FIRST_SETTINGS[part]} twice, once without its name")
        found[part] = short[part] | {name or FIRST_SETTINGS[part]: value for name, value in own.items()}
    return {part: found[part] for part in _ORDER if part in asked}


def _read_short_options(options: argparse.Namespace, asked: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return for each part the settings that options such as --units are short for."""
    found: dict[str, dict[str, Any]] = {part: {} for part in _ORDER}
    for name, parts in SHORT_OPTIONS.items():
        value = getattr(options, name)
        if value is None:
            continue
        if name != "seed" and not {*parts} & {*asked}:
            raise ValueError(f"--{name} is for {' and '.join(parts)}, which --part leaves out: {asked}")
        for part in parts:
            found[part][name] = max(1, value // 2) if (name, part) == ("steps", "groups") else value
    return found


def _complete(part: type, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return all settings of a part that can be given in words, defaults included."""
    defaults = {name: item.default for name, item in inspect.signature(part).parameters.items() if name not in _OWN}
    return {**defaults, **settings}
