"""`main`: from words to the command, and from errors to sentences and exit statuses."""

import importlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import traceback
from collections.abc import Sequence
from typing import Any

from tf_interp.cli.configuration import settle
from tf_interp.cli.option_names import name_options
from tf_interp.cli.parser import find_command, make_parser

# TensorFlow takes seconds to import: a command is imported when it is known, and what needs TensorFlow then.

_COMMANDS = {
    "demo": ("run_demo", "run_demo_command", True),
    "inspect": ("inspect_model", "inspect_command", True),
    "analyze": ("analyze_model", "analyze_command", True),
    "render": ("render_units", "render_command", True),
    "tcav": ("judge_concepts", "tcav_command", True),
    "findings": ("list_findings", "findings_command", False),
    "report": ("save_report", "report_command", False),
    "evolution": ("run_demo", "save_evolution_command", False),
    "completion": ("completion", "completion_command", False),
}  # name -> module, function, whether it needs TensorFlow


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: words after the program's name; None takes them from the process.

    Returns:
        Exit status: 0 fine, 1 a finding of --fail-on, 2 a mistake in what was asked for, 130 interrupted.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    parser = make_parser()
    given = parser.parse_args(arguments)
    show = given.traceback or bool(os.environ.get("TF_INTERP_RAISE"))
    module, function, needs_tensorflow = _COMMANDS[given.name]
    interrupted: list[int] = []
    before = _notice_interrupts(interrupted)
    try:
        options = settle(find_command(parser, given.name), given)
        if needs_tensorflow:
            _import_tensorflow()
        status = getattr(importlib.import_module(f"tf_interp.cli.commands.{module}"), function)(options)
    except (ValueError, TypeError, OSError, ImportError, SystemError, subprocess.CalledProcessError) as error:
        if interrupted:  # inside of TensorFlow, which makes another error of it
            return _say_interrupted(given.name)
        if isinstance(error, BrokenPipeError):  # whoever read us has read enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            return 0
        if show:
            raise
        _print_wrapped(f"tf-interp {given.name}: {name_options(str(error))}")
        print("(where it was raised: tf-interp --traceback ..., or TF_INTERP_RAISE=1)", file=sys.stderr)
        if not _is_ours(error):
            print("This error is not one of tf-interp's own checks: it may be a fault of the program.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return _say_interrupted(given.name)
    finally:
        if before is not None:
            signal.signal(signal.SIGINT, before)
    return status or 0


def _say_interrupted(command: str) -> int:
    goes_on = "; what was written so far can be read, and the same command goes on there"
    print(f"interrupted{goes_on if command == 'analyze' else ''}", file=sys.stderr)
    return 130


def _notice_interrupts(received: list[int]) -> Any:
    """Note each Ctrl-C in a list, and raise it as before; return the handler that was there, None if it is not ours."""

    def note(number: int, frame: Any) -> None:
        received.append(number)
        signal.default_int_handler(number, frame)

    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return None
    try:
        return signal.signal(signal.SIGINT, note)
    except ValueError:  # not in the main thread, which no Ctrl-C reaches
        return None


def _print_wrapped(text: str) -> None:
    """Print to stderr; in a terminal, lines break between words. What goes to a file is left as it is."""
    width = shutil.get_terminal_size().columns if sys.stderr.isatty() else sys.maxsize
    for line in text.splitlines():
        short = len(line) <= width  # left as it is, spaces too
        pieces = [line] if short else textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False)
        print("\n".join(pieces), file=sys.stderr)


def _is_ours(error: BaseException) -> bool:
    """Return whether an error tells of a mistake in what was asked for: a file, an import, or a `raise` of ours."""
    if isinstance(error, OSError | ImportError | subprocess.CalledProcessError):
        return True
    frame = traceback.extract_tb(error.__traceback__)[-1]
    inside = pathlib.Path(frame.filename).is_relative_to(pathlib.Path(__file__).parent.parent)
    return inside and (frame.line or "").startswith("raise")


def _import_tensorflow() -> None:
    """Import TensorFlow without the lines that it logs before anybody can ask it not to."""
    with tempfile.TemporaryFile() as file:
        sys.stderr.flush()
        before = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            import tensorflow  # noqa: F401
        except Exception:
            file.seek(0)
            os.write(before, file.read())
            raise
        finally:
            os.dup2(before, 2)
            os.close(before)
