"""Settings of the parts as words, `units=8,steps=256`: read, checked against the part's own signature, and written."""

import difflib
import inspect
import re
import types
import typing
from collections.abc import Collection, Mapping, Sequence
from typing import Any

_WORDS = {"true": True, "false": False, "none": None}
_PLAIN = (int, float, str, bool, types.NoneType, Any)
_FIRST = ""  # stands for the first setting of a part, whose name may be left out


def parse_options(text: str) -> dict[str, Any]:
    """Return settings from `NAME=VALUE,...`.

    Args:
        text: values are numbers, true, false, none, text (in quotes if it holds a comma), and lists of these, `[3,7]`.
            The name of a part's first setting may be left out.

    Returns:
        Name -> value; what comes without a name is called "".

    Raises:
        ValueError: if it cannot be read.

    Example:
        >>> parse_options("units=[3,7],at=neuron")
        {'units': [3, 7], 'at': 'neuron'}
    """
    found: dict[str, Any] = {}
    for item in _split(text):
        match = re.fullmatch(r"\s*(?:([A-Za-z_]\w*)\s*=)?(.*)", item, re.DOTALL)
        name, value = (match[1] or _FIRST, match[2].strip()) if match else (_FIRST, "")
        if not value or (name == _FIRST and found) or name in found:
            raise ValueError(f"settings are written NAME=VALUE,NAME=VALUE, e.g. units=8,steps=256; got {text!r}")
        found[name] = _parse_value(value)
    return found


def format_options(options: Mapping[str, Any]) -> str:
    """Return settings as `parse_options` reads them.

    Args:
        options: name -> number, text, bool, None or list of these.
    """
    return ",".join(f"{name}={_format(value)}" if name else _format(value) for name, value in options.items())


def make_part(part: type, flag: str, options: Mapping[str, Any], **own: Any) -> Any:
    """Return a part with settings that were given in words.

    Args:
        part: its class.
        flag: how the settings were given, e.g. "--features", for messages.
        options: name -> value, as `parse_options` returns them.
        own: settings that come from elsewhere.

    Raises:
        ValueError: if there is no such setting (the message lists near ones), or a value is of the wrong kind.
    """
    known = list_options(part, own)
    settings = dict(own)
    for name, value in options.items():
        name = name or next(iter(known))
        if name not in known:
            near = difflib.get_close_matches(name, known, 3, 0.5)
            hint = f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(known)}"
            raise ValueError(f"{flag} has no setting {name!r}; {hint}")
        kind = known[name].annotation
        for other in ([value], _format(value)):  # one of a list; a text that looks like something else
            value = other if not _fits(value, kind) and _fits(other, kind) else value
        if not _fits(value, kind):
            raise ValueError(f"{flag}: {name} must be {_describe(kind)}, got {_format(value)}")
        settings[name] = value
    return part(**settings)


def list_options(part: type, own: Collection[str] = ()) -> dict[str, inspect.Parameter]:
    """Return the settings of a part that can be given in words, in the order of its signature.

    Args:
        part: its class.
        own: settings that come from elsewhere.
    """
    parameters = inspect.signature(part).parameters
    return {name: item for name, item in parameters.items() if name not in own and _is_plain(item.annotation)}


def explain_options(part: type, own: Collection[str] = ()) -> list[tuple[str, str, str, str]]:
    """Return name, kind, default and meaning of each setting that can be given in words.

    Args:
        part: its class.
        own: settings that come from elsewhere.
    """
    text = inspect.getdoc(part) or ""
    rows = []
    for name, item in list_options(part, own).items():
        found = re.search(rf"^    {name}: ((?:.|\n(?!    \w+:|\n))*)", text, re.MULTILINE)
        meaning = " ".join(found[1].split()) if found else ""
        default = "" if item.default is item.empty else _format(item.default)
        rows.append((name, _describe(item.annotation), default, meaning))
    return rows


def _split(text: str) -> list[str]:
    """Return the pieces between commas, of which those in brackets or quotes are none."""
    pieces, depth, quote = [""], 0, ""
    for char in text:
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        depth += 0 if quote else {"[": 1, "]": -1}.get(char, 0)
        if char == "," and not depth and not quote:
            pieces.append("")
        else:
            pieces[-1] += char
    if depth or quote:
        raise ValueError(f"a bracket or quote is not closed in {text!r}")
    return pieces


def _parse_value(text: str) -> Any:
    if text[0] == "[" and text[-1] == "]":
        return [_parse_value(item.strip()) for item in _split(text[1:-1]) if item.strip()]
    if text[0] in "'\"" and len(text) > 1 and text[-1] == text[0]:
        return text[1:-1]
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def _format(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_format, value))}]"
    if isinstance(value, str):
        plain = value and not re.search(r"[,\[\]'\"=\s]", value) and _parse_value(value) == value
        quote = '"' if "'" in value else "'"
        return value if plain else f"{quote}{value}{quote}"
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def _members(kind: Any) -> tuple[Any, ...]:
    return typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)


def _is_plain(kind: Any) -> bool:
    return bool({*map(str, _sayable(kind))} - {str(types.NoneType)})


def _sayable(kind: Any) -> list[Any]:
    """Return the members of a type that words can say."""
    return [item for item in _members(kind) if item in _PLAIN or _is_list(item)]


def _is_list(kind: Any) -> bool:
    origin = typing.get_origin(kind)
    return origin is not None and issubclass(typing.cast(type, origin), Sequence)


def _fits(value: Any, kind: Any) -> bool:
    for item in _members(kind):
        if item is Any:
            return not isinstance(value, list)
        if _is_list(item):
            if isinstance(value, list) and all(_fits(one, typing.get_args(item)[0]) for one in value):
                return True
        elif isinstance(value, bool):
            if item is bool:
                return True
        elif isinstance(value, item) or (item is float and isinstance(value, int)):
            return True
    return False


def _describe(kind: Any) -> str:
    names = {int: "a whole number", float: "a number", str: "text", bool: "true or false", types.NoneType: "none",
             Any: "a number or text"}  # fmt: skip
    return " or ".join(names.get(item) or f"a list [{_describe(typing.get_args(item)[0])}, ...]"
                       for item in _sayable(kind))  # fmt: skip
