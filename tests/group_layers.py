"""Layers with planted parts, and how near found parts come to them."""

import keras
import numpy as np

from tf_interp.models import KerasModel, Model


def plant(rows: int = 600, channels: int = 20, k: int = 4, *, signed: bool = True, seed: int = 0):
    """Return (matrix [rows,channels], vectors [k,channels]): sparse weights times vectors that may have signs."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(k, channels)) if signed else rng.gamma(0.3, 1, (k, channels))
    return (rng.gamma(0.3, 1, (rows, k)) @ vectors).astype(np.float32), vectors


def find_again(planted: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Return, of each planted vector, the cosine with the found one that is nearest."""
    units = [np.asarray(item) / np.linalg.norm(item, axis=1, keepdims=True) for item in (planted, found)]
    return (units[0] @ units[1].T).max(1)


def identity_model(channels: int, size: int = 1) -> Model:
    """Return a network whose layer "parts" is twice its input less one, so from -1 to 1."""
    layers = [keras.layers.Rescaling(2.0, -1.0, name="parts"), keras.layers.GlobalAveragePooling2D()]
    return KerasModel(
        keras.Sequential([keras.Input((size, size, channels)), *layers, keras.layers.Dense(3, name="end")])
    )


def as_images(matrix: np.ndarray, size: int = 1) -> np.ndarray:
    """Return pictures [n,size,size,C] on which that layer is the matrix, divided by its largest number."""
    return (matrix / np.abs(matrix).max() / 2 + 0.5).reshape(-1, size, size, matrix.shape[1]).astype(np.float32)


def plant_sparse(rows: int = 1500, channels: int = 16, k: int = 20, active: int = 2, *, seed: int = 0):
    """Return (matrix, vectors [k,channels]): more parts than channels, of which few are in each row."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(k, channels))
    weights = rng.uniform(0.5, 1.5, (rows, k)) * (rng.random((rows, k)).argsort(1) < active)
    return (weights @ vectors).astype(np.float32), vectors
