"""`Record`: one finished analysis, complete in itself, the same from callback, command line and notebook."""

import dataclasses
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from tensorboard_plugin_interp import metadata
from tf_interp.display import number_of, quote, tell
from tf_interp.images import MAX_PIXELS


@dataclasses.dataclass(frozen=True, eq=False)
class Record:
    """One finished analysis of one layer at one step: numbers as JSON, pictures as uint8.

    Args:
        kind: what it shows: "features", "groups", "attribution" or "concepts".
        layer: path of the layer in the model.
        step: training step (`optimizer.iterations`), 0 for a finished model.
        title: one line for a person.
        data: JSON values; numpy numbers and arrays are converted, NaN and infinities become None.
        images: uint8 arrays [H,W], [H,W,3] or [H,W,4]; `data` refers to them by index.
        schema: version of the wire format.

    Raises:
        TypeError: if `data` holds something JSON cannot say, or an image is not uint8.

    Example:
        >>> Record("features", "conv", 0, "one", {"units": [{"value": np.float32(1.5)}]}).data["units"][0]["value"]
        1.5
    """

    kind: str
    layer: str
    step: int
    title: str
    data: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    images: Sequence[np.ndarray] = ()
    schema: int = metadata.SCHEMA

    def __post_init__(self) -> None:
        for index, image in enumerate(self.images):
            if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or not _is_picture(image.shape):
                raise TypeError(
                    f"image {index} of a record must be a uint8 array [H,W], [H,W,3] or [H,W,4], got "
                    f"{getattr(image, 'dtype', type(image).__name__)} {getattr(image, 'shape', '')}"
                )
        if not isinstance(self.data, Mapping):
            raise TypeError(
                f"data of a record must be a mapping of names to JSON values, got {type(self.data).__name__}"
            )
        object.__setattr__(self, "step", int(self.step))
        object.__setattr__(self, "data", _to_json(self.data, "data"))
        object.__setattr__(self, "images", tuple(self.images))

    @property
    def tag(self) -> str:
        """The name under which TensorBoard keeps the series of this record: `kind/layer`, or `kind:variant/layer`."""
        return metadata.make_tag(self.kind, self.layer, self.data.get("variant") or "")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Record):
            return NotImplemented
        same = all(getattr(self, key) == getattr(other, key) for key in metadata.HEADER_KEYS)
        return (
            same
            and len(self.images) == len(other.images)
            and all(np.array_equal(a, b) for a, b in zip(self.images, other.images, strict=True))
        )

    def to_blobs(self) -> list[bytes]:
        """Return the byte strings `[header JSON, png, ...]` that carry this record."""
        header = {key: getattr(self, key) for key in metadata.HEADER_KEYS}
        return metadata.pack(header, [_encode(image) for image in self.images])

    @classmethod
    def from_blobs(cls, blobs: Sequence[bytes]) -> "Record":
        """Return the record that `to_blobs` turned into bytes.

        Args:
            blobs: `[header JSON, png, ...]`.

        Returns:
            The record.

        Raises:
            ValueError: if the bytes are not a record, or are from a newer schema.
        """
        header, pngs = metadata.unpack(list(blobs))
        try:
            known = {key: header[key] for key in metadata.HEADER_KEYS}
            return cls(**known, images=tuple(_decode(png) for png in pngs))
        except (KeyError, TypeError, ValueError, OSError, SyntaxError) as error:  # the last two are Pillow's
            raise ValueError(f"not a tf-interp record: {error!r}") from error

    def __repr__(self) -> str:
        pictures = number_of(len(self.images), "picture")
        return tell(self, self.kind, quote(self.layer, 60), f"step {self.step}", pictures, quote(self.title, 70))


def _is_picture(shape: tuple[int, ...]) -> bool:
    return 0 not in shape and (len(shape) == 2 or (len(shape) == 3 and shape[2] in (3, 4)))


def _encode(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def _decode(png: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(png), formats=["PNG"]) as picture:
        if picture.width * picture.height > MAX_PIXELS:
            raise ValueError(f"a picture of {picture.width}x{picture.height} is over {MAX_PIXELS:,} pixels")
        return np.asarray(picture)


def _to_json(value: Any, where: str) -> Any:
    """Return `value` as plain JSON types, so that a record equals itself after a trip through a file."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, np.generic):
        value = value.item()
        return _to_json(value, where)
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, np.ndarray):
        return _to_json(value.tolist(), where)
    if isinstance(value, Mapping):
        return {str(key): _to_json(item, f"{where}[{key!r}]") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_to_json(item, f"{where}[{index}]") for index, item in enumerate(value)]
    raise TypeError(f"{where} of a record is a {type(value).__name__}, which JSON cannot hold")
