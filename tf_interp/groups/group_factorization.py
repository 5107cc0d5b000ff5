"""`GroupFactorization`: the methods of `find_groups` as a scikit-learn estimator, for rows that are no activations."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_array, check_is_fitted, check_non_negative, validate_data

from tf_interp.groups.methods.choice import choose
from tf_interp.groups.methods.factorizer import fit_rows
from tf_interp.groups.methods.non_negative import Nmf


class GroupFactorization(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """The factorizations of `find_groups` for scikit-learn: `fit`, `transform`, pipelines, searches over settings.

    It passes scikit-learn's `check_estimator` with every method. `fit` divides rows as `find_groups` does with the same
    seed; `transform` finds, for any rows, the weights that come closest with these components, those of `fit` too.
    There is no `window`: rows do not know which of them lie beside each other. `find_groups` does.

    Args:
        n_components: number of groups; None is as many as there are features, or samples if these are fewer.
        method: as in `find_groups`; with "nmf" samples must not be negative. A decomposition of scikit-learn, which
            `find_groups` takes as `reducer`, is an estimator of its own.
        max_iter: the most that the factorization may take.
        random_state: a seed, as in `find_groups`, a NumPy `RandomState`, or None for another start each time.

    Attributes:
        components_: float32 [n_components,n_features], of length 1, largest share first.
        offset_: float32 [n_features] that is everywhere and belongs to no component.
        shares_: float32 [n_components]: part of the samples' squared norm that each explains.
        reconstruction_err_: norm of what is left over of the samples.
        n_iter_: how many rounds it took.
        n_features_in_: number of features seen.

    Example:
        >>> found = ti.GroupFactorization(2, method="semi_nmf", random_state=0).fit(np.eye(6) - 0.1)
        >>> found.transform(np.eye(6)).shape
        (6, 2)
    """

    def __init__(
        self, n_components: int | None = None, *, method: Any = "nmf", max_iter: int = 200, random_state: Any = None
    ) -> None:
        self.n_components = n_components
        self.method = method
        self.max_iter = max_iter
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> "GroupFactorization":
        """Find the components of samples [n,n_features]; `y` is not used.

        Raises:
            ValueError: if a number is not finite, or `n_components` or the method does not fit.
        """
        if callable(getattr(self.method, "transform", None)):
            kind = type(self.method).__name__
            raise ValueError(f"method is one of find_groups, got a {kind}: use it in place of {type(self).__name__}")
        chosen = choose(self.method)
        rows = self._check(X, chosen, reset=True)
        least = min(rows.shape) if self.n_components is None else self.n_components
        limit = len(rows) if chosen.overcomplete else min(rows.shape)
        if not isinstance(least, int | np.integer) or not 1 <= least <= limit:
            raise ValueError(
                f"n_components must be from 1 to {limit} for {rows.shape[0]} samples of {rows.shape[1]} features, got "
                f"{self.n_components!r}"
            )
        if self.max_iter < 1:
            raise ValueError(f"max_iter must be 1 or more, got {self.max_iter!r}")
        given = self.random_state
        seed = given if isinstance(given, int | np.integer) else check_random_state(given).randint(2**31 - 1)
        self._settled = chosen.settle(rows.astype(np.float32))
        found = fit_rows(self._settled, rows.astype(np.float32), int(least), seed=int(seed), iterations=self.max_iter)
        self.components_, self.shares_ = found.vectors, found.shares
        self.offset_ = np.zeros(rows.shape[1], np.float32) if found.offset is None else found.offset
        self.reconstruction_err_ = float(np.linalg.norm(rows - self.offset_ - found.weights @ found.vectors))
        self.n_iter_ = max(1, found.rounds)
        self._n_features_out = len(self.components_)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return the weights [n,n_components] with which the components come closest to samples."""
        check_is_fitted(self)
        rows = self._check(X, choose(self.method), reset=False)
        return self._settled.weigh(rows - self.offset_, self.components_).astype(rows.dtype)

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Return the samples [n,n_features] that weights [n,n_components] stand for."""
        check_is_fitted(self)
        weights = check_array(X, dtype=[np.float64, np.float32], input_name="X")
        if weights.shape[1] != len(self.components_):
            raise ValueError(f"weights [n,{len(self.components_)}] are needed, got shape {list(weights.shape)}")
        return weights @ self.components_.astype(weights.dtype) + self.offset_.astype(weights.dtype)

    def _check(self, samples: Any, chosen: Any, *, reset: bool) -> np.ndarray:
        rows = validate_data(self, samples, reset=reset, dtype=[np.float64, np.float32])
        if isinstance(chosen, Nmf):
            check_non_negative(rows, f'{type(self).__name__}(method="nmf"); method="semi_nmf" takes them')
        return rows

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = "nmf" in (self.method, *(self.method if isinstance(self.method, tuple) else ()))
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
