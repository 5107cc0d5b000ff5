"""What the commands share in front of a person: what is printed where, the bar, and how to see the result."""

import contextlib
import importlib.util
import pathlib
import shlex
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from tf_interp.cli.option_names import name_options

_NAME = 30  # characters of a name in the first of two columns; longer ones get a line of their own
_PIPE = 120  # columns where nobody says how many there are


class Terminal:
    """Where a command prints: results to stdout; remarks, warnings and the bar to stderr.

    Args:
        quiet: print results, warnings and errors only.
        verbose: print every piece of work that was finished.
    """

    def __init__(self, quiet: bool = False, verbose: bool = False) -> None:
        self.quiet, self.verbose = quiet, verbose
        self._out = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
        self._err = Console(highlight=False, soft_wrap=not sys.stderr.isatty(), stderr=True)

    def result(self, text: object = "", **options: object) -> None:
        """Print what was asked for: also where it is quiet.

        Args:
            text: text without markup, or what rich prints.
            options: of `rich.console.Console.print`.
        """
        self._out.print(text, **{"markup": False, **options})  # type: ignore[arg-type]

    def table(self, table: Table) -> None:
        """Print a table; in a pipe as wide as it needs."""
        console = self._out if sys.stdout.isatty() else Console(highlight=False, width=200)
        console.print(table)

    def facts(self, facts: Sequence[tuple[str, str]]) -> None:
        """Print names and what there is to say of each, as two columns.

        Args:
            facts: (name, text) pairs.
        """
        widest = max((len(name) for name, _ in facts if len(name) <= _NAME), default=0)
        width = self._out.width if sys.stdout.isatty() else _PIPE
        for name, text in facts:
            lines = textwrap.wrap(
                name_options(text), max(width - widest - 4, 24), break_long_words=False, break_on_hyphens=False
            )
            if len(name) > widest:
                self.result(f"  {name}", soft_wrap=True)
                lines = ["", *lines]
                name = ""
            first, *rest = lines or [""]
            if name:
                self.result(f"  {name:<{widest}}  {first}", soft_wrap=True)
            for line in rest:
                self.result(f"  {'':<{widest}}  {line}", soft_wrap=True)

    def say(self, text: str = "") -> None:
        """Print a remark, unless it is quiet."""
        if not self.quiet:
            self._err.print(name_options(text), markup=False)

    def detail(self, text: str) -> None:
        """Print a line for those who want to know every step."""
        if self.verbose:
            self._err.print(text, markup=False, style="dim")

    def warn(self, text: str) -> None:
        """Print what must be read, in color."""
        self._err.print(name_options(text), markup=False, style="yellow")

    @contextlib.contextmanager
    def bar(self, total: int) -> Iterator[tuple[Callable[[int], None], Callable[[str], None]]]:
        """Show a bar with the time left; in a pipe, or where it is quiet, nothing.

        Args:
            total: how many picture steps there are.

        Yields:
            A function of picture steps that were done, and one of a text on what is done now.
        """
        columns = (
            BarColumn(bar_width=20),
            TaskProgressColumn(),
            TimeRemainingColumn(elapsed_when_finished=True),
            TextColumn("{task.description}", table_column=None),
        )
        shown = self._err.is_terminal and not self.quiet
        with Progress(*columns, console=self._err, transient=True, disable=not shown, speed_estimate_period=120) as bar:
            task = bar.add_task("starting", total=max(total, 1))
            yield lambda steps: bar.advance(task, steps), lambda text: bar.update(task, description=text)

    def tell_how_to_see(self, logdir: pathlib.Path) -> bool:
        """Print the command that starts the tab, and what it needs where it would not start.

        Args:
            logdir: TensorBoard's log directory.

        Returns:
            Whether it would start.
        """
        self.say("See it in the tab “Interpretability”:\n")
        if self.quiet:
            self.result(logdir)
        else:
            self.result(f"  {shlex.join(['tensorboard', '--logdir', str(logdir)])}\n", soft_wrap=True)
        old = tuple(int(part) for part in metadata.version("tensorboard").split(".")[:2]) < (2, 21)
        stuck = old and importlib.util.find_spec("pkg_resources") is None  # TensorFlow 2.20 holds TensorBoard at 2.20
        if stuck:
            self.warn(
                f"TensorBoard {metadata.version('tensorboard')} does not start beside this setuptools, which has no "
                "pkg_resources any more. First: pip install 'setuptools<82' (TensorFlow 2.21 brings no such trouble)"
            )
        return not stuck


def format_shape(shape: tuple | None) -> str:
    """Return a shape as people write it, such as "14 x 14 x 8"."""
    return "unknown" if shape is None else " x ".join("?" if side is None else str(side) for side in shape) or "scalar"


def format_count(number: int, noun: str) -> str:
    """Return a number of things, such as "1 record" or "2 records"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def format_seconds(seconds: float) -> str:
    """Return a duration in words, rounded as an estimate deserves."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = seconds / 60
    return f"{round(minutes)} min" if minutes < 90 else f"{minutes / 60:.1f} h"
