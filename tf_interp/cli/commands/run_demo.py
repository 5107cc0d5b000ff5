"""`tf-interp demo` and `tf-interp evolution`."""

import argparse
import pathlib
import subprocess
import sys

from rich.console import Console

from tf_interp.cli.terminal import Terminal


def run_demo_command(options: argparse.Namespace) -> None:
    """Train the demo's network and say what it shows.

    Args:
        options: of the command.
    """
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
    if Terminal().tell_how_to_see(result.log_dir) and options.serve:
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


def save_evolution_command(options: argparse.Namespace) -> None:
    """Write how features changed over training.

    Args:
        options: of the command.
    """
    from tf_interp.evolution import save_evolution

    unit = int(options.unit) if options.unit and options.unit.isdigit() else options.unit
    print(save_evolution(options.logdir, options.out, layer=options.layer, unit=unit))
