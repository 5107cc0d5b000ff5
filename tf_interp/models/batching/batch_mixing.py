"""Is each picture computed for itself? Measured, since no list of operations that mix a batch is complete.

A few pictures run together, then the first and the last among copies of itself, and one alone. What it gives must be
the same. The number of pictures stays, so that the same kernels run, which round alike. Of a large network outputs are
compared only, and its layers where these move.
"""

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tf_interp.models.private import outside_graphs
from tf_interp.models.value_range.range_guess import make_noise

_SIDE = 32  # of noise, where a network takes any size
_TOGETHER = (3, 5)  # a layer that has other rows than pictures may have as many of them by chance, but not both times
_VALUES = 2**22  # of one picture, that are compared at a time
_SMALL = 2**20  # a network of no more is compared whole at once
_ROUNDING = {"float16": 0.02, "bfloat16": 0.1}  # of the largest number of a layer
_EXACT = 1e-5  # in float32
_OTHER_COUNT = 100  # so much more do numbers differ where other kernels run, for another number of pictures
_DOUBTFUL = 0.1  # of the largest number: what moves by less may be rounding, in a small difference of large numbers
_NUDGES = (-1e-5, -3e-6, 3e-6, 1e-5)  # of each number that is given: some roundings, as many as a long sum makes
_CLEAR = 3  # so much more than a nudge must the other pictures move
_MIXED = (
    "what it returns for one picture depends on {} (from {!r} on, where numbers move by {:.2g} of the largest; as a "
    "batch normalization in training does, or a mean or a reshape over the batch): effects on one picture are mixed "
    "with those on others. Export or call the network as in inference, or give one picture at a time"
)
_OPEN = (
    "whether what it returns for one picture depends on the others of its batch was not measured ({}): it is with the "
    "first two pictures or more that it is given"
)


class Mixing(NamedTuple):
    """Where pictures of a batch begin to influence one another.

    Args:
        layer: the first layer, or output, that shows it.
        amount: how far its numbers move, in parts of its largest one.
        by_number: whether only the number of pictures matters, not what they show.
    """

    layer: str
    amount: float
    by_number: bool


class Batching:
    """The part of `Model` that is about the pictures of a batch: how many, and whether each is for itself."""

    layers: Any
    outputs: Any
    input_specs: Any
    cached: Callable[..., Any]
    run: Callable[..., dict[str, tf.Tensor]]
    _any_batch: bool
    _fixed: int | None

    @property
    def takes_any_batch(self) -> bool:
        """Whether one compiled function can serve any number of images, given as a `TensorSpec` of [None,H,W,C].

        Nearly all do. If not, compile for the number at hand; see `fixed_batch` too.
        """
        _ = self.layers  # that is found out with them
        return self._any_batch

    @property
    def fixed_batch(self) -> int | None:
        """The only number of images that the network takes, or None; `run` takes any other known one in pieces."""
        _ = self.layers  # likewise
        return self._fixed

    def remember(self, images: Any) -> None:
        """Keep a few of the first pictures that are given, to measure with what no noise can stand for.

        Args:
            images: as `run` takes them; nothing is kept of a single picture, or inside a `tf.function`.
        """
        leaves = tf.nest.flatten(images)
        kept = self.cached("pictures that were given", dict)
        if kept or self._is_noise():
            return
        if any(tf.is_symbolic_tensor(item) or not np.ndim(item) or len(item) < 2 for item in leaves):
            return
        kept["images"] = tf.nest.map_structure(lambda item: np.array(item[: max(_TOGETHER)]), images)

    @contextlib.contextmanager
    def with_noise(self) -> Iterator[None]:
        """What this thread runs inside is noise of ours: nothing of it is remembered, and no tape records it."""
        state = self.cached("noise of ours", threading.local)
        before, state.runs = getattr(state, "runs", False), True
        try:
            yield
        finally:
            state.runs = before

    def _is_noise(self) -> bool:
        return getattr(self.cached("noise of ours", threading.local), "runs", False)

    def _call_compiled(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call a compiled function; with noise not on any tape, which is paused only now that nothing is traced."""
        with tf.init_scope() if self._is_noise() else contextlib.nullcontext():
            return function(*args)

    def batch_mixing(self) -> Mixing | None:
        """Return where pictures of a batch begin to influence one another, None if they do not, or nothing is known.

        It is measured once, with noise in place of pictures; and with pictures that were given, where noise told
        nothing.

        Example:
            >>> import keras
            >>> from tf_interp.models import open_model
            >>> x = keras.Input((4,))
            >>> open_model(keras.Model(x, x - keras.ops.mean(x, 0))).batch_mixing().layer
            'subtract...'
        """
        return self._measure_mixing()["mixing"]

    def _measure_mixing(self) -> Mapping[str, Any]:
        """Return "mixing", "why" nothing is known, or None, and whether what was measured is "settled"."""
        kept, given = self.cached("mixing", dict), self.cached("pictures that were given", dict)
        if not kept or (given and not kept["settled"]):
            kept.update({"mixing": None, "why": None, "settled": bool(given)})
            try:
                with outside_graphs(), self.with_noise():
                    kept["mixing"] = _measure(self, given.get("images"))
                    whole = any(not spec.dtype.is_floating for spec in (self.input_specs or {}).values())
                    kept["settled"] = kept["settled"] or kept["mixing"] is not None or not whole
            except Exception as error:  # what a user's layer or preprocess raises on such pictures
                kept["why"] = str(error)
        return kept

    def _mixed(self) -> list[str]:
        """Return what must be read where pictures of a batch have a part in each other's outputs."""
        found = self.batch_mixing()
        what = "how many others are in its batch" if found and found.by_number else "the other pictures of its batch"
        return [] if found is None else [_MIXED.format(what, found.layer, found.amount)]

    def _open_questions(self) -> list[str]:
        """Return what a person should know of what was not measured."""
        kept = self._measure_mixing()
        return [] if kept["why"] is None else [_OPEN.format(" ".join(kept["why"].split())[:200])]

    @property
    def draws(self) -> bool:
        """Whether what it returns is drawn at random, and so one of many things that it may return."""
        raise NotImplementedError


def _measure(model: Any, given: Any) -> Mixing | None:
    if model.fixed_batch == 1:
        return None
    outputs = list(model.outputs)
    sizes = {path: int(np.prod([side or 1 for side in shape])) for path, shape in model.layers.items()}
    first = _find_first(model, given, [*sizes] if sum(sizes.values()) <= _SMALL else outputs)
    if first is None:
        return None
    for paths in _pack(sizes):  # what lies before it may have been too large
        found = _find_first(model, given, paths)
        if found is not None:
            return found
    return first


def _pack(sizes: Mapping[str, int]) -> Iterable[list[str]]:
    """Yield the layers in order, so many at a time that they fit into memory."""
    paths: list[str] = []
    total = 0
    for path, size in sizes.items():
        if paths and total + size > _VALUES:
            yield paths
            paths, total = [], 0
        paths.append(path)
        total += size
    yield paths


def _find_first(model: Any, given: Any, paths: list[str]) -> Mixing | None:
    """Return the first of some layers that mixes a batch."""
    found: dict[str, Mixing] = {}
    for count in _TOGETHER if model.fixed_batch is None else [model.fixed_batch]:
        batch = _make_batch(model, given, count)
        if batch is None:
            break  # fewer were given: the first look has to do
        found = _compare(model, batch, count, paths)
        paths = [path for path in paths if path in found]
        if not paths:
            return None
    return found[paths[0]] if found else None


def _make_batch(model: Any, given: Any, count: int) -> Any:
    """Return `count` different pictures, [count,...]; None if fewer were given and they are not to be counted."""
    if given is not None:
        rows = len(tf.nest.flatten(given)[0])
        if model.fixed_batch is None and rows < count:
            return None if count > min(_TOGETHER) else given
        return _pick(given, np.arange(count) % rows)
    batch = make_batch(model.input_specs, count)
    return batch if len(batch) > 1 else next(iter(batch.values()))


def make_batch(specs: Mapping[str, tf.TensorSpec] | None, count: int) -> dict[str, np.ndarray]:
    """Return input name -> noise that a network can take, [count,...], no two rows alike.

    Args:
        specs: input name -> what the network takes (open sides are filled in); None if not known yet.
        count: how many.

    Raises:
        ValueError: if not even the number of axes is known, or something else than numbers is taken.
    """
    if specs is None:
        raise ValueError("it was never called")
    return {name: _make_noise(name, spec, count, place) for place, (name, spec) in enumerate(specs.items())}


def _make_noise(name: str, spec: tf.TensorSpec, count: int, seed: int) -> np.ndarray:
    if spec.shape.rank is None:
        raise ValueError(f"{name!r} takes any number of axes")
    sides = tuple(side or _SIDE for side in spec.shape[1:])
    if not (spec.dtype.is_floating or spec.dtype.is_integer or spec.dtype.is_bool):
        raise ValueError(f"{name!r} takes {spec.dtype.name}")
    if spec.dtype.is_floating and len(sides) == 3:
        return make_noise(count + seed, sides)[seed:]
    rng = np.random.default_rng(seed)
    if spec.dtype.is_floating:
        return rng.random((count, *sides), np.float32)
    return rng.integers(0, 2, (count, *sides)).astype(spec.dtype.as_numpy_dtype)  # numbers that any vocabulary has


def _pick(batch: Any, rows: Any) -> Any:
    return tf.nest.map_structure(lambda item: item[rows], batch)


def _compare(model: Any, batch: Any, count: int, paths: Sequence[str]) -> dict[str, Mixing]:
    """Return layer -> how its numbers for one picture move with the others."""
    count = len(tf.nest.flatten(batch)[0])

    def run(rows: Any, given: Any = batch) -> dict[str, np.ndarray]:
        got = model.run(_pick(given, np.asarray(rows)), list(paths))
        types.update(value.dtype.name for value in got.values())
        return {path: np.asarray(tf.cast(got[path], tf.float64)) for path in paths if _is_number(got[path])}

    types: set[str] = set()
    together = run([*range(count)])
    tolerance = max(_ROUNDING.get(name, _EXACT) for name in types)
    compared = [path for path, value in together.items() if value.ndim and len(value) == count]
    scales = {path: np.max(np.abs(together[path][np.isfinite(together[path])]), initial=0.0) for path in compared}

    def is_doubtful(distances: Mapping[str, float]) -> bool:
        return any(distance < _DOUBTFUL * scales[path] for path, distance in distances.items())

    def leave_rounding(distances: dict[str, float]) -> dict[str, float]:
        """Leave out what roundings move as far: a small difference of large numbers, as a divergence near 0."""
        if not is_doubtful(distances):
            return distances
        near = [run([*range(count)], _nudge(batch, by, seed)) for seed, by in enumerate(_NUDGES)]
        rounding = {path: max(_move(together[path], item[path]) for item in near) for path in distances}
        return {path: distance for path, distance in distances.items() if distance > _CLEAR * rounding[path]}

    def tell(distances: Mapping[str, float], by_number: bool) -> dict[str, Mixing]:
        return {path: Mixing(path, float(far / (scales[path] or 1.0)), by_number) for path, far in distances.items()}

    moved = dict.fromkeys(compared, 0.0)
    for row in (0, count - 1):
        copies = run([row] * count)
        for path in compared:
            moved[path] = max(moved[path], _move(together[path][row], copies[path][row]))
    moved = {path: distance for path, distance in moved.items() if distance > tolerance * scales[path]}
    if moved:  # what is drawn anew each time tells nothing
        again = run([*range(count)])
        moved = {path: moved[path] for path in moved if moved[path] > 2 * _move(together[path], again[path])}
    found = tell(leave_rounding(moved), False)
    if found or model.fixed_batch is not None or model.draws:
        return found
    alone = run([count - 1])  # `copies` is of this picture
    apart = {path: _move(alone[path][0], copies[path][0]) for path in compared if len(alone[path]) == 1}
    least = _OTHER_COUNT * tolerance
    apart = {path: distance for path, distance in apart.items() if distance > least * scales[path]}
    if is_doubtful(
        apart
    ):  # a number that matters does so for more of them too: only one picture has kernels of its own
        more = run([count - 1] * 2 * count)
        apart = {path: far for path, far in apart.items() if _move(more[path][0], copies[path][0]) > 0.1 * far}
    return tell(leave_rounding(apart), True)


def _nudge(batch: Any, by: float, seed: int) -> Any:
    """Return a batch whose numbers are moved by roundings, each up or down."""
    rng = np.random.default_rng(seed)

    def move(values: Any) -> np.ndarray:
        array = np.asarray(values)
        signs = rng.choice((-1.0, 1.0), array.shape)
        return (array * (1 + by * signs)).astype(array.dtype) if array.dtype.kind == "f" else array

    return tf.nest.map_structure(move, batch)


def _is_number(value: tf.Tensor) -> bool:
    return value.dtype.is_floating or value.dtype.is_integer or value.dtype.is_bool


def _move(first: np.ndarray, second: np.ndarray) -> float:
    """Return the largest difference; infinity where one is not a number and the other is, or shapes differ."""
    if first.shape != second.shape or not np.array_equal(np.isfinite(first), np.isfinite(second)):
        return float("inf")
    return float(np.max(np.abs(np.where(np.isfinite(first), first - second, 0.0)), initial=0.0))
