"""Activations of many images, in batches of one size so that nothing is traced twice."""

from collections.abc import Sequence

import numpy as np

from tf_interp.models import Model


def read_activations(
    model: Model, images: np.ndarray, layers: Sequence[str], *, batch_size: int = 64
) -> dict[str, np.ndarray]:
    """Return the activations of layers on images, read in batches.

    Args:
        model: the network.
        images: float32 [N,H,W,C] in [0,1].
        layers: layer names; "output" is the logits.
        batch_size: images per forward pass; the last batch is padded to it and cut again.

    Returns:
        Name -> float32 array [N,...].

    Raises:
        ValueError: if a layer name does not exist or is ambiguous.

    Example:
        >>> read_activations(model, images, ["output"])["output"].shape
        (3, 10)
    """
    size = min(batch_size, len(images))
    parts: dict[str, list[np.ndarray]] = {name: [] for name in layers}
    for start in range(0, len(images), size):
        batch = images[start : start + size]
        count = len(batch)
        if count < size:
            batch = np.concatenate([batch, np.repeat(batch[-1:], size - count, axis=0)])
        for name, value in model.run(batch, list(layers)).items():
            parts[name].append(np.asarray(value)[:count].astype(np.float32))
    return {name: np.concatenate(value) for name, value in parts.items()}
