"""Activations of many images, in batches."""

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
        batch_size: images per forward pass.

    Returns:
        Name -> float32 array [N,...].

    Raises:
        ValueError: if a layer name does not exist or is ambiguous.

    Example:
        >>> read_activations(model, images, ["output"])["output"].shape
        (3, 10)
    """
    parts: dict[str, list[np.ndarray]] = {name: [] for name in layers}
    for start in range(0, len(images), batch_size):
        for name, value in model.run(images[start : start + batch_size], list(layers)).items():
            parts[name].append(np.asarray(value).astype(np.float32))
    return {name: np.concatenate(value) for name, value in parts.items()}
