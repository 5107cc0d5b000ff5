"""`tf-interp`: the demo, and the same analyses for a finished model, by one command each."""

import argparse
import os
import pathlib
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

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
    try:
        options.command(options)
    except (ValueError, TypeError, OSError) as error:
        if os.environ.get("TF_INTERP_RAISE"):
            raise
        print(f"tf-interp {options.name}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; what was written so far can be read", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("tf-interp", description="See what a Keras network has learned.")
    commands = parser.add_subparsers(dest="name", required=True, metavar="COMMAND")

    demo = commands.add_parser(
        "demo", help="train a small network that learns a shortcut, and see it do so (about two minutes)"
    )
    demo.add_argument(
        "--out", type=pathlib.Path, help="new folder for the logs (default: tf-interp-demo, or the next free name)"
    )
    demo.add_argument("--seed", type=int, default=0, help="same seed, same numbers (default: 0)")
    demo.add_argument("--serve", action="store_true", help="start TensorBoard on the result")
    demo.add_argument("--port", type=int, default=6006, help="TensorBoard's port for --serve (default: 6006)")
    demo.set_defaults(command=_demo)

    inspect = commands.add_parser("inspect", help="list a model's layers and say what to run next")
    _add_model(inspect)
    inspect.set_defaults(command=_inspect)

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
    analyze.add_argument("--seed", type=int, default=0, help="same seed, same numbers (default: 0)")
    analyze.set_defaults(command=_analyze)

    evolution = commands.add_parser(
        "evolution", help="write how a layer's features changed over training as GIF or WebP"
    )
    evolution.add_argument("logdir", type=pathlib.Path, help="TensorBoard log directory of one run")
    evolution.add_argument("--layer", required=True, help="layer whose units to show")
    evolution.add_argument("--unit", help="one unit by name or channel index (default: all side by side)")
    evolution.add_argument("-o", "--out", type=pathlib.Path, required=True, help="file to write, .gif or .webp")
    evolution.set_defaults(command=_evolution)
    return parser


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=pathlib.Path, help="a .keras file or a SavedModel folder")
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
    console.print(f"\nDone in {result.seconds:.0f} s. See it in the tab “Interpretability”:\n")
    console.print(f"  tensorboard --logdir {result.log_dir}\n", highlight=False, soft_wrap=True)
    if options.serve:
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

    model = open_model(options.model, trust=options.trust)
    rows = model.inspect()
    table = Table("layer", "kind", "output shape", "parameters", title=f"{model.name}: {len(rows)} layers")
    for row in rows:
        table.add_row(row.path, row.kind, _format_shape(row.shape), f"{row.parameters:,}" if row.parameters else "")
    console = Console()
    console.print(table)
    console.print(
        f"input: {_format_shape(model.input_shape)}    output (logits): {_format_shape(model.layers['output'])}"
    )
    for note in model.notes:
        console.print(f"note: {note}")
    spatial = [row for row in rows if len(row.shape) == 3 and (row.shape[0] is None or row.shape[0] > 1)]
    joined = [row for row in spatial if row.kind.startswith(("Add", "Concat", "ReLU", "Relu", "Activation", "Conv"))]
    if spatial:
        chosen = (joined or spatial)[int(len(joined or spatial) * 0.75)].path
        console.print("\nNext, with a folder of pictures:")
        console.print(
            f"  tf-interp analyze {options.model} --probe PICTURES --layer {chosen} --logdir logs/{model.name}",
            soft_wrap=True,
        )


def _analyze(options: argparse.Namespace) -> None:
    if bool(options.concepts) != bool(options.target):
        raise ValueError("concept tests need both --concepts (a folder with one sub-folder per concept) and --target")
    if options.concepts and not options.random:
        raise ValueError("concept tests need --random: a folder of pictures of no concept in particular")
    from tf_interp.analysis import Attributions, ConceptTests, Features, NeuronGroups, analyze
    from tf_interp.images import read_folder
    from tf_interp.models import open_model
    from tf_interp.probe import Probe
    from tf_interp.records import write

    names = options.class_names.read_text(encoding="utf-8").split("\n") if options.class_names else None
    names = [name.strip() for name in names if name.strip()] if names else None
    low, high = options.range
    preprocess = None if (low, high) == (0.0, 1.0) else lambda images: images * (high - low) + low
    model = open_model(options.model, preprocess=preprocess, class_names=names, trust=options.trust)
    size, channels = _picture_shape(model.input_shape, options.size)
    probe = Probe.from_folder(options.probe, size, channels)
    size = probe.images.shape[1], probe.images.shape[2]
    console = Console()
    for line in probe.skipped:
        console.print(f"skipped {line}", style="yellow")
    parts: list[Any] = [
        Features(options.units, options.steps, seed=options.seed),
        NeuronGroups(options.groups, steps=max(1, options.steps // 2), seed=options.seed),
        Attributions(),
    ]
    if options.concepts:
        folders = (
            sorted(folder for folder in options.concepts.iterdir() if folder.is_dir())
            if options.concepts.is_dir()
            else []
        )
        if not folders:
            raise ValueError(f"{options.concepts}: expected a folder with one sub-folder of pictures per concept")
        concepts = {folder.name: read_folder(folder, size, channels, minimum=2)[0] for folder in folders}
        pool = read_folder(options.random, size, channels, minimum=2)[0]
        targets = [int(target) if target.lstrip("-").isdigit() else target for target in options.target]
        parts.append(ConceptTests(concepts, pool, targets, seed=options.seed))
    with console.status("Looking ...") as status:

        def told(records):
            for record in records:
                status.update(f"{record.title} ({record.data['seconds']:.1f} s)")
                yield record

        write(told(analyze(model, probe, options.layer, parts)), options.logdir)
    console.print(
        f"See it in the tab “Interpretability”:\n\n  tensorboard --logdir {options.logdir}\n",
        highlight=False,
        soft_wrap=True,
    )


def _evolution(options: argparse.Namespace) -> None:
    from tf_interp.show import save_evolution

    unit = int(options.unit) if options.unit and options.unit.isdigit() else options.unit
    print(save_evolution(options.logdir, options.out, layer=options.layer, unit=unit))


def _picture_shape(shape: tuple | None, side: int | None) -> tuple[tuple[int, int] | None, int]:
    """Return (height, width) or None, and the number of channels, that pictures are to be read with."""
    if shape is None or len(shape) != 3:
        return ((side, side) if side else None), 3
    height, width, channels = shape
    height, width = height or side, width or side
    return (int(height), int(width)) if height and width else None, int(channels or 3)


def _format_shape(shape: tuple | None) -> str:
    return "unknown" if shape is None else " x ".join("?" if side is None else str(side) for side in shape) or "scalar"


if __name__ == "__main__":
    sys.exit(main())
