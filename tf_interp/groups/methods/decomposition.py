"""Any decomposition of scikit-learn: PCA, ICA, dictionary learning, and those that users write."""

import dataclasses
import inspect
import warnings
from typing import Any, ClassVar

import numpy as np

from tf_interp.groups.methods.factorizer import Factorizer, Fitted, measure

_NEEDED = ("fit", "transform")


@dataclasses.dataclass(frozen=True)
class Decomposition(Factorizer):
    """An estimator with `fit`, `transform` and `components_`; the one that was given is not changed.

    Args:
        reducer: the estimator, or its class.
    """

    name: ClassVar[str] = "reducer"
    signed_weights: ClassVar[bool] = True
    overcomplete: ClassVar[bool] = True  # dictionary learning is; the estimator itself says what it cannot do
    has_start: ClassVar[bool] = False
    reducer: Any = None

    @property
    def label(self) -> str:  # noqa: D102
        return self.reducer.__name__ if inspect.isclass(self.reducer) else type(self.reducer).__name__

    def check(self) -> None:  # noqa: D102
        missing = [name for name in _NEEDED if not callable(getattr(self.reducer, name, None))]
        if missing:
            raise TypeError(
                f"reducer must be a scikit-learn decomposition with fit, transform and components_, such as "
                f"sklearn.decomposition.PCA(), got {type(self.reducer).__name__} without {' and '.join(missing)}"
            )

    def say_start(self) -> tuple[str, ...]:  # noqa: D102
        given = None if inspect.isclass(self.reducer) else self.reducer.get_params().get("random_state")
        if given is None:
            return ()
        return (f"random_state={given!r} of {self.label} is the same in all fits: none has another start",)

    def fit(self, rows: np.ndarray, k: int, *, seed: int, init: np.ndarray | None, iterations: int) -> Fitted:  # noqa: D102
        from sklearn.base import clone

        if init is not None:
            raise ValueError("a scikit-learn decomposition cannot start from given vectors: leave out init")
        model: Any = self.reducer() if inspect.isclass(self.reducer) else clone(self.reducer)
        known = model.get_params()
        settings = {"n_components": k} | ({"random_state": seed} if known.get("random_state", 0) is None else {})
        model.set_params(**{name: value for name, value in settings.items() if name in known})
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            weights = np.asarray(model.fit(rows).transform(rows), np.float64)
        notes = [f"{type(model).__name__} says: {text}" for text in dict.fromkeys(str(item.message) for item in caught)]
        offset, vectors = _decode(model, weights.shape[1], rows.shape[1])
        if not (np.isfinite(weights).all() and np.isfinite(vectors).all()):
            raise ValueError(f"{type(model).__name__} gave NaN or infinite values for these activations, k={k}")
        if len(vectors) != k:
            raise ValueError(f"{type(model).__name__} gave {len(vectors)} components, k={k} were asked for")
        if weights.min() < 0:
            notes.append(
                "weights have signs: where a group is below 0 its opposite is there; maps of a graph show its size"
            )
        return measure(rows, weights, vectors, order=True, offset=offset, notes=notes)

    def weigh(self, rows: np.ndarray, vectors: np.ndarray) -> np.ndarray:  # noqa: D102
        return rows @ np.linalg.pinv(np.asarray(vectors, np.float64))


def _decode(model: Any, k: int, channels: int) -> tuple[np.ndarray | None, np.ndarray]:
    """Return what a decomposition adds everywhere [C] and what each of its components stands for [k,C].

    What a component stands for need not be its row of `components_`, which in ICA or with whitening is how it is read.
    """
    if not hasattr(model, "inverse_transform"):
        vectors = np.asarray(model.components_, np.float64)
        mean = getattr(model, "mean_", None)
        return (None if mean is None else np.asarray(mean, np.float64)), vectors
    nothing = np.asarray(model.inverse_transform(np.zeros((1, k))), np.float64).reshape(channels)
    vectors = np.asarray(model.inverse_transform(np.eye(k)), np.float64) - nothing
    return (nothing if nothing.any() else None), vectors
