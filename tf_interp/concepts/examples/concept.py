"""`Concept`: the examples that say what a human idea looks like."""

import dataclasses
import functools
import itertools
import pathlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.concepts.examples.checks import check_examples, check_groups, check_values, take_batch
from tf_interp.display import describe_arrays, number_of, quote, tell, write_range
from tf_interp.images import check_images, describe, digest_images, read_folder
from tf_interp.probe import Probe, check_inputs

GREY = 0.5  # what is put around a region that is not a rectangle


def as_concept(images: Any, name: str = "concept images") -> "Concept":
    """Return what somebody gives as a concept: that, or arrays or a `Probe` as one.

    Args:
        images: a `Concept`, or what `Concept.from_arrays` takes.
        name: how the caller calls them, for messages.
    """
    return images if isinstance(images, Concept) else Concept.from_arrays(images, name=name)


@dataclasses.dataclass(frozen=True, eq=False)
class Concept:
    """Examples of one idea, of the random pool, or of a class.

    Make one with one of the `from_...` methods; plain arrays work wherever a `Concept` does.

    Args:
        images: float [N,H,W,C] in [0,1]; for other data numbers [N,F] (tables, tokens) or [N,T,F] (series); for several
            inputs a dict of arrays [N,...].
        groups: N labels, equal where examples share a source (crops of one photograph, one patient), or None. The same
            label in two sets of a test is the same source.
        values: N numbers for an idea that comes in degrees (redness, age), or None.
        source: where they come from, for a person.
        skipped: files that were not read, a line each.
        files: N file names, or none.
        notes: what a person should know of the files, a sentence each.

    Raises:
        TypeError: if examples are not numbers, or groups not labels.
        ValueError: if images lie outside [0,1], a value is not finite, or the number of groups or values is not N.

    Example:
        >>> len(Concept.from_arrays(np.zeros((12, 8, 8, 1))))
        12
    """

    images: Any
    groups: tuple[Any, ...] | None = None
    values: np.ndarray | None = None
    source: str = "arrays"
    skipped: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        images = check_examples(self.images, "concept examples")
        object.__setattr__(self, "images", images)
        if self.groups is not None:
            object.__setattr__(self, "groups", check_groups(self.groups, len(self), "concept"))
        if self.values is not None:
            object.__setattr__(self, "values", check_values(self.values, len(self)))

    def __len__(self) -> int:
        return len(next(iter(self.images.values())) if isinstance(self.images, Mapping) else self.images)

    @functools.cached_property
    def digests(self) -> list[str]:
        """A short hash of each example."""
        return digest_images(self.images)

    @classmethod
    def from_arrays(cls, images: Any, groups: Sequence[Any] | None = None, name: str = "concept images") -> "Concept":
        """Return a concept of arrays.

        Args:
            images: floats [N,H,W,C] or [N,H,W] in [0,1], or a `Probe`; for tables and tokens numbers [N,F]; for several
                inputs a dict of arrays [N,...]. Series [N,T,F] would be taken for grey pictures: write
                `{"series": array}`, with the name of the input, or `Concept(series)`.
            groups: N labels, equal where examples share a source, or None.
            name: how the caller calls them, for messages.

        Returns:
            The concept.

        Raises:
            TypeError: if they are not numbers, or groups are not labels.
            ValueError: if images lie outside [0,1], a value is not finite, or the number of groups is not N.
        """
        if isinstance(images, Probe):
            concept = cls(images.images, source="probe", skipped=images.skipped, notes=images.notes)
        else:
            given = check_examples(images, name)
            grey = not isinstance(images, Mapping) and given.ndim == 3
            concept = cls(check_inputs(given, name) if grey else given)
        if groups is None:
            return concept
        return dataclasses.replace(concept, groups=check_groups(groups, len(concept), name))

    @classmethod
    def from_folder(
        cls,
        path: str | pathlib.Path,
        size: tuple[int, int] | None = None,
        channels: int = 3,
        minimum: int = 5,
        *,
        limit: int | None = None,
        background: float = 1.0,
    ) -> "Concept":
        """Return a concept of the picture files of one folder.

        Args:
            path: the folder.
            size: (height, width) that the network takes; None takes the first picture's.
            channels: 3 for RGB, 1 for grey; 2 or 4 for the bands of files that have as many.
            minimum: fewest readable pictures to accept.
            limit: how many pictures to read, the first ones by name; None reads all.
            background: grey level in [0,1] that shows through what is transparent, 1 is white.

        Returns:
            The concept; files that were not read are listed in `.skipped`, what else to know in `.notes`.

        Raises:
            ValueError: if it is not a folder, or too few pictures are readable; the message has the counts.
        """
        remarks: Counter[str] = Counter()
        images, files, skipped = read_folder(
            path, size, channels, minimum, limit, background=background, remarks=remarks
        )
        names, source = tuple(file.name for file in files), pathlib.Path(path).name
        return cls(images, source=source, skipped=tuple(skipped), files=names, notes=describe(remarks))

    @classmethod
    def from_dataset(
        cls, dataset: Iterable[Any], limit: int = 100, where: Callable[[Any], bool] | None = None
    ) -> "Concept":
        """Return a concept of the first examples of a data set, or of the first that `where` picks by their label.

        Args:
            dataset: a `tf.data.Dataset`, batched or not, or any iterable, of pictures or of (pictures, labels): batches
                [N,H,W,C] or single pictures [H,W,C], rows of a table [N,F] or [F]. Of grey pictures without a last axis
                only labels tell whether they are batched.
            limit: how many to keep.
            where: label -> whether the example shows the concept; None takes all.

        Returns:
            The concept.

        Raises:
            TypeError: if its elements are dictionaries.
            ValueError: if nothing was found, elements differ in shape or cannot be told from batches, or `where` is
                given but there is not one label for each example.

        Example:
            >>> batches = [(np.zeros((4, 8, 8, 1)), [0, 1, 1, 0])]
            >>> len(Concept.from_dataset(batches, where=lambda label: label == 1))
            2
        """
        if limit < 1:
            raise ValueError(f"limit must be at least 1, got {limit}")
        kept: list[np.ndarray] = []
        seen = 0
        for element in dataset:
            images, labels = take_batch(element)
            seen += len(images)
            if where is not None:
                if labels is None:
                    raise ValueError("where=... needs a data set of (images, labels), but this one has images only")
                if labels.ndim != 1:
                    raise ValueError(
                        f"where=... needs one label for each example, got labels of shape {list(labels.shape)}: map "
                        "one-hot labels to class indices first"
                    )
                images = images[[bool(where(label)) for label in labels]]
            kept += list(images[: limit - len(kept)])
            if len(kept) == limit:
                break
        if not kept:
            raise ValueError(f"the data set gave {seen} examples, none of which is taken for the concept")
        shapes = sorted({image.shape for image in kept})
        if len(shapes) > 1:
            raise ValueError(f"examples of the data set differ in shape: {[list(shape) for shape in shapes[:4]]}")
        return dataclasses.replace(cls.from_arrays(np.stack(kept)), source="data set")

    @classmethod
    def from_indices(cls, dataset: Any, indices: Sequence[int]) -> "Concept":
        """Return a concept of chosen examples of a data set.

        Args:
            dataset: array [N,H,W,C], anything with `dataset[i]`, or an unbatched iterable such as a `tf.data.Dataset`;
                examples may be (image, label).
            indices: which examples, by their number.

        Returns:
            The concept, in the order of `indices`.

        Raises:
            TypeError: if indices are a mask.
            ValueError: if an index is outside the data set, or the data set is batched.

        Example:
            >>> Concept.from_indices(np.arange(40.0).reshape(10, 2, 2, 1) / 40, [3, 1]).images.shape
            (2, 2, 2, 1)
        """
        if np.asarray(indices).dtype == bool:
            raise TypeError("indices must be numbers of examples, got a mask: write np.flatnonzero(mask)")
        wanted = [int(index) for index in indices]
        if hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__"):
            outside = [index for index in wanted if not 0 <= index < len(dataset)]
            found = {} if outside else {index: dataset[index] for index in wanted}
        else:
            numbered = enumerate(itertools.islice(dataset, max(wanted, default=-1) + 1))
            found = {index: item for index, item in numbered if index in set(wanted)}
            outside = [index for index in wanted if index not in found]
        if outside or not wanted:
            raise ValueError(f"indices {outside[:10]} are outside the data set" if wanted else "indices is empty")
        images = [np.asarray(item[0] if isinstance(item, tuple | list) else item) for item in map(found.get, wanted)]
        if images[0].ndim == 4:
            raise ValueError(
                f"an element of the data set has shape {list(images[0].shape)}: it is batched, and indices count "
                "single examples; write dataset.unbatch()"
            )
        return dataclasses.replace(cls.from_arrays(np.stack(images)), source="indices of a data set")

    @classmethod
    def from_labels(cls, examples: Any, labels: Any, value: Any) -> "Concept":
        """Return a concept of the examples that have one value in a column of labels, of a table or of pictures.

        Args:
            examples: [N,F] or [N,H,W,C].
            labels: N labels of any kind.
            value: the one to take.

        Returns:
            The concept.

        Raises:
            ValueError: if numbers do not match, or no example has that label; the message lists those there are.

        Example:
            >>> len(Concept.from_labels(np.eye(4), ["a", "b", "a", "a"], "a"))
            3
        """
        column = np.asarray(labels)
        if column.shape != (len(examples),):
            raise ValueError(f"{len(examples)} examples need as many labels, got shape {list(column.shape)}")
        chosen = column == value
        if not np.any(chosen):
            there = [str(item) for item in np.unique(column)[:12]]
            raise ValueError(f"no example has the label {value!r}; there are {there}")
        return dataclasses.replace(cls.from_arrays(np.asarray(examples)[chosen]), source=f"label {value}")

    @classmethod
    def from_values(cls, examples: Any, values: Any, groups: Sequence[Any] | None = None) -> "Concept":
        """Return an idea that comes in degrees: every example with its value, tested by regression.

        Args:
            examples: [N,H,W,C] or [N,F].
            values: N finite numbers.
            groups: N labels, equal where examples share a source, or None.

        Returns:
            The concept; `tcav` tests it with the contrast "continuous".

        Raises:
            ValueError: if numbers do not match, a value is not finite, or all are equal.

        Example:
            >>> Concept.from_values(np.eye(5), [1, 2, 3, 4, 5]).values.tolist()
            [1.0, 2.0, 3.0, 4.0, 5.0]
        """
        concept = cls.from_arrays(examples, groups)
        return dataclasses.replace(concept, values=np.asarray(values, np.float64), source="values")

    @classmethod
    def from_regions(cls, images: Any, regions: Any) -> "Concept":
        """Return a concept of regions drawn on images, each cut out and enlarged to the images' size.

        Args:
            images: float [N,H,W,C] in [0,1].
            regions: boxes [N,4] of (top, left, bottom, right) in pixels, or masks bool [N,H,W]; around a mask is grey.

        Returns:
            The concept.

        Raises:
            ValueError: if regions do not match the images, or one is empty or outside.

        Example:
            >>> Concept.from_regions(np.zeros((2, 8, 8, 3)), [[0, 0, 4, 4], [2, 2, 8, 8]]).images.shape
            (2, 8, 8, 3)
        """
        array = check_images(images, "images with regions").copy()
        count, height, width = array.shape[:3]
        drawn = np.asarray(regions)
        if drawn.shape == (count, height, width):
            masks = drawn.astype(bool)
            array = np.where(masks[..., None], array, np.float32(GREY))
            boxes = [_bounds(mask) for mask in masks]
        elif drawn.shape == (count, 4):
            boxes = [(int(top), int(left), int(bottom), int(right)) for top, left, bottom, right in drawn]
        else:
            raise ValueError(
                f"{count} images of {height}x{width} need boxes [{count}, 4] or masks [{count}, {height}, {width}], "
                f"got {list(drawn.shape)}"
            )
        cut = []
        for number, (image, (top, left, bottom, right)) in enumerate(zip(array, boxes, strict=True)):
            if not (0 <= top < bottom <= height and 0 <= left < right <= width):
                raise ValueError(
                    f"region {number} is (top, left, bottom, right) = {(top, left, bottom, right)}: empty, or outside "
                    f"the image of {height}x{width}"
                )
            cut.append(_enlarge(image[top:bottom, left:right], (height, width)))
        return cls(np.stack(cut), source="regions")

    @classmethod
    def from_group(cls, images: Any, maps: Any, count: int = 50, patch: float = 0.4) -> "Concept":
        """Return a concept of the places where a group of neurons is most active, one cut out of each image.

        Args:
            images: float [N,H,W,C] in [0,1].
            maps: float [N,h,w], activity of the group by position, e.g. `groups.weights[..., k]`.
            count: from how many images, the most active first; images where the group is silent are left out.
            patch: side of the cut as part of the image's, 0..1.

        Returns:
            The concept.

        Raises:
            ValueError: if maps do not match the images, or the group is silent in all of them.

        Example:
            >>> Concept.from_group(np.zeros((3, 8, 8, 1)), np.eye(3)[:, :, None]).images.shape
            (3, 8, 8, 1)
        """
        array, weights = check_images(images, "images of a group"), np.asarray(maps, np.float32)
        if weights.ndim != 3 or len(weights) != len(array):
            raise ValueError(
                f"{len(array)} images need maps [{len(array)},h,w] of one group, got {list(weights.shape)}"
            )
        if not 0 < patch <= 1:
            raise ValueError(f"patch must lie between 0 and 1, got {patch}")
        flat = weights.reshape(len(weights), -1)
        best = np.argsort(-flat.max(1), kind="stable")[:count]
        best = best[flat.max(1)[best] > 0]
        if not len(best):
            raise ValueError(f"the group is silent in all {len(array)} images")
        sizes = np.array(array.shape[1:3])
        side = np.maximum(1, np.round(sizes * patch)).astype(int)
        boxes = []
        for number in best:
            place = np.array(np.unravel_index(flat[number].argmax(), weights.shape[1:]))
            center = (place + 0.5) / weights.shape[1:] * sizes
            start = np.clip(np.round(center - side / 2).astype(int), 0, sizes - side)
            boxes.append([*start, *(start + side)])
        return dataclasses.replace(cls.from_regions(array[best], boxes), source="group")

    def __repr__(self) -> str:
        sources = None if self.groups is None else number_of(len(set(self.groups)), "source")
        degrees = None if self.values is None else f"degrees {write_range(self.values)}"
        skipped = f"{len(self.skipped)} skipped" if self.skipped else None
        return tell(self, describe_arrays(self.images), f"from {quote(self.source)}", sources, degrees, skipped)


def _bounds(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Return (top, left, bottom, right) around what is drawn; an empty box where nothing is."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return 0, 0, 0, 0
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def _enlarge(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.clip(tf.image.resize(image, size, "bilinear", antialias=True).numpy(), 0, 1)
