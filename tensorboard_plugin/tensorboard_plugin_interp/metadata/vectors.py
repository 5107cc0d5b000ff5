"""What a group is made of, in few bytes: as records carry it, and as the file of names keeps it."""

import base64
import binascii
import math
from array import array
from collections.abc import Sequence
from typing import Any

MOST_PACKED = 8192  # channels of one vector in a record: 11 kB of text
_HELD = 0.995  # of the squared length
_MOST_KEPT = 1024  # channels of one vector in the file of names
_STEPS = 127  # the largest number of a byte with a sign


def pack_vector(values: Sequence[float]) -> str | None:
    """Return a vector as records carry it: the base64 of one signed byte a number, 127 for the largest either way.

    Args:
        values: numbers of any size, finite.

    Returns:
        The text; None of a vector of zeros, and of more than 8192 numbers.

    Example:
        >>> unpack_vector(pack_vector([0.0, 2.0, -4.0]))
        [0.0, 64.0, -127.0]
    """
    most = max(map(abs, values), default=0.0)
    if not most or not math.isfinite(most) or len(values) > MOST_PACKED:
        return None
    numbers = array("b", [round(_STEPS * value / most) for value in values])
    return base64.b64encode(numbers.tobytes()).decode("ascii")


def unpack_vector(text: str) -> list[float]:
    """Return the numbers -127..127 of what `pack_vector` gave.

    Args:
        text: base64.

    Raises:
        ValueError: if it is none, or of more numbers than `pack_vector` takes.
    """
    try:
        numbers = array("b", base64.b64decode(text, validate=True))
    except (binascii.Error, TypeError, ValueError) as error:
        raise ValueError(f"a vector is the base64 of signed bytes, one a channel ({error})") from error
    if not 0 < len(numbers) <= MOST_PACKED:
        raise ValueError(f"a vector has 1 to {MOST_PACKED} channels, got {len(numbers)}")
    return [float(number) for number in numbers]


def shorten_vector(values: Sequence[float]) -> dict[str, Any] | None:
    """Return a vector as the file of names keeps it: its strongest channels, with length 1.

    Args:
        values: numbers of any size.

    Returns:
        `{"size", "channels", "weights"}`, or None of a vector of zeros.

    Example:
        >>> shorten_vector([0.0, 3.0, -4.0])
        {'size': 3, 'channels': [2, 1], 'weights': [-0.8, 0.6]}
    """
    length = math.sqrt(math.fsum(value * value for value in values))
    if not length or not math.isfinite(length):
        return None
    channels: list[int] = []
    held = 0.0
    for channel in sorted(range(len(values)), key=lambda place: -abs(values[place])):
        channels.append(channel)
        held += (values[channel] / length) ** 2
        if held >= _HELD or len(channels) == _MOST_KEPT:
            break
    weights = [round(float(values[channel] / length), 4) for channel in channels]
    return {"size": len(values), "channels": channels, "weights": weights}
