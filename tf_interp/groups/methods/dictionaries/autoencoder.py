"""Sparse autoencoders whose code keeps the few largest parts of each row: the training that dictionaries share."""

import functools
from typing import NamedTuple

import numpy as np
import tensorflow as tf

_BATCH = 512  # rows of a step
_STEPS = 10  # of gradient descent, for each iteration asked for
_BLOCKS = 10  # after each but the last two, atoms that do nothing are set to what is left over
_WIDER = 3  # so many times the parts of a row at first, falling to their number halfway: fewer atoms stay mixtures
_WEAKEST = 20  # in the first half one atom in as many, which the error would miss least, starts anew as well
_CANDIDATES = 1000  # rows that atoms start from, or are mixtures of
_RATE = {False: 0.005, True: 0.05}  # of Adam: for the numbers of atoms, and for those of mixtures


class Trained(NamedTuple):
    """Atoms [K,C] of length 1, and an offset [C]."""

    atoms: np.ndarray
    offset: np.ndarray


def train(
    rows: np.ndarray,
    k: int,
    *,
    active: int,
    inside: bool,
    shifted: bool,
    seed: int,
    init: np.ndarray | None,
    iterations: int,
) -> Trained:
    """Train a dictionary: an encoder that starts as the atoms and is free then, the largest parts, unit-norm atoms.

    Args:
        rows: float32 [n,C], not all 0.
        k: number of atoms; may be larger than C.
        active: the most parts of a row.
        inside: atoms are mixtures, with weights that add up to 1, of rows of the data; else they are free.
        shifted: rows are atoms and an offset, learned too, which starts as their mean.
        seed: of the start and the batches.
        init: float32 [k,C] to start from; mixtures start from the row that is most alike.
        iterations: each is 10 steps of 512 rows; 0 gives the start.

    Source:
        Gao et al., Scaling and evaluating sparse autoencoders, 2024; Fel et al., Archetypal SAE, 2025.
    """
    scale = float(np.sqrt((rows.astype(np.float64) ** 2).sum(1).mean()))
    data = (rows / scale).astype(np.float32)
    rng = np.random.default_rng((seed, 11))
    offset = data.mean(0) if shifted else np.zeros_like(data[0])
    alive = np.flatnonzero(((data - offset) ** 2).sum(1) > 1e-12)
    if not len(alive):  # the same everywhere
        offset, alive = np.zeros_like(offset), np.arange(len(data))
    candidates = data[rng.choice(alive, min(len(alive), _CANDIDATES), replace=False)]
    places = rng.choice(len(candidates), k, replace=k > len(candidates))
    if init is not None:
        given = np.any(init, axis=1)
        if inside:
            places = np.where(given, (init @ _unit(candidates).T).argmax(1), places)
    start = _peaks(places, len(candidates)) if inside else _unit(candidates[places] - offset)
    if init is not None and not inside:
        start = np.where(given[:, None], _unit(init), start)
    start = start + (0 if inside else 1e-3 * rng.normal(size=start.shape))
    decoder = tf.constant(start, tf.float32)
    points, whole = tf.constant(candidates), tf.constant(data)
    state = [decoder, tf.transpose(_atoms(decoder, points, inside)), tf.zeros([k]), tf.constant(offset)]
    slots = [tf.zeros_like(item) for item in (*state, *state)]
    steps = _STEPS * iterations
    for block in range(_BLOCKS if steps else 0):
        span = [
            tf.constant(number) for number in (steps * block // _BLOCKS, steps * (block + 1) // _BLOCKS, steps, seed)
        ]
        many = active if inside or init is not None else _count_parts(active, k, block)
        state, slots = _trainer(inside, bool(offset.any()))(whole, points, tf.constant(many), *span, state, slots)
        if block < _BLOCKS - 2:
            weak = k // _WEAKEST if init is None and block < _BLOCKS // 2 else 0
            state = _revive(state, points, active, inside, weak, rng)
    atoms = _atoms(state[0], points, inside).numpy()
    offset = state[3].numpy()
    return Trained(atoms, offset * scale)


def _count_parts(active: int, k: int, block: int) -> int:
    """Return how many parts of a row are kept in a block of the training."""
    wide = min(k, _WIDER * active)
    return active + round((wide - active) * max(0.0, 1 - 2 * block / _BLOCKS))


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def _peaks(places: np.ndarray, count: int) -> np.ndarray:
    """Return logits [k,count] of mixtures that are nine tenths one of the candidates each."""
    return np.log(9.0 * max(count - 1, 1)) * np.eye(count, dtype=np.float32)[places]


def _atoms(decoder: tf.Tensor, points: tf.Tensor, inside: bool) -> tf.Tensor:
    return tf.math.l2_normalize(tf.matmul(tf.nn.softmax(decoder), points) if inside else decoder, 1)


def _encode(rows: tf.Tensor, state: list[tf.Tensor], active: int | tf.Tensor) -> tf.Tensor:
    _, encoder, bias, _ = state
    parts = tf.nn.relu(tf.matmul(rows, encoder) + bias)
    least = tf.math.top_k(parts, active).values[:, -1:]
    return tf.where(parts >= least, parts, 0.0)


@functools.cache
def _trainer(inside: bool, shifted: bool):
    """Return the compiled training, by Adam, for dictionaries and data of any size."""
    matrix, vector, number = tf.TensorSpec([None, None]), tf.TensorSpec([None]), tf.TensorSpec([], tf.int32)
    parts = [matrix, matrix, vector, vector]
    rates = [_RATE[inside], _RATE[False], _RATE[False], 0.1 * _RATE[False] * shifted]

    @tf.function(input_signature=[matrix, matrix, number, number, number, number, number, parts, parts * 2])
    def run(rows, points, active, first, last, steps, seed, state, slots):
        for step in tf.range(first, last):
            picks = tf.random.stateless_uniform([_BATCH], [seed, step], 0, tf.shape(rows)[0], tf.int32)
            batch = tf.gather(rows, picks)
            with tf.GradientTape() as tape:
                tape.watch(state)
                rest = batch - state[3]
                code = _encode(rest, state, active)
                left = rest - tf.matmul(code, _atoms(state[0], points, inside))
                loss = tf.reduce_mean(tf.reduce_sum(left * left, 1))
            slopes = tape.gradient(loss, state)
            time = tf.cast(step + 1, tf.float32)
            fade = tf.minimum(1.0, 2 * (1 - time / tf.cast(steps + 1, tf.float32)))  # the second half fades out
            means = [0.9 * old + 0.1 * new for old, new in zip(slots[:4], slopes, strict=True)]
            squares = [0.999 * old + 0.001 * new * new for old, new in zip(slots[4:], slopes, strict=True)]
            state = [
                value - fade * rate * (mean / (1 - 0.9**time)) / (tf.sqrt(square / (1 - 0.999**time)) + 1e-8)
                for value, mean, square, rate in zip(state, means, squares, rates, strict=True)
            ]
            slots = means + squares
        return state, slots

    return run.get_concrete_function()


def _revive(
    state: list[tf.Tensor], points: tf.Tensor, active: int, inside: bool, weak: int, rng: np.random.Generator
) -> list[tf.Tensor]:
    """Return the state with atoms that no candidate uses, and the `weak` weakest, set to what is explained worst."""
    decoder, encoder, bias, offset = (item.numpy().copy() for item in state)
    rest = points.numpy() - offset
    atoms = _atoms(state[0], points, inside).numpy()
    code = _encode(tf.constant(rest), state, active).numpy()
    left = rest - code @ atoms
    missed = (code * (2 * left @ atoms.T + code)).sum(0)  # by how much the error would grow without each
    weakest = np.argsort(missed, kind="stable")[:weak]
    dead = np.union1d(np.flatnonzero(~code.any(0)), weakest)
    power = (left.astype(np.float64) ** 2).sum(1)
    if not len(dead) or power.sum() <= 1e-9 * len(left):
        return state
    places = rng.choice(len(left), len(dead), p=power / power.sum())
    fresh = _unit(points.numpy()[places] if inside else left[places])
    decoder[dead] = _peaks(places, len(left)) if inside else fresh
    encoder[:, dead], bias[dead] = fresh.T, 0
    return [tf.constant(item) for item in (decoder, encoder, bias, offset)]
