"""`write_report`: what a log directory tells, as one file to send: a page, Markdown or JSON."""

import dataclasses
import json
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tensorboard_plugin_interp import metadata
from tf_interp.findings import read_findings
from tf_interp.records.packed import PackedRun, find_runs
from tf_interp.records.whole_file import replace_file
from tf_interp.report.contents import collect_contents
from tf_interp.report.embedding import Embedded, embed_runs
from tf_interp.report.markdown import write_markdown
from tf_interp.report.outline import describe_report, make_outline
from tf_interp.report.page import make_frame, write_data, write_text

SUFFIXES = (".html", ".htm", ".md", ".json")
_MB = 1_000_000


def write_report(
    logdir: str | os.PathLike,
    path: str | os.PathLike,
    *,
    max_mb: float = 20.0,
    say: Callable[[str], None] | None = None,
) -> pathlib.Path:
    """Write what was recorded below a log directory as one file.

    `.html` is the tab "Interpretability" over the same records, in a page that needs no server and opens from a disk;
    `.md` tells its last step in words and tables, for pull requests and model cards; `.json` is the dictionary that
    both are made from. A file that is there already is replaced whole, or not at all.

    Args:
        logdir: TensorBoard's log directory; all runs below it are in the report.
        path: the file, ending in .html, .md or .json.
        max_mb: how large a page may be, in MB of 1,000,000 bytes: where all steps would take more, some are left out,
            and the page says so.
        say: called with a sentence for each thing that was left out.

    Returns:
        The path.

    Raises:
        ValueError: if the ending is another, there are no records, or the last step of each run takes more than
            `max_mb`.

    Example:
        >>> _ = ti.write(records, tmp_path / "logs")
        >>> write_report(tmp_path / "logs", tmp_path / "report.md").read_text().splitlines()[0]
        '# Interpretability report: logs'
    """
    target = pathlib.Path(path)
    ending = target.suffix.lower()
    if ending not in SUFFIXES:
        raise ValueError(f"a report ends in .html, .md or .json, got {target.name!r}")
    if target.is_dir():
        raise ValueError(f"{target} is a folder: give the name of a file")
    runs = _find(logdir)
    own = pathlib.Path(logdir).resolve().name or "logs"
    contents = collect_contents(own, runs, read_findings(logdir))
    if ending == ".json":
        text = json.dumps(contents, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    elif ending == ".md":
        text = write_markdown(make_outline(contents))
    else:
        text = _write_html(contents, [_move(run, own, runs) for run in runs], max_mb)
        for notice in contents["notices"]:
            if say is not None:
                say(notice)
    replace_file(target, lambda file: file.write(text.encode("utf-8", "replace")))
    return target


def tell_in_html(logdir: str | os.PathLike, name: str) -> str:
    r"""Return what was recorded below a log directory in words and tables, as HTML without scripts or pictures.

    Args:
        logdir: TensorBoard's log directory.
        name: what to call it.

    Raises:
        ValueError: if there are no records.

    Example:
        >>> _ = ti.write(records, tmp_path / "logs")
        >>> tell_in_html(tmp_path / "logs", "my <run>")[:49]
        '<h1>Interpretability report: my &lt;run&gt;</h1>\n'
    """
    return write_text(make_outline(collect_contents(name, _find(logdir), read_findings(logdir))))


def _find(logdir: str | os.PathLike) -> list[PackedRun]:
    if not (runs := find_runs(logdir)):
        raise ValueError(
            f"{logdir} holds no records of tf-interp: give a log directory of InterpCallback, or one that tf-interp "
            "analyze wrote"
        )
    return runs


def _move(run: PackedRun, own: str, runs: Sequence[PackedRun]) -> PackedRun:
    """Return the run of the log directory itself under that name: in a page "this folder" would say nothing."""
    folder = f"{own}/{run.folder}"
    taken = run.name != "." or any(other.folder == folder for other in runs)
    return run if taken else dataclasses.replace(run, name=own, folder=folder)


def _write_html(contents: dict[str, Any], runs: list[PackedRun], max_mb: float) -> str:
    before, after = make_frame(make_outline(contents), contents["title"])
    spare = len((before + after).encode("utf-8", "replace")) + 2000 + 400 * len(runs)  # for what is said of itself
    names = {run.folder: _tell_names(run) for run in runs}
    spare += len(write_data(names))
    embedded = embed_runs(runs, int(max_mb * _MB) - spare)
    contents["notices"] += _tell_thinning(embedded, max_mb)
    if contents["notices"]:
        before, after = make_frame(make_outline(contents), contents["title"])
    about: Mapping[str, Any] = {
        "title": contents["title"], "lines": describe_report(contents), "notices": contents["notices"]
    }  # fmt: skip
    return before + write_data({"about": about, "names": names, **embedded.values}) + after


def _tell_names(run: PackedRun) -> dict[str, Any]:
    """Return the names that people gave to the groups of a run, as the tab's route says them."""
    folder = run.places[0][1][0].parent
    file = metadata.read_names(folder.parent if metadata.parse_session(folder.name) is not None else folder)
    return {
        "version": file.version,
        "names": [{**entry, "place": place} for place, entry in file.understood().items()],
        "same": metadata.SAME_GROUP,
        "longest": metadata.LONGEST_NAME,
        "read_only": "This is a report: names are shown, but cannot be given here.",
        "notes": file.remarks(),
    }


def _tell_thinning(embedded: Embedded, max_mb: float) -> list[str]:
    """Return a sentence for each run of which steps were left out."""
    return [
        f"Run {name} has {count:,} steps; this report keeps {kept:,} of them, "
        f"{'the last' if kept == 1 else 'the first, the last and others between'}, to stay under {max_mb:g} MB."
        for name, (kept, count) in embedded.kept.items()
        if kept < count
    ]
