"""A progress bar with the time left."""

import contextlib
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def progress_bar(shown: bool, total: int, unit: str) -> Iterator[Callable[[int], None]]:
    """Give a function to call with the number of units that were done.

    Args:
        shown: False gives a function that does nothing.
        total: how many units there are.
        unit: what they are called, such as "steps".
    """
    if not shown:
        yield lambda done: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("rendering"), BarColumn(), MofNCompleteColumn(), TextColumn(unit), TimeRemainingColumn())
    with Progress(*columns, transient=True) as bar:
        task = bar.add_task("rendering", total=total)
        yield lambda done: bar.advance(task, done)
