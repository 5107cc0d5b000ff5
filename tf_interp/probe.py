"""`Probe`: the fixed pictures on which a network is looked at, with their labels, ids and class names.

Here is also what a network may be given at all: pictures, which are checked, or other numbers, also by input.
"""

import dataclasses
import pathlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tf_interp.display import describe_arrays, number_of, tell
from tf_interp.images import (
    check_images,
    check_labels,
    describe,
    digest_images,
    find_bands,
    list_folder,
    read_folder,
    take_turns,
)
from tf_interp.images.rounding import find_rounding


@dataclasses.dataclass(frozen=True, eq=False)
class Probe:
    """Pictures, or what else a network takes, to look at it with; they stay the same over training.

    Make one with `Probe.from_arrays`, `Probe.from_folder` or `Probe.from_dataset`.

    Args:
        images: float32 [N,H,W,C] in [0,1]; other numbers [N,...]; for several inputs a dict of arrays [N,...].
        labels: int64 [N] class indices; int64 [N,K] of 0 and 1 where several classes, or none, may be true of a
            picture; float32 [N,K] numbers of a regression; or None.
        class_names: names by class index, or None.
        ids: N strings that name each picture (file name or content hash).
        skipped: files that were not read, a line each.
        label_count: for how many classes one-hot labels were given, None if they were not.
        ordered: whether `class_names` stand in the order of a network's outputs, by the word of the user. Names of
            folders do not: they say what pictures are, and nothing of a network.
        notes: what a person should know of the files, a sentence each.
        bands: channels that are shown as red, green and blue, of pictures that have others than three; None shows
            those that matter most.
        band_names: names of the channels of pictures, or of the features of series; None numbers them.
    """

    images: Any
    labels: np.ndarray | None
    class_names: tuple[str, ...] | None
    ids: tuple[str, ...]
    skipped: tuple[str, ...] = ()
    label_count: int | None = None
    ordered: bool = True
    notes: tuple[str, ...] = ()
    bands: tuple[int, ...] | None = None
    band_names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        given = self.images
        object.__setattr__(
            self,
            "images",
            {name: _freeze(value) for name, value in given.items()} if isinstance(given, Mapping) else _freeze(given),
        )

    def __len__(self) -> int:
        return len(next(iter(self.images.values())) if isinstance(self.images, Mapping) else self.images)

    @classmethod
    def from_arrays(
        cls,
        images: Any,
        labels: Any = None,
        class_names: Sequence[str] | None = None,
        *,
        bands: Sequence[int | str] | None = None,
        band_names: Sequence[str] | None = None,
    ) -> "Probe":
        """Return a probe of arrays.

        Args:
            images: floats [N,H,W,C] or [N,H,W] in [0,1]; vectors [N,F], tokens [N,T] or volumes [N,D,H,W,C] of any
                numbers; or a dict, name of an input -> array [N,...], for several inputs, and for one whose numbers
                are no picture in [0,1], such as series: `{"series": array [N,T,F]}`.
            labels: N class indices, or one-hot [N,K]; multi-hot [N,K] where several classes may be true; numbers [N]
                or [N,K] of a regression; or None.
            class_names: names by class index, or None.
            bands: up to three channels, by index or name, to show as red, green and blue; None shows those that matter.
            band_names: names of the channels of pictures, or of the features of series; None numbers them.

        Returns:
            The probe.

        Raises:
            TypeError: if class_names is a single string.
            ValueError: if images lie outside [0,1], or labels or bands do not match.

        Example:
            >>> len(Probe.from_arrays(np.zeros((3, 8, 8, 1)), labels=[0, 1, 1]))
            3
        """
        if isinstance(class_names, str):
            raise TypeError(f"class_names must be a list of names, got the string {class_names!r}")
        taken = check_inputs(images, "probe images")
        array = next(iter(taken.values())) if isinstance(taken, Mapping) else taken
        names = None if class_names is None else tuple(str(name) for name in class_names)
        checked = check_labels(labels, len(array), names)
        width = np.shape(labels)[1:] if checked is not None and checked.ndim == 1 else ()
        count = int(width[0]) if width and width[0] > 1 else None
        called = None if band_names is None else tuple(str(name) for name in band_names)
        widths = {np.shape(item)[-1] for item in (taken.values() if isinstance(taken, Mapping) else [taken])}
        if called is not None and len(called) not in widths:
            raise ValueError(f"there are {len(called)} band_names, for {sorted(widths)} channels")
        shown = None if bands is None else find_bands(bands, called)
        if shown is not None and max(shown) >= max(widths):
            raise ValueError(f"bands {list(bands or ())} were asked for, of {max(widths)} channels")
        ids = tuple(digest_images(taken))
        return cls(taken, checked, names, ids, label_count=count, bands=shown, band_names=called)

    @classmethod
    def from_folder(
        cls,
        path: str | pathlib.Path,
        size: tuple[int, int] | int | None = None,
        channels: int = 3,
        *,
        limit: int | None = None,
        class_names: Sequence[str] | None = None,
        background: float = 1.0,
    ) -> "Probe":
        """Return a probe of picture files.

        Pictures of class folders take turns, one of each class, so that the first ones, which parts show, are of all.

        Args:
            path: a folder of pictures, or of one sub-folder per class, whose names say what the pictures are. Hidden
                folders, and those of systems (`@eaDir`, `__MACOSX`), are no classes.
            size: (height, width) or one number for both, in pixels; None takes the first picture's.
            channels: 3 for RGB, 1 for grey; 2 or 4 for the bands of files that have as many.
            limit: how many pictures to read in all, the first ones by name, as many of each class; None reads all.
            class_names: the network's classes in the order of its outputs, among them all folders. Without them a
                network that brings names of its own is asked for the order, and of no other right and wrong are told.
            background: grey level in [0,1] that shows through what is transparent, 1 is white.

        Returns:
            The probe; files that were not read are listed in `.skipped`, what else a person should know in `.notes`.

        Raises:
            ValueError: if the folder is missing, empty, or holds no readable picture, `limit` is less than one
                picture of each class, or a folder is none of `class_names`.

        Example:
            >>> import tempfile
            >>> from PIL import Image
            >>> folder = pathlib.Path(tempfile.mkdtemp())
            >>> for name in ("cat", "dog"):
            ...     (folder / name).mkdir()
            ...     Image.new("RGB", (8, 8)).save(folder / name / "photo.png")
            >>> Probe.from_folder(folder, class_names=["dog", "cat"]).labels.tolist()
            [1, 0]
        """
        if isinstance(class_names, str):
            raise TypeError(f"class_names must be a list of names, got the string {class_names!r}")
        given = None if class_names is None else tuple(str(name) for name in class_names)
        shape = (size, size) if isinstance(size, int) else size
        remarks: Counter[str] = Counter()
        listing = list_folder(path)
        classes = listing.folders
        if not classes:
            images, files, skipped = read_folder(
                path, shape, channels, limit=limit, background=background, remarks=remarks
            )
            ids = tuple(file.name for file in files)
            return cls(images, None, given, ids, tuple(skipped), notes=describe(remarks))
        if limit is not None and limit < len(classes):
            raise ValueError(f"limit must be at least {len(classes)}, one picture of each class folder, got {limit}")
        names = given or tuple(folder.name for folder in classes)
        places = [find_class(folder.name, names) for folder in classes]
        if unknown := [folder.name for folder, place in zip(classes, places, strict=True) if place is None]:
            raise ValueError(f"folders {unknown[:8]} are not among the class names {list(names[:12])}")
        shares = [None if limit is None else (limit + index) // len(classes) for index in range(len(classes))]
        read: list[list[tuple[np.ndarray, int | None, str]]] = []  # of each class: picture, label and name of the file
        lines = listing.skipped + [f"{file.name}: beside the class folders, so of no class" for file in listing.files]
        for place, subfolder, share in zip(places, classes, reversed(shares), strict=True):
            images, files, skipped = read_folder(
                subfolder, shape, channels, limit=share, background=background, remarks=remarks
            )
            shape = shape or (images.shape[1], images.shape[2])
            called = [f"{subfolder.name}/{file.name}" for file in files]
            read.append([(image, place, name) for image, name in zip(images, called, strict=True)])
            lines += [f"{subfolder.name}/{line}" for line in skipped]
        pictures, labels, ids = zip(*take_turns(read), strict=True)
        return cls(
            np.stack(pictures),
            np.asarray(labels),
            names,
            ids,
            tuple(lines),
            ordered=given is not None,
            notes=describe(remarks),
        )

    @classmethod
    def from_dataset(
        cls,
        dataset: Iterable[Any],
        limit: int = 64,
        class_names: Sequence[str] | None = None,
        *,
        bands: Sequence[int | str] | None = None,
        band_names: Sequence[str] | None = None,
    ) -> "Probe":
        """Return a probe of the first examples of a data set.

        Args:
            dataset: a batched `tf.data.Dataset`, or any iterable, of images [N,H,W,C] or (images, labels); for several
                inputs, and for what is no picture, images are a dict of arrays [N,...].
            limit: how many pictures to keep.
            class_names: names by class index, or None.
            bands: as in `from_arrays`.
            band_names: as in `from_arrays`.

        Returns:
            The probe.

        Raises:
            TypeError: if its elements are neither arrays nor (images, labels).
            ValueError: if the data set is empty or not batched, or its images lie outside [0,1].
        """
        if limit < 1:
            raise ValueError(f"limit must be at least 1, got {limit}")
        images: dict[str, list[np.ndarray]] = {}
        labels: list[np.ndarray] = []
        named, count = False, 0
        for batch in dataset:
            x, y = (batch[0], batch[1]) if isinstance(batch, tuple | list) else (batch, None)
            named = isinstance(x, Mapping)
            for name, value in x.items() if named else [("images", x)]:
                images.setdefault(name, []).append(np.asarray(value))
                if not named and images[name][-1].ndim != 4:
                    raise ValueError(
                        f"a probe needs batches of images [N,H,W,C], got an element of shape "
                        f"{list(images[name][-1].shape)}: the data set must be batched (dataset.batch(64)), and grey "
                        "pictures need a last axis of 1; what is no picture is a dict, {name of the input: array}"
                    )
            if isinstance(y, Mapping):
                check_labels(y, 0, None)  # which says what to do with labels of several outputs
            if y is not None:
                labels.append(np.asarray(y))
            count += len(next(iter(images.values()))[-1])
            if count >= limit:
                break
        if not images:
            raise ValueError("the probe's data set is empty; expected batches of images [N,H,W,C] or (images, labels)")
        arrays = {name: np.concatenate(values)[:limit] for name, values in images.items()}
        y = np.concatenate(labels)[:limit] if labels else None
        given = arrays if named else arrays["images"]
        return cls.from_arrays(given, y, class_names, bands=bands, band_names=band_names)

    def __repr__(self) -> str:
        of = None if self.class_names is None else f"{number_of(len(self.class_names), 'class name')}"
        labels = "no labels" if self.labels is None else "with labels"
        skipped = f"{len(self.skipped)} skipped" if self.skipped else None
        return tell(self, describe_arrays(self.images), labels, of, skipped)


def find_class(name: str, names: Sequence[str]) -> int | None:
    """Return which class a name means: the same, else the only one with the same letters and digits; or None.

    A folder cannot be called "T-shirt/top", and often is not called "Ankle boot" but "ankle_boot".

    Args:
        name: of a folder, say.
        names: names by class index.

    Raises:
        ValueError: if several classes are called so.

    Example:
        >>> find_class("t-shirt_top", ["Coat", "T-shirt/top"])
        1
    """
    for key in (str, _letters):
        found = [index for index, item in enumerate(names) if key(item) == key(name)]
        if len(found) > 1:
            raise ValueError(f"several of the network's classes are called {name!r}: give labels as class indices")
        if found:
            return found[0]
    return None


def _letters(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum()) or name


def check_inputs(images: Any, name: str = "images") -> Any:
    """Return what is given for a network as arrays, or say what is wrong with it.

    Arrays of three and four axes are pictures and must lie in [0,1], unless they come with the name of their input.

    Args:
        images: pictures [N,H,W,C] or [N,H,W]; other numbers [N,F], [N,T] or [N,D,H,W,C]; a dict of any arrays [N,...].
        name: how the caller calls them, for the message.

    Returns:
        float32 array [N,H,W,C]; array [N,...] in its own type of what is no picture; or a dict of these.

    Raises:
        TypeError: if they are not numbers.
        ValueError: if pictures lie outside [0,1], a number is not finite, or inputs differ in their number.

    Example:
        >>> check_inputs({"series": np.full((2, 50, 3), 7.0)}).shape
        (2, 50, 3)
    """
    if isinstance(images, Mapping):
        return take_dict(images)
    try:
        rank = np.ndim(images)
    except ValueError:  # a list of arrays of several shapes: said better there
        rank = 4
    if rank in (2, 5, 6):
        return take_dict({name: images})
    try:
        return check_images(images, name)
    except ValueError as error:
        if rank != 3:
            raise
        raise ValueError(f"{error}; series [N,T,F] are given with the name of their input, {{name: array}}") from error


def take_dict(images: Mapping[str, Any], strings: Collection[str] = ()) -> Any:
    """Return the arrays [N,...] of several inputs, or say what is wrong with them; of one input, that array.

    Args:
        images: input -> array-like [N,...].
        strings: inputs that may hold strings.

    Raises:
        TypeError: if they are not numbers.
        ValueError: if there are none, or they differ in their number.
    """
    arrays = {str(name): np.asarray(value) for name, value in images.items()}
    if not arrays:
        raise ValueError("inputs must be a dictionary name -> array with at least one entry, got an empty one")
    for name, value in arrays.items():
        worded = name in strings
        if not (_holds_strings(value) if worded else value.dtype.kind in "fiub"):
            wanted = "strings" if worded else "numbers"
            raise TypeError(f"input {name!r} must be an array of {wanted} [N,...], got dtype {value.dtype}")
        if not value.ndim or not len(value):
            raise ValueError(f"input {name!r} must have shape [N,...] with N above 0, got {list(value.shape)}")
        if value.dtype == np.uint8 and value.ndim == 4 and value.max() > 1:
            raise ValueError(
                f"input {name!r} holds uint8 up to {value.max()}: pictures are floats in [0,1], divide by 255"
            )
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise ValueError(f"input {name!r} holds {int((~np.isfinite(value)).sum())} NaN or infinite values")
    counts = {name: len(value) for name, value in arrays.items()}
    if len(set(counts.values())) != 1:
        raise ValueError(f"all inputs of a network need the same number of rows, got {counts}")
    arrays = {name: _shorten(value) for name, value in arrays.items()}
    return next(iter(arrays.values())) if len(arrays) == 1 else arrays


def _shorten(value: np.ndarray) -> np.ndarray:
    """Return float64 as float32, but for numbers that would lose what tells them apart, such as times and dates."""
    exact = value.dtype == np.float64 and np.abs(value).max(initial=0) < 2**24
    return value.astype(np.float32) if exact and find_rounding(value, np.float32) is None else value


def _holds_strings(value: np.ndarray) -> bool:
    objects = value.dtype.kind == "O"
    return all(isinstance(item, str | bytes) for item in value.flat) if objects else value.dtype.kind in "US"


def pick_rows(inputs: Any, rows: Any) -> Any:
    """Return some rows of an array [N,...], or of each of a dict of them.

    Args:
        inputs: the arrays.
        rows: indices, a mask or a slice.
    """
    return {name: value[rows] for name, value in inputs.items()} if isinstance(inputs, Mapping) else inputs[rows]


def _freeze(array: np.ndarray) -> np.ndarray:
    view = array.view()
    view.flags.writeable = False  # the pictures stay the same, also under a preprocess that works in place
    return view
