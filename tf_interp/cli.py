"""`tf-interp`: the demo, and the same analyses for a finished model, by one command each."""

import argparse
import importlib.util
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from importlib import metadata
from typing import Any

from rich.console import Console
from rich.table import Table

import tf_interp

# TensorFlow takes seconds to import: only the commands that need it do so, inside their function.


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: words after the program's name; None takes them from the process.

    Returns:
        Exit status: 0 fine, 2 a mistake in what was asked for, 130 interrupted.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    options = _parser().parse_args(arguments)
    show = options.traceback or bool(os.environ.get("TF_INTERP_RAISE"))
    try:
        if options.needs_tensorflow:
            _import_tensorflow()
        options.command(options)
    except (ValueError, TypeError, OSError, ImportError, subprocess.CalledProcessError) as error:
        if show:
            raise
        print(f"tf-interp {options.name}: {error}".replace("trust=True", "--trust"), file=sys.stderr)
        print("(where it was raised: tf-interp --traceback ..., or TF_INTERP_RAISE=1)", file=sys.stderr)
        if not _is_ours(error):
            print("This error is not one of tf-interp's own checks: it may be a fault of the program.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; what was written so far can be read", file=sys.stderr)
        return 130
    return 0


def _is_ours(error: BaseException) -> bool:
    """Return whether an error tells of a mistake in what was asked for: a file, an import, or a `raise` of ours."""
    if isinstance(error, OSError | ImportError | subprocess.CalledProcessError):
        return True
    frame = traceback.extract_tb(error.__traceback__)[-1]
    inside = pathlib.Path(frame.filename).is_relative_to(pathlib.Path(__file__).parent)
    return inside and (frame.line or "").startswith("raise")


def _import_tensorflow() -> None:
    """Import TensorFlow without the lines that it logs before anybody can ask it not to."""
    with tempfile.TemporaryFile() as file:
        sys.stderr.flush()
        before = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            import tensorflow  # noqa: F401
        except BaseException:
            file.seek(0)
            os.write(before, file.read())
            raise
        finally:
            os.dup2(before, 2)
            os.close(before)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("tf-interp", description="See what a Keras network has learned.")
    parser.add_argument("--version", action="version", version=f"tf-interp {tf_interp.__version__}")
    parser.add_argument("--traceback", action="store_true", help="show where an error was raised")
    commands = parser.add_subparsers(dest="name", required=True, metavar="COMMAND")

    demo = commands.add_parser(
        "demo", help="train a small network that learns a shortcut, and see it do so (about a minute)"
    )
    demo.add_argument(
        "--out", type=pathlib.Path, help="new folder for the logs (default: tf-interp-demo, or the next free name)"
    )
    demo.add_argument("--seed", type=int, default=0, help="same seed, same numbers (default: 0)")
    demo.add_argument("--serve", action="store_true", help="start TensorBoard on the result")
    demo.add_argument("--port", type=int, default=6006, help="TensorBoard's port for --serve (default: 6006)")
    demo.set_defaults(command=_demo, needs_tensorflow=True)

    inspect = commands.add_parser("inspect", help="list a model's layers and say what to run next")
    _add_model(inspect)
    inspect.set_defaults(command=_inspect, needs_tensorflow=True)

    analyze = commands.add_parser("analyze", help="fill the tab for a finished model")
    _add_model(analyze)
    analyze.add_argument(
        "--probe", type=pathlib.Path, required=True, help="folder of pictures, or of one sub-folder per class"
    )
    analyze.add_argument("--layer", action="append", required=True, help="layer to look at; may be given several times")
    analyze.add_argument("--logdir", type=pathlib.Path, required=True, help="TensorBoard log directory to write to")
    analyze.add_argument("--concepts", type=pathlib.Path, help="folder with one sub-folder of pictures per concept")
    analyze.add_argument("--random", type=pathlib.Path, help="folder of pictures of no concept in particular")
    analyze.add_argument(
        "--target",
        action="append",
        help="class index or name that the concepts are tested on; may be given several times",
    )
    analyze.add_argument("--size", type=int, help="side of the pictures in pixels, where the network leaves it open")
    analyze.add_argument("--range", nargs=2, type=float, metavar=("LOW", "HIGH"), default=(0.0, 1.0),
                         help="value range that the network takes, e.g. -1 1 or 0 255 (default: 0 1)")  # fmt: skip
    analyze.add_argument("--class-names", type=pathlib.Path, help="text file with one class name per line")
    analyze.add_argument("--units", type=int, default=8, help="channels to draw per layer (default: 8)")
    analyze.add_argument("--groups", type=int, default=6, help="groups of neurons per layer (default: 6)")
    analyze.add_argument("--steps", type=int, default=256, help="optimization steps per picture (default: 256)")
    analyze.add_argument("--step", type=int, default=0, help="training step to file the records under (default: 0)")
    analyze.add_argument("--seed", type=int, default=0, help="same seed, same numbers (default: 0)")
    analyze.set_defaults(command=_analyze, needs_tensorflow=True)

    evolution = commands.add_parser(
        "evolution", help="write how a layer's features changed over training as GIF or WebP"
    )
    evolution.add_argument("logdir", type=pathlib.Path, help="TensorBoard log directory of one run")
    evolution.add_argument("--layer", required=True, help="layer whose units to show")
    evolution.add_argument("--unit", help="one unit by name or channel index (default: all side by side)")
    evolution.add_argument("-o", "--out", type=pathlib.Path, required=True, help="file to write, .gif or .webp")
    evolution.set_defaults(command=_evolution, needs_tensorflow=False)
    return parser


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model", type=pathlib.Path, help="a .keras file, a SavedModel folder, or zoo:efficientnet-lite0"
    )
    parser.add_argument(
        "--head", metavar="KIND", help="what the output is, where the guess is wrong: multiclass, binary (one logit), "
        "multilabel, regression, dense or other",
    )  # fmt: skip
    parser.add_argument("--output", metavar="LABEL", help="the output that is meant, of a network with several")
    parser.add_argument(
        "--trust", action="store_true", help="load a file that can run code: only for models of your own making"
    )


def _demo(options: argparse.Namespace) -> None:
    if options.out is None:
        names = [pathlib.Path("tf-interp-demo")] + [pathlib.Path(f"tf-interp-demo-{n}") for n in range(2, 1000)]
        options.out = next(name for name in names if not name.exists())
    console = Console()
    console.print(
        "Training a small network on handwritten digits; one digit carries a planted tag. Loading TensorFlow ..."
    )
    from tf_interp.demo import run_demo

    result = run_demo(options.out, options.seed, console)
    console.print()
    console.print(result.describe(), highlight=False)
    console.print(f"\nDone in {result.seconds:.0f} s.", end=" ")
    if _tell_how_to_see(console, result.log_dir) and options.serve:
        command = [
            sys.executable,
            "-m",
            "tensorboard.main",
            "--logdir",
            str(result.log_dir),
            "--port",
            str(options.port),
        ]
        console.print(f"http://localhost:{options.port}/#interpretability  (Ctrl-C ends it)")
        subprocess.run(command, check=True)


def _inspect(options: argparse.Namespace) -> None:
    from tf_interp.models import open_model

    model = open_model(options.model, head=options.head, output=options.output, trust=options.trust)
    rows = model.inspect()
    table = Table(title=f"{model.name}: {len(rows)} layers")
    table.add_column("layer", overflow="fold")
    for name in ("kind", "output shape", "parameters"):
        table.add_column(name, no_wrap=True)
    for row in rows:
        table.add_row(row.path, row.kind, _format_shape(row.shape), f"{row.parameters:,}" if row.parameters else "")
    console = Console() if sys.stdout.isatty() else Console(width=200)
    console.print(table)
    console.print(
        f"input: {_format_shape(model.input_shape)}    output (logits): {_format_shape(model.layers['output'])}"
    )
    for head in model.heads.values():
        meant = ", which is meant" if len(model.heads) > 1 and head.path == model.head().path else ""
        console.print(f"{head.label}{meant}: {head.describe()}", highlight=False)
        if head.caution is not None:
            console.print(f"note: {head.caution}")
    for note in model.notes:
        console.print(f"note: {note}")
    spatial = [row for row in rows if len(row.shape) == 3 and (row.shape[0] is None or row.shape[0] > 1)]
    joined = [row for row in spatial if row.kind.startswith(("Add", "Concat", "ReLU", "Relu", "Activation"))]
    if not spatial:
        console.print("\nNo layer has positions; name any layer with channels: tf-interp analyze --help")
        return
    chosen = (joined or spatial)[int(len(joined or spatial) * 0.75)].path
    words = ["tf-interp", "analyze", str(options.model), "--probe", "PICTURES", "--layer", chosen]
    words += ["--logdir", f"logs/{model.name}", *(["--trust"] if options.trust else [])]
    words += [
        *(["--head", options.head] if options.head else []),
        *(["--output", options.output] if options.output else []),
    ]
    if model.input_shape and None in model.input_shape:
        words += ["--size", "224"]
    hint = " (and --range LOW HIGH, if the network takes other values than 0 to 1)" if model.preprocess is None else ""
    console.print(f"\nNext, with a folder of pictures{hint}:")
    console.print(f"  {shlex.join(words)}", soft_wrap=True, highlight=False)


def _analyze(options: argparse.Namespace) -> None:
    if bool(options.concepts) != bool(options.target):
        raise ValueError("concept tests need both --concepts (a folder with one sub-folder per concept) and --target")
    if options.concepts and not options.random:
        raise ValueError("concept tests need --random: a folder of pictures of no concept in particular")
    from tf_interp.analysis import Attributions, Features, NeuronGroups, analyze
    from tf_interp.concepts import Finding
    from tf_interp.models import open_model
    from tf_interp.probe import Probe
    from tf_interp.records import last_step, write

    parts: list[Any] = [
        Features(options.units, options.steps, seed=options.seed),
        NeuronGroups(options.groups, steps=max(1, options.steps // 2), seed=options.seed),
        Attributions(),
    ]
    used = last_step(options.logdir)
    if used is not None and options.step <= used:
        raise ValueError(
            f"{options.logdir} already holds records up to step {used}: choose another --logdir, or a --step above it"
        )
    names = options.class_names.read_text(encoding="utf-8").rstrip().split("\n") if options.class_names else None
    names = [name.strip() for name in names] if names else None
    meant = {"head": options.head, "output": options.output}
    model = open_model(options.model, class_names=names, trust=options.trust, **meant)
    shape = model.input_shape
    preprocess = _preprocess(options.range, flat=isinstance(shape, tuple) and len(shape) == 2)
    if preprocess is not None:
        if model.preprocess is not None:
            raise ValueError(f"{model.name!r} brings the value range that it takes: leave out --range")
        model.preprocess = preprocess
    size, channels = _picture_shape(shape, options.size)
    probe = Probe.from_folder(options.probe, size, channels)
    console = Console()
    for line in probe.skipped:
        console.print(f"skipped {line}", style="yellow")
    if options.concepts:
        parts.append(_concept_tests(options, (probe.images.shape[1], probe.images.shape[2]), channels))
    headlines = dict[str, None]()  # the layers of one test have the same
    with console.status("Looking ...") as status:

        def told(records):
            for record in records:
                if record.kind == "concepts":
                    headlines[Finding(**record.data["headline"]["finding"]).text] = None
                status.update(f"{record.title} ({record.data['seconds']:.1f} s)")
                yield record

        write(told(analyze(model, probe, options.layer, parts, step=options.step)), options.logdir)
    for text in headlines:
        console.print(f"{text}\n", highlight=False, markup=False)
    _tell_how_to_see(console, options.logdir)


def _tell_how_to_see(console: Console, logdir: pathlib.Path) -> bool:
    """Print the command that starts the tab, and what it needs where it would not start; return whether it would."""
    console.print("See it in the tab “Interpretability”:\n")
    console.print(f"  {shlex.join(['tensorboard', '--logdir', str(logdir)])}\n", highlight=False, soft_wrap=True)
    old = tuple(int(part) for part in metadata.version("tensorboard").split(".")[:2]) < (2, 21)
    stuck = old and importlib.util.find_spec("pkg_resources") is None  # TensorFlow 2.20 holds TensorBoard at 2.20
    if stuck:
        console.print(
            f"TensorBoard {metadata.version('tensorboard')} does not start beside this setuptools, which has no "
            "pkg_resources any more. First: pip install 'setuptools<82' (TensorFlow 2.21 brings no such trouble)",
            style="yellow",
        )
    return not stuck


def _preprocess(span: Sequence[float], flat: bool) -> Any:
    """Return what leads from pictures in [0,1] to the network's range, or None; `flat` takes the last axis off."""
    low, high = span
    if (low, high) == (0.0, 1.0) and not flat:
        return None
    return lambda images: (images[..., 0] if flat else images) * (high - low) + low


def _concept_tests(options: argparse.Namespace, size: tuple[int, int], channels: int) -> Any:
    from tf_interp.analysis import ConceptTests
    from tf_interp.concepts import Concept

    root = options.concepts
    folders = sorted(folder for folder in root.iterdir() if folder.is_dir()) if root.is_dir() else []
    if not folders:
        raise ValueError(f"{root}: expected a folder with one sub-folder of pictures per concept")
    concepts = {folder.name: Concept.from_folder(folder, size, channels) for folder in folders}
    pool = Concept.from_folder(options.random, size, channels)
    return ConceptTests(concepts, pool, options.target, seed=options.seed)


def _evolution(options: argparse.Namespace) -> None:
    from tf_interp.show import save_evolution

    unit = int(options.unit) if options.unit and options.unit.isdigit() else options.unit
    print(save_evolution(options.logdir, options.out, layer=options.layer, unit=unit))


def _picture_shape(shape: tuple | None, side: int | None) -> tuple[tuple[int, int] | None, int]:
    """Return (height, width) or None, and the number of channels, that pictures are to be read with."""
    if not isinstance(shape, tuple) or len(shape) not in (2, 3):
        return ((side, side) if side else None), 3
    height, width, channels = (*shape, 1)[:3] if len(shape) == 2 else shape
    height, width = height or side, width or side
    return (int(height), int(width)) if height and width else None, int(channels or 3)


def _format_shape(shape: tuple | None) -> str:
    return "unknown" if shape is None else " x ".join("?" if side is None else str(side) for side in shape) or "scalar"


if __name__ == "__main__":
    sys.exit(main())
