"""`Probe`: the fixed pictures on which a network is looked at, with their labels, ids and class names."""

import dataclasses
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tf_interp.images import check_images, check_labels, digest_images, read_folder


@dataclasses.dataclass(frozen=True, eq=False)
class Probe:
    """Pictures to look at a network with; they stay the same over training.

    Make one with `Probe.from_arrays`, `Probe.from_folder` or `Probe.from_dataset`.

    Args:
        images: float32 [N,H,W,C] in [0,1].
        labels: int64 [N] class indices; int64 [N,K] of 0 and 1 where several classes, or none, may be true of a
            picture; float32 [N,K] numbers of a regression; or None.
        class_names: names by class index, or None.
        ids: N strings that name each picture (file name or content hash).
        skipped: files that were not read, a line each.
        label_count: for how many classes one-hot labels were given, None if they were not.
    """

    images: np.ndarray
    labels: np.ndarray | None
    class_names: tuple[str, ...] | None
    ids: tuple[str, ...]
    skipped: tuple[str, ...] = ()
    label_count: int | None = None

    def __post_init__(self) -> None:
        images = self.images.view()
        images.flags.writeable = False  # the pictures stay the same, also under a preprocess that works in place
        object.__setattr__(self, "images", images)

    def __len__(self) -> int:
        return len(self.images)

    @classmethod
    def from_arrays(cls, images: Any, labels: Any = None, class_names: Sequence[str] | None = None) -> "Probe":
        """Return a probe of arrays.

        Args:
            images: floats [N,H,W,C] or [N,H,W] in [0,1].
            labels: N class indices, or one-hot [N,K]; multi-hot [N,K] where several classes may be true; numbers [N]
                or [N,K] of a regression; or None.
            class_names: names by class index, or None.

        Returns:
            The probe.

        Raises:
            TypeError: if class_names is a single string.
            ValueError: if images lie outside [0,1], or labels do not match.

        Example:
            >>> len(Probe.from_arrays(np.zeros((3, 8, 8, 1)), labels=[0, 1, 1]))
            3
        """
        if isinstance(class_names, str):
            raise TypeError(f"class_names must be a list of names, got the string {class_names!r}")
        array = check_images(images, "probe images")
        names = None if class_names is None else tuple(str(name) for name in class_names)
        checked = check_labels(labels, len(array), names)
        width = np.shape(labels)[1:] if checked is not None and checked.ndim == 1 else ()
        count = int(width[0]) if width and width[0] > 1 else None
        return cls(array, checked, names, tuple(digest_images(array)), label_count=count)

    @classmethod
    def from_folder(
        cls,
        path: str | pathlib.Path,
        size: tuple[int, int] | int | None = None,
        channels: int = 3,
        *,
        limit: int | None = None,
    ) -> "Probe":
        """Return a probe of picture files.

        Args:
            path: a folder of pictures, or of one sub-folder per class; sub-folder names become class names.
            size: (height, width) or one number for both, in pixels; None takes the first picture's.
            channels: 3 for RGB, 1 for grey.
            limit: how many pictures to read in all, the first ones by name, as many of each class; None reads all.

        Returns:
            The probe; unreadable files are listed in `.skipped`.

        Raises:
            ValueError: if the folder is missing, empty, or holds no readable picture, or `limit` is less than one
                picture of each class.
        """
        folder = pathlib.Path(path)
        shape = (size, size) if isinstance(size, int) else size
        classes = (
            sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")) if folder.is_dir() else []
        )
        if not classes:
            images, files, skipped = read_folder(folder, shape, channels, limit=limit)
            return cls(images, None, None, tuple(file.name for file in files), tuple(skipped))
        if limit is not None and limit < len(classes):
            raise ValueError(f"limit must be at least {len(classes)}, one picture of each class folder, got {limit}")
        shares = [None if limit is None else (limit + index) // len(classes) for index in range(len(classes))]
        batches, labels, ids = [], [], []
        loose = [file.name for file in sorted(folder.iterdir()) if file.is_file() and not file.name.startswith(".")]
        lines = [f"{name}: beside the class folders, so of no class" for name in loose]
        for index, (subfolder, share) in enumerate(zip(classes, reversed(shares), strict=True)):
            images, files, skipped = read_folder(subfolder, shape, channels, limit=share)
            shape = shape or (images.shape[1], images.shape[2])
            batches.append(images)
            labels += [index] * len(images)
            ids += [f"{subfolder.name}/{file.name}" for file in files]
            lines += [f"{subfolder.name}/{line}" for line in skipped]
        names = tuple(subfolder.name for subfolder in classes)
        return cls(np.concatenate(batches), np.asarray(labels), names, tuple(ids), tuple(lines))

    @classmethod
    def from_dataset(cls, dataset: Iterable[Any], limit: int = 64, class_names: Sequence[str] | None = None) -> "Probe":
        """Return a probe of the first examples of a data set.

        Args:
            dataset: a batched `tf.data.Dataset`, or any iterable, of images [N,H,W,C] or (images, labels).
            limit: how many pictures to keep.
            class_names: names by class index, or None.

        Returns:
            The probe.

        Raises:
            TypeError: if its elements are neither arrays nor (images, labels).
            ValueError: if the data set is empty or not batched, or its images lie outside [0,1].
        """
        if limit < 1:
            raise ValueError(f"limit must be at least 1, got {limit}")
        images: list[np.ndarray] = []
        labels: list[np.ndarray] = []
        count = 0
        for batch in dataset:
            x, y = (batch[0], batch[1]) if isinstance(batch, tuple | list) else (batch, None)
            if isinstance(x, Mapping):
                raise TypeError(
                    "a probe needs batches of images [N,H,W,C] or (images, labels), got a dict: use map first"
                )
            images.append(np.asarray(x))
            if images[-1].ndim != 4:
                raise ValueError(
                    f"a probe needs batches of images [N,H,W,C], got an element of shape {list(images[-1].shape)}: the "
                    "data set must be batched (dataset.batch(64)), and grey pictures need a last axis of 1"
                )
            if y is not None:
                labels.append(np.asarray(y))
            count += len(images[-1])
            if count >= limit:
                break
        if not images:
            raise ValueError("the probe's data set is empty; expected batches of images [N,H,W,C] or (images, labels)")
        y = np.concatenate(labels)[:limit] if labels else None
        return cls.from_arrays(np.concatenate(images)[:limit], y, class_names)
