"""Pictures of any number of channels in colors: which channels are shown, and what they are called."""

from collections.abc import Sequence

import numpy as np


def find_bands(bands: Sequence[int | str], names: Sequence[str] | None) -> tuple[int, ...]:
    """Return the indices of one to three channels, given by index or name.

    Args:
        bands: what somebody asks for.
        names: names of all channels, if known.

    Raises:
        TypeError: if it is a single string.
        ValueError: if there is no such channel, or their number is not one to three.
    """
    if isinstance(bands, str | int):
        raise TypeError(f"bands must be a list of one to three channels, got {bands!r}: write [{bands!r}]")
    found = []
    for band in bands:
        if isinstance(band, str) and band not in (names or ()):
            raise ValueError(f"bands: {band!r} is none of the band_names, {list(names or ())}")
        found.append(names.index(band) if isinstance(band, str) and names is not None else int(band))
        if not 0 <= found[-1] < (len(names) if names else found[-1] + 1):
            raise ValueError(f"bands: there is no channel {band}" + (f", only {len(names)}" if names else ""))
    if not 1 <= len(found) <= 3:
        raise ValueError(f"bands must be one to three channels, to show as red, green and blue, got {list(bands)}")
    return tuple(found)


def show_bands(
    images: np.ndarray,
    bands: Sequence[int] | None = None,
    names: Sequence[str] | None = None,
    rest: float | None = None,
) -> tuple[np.ndarray, str | None]:
    """Return pictures of any number of channels in colors, and which channels these are.

    Two channels are red and cyan: where both are equal it is grey, and a color says which is more. Of more than four
    those that matter are shown: at most three, and none that varies less than a tenth of the first.

    Args:
        images: float [N,h,w,C].
        bands: one to three channels to show; None shows all of up to three, the first three of four, or those that
            matter.
        names: names of the C channels; None numbers them.
        rest: value of a channel that matters not, such as the grey that pictures are rendered from; None is its mean.

    Returns:
        `(float [N,h,w,1] or [N,h,w,3], legend)`; the legend is None where it is an ordinary picture.

    Example:
        >>> pictures = np.full((1, 2, 2, 12), 0.5)
        >>> pictures[..., 9], pictures[..., 2] = 1, 0
        >>> show_bands(pictures, rest=0.5)[1]
        'red = band 9, cyan = band 2'
    """
    channels = images.shape[-1]
    names = names if names is not None and len(names) == channels else None  # else they are of another input
    if bands is None and names is None and channels in (1, 3):
        return images, None
    if bands is None and (channels < 4 or (channels == 4 and rest is None)):
        bands = range(min(channels, 3))
    elif bands is None:
        moved = images - (images.mean((0, 1, 2)) if rest is None else rest)
        weights = np.square(np.nan_to_num(moved)).mean((0, 1, 2))
        order = np.argsort(-weights.round(4), kind="stable")[:3]
        bands = [int(band) for band in order if weights[band] >= 0.1 * weights[order[0]]]
        if len(bands) == 2:  # the one that there is more of is red
            bands.sort(key=lambda band: -moved[..., band].mean())
    elif max(bands) >= channels:
        raise ValueError(f"bands {list(bands)} were asked for, but pictures have the channels 0..{channels - 1}")
    called = [names[band] if names is not None else f"band {band}" for band in bands]
    colors = {1: ["grey"], 2: ["red", "cyan"], 3: ["red", "green", "blue"]}[len(bands)]
    shown = images[..., list(bands) if len(bands) != 2 else [bands[0], bands[1], bands[1]]]
    return shown, ", ".join(f"{color} = {name}" for color, name in zip(colors, called, strict=True))
