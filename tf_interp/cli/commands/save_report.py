"""`tf-interp report`: what was recorded, as one file to send."""

import argparse

from tf_interp.cli.terminal import Terminal
from tf_interp.report import write_report


def report_command(options: argparse.Namespace) -> None:
    """Write the report of a log directory, and print where and how large it is.

    Args:
        options: of the command.

    Raises:
        ValueError: if there are no records, or the file's ending is unknown.
    """
    terminal = Terminal(options.quiet)
    if options.max_mb <= 0:
        raise ValueError(f"--max-mb must be above 0, got {options.max_mb:g}")
    path = write_report(options.logdir, options.out, max_mb=options.max_mb, say=terminal.warn)
    size = path.stat().st_size
    terminal.result(path, soft_wrap=True)
    terminal.say(f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.0f} kB")
