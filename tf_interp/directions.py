"""`Directions`: the one noun for "a feature". A channel, a neuron group and a concept vector are all rows of it."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tf_interp.display import name_some, number_of, quote, tell


@dataclasses.dataclass(frozen=True, eq=False)
class Directions:
    """K directions in the channel space of one layer.

    Args:
        layer: path of the layer.
        vectors: float32 [K,C]; one-hot rows are channels, non-negative rows neuron groups, a row may be a CAV.
        names: K names, shown to people; "direction 0", ... if left out.
        origin: where they come from: "channels", "groups", "concepts" or "custom".

    Raises:
        ValueError: if the shape is not [K,C], a value is not finite, or the number of names is not K.

    Example:
        >>> Directions.from_channels("conv", [2], 4).vectors.tolist()
        [[0.0, 0.0, 1.0, 0.0]]
    """

    layer: str
    vectors: np.ndarray
    names: Sequence[str] = ()
    origin: str = "custom"

    def __post_init__(self) -> None:
        vectors = np.asarray(self.vectors, np.float32)
        if vectors.ndim != 2 or 0 in vectors.shape:
            raise ValueError(f"directions need vectors of shape [K,C] with K, C >= 1, got {list(vectors.shape)}")
        if not np.isfinite(vectors).all():
            raise ValueError(f"directions of layer {self.layer!r} hold NaN or infinite values")
        names = tuple(self.names) or tuple(f"direction {index}" for index in range(len(vectors)))
        if len(names) != len(vectors):
            raise ValueError(f"{len(vectors)} directions need as many names, got {len(names)}: {list(names)}")
        object.__setattr__(self, "vectors", vectors)
        object.__setattr__(self, "names", names)

    @classmethod
    def from_channels(cls, layer: str, channels: Sequence[int], count: int) -> "Directions":
        """Return one-hot directions, one per channel.

        Args:
            layer: path of the layer.
            channels: channel indices, 0 <= index < count.
            count: number of channels of the layer.

        Returns:
            Directions with vectors [len(channels), count].

        Raises:
            ValueError: if an index is outside the layer.
        """
        outside = [int(channel) for channel in channels if not 0 <= channel < count]
        if outside:
            raise ValueError(f"layer {layer!r} has channels 0..{count - 1}, got {outside}")
        vectors = np.eye(count, dtype=np.float32)[list(channels)]
        return cls(layer, vectors, [f"channel {int(channel)}" for channel in channels], "channels")

    def weights_for(self, images: Any, activations: np.ndarray | None = None) -> np.ndarray | None:
        """Return how strongly each direction is present at each position of these images, where that is known.

        Args:
            images: float32 [N,H,W,C] in [0,1], or a dict of arrays [N,...].
            activations: float32 [N,h,w,C], what the layer does on them now; where that is something else than when the
                weights were found, they are not known. None takes them as they were.

        Returns:
            float32 array [N,h,w,K], or None: only neuron groups know it, for the images that they were found on.
        """
        return None

    @property
    def units(self) -> np.ndarray:
        """The vectors with length 1, float32 [K,C]; a row of zeros stays."""
        lengths = np.linalg.norm(self.vectors.astype(np.float64), axis=1, keepdims=True)
        return np.divide(self.vectors, lengths, out=np.zeros_like(self.vectors), where=lengths > 0)

    def __len__(self) -> int:
        return len(self.vectors)

    def __getitem__(self, index: int | slice | Sequence[int]) -> "Directions":
        rows = np.atleast_1d(np.arange(len(self))[index])
        return Directions(self.layer, self.vectors[rows], [self.names[row] for row in rows], self.origin)

    def __iter__(self) -> Iterator["Directions"]:
        return (self[row] for row in range(len(self)))

    def __repr__(self) -> str:
        count, channels = self.vectors.shape
        what = f"{self.origin}: {count:,} of {number_of(channels, 'channel')}"
        if self.origin != "channels":
            what = f"{self.origin}: {count:,} in {number_of(channels, 'channel')}"
        return tell(self, quote(self.layer, 60), what, name_some(self.names))


def to_positions(activations: Any) -> Any:
    """Return activations with two axes of positions: of a dense layer one position, of a sequence one row of them.

    Args:
        activations: array or tensor [N,C], [N,T,C], [N,h,w,C], or [N,D,h,w,C] of a volume.

    Returns:
        The same as [N,1,1,C], [N,1,T,C] or [N,h,w,C]; the slices of a volume one below the other, [N,D*h,w,C].

    Raises:
        ValueError: if it has no such shape.

    Example:
        >>> to_positions(np.zeros((2, 5))).shape
        (2, 1, 1, 5)
    """
    rank = len(activations.shape)
    if rank < 2:
        raise ValueError(
            f"activations of shape {list(activations.shape)} have no channels: expected [N,C], [N,T,C] or [N,h,w,C]"
        )
    if rank > 4:
        shape = [int(side) for side in activations.shape]
        form = (shape[0], int(np.prod(shape[1:-2])), *shape[-2:])
        if isinstance(activations, np.ndarray):
            return activations.reshape(form)
        import tensorflow as tf  # who has a tensor has TensorFlow; directions alone do without

        return tf.reshape(activations, form)
    return activations[(slice(None),) + (None,) * (4 - rank)]
