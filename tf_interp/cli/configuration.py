"""Settings of a command: what was given as options, over what a file holds, checked by the same parser."""

import argparse
import difflib
import json
import math
import pathlib
import tomllib
from collections.abc import Mapping
from typing import Any

from tf_interp.cli.parser import FIRST_SETTINGS, PART_OPTIONS, SHORT_OPTIONS, list_actions
from tf_interp.cli.part_options import format_options, parse_options
from tf_interp.records.whole_file import replace_file

_NOT_SAVED = (
    "name",
    "traceback",
    "config",
    "save_config",
    "quiet",
    "verbose",
    "dry_run",
    "again",
    "out",
)


def settle(parser: argparse.ArgumentParser, given: argparse.Namespace) -> argparse.Namespace:
    """Return all settings of a command: what was given, else what its file says, else None or False.

    Args:
        parser: of the command.
        given: what was given as options, and nothing else.

    Raises:
        ValueError: if the file cannot be read, or a setting in it does not exist or is of the wrong kind.
    """
    settings = argparse.Namespace()
    for action in list_actions(parser):
        nothing: Any = False if action.nargs == 0 else [] if action.nargs == "*" else None
        setattr(settings, action.dest, nothing)
    path = getattr(given, "config", None)
    kept = {} if path is None else _read_kept(parser, path)
    said = {name: value for name, value in vars(given).items() if value != []}
    for name, value in {**_keep(kept, said), **said, **_join_parts(kept, said)}.items():
        setattr(settings, name, value)
    target = getattr(given, "save_config", None)
    if target is not None:
        save_settings(settings, target)
    return settings


def save_settings(settings: argparse.Namespace, path: pathlib.Path) -> None:
    """Write the settings of a command to a file that `--config` takes.

    Args:
        settings: of the command.
        path: .toml or .json.

    Raises:
        ValueError: if it is neither.
    """
    if path.suffix not in (".toml", ".json"):
        raise ValueError(f"--save-config {path}: expected a file that ends in .toml or .json")
    values: dict[str, Any] = {}
    for name, value in vars(settings).items():
        if name in _NOT_SAVED or value is None or value is False or value == []:
            continue
        value = str(value) if isinstance(value, pathlib.Path) else value
        options = parse_options(value) if name in PART_OPTIONS.values() else {"": value}
        in_table = "" not in options and all(map(_is_written, options.values()))  # it needs names, and has no none
        values[name] = options if in_table else value
    text = _to_toml(values) if path.suffix == ".toml" else json.dumps(values, indent=2, ensure_ascii=False) + "\n"
    replace_file(path, lambda file: file.write(text.encode()))


def _keep(kept: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a file that options leave as they are."""
    other = {"range": "preprocess", "preprocess": "range"}  # both say what the network takes
    return {name: value for name, value in kept.items() if other.get(name) not in said}


def _join_parts(kept: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the settings of parts, each setting by itself: those of options, over those of a file.

    An option that is short for settings of parts, `--units 4`, is over what the file says of these.
    """
    joined: dict[str, str | None] = {}
    for part, option in PART_OPTIONS.items():
        if option not in kept or "help" in (kept[option], said.get(option)):
            continue
        below, above = (_name_first(part, words.get(option)) for words in (kept, said))
        short = {name for name, parts in SHORT_OPTIONS.items() if part in parts and name in said}
        both = {name: value for name, value in below.items() if name not in short} | above
        joined[option] = kept[option] if both == below else format_options(both) or None
    return joined


def _name_first(part: str, text: str | None) -> dict[str, Any]:
    options = {} if text is None else parse_options(text)
    return {name or FIRST_SETTINGS[part]: value for name, value in options.items()}


def _is_written(value: Any) -> bool:
    """Return whether TOML and JSON have a way to write a value."""
    if isinstance(value, list):
        return all(map(_is_written, value))
    return value is not None and not (isinstance(value, float) and not math.isfinite(value))


def _read_kept(parser: argparse.ArgumentParser, path: pathlib.Path) -> dict[str, Any]:
    """Return the settings of a file, as the parser reads them."""
    values = _read_file(path)
    actions = {action.dest: action for action in list_actions(parser) if action.dest not in (*_NOT_SAVED, "help")}
    spelled = {option.lstrip("-").replace("-", "_"): action for action in actions.values()
               for option in action.option_strings} | actions  # fmt: skip
    words: list[str] = []
    names: dict[str, str] = {}
    for name, value in values.items():
        action = spelled.get(name.replace("-", "_"))
        if action is None:
            near = difflib.get_close_matches(name, spelled, 3, 0.5)
            raise ValueError(f"{path}: no setting {name!r}; did you mean {near}?" if near else
                             f"{path}: no setting {name!r}; it may hold {sorted(actions)}")  # fmt: skip
        if action.dest in names:
            raise ValueError(f"{path}: {names[action.dest]!r} and {name!r} are one setting: leave one out")
        names[action.dest] = name
        words += _to_words(path, action, value)
    try:
        parser.exit_on_error = False
        found, _ = parser.parse_known_args(words)
    except argparse.ArgumentError as error:
        raise ValueError(f"{path}: {error}") from error
    finally:
        parser.exit_on_error = True
    return {name: value for name, value in vars(found).items() if value != []}


def _to_words(path: pathlib.Path, action: argparse.Action, value: Any) -> list[str]:
    """Return a setting as the words that would give it."""
    if action.nargs == 0:
        if not isinstance(value, bool):
            raise ValueError(f"{path}: {action.dest} must be true or false, got {value!r}")
        return [action.option_strings[0]] if value else []
    if action.dest in PART_OPTIONS.values() and isinstance(value, Mapping):
        value = format_options(value)
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(item, str | int | float) and not isinstance(item, bool) for item in values):
        raise ValueError(f"{path}: {action.dest} must be text, a number or a list of these, got {value!r}")
    values = [str(item) for item in values]
    if not action.option_strings:
        return values
    option = max(action.option_strings, key=len)
    if isinstance(action.nargs, int):
        return [option, *values]
    return [f"{option}={item}" for item in values]


def _read_file(path: pathlib.Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ValueError(f"--config {path}: {error.strerror or error}") from error
    try:
        values = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except ValueError as error:  # of either format
        raise ValueError(f"--config {path} is no {'JSON' if path.suffix == '.json' else 'TOML'}: {error}") from error
    if not isinstance(values, dict):
        raise ValueError(f"--config {path}: expected settings by name, got a {type(values).__name__}")
    return values


def _to_toml(values: Mapping[str, Any]) -> str:
    """Return settings as TOML, whose text and numbers are written as in JSON; tables come last."""
    plain = [f"{name} = {json.dumps(v, ensure_ascii=False)}" for name, v in values.items() if not isinstance(v, dict)]
    for name, table in values.items():
        if isinstance(table, dict):
            plain += ["", f"[{name}]", *(f"{key} = {json.dumps(v, ensure_ascii=False)}" for key, v in table.items())]
    return "\n".join(plain) + "\n"
