"""Picture files: one reader and one lister for probes, concepts and the command line."""

import itertools
import pathlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

MAX_PIXELS = 32_000_000  # a larger file is refused: it is a decompression bomb or a mistake
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
WHITE = 1.0  # behind what is transparent, as nearly every page shows it
_SYSTEM = {"@eadir", "__macosx", "$recycle.bin", "lost+found", "system volume information"}
_FRAMES = "with several frames or pages, of which the first was read"
_DARK = (
    "of 16 bits that hold no more than 12 bits (values below 4096), so nearly black in [0,1]: if that is their whole "
    "scale, divide by 4095 and give arrays"
)
_CUT = "of 16 bits a color, read as 8: where finer steps matter, give arrays"
_SQUEEZED = (
    "of another aspect ratio, squeezed or stretched to {width} x {height} pixels: if the network was trained on "
    "pictures that were cropped or padded, do the same with the files"
)
_T = TypeVar("_T")
_STRETCH = 1.05  # from here on a circle is seen to be none


def read_image(
    path: str | pathlib.Path,
    size: tuple[int, int] | None = None,
    channels: int = 3,
    *,
    background: float = WHITE,
    remarks: Counter[str] | None = None,
) -> np.ndarray:
    """Return one picture file as float32 [H,W,channels] in [0,1], turned as its EXIF orientation says.

    Args:
        path: a PNG, JPEG, WebP, BMP, GIF or TIFF file; 16 bits of grey and floats in [0,1] (TIFF) keep their
            precision; 16 bits of each color are cut to 8, and remarked on.
        size: (height, width) to resize to, bilinear; None keeps the file's own.
        channels: 3 for RGB, 1 for grey; 2 or 4 for the bands of a file that has as many, as they are (grey and
            opacity, RGB and opacity, CMYK).
        background: grey level in [0,1] that shows through what is transparent; the colors hidden there are not read.
        remarks: counts what a person should know of the file.

    Returns:
        float32 array [H,W,channels].

    Raises:
        ValueError: if the file is not such a picture, is damaged, or has more than 32 million pixels.
    """
    remarks = Counter() if remarks is None else remarks
    try:
        with Image.open(path, formats=FORMATS) as file:
            if file.width * file.height > MAX_PIXELS:
                raise ValueError(f"{path}: {file.width}x{file.height} is over {MAX_PIXELS:,} pixels")
            if getattr(file, "n_frames", 1) > 1:
                remarks[_FRAMES] += 1
                file.seek(0)
            deep = _has_deep_colors(file)
            picture = _turn(file)
            if picture.mode.startswith("I") or picture.mode == "F":
                return _read_deep(picture, size, channels, str(path), background, remarks)
            if deep:
                picture = _remark_on_cut(picture, remarks)
            if channels in (1, 3):
                if picture.has_transparency_data:
                    picture, hides = _put_on(picture.convert("RGBA"), background)
                    remarks[_name_behind(background)] += hides
                picture = picture.convert("L" if channels == 1 else "RGB")
            elif len(picture.getbands()) != channels:
                raise ValueError(f"{path}: holds {picture.mode}, {len(picture.getbands())} bands, not {channels}")
            picture = _resize(picture, size, remarks)
            array = np.asarray(picture, np.float32) / 255.0
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError, SyntaxError) as error:
        raise ValueError(f"{path}: not a readable picture ({error})") from error
    return array.reshape(*array.shape[:2], channels)


def _read_deep(
    picture: Image.Image,
    size: tuple[int, int] | None,
    channels: int,
    path: str,
    background: float,
    remarks: Counter[str],
) -> np.ndarray:
    """Return one band of 16 bits or floats: Pillow would clip it at 255 instead of scaling it."""
    if channels not in (1, 3):
        raise ValueError(f"{path}: holds {picture.mode}, one band, not {channels}")
    array = np.asarray(picture).astype(np.float32)
    most = 1.0 if picture.mode == "F" else 65535.0
    if not np.isfinite(array).all() or array.min() < 0 or array.max() > most:
        raise ValueError(
            f"{path}: holds values from {array.min():.4g} to {array.max():.4g}, expected 0 to {most:g}: scale them "
            "and give arrays"
        )
    clear = picture.info.get("transparency")  # of PNG: the one grey that is not shown
    hidden = array == clear if isinstance(clear, int) else np.zeros(array.shape, bool)
    remarks[_DARK] += int(most > 1 and 0 < array.max(where=~hidden, initial=0) < 4096)
    remarks[_name_behind(background)] += bool(hidden.any())
    array[hidden] = background * most
    picture = _resize(Image.fromarray(array / most), size, remarks)
    return np.repeat(np.asarray(picture)[..., None], channels, -1)


def _has_deep_colors(file: Image.Image) -> bool:
    """Return whether a file, not yet loaded, holds several bands of 16 bits, of which Pillow keeps the upper 8."""
    ways = [tile[3] for tile in getattr(file, "tile", ())]  # "RGB;16B" is cut; "BGR;16" are 5, 6 and 5 bits of a BMP
    raw = [way[0] if isinstance(way, tuple) and way else way for way in ways]
    return file.mode in ("RGB", "RGBA", "CMYK", "LA") and any(re.search(r";16[BLN]$", str(way)) for way in raw)


def _remark_on_cut(picture: Image.Image, remarks: Counter[str]) -> Image.Image:
    """Return a picture of 16 bits a color that were read as 8, and remark on that and on one that is nearly black."""
    clear = picture.info.get("transparency")
    if isinstance(clear, tuple):
        picture.info["transparency"] = tuple(value >> 8 for value in clear)  # PNG names that color in 16 bits
    remarks[_CUT] += 1
    # an opaque picture that is all zeros may hold 8 bits in 16; one with opacity is a drawing in black, more likely
    darkest = 1 if picture.has_transparency_data else 0
    remarks[_DARK] += int(darkest <= np.asarray(picture)[..., :3].max() < 16 and picture.mode != "CMYK")
    return picture


def _name_behind(background: float) -> str:
    return f"with transparent parts, put on {'white' if background == WHITE else f'grey of {background:g}'}"


def _resize(picture: Image.Image, size: tuple[int, int] | None, remarks: Counter[str]) -> Image.Image:
    """Return a picture in a size (height, width), and remark on one that is pulled out of shape for that."""
    if size is None:
        return picture
    height, width = size
    stretch = picture.height * width / (picture.width * height)
    remarks[_SQUEEZED.format(width=width, height=height)] += max(stretch, 1 / stretch) > _STRETCH
    return picture.resize((width, height), Image.Resampling.BILINEAR)


def _put_on(picture: Image.Image, background: float) -> tuple[Image.Image, bool]:
    """Return a picture with opacity on a background, and whether anything is transparent."""
    grey = round(255 * background)
    whole = Image.alpha_composite(Image.new("RGBA", picture.size, (grey, grey, grey, 255)), picture)
    return whole.convert("RGB"), bool(np.asarray(picture)[..., 3].min() < 255)


def _turn(picture: Image.Image) -> Image.Image:
    """Return a picture as its camera was held, and as every viewer shows it."""
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # damaged metadata raise errors of many kinds; viewers do not turn such pictures either
        return picture


class Listing(NamedTuple):
    """What lies in a folder.

    Args:
        files: its files, by name.
        folders: its sub-folders, by name.
        skipped: a line for each picture, or folder with pictures, that is hidden or the system's own.
    """

    files: list[pathlib.Path]
    folders: list[pathlib.Path]
    skipped: list[str]


def list_folder(path: str | pathlib.Path) -> Listing:
    """Return files and sub-folders of a folder, without what is hidden or made by the system.

    Names that begin with a dot (`.ipynb_checkpoints`, `._photo.jpg`), `@eaDir` and `__MACOSX` are nobody's pictures.

    Args:
        path: the folder.

    Raises:
        ValueError: if it is not a folder.
    """
    folder = pathlib.Path(path)
    if not folder.is_dir():
        raise ValueError(f"{folder}: expected a folder of pictures, found {'a file' if folder.exists() else 'nothing'}")
    listing = Listing([], [], [])
    for entry in sorted(folder.iterdir()):
        if not (entry.name.startswith(".") or entry.name.lower() in _SYSTEM):
            (listing.folders if entry.is_dir() else listing.files).append(entry)
        elif count := count_pictures(entry):
            listing.skipped.append(f"{entry.name}: a hidden {_with(count) if entry.is_dir() else 'file'}, not read")
    return listing


def _with(count: int) -> str:
    return f"folder with {count} picture{'s' * (count > 1)}"


def count_pictures(path: pathlib.Path) -> int:
    """Return how many picture files there are below a folder, by their names; of a file 1 or 0."""
    found = path.rglob("*") if path.is_dir() else [path]
    return sum(file.suffix.lower() in SUFFIXES and not file.is_dir() for file in found)


def take_turns(groups: Iterable[Sequence[_T]]) -> list[_T]:
    """Return the items of several lists, one of each in turn, so that the first ones are of all.

    Args:
        groups: the lists, those of class folders say.

    Example:
        >>> take_turns(["abc", "x", "12"])
        ['a', 'x', '1', 'b', '2', 'c']
    """
    rows = itertools.zip_longest(*[[(item,) for item in group] for group in groups])
    return [cell[0] for row in rows for cell in row if cell is not None]


def read_folder(
    path: str | pathlib.Path,
    size: tuple[int, int] | None = None,
    channels: int = 3,
    minimum: int = 1,
    limit: int | None = None,
    *,
    background: float = WHITE,
    remarks: Counter[str] | None = None,
) -> tuple[np.ndarray, list[pathlib.Path], list[str]]:
    """Return all pictures of one folder (not of its sub-folders), in the order of their names.

    Args:
        path: the folder.
        size: (height, width); None takes the first picture's size for all.
        channels: 3 for RGB, 1 for grey, 2 or 4 as in `read_image`.
        minimum: fewest readable pictures to accept.
        limit: how many pictures to read, the first ones by name; None reads all.
        background: grey level in [0,1] that shows through what is transparent.
        remarks: counts what a person should know of the files; `describe` makes sentences of it.

    Returns:
        `(images, files, skipped)`: float32 [N,H,W,channels] in [0,1], N paths, and a line for each skipped file.

    Raises:
        ValueError: if it is not a folder, or fewer than `minimum` pictures are readable; the message has the counts.
    """
    if limit is not None and limit < max(minimum, 1):
        raise ValueError(f"limit must be at least {max(minimum, 1)}, the fewest pictures to accept, got {limit}")
    if not 0 <= background <= 1:
        raise ValueError(f"background must be a grey level in [0,1], got {background}")
    listing = list_folder(path)
    skipped = listing.skipped
    for folder in listing.folders:
        if count := count_pictures(folder):
            skipped.append(f"{folder.name}: a sub-{_with(count)}, not read")
    images, files, left = read_files(listing.files, size, channels, limit, background=background, remarks=remarks)
    skipped += [f"{file.name}: {why}" for file, why in left]
    if len(images) < minimum:
        listed = "".join(f"\n  {line}" for line in skipped[:5]) + ("\n  ..." if len(skipped) > 5 else "")
        raise ValueError(
            f"{path}: found {len(images)} readable pictures, need at least {minimum}; "
            f"skipped {len(skipped)} files{listed}"
        )
    return np.stack(images), files, skipped


def read_files(
    files: Iterable[pathlib.Path],
    size: tuple[int, int] | None,
    channels: int,
    limit: int | None = None,
    *,
    background: float = WHITE,
    remarks: Counter[str] | None = None,
) -> tuple[list[np.ndarray], list[pathlib.Path], list[tuple[pathlib.Path, str]]]:
    """Return pictures of one size, the files that they are of, and the others, each with why it was not read.

    Args:
        files: in the order in which to read them.
        size: (height, width); None takes the first picture's size for all.
        channels: as in `read_image`.
        limit: how many pictures to read; None reads all.
        background: as in `read_image`.
        remarks: as in `read_image`.
    """
    images: list[np.ndarray] = []
    read, skipped = [], []
    for file in files:
        if len(images) == limit:
            break
        if file.suffix.lower() not in SUFFIXES:
            skipped.append((file, f"not one of {', '.join(SUFFIXES)}"))
            continue
        try:
            image = read_image(file, size, channels, background=background, remarks=remarks)
        except ValueError as error:
            skipped.append((file, str(error).removeprefix(f"{file}: ")))
            continue
        size = size or (image.shape[0], image.shape[1])
        images.append(image)
        read.append(file)
    return images, read, skipped


def describe(remarks: Counter[str]) -> tuple[str, ...]:
    """Return a sentence for each kind of remark on files."""
    return tuple(f"{count} picture file{'s' * (count > 1)} {what}" for what, count in remarks.items() if count)
