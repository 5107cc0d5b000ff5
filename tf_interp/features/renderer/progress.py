"""A progress bar with the time left."""

import contextlib
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def progress_bar(shown: bool | Callable[[int], None], total: int, unit: str) -> Iterator[Callable[[int], None]]:
    """Give a function to call with the number of units that were done.

    Args:
        shown: False gives a function that does nothing; a function is given as it is.
        total: how many units there are.
        unit: what they are called, such as "steps".
    """
    if callable(shown) or not shown:
        yield shown or (lambda done: None)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("rendering"), BarColumn(), MofNCompleteColumn(), TextColumn(unit), TimeRemainingColumn())
    with Progress(*columns, transient=True) as bar:
        task = bar.add_task("rendering", total=total)
        yield lambda done: bar.advance(task, done)
