"""What the package calls by the names of arguments in Python, by the names of options."""

import re

_VALUE = r"(preprocess|head|output|signature|trust)=(?:True|\.{3}|'([^']*)'|\"([^\"]*)\")?"
_CALL = re.compile(rf"\b(?:open_model|InterpCallback)\(\.\.\., {_VALUE}\)")
_ARGUMENT = re.compile(rf"\b{_VALUE}")


def name_options(text: str) -> str:
    """Return a sentence with the options of the command line in place of the arguments that Python has for them.

    Args:
        text: as the package says it.

    Example:
        >>> name_options("if it is the logit of two classes, say head='binary'")
        'if it is the logit of two classes, say --head binary'
    """

    def spell(found: re.Match) -> str:
        return " ".join([f"--{found[1]}", *(value for value in found.groups()[1:] if value)])

    for pattern in (_CALL, _ARGUMENT):
        text = pattern.sub(spell, text)
    return re.sub(r"(--\w+) or \1\b", r"\1", text)  # of several calls in Python
