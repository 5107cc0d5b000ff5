"""`tf-interp tcav`: which concepts a decision depends on, in the terminal and as a table, without a log."""

import argparse
import csv
import io
import json
import pathlib
from typing import Any

from tf_interp.analysis import Analysis, ConceptTests
from tf_interp.analysis.planning.layer_choice import expand_layers
from tf_interp.cli.commands.analyze_model import explain_parts
from tf_interp.cli.part_options import make_part, parse_options
from tf_interp.cli.sources import check_concepts, open_both, read_concepts, tell_warnings
from tf_interp.cli.terminal import Terminal, format_count
from tf_interp.concepts import ConceptTest
from tf_interp.records.whole_file import replace_file


def tcav_command(options: argparse.Namespace) -> None:
    """Test concepts, print what is found, and write all rows.

    Args:
        options: of the command.

    Raises:
        ValueError: if something that was asked for does not fit, before anything is computed.
    """
    terminal = Terminal(options.quiet, options.verbose)
    if explain_parts(options, terminal):
        return
    check_concepts(options)
    if not options.layer:
        raise ValueError("which layers? Give --layer, once or several times (tf-interp inspect lists them)")
    if options.out is not None and options.out.suffix not in (".csv", ".json"):
        raise ValueError(f"-o {options.out}: expected a file that ends in .csv or .json")
    settings = ({} if options.seed is None else {"seed": options.seed}) | parse_options(options.tests or "seed=0")
    model, probe = open_both(options, terminal)
    concepts, pool = read_concepts(options, model, probe)
    own = {"concepts": concepts, "random": pool, "targets": options.target}
    part: ConceptTests = make_part(ConceptTests, "--tests", settings, **own)
    analysis = Analysis(model, probe, expand_layers(model, options.layer), [part])
    tell_warnings(analysis, probe, terminal)
    numbers = {"concept": len(concepts), "target": len(options.target), "layer": len(analysis.layers)}
    counts = ", ".join(format_count(number, noun) for noun, number in numbers.items())
    terminal.say(f"testing {counts}: {sum(map(len, concepts.values()))} pictures of concepts, {len(pool)} others\n")
    result = part.test(analysis.view(part))
    for text in result.explain():
        terminal.result(f"{text}\n")
    if options.out is not None:
        _save(options.out, result)
        terminal.say(f"{len(result.rows)} rows in {options.out}")


def _save(path: pathlib.Path, result: ConceptTest) -> None:
    """Write the rows as a table."""
    found, shared = result.findings()
    rows = [row | {"claim": finding.claim, "text": finding.text}
            for row, finding in zip(result.rows, found, strict=True)]  # fmt: skip
    if path.suffix == ".json":
        whole = {"rows": rows, "cautions": shared, "notes": result.notes, "family": result.family}
        text = json.dumps(whole, indent=1, default=_plain, ensure_ascii=False)
    else:
        lines = io.StringIO(newline="")
        writer = csv.DictWriter(lines, list(rows[0]))
        writer.writeheader()
        writer.writerows({name: " ".join(map(str, v)) if isinstance(v, list | tuple) else v for name, v in row.items()}
                         for row in rows)  # fmt: skip
        text = lines.getvalue()
    replace_file(path, lambda file: file.write(text.encode()))


def _plain(value: Any) -> Any:
    """Return a number or list of NumPy as one of Python."""
    return value.tolist()
