"""Every claim about about a hundred ends, live and as SavedModel, is checked against what the network computes."""

import math

import keras
import numpy as np
import pytest

from tf_interp import open_model

L, ops = keras.layers, keras.ops
X = np.random.default_rng(8).normal(size=(60, 6)).astype(np.float32) * np.repeat([0.1, 1, 4], 20)[:, None].astype("f")


def _row(function, y):
    return function(y, axis=-1, keepdims=True)


def _softmax(y):
    return ops.exp(y - _row(ops.max, y)) / _row(ops.sum, ops.exp(y - _row(ops.max, y)))


FIRST = {  # of four numbers
    "numbers": lambda y: y,
    "softmax": ops.softmax,
    "softmax by hand": _softmax,
    "temperature": lambda y: ops.softmax(y / 2.5),
    "negative temperature": lambda y: ops.softmax(-y),
    "log-softmax": ops.log_softmax,
    "log-softmax by hand": lambda y: y - ops.logsumexp(y, -1, keepdims=True),
    "less its exponential": lambda y: y - ops.exp(y),
    "less the largest": lambda y: y - _row(ops.max, y),
    "less logsumexp of others": lambda y: y - ops.logsumexp(2 * y, -1, keepdims=True),
    "sigmoid": ops.sigmoid,
    "sigmoid by hand": lambda y: 1 / (1 + ops.exp(-y)),
    "hard sigmoid": ops.hard_sigmoid,
    "sparse sigmoid": ops.sparse_sigmoid,
    "tanh": ops.tanh,
    "relu": ops.relu,
    "relu6": ops.relu6,
    "softplus": ops.softplus,
    "exponential": ops.exp,
    "evidence": lambda y: ops.softplus(y) + 1,
    "Dirichlet": lambda y: (ops.softplus(y) + 1) / _row(ops.sum, ops.softplus(y) + 1),
    "mixture": lambda y: 0.3 * ops.softmax(y) + 0.7 * ops.softmax(y[:, ::-1]),
    "gated mixture": lambda y: ops.sigmoid(y[:, :1]) * ops.softmax(y) + ops.sigmoid(-y[:, :1]) * ops.softmax(-y),
    "average of sigmoids": lambda y: (ops.sigmoid(y) + ops.sigmoid(2 * y)) / 2,
    "p and the rest": lambda y: ops.concatenate([1 - ops.sigmoid(y[:, :1]), ops.sigmoid(y[:, :1])], -1),
    "sparsemax": lambda y: L.Activation("sparsemax")(y),
    "by its square": lambda y: y / (1 + y * y),
    "by a root": lambda y: y / ops.sqrt(1 + y**2),
    "scaled to length": lambda y: 16 * y / ops.sqrt(_row(ops.sum, y**2) + 1e-7),
    "by its bell": lambda y: y * ops.exp(-(y**2)),
    "of length one": lambda y: ops.normalize(y, -1),
    "sums": lambda y: ops.cumsum(ops.softmax(y), -1),
    "two softmaxes": lambda y: ops.concatenate([ops.softmax(y[:, :2]), ops.softmax(y[:, 2:])], -1),
    "minus softplus": lambda y: -ops.softplus(y),
    "softmax of softmax": lambda y: ops.softmax(ops.softmax(y)),
    "one": lambda y: ops.sigmoid(y[:, :1]),
    "one without": lambda y: y[:, :1],
}
THEN = {
    "as it is": lambda p: p,
    "stopped": ops.stop_gradient,
    "shaped": lambda p: ops.reshape(ops.expand_dims(p, 1), (-1, p.shape[-1])),
    "turned round": lambda p: p[:, ::-1],
    "clipped for safety": lambda p: ops.clip(p, 1e-7, 1 - 1e-7),
    "clipped": lambda p: ops.clip(p, 0.1, 0.8),
    "cut at half": lambda p: ops.minimum(p, 0.5),
    "smoothed": lambda p: 0.9 * p + 0.1 / p.shape[-1],
    "logarithm": lambda p: ops.log(p + 1e-7),
    "log-odds": lambda p: ops.log(p / (1 - p)),
    "one less": lambda p: 1 - p,
    "halved": lambda p: 0.5 * p,
    "minus": lambda p: -p,
    "root": lambda p: ops.sqrt(ops.abs(p)),
    "gathered": lambda p: ops.take(p, [0] if p.shape[-1] == 1 else [1, 0], -1),
    "of the largest": lambda p: p / _row(ops.max, p),
    "whole": lambda p: ops.cast(ops.cast(p, "int32"), "float32"),
    "half precision": lambda p: ops.cast(ops.cast(p, "float16"), "float32"),
}


def _pairs():
    """Return each first with itself and with three others, so that each of both is there."""
    then = list(THEN)
    for place, first in enumerate(FIRST):
        yield from ((first, then[0]), *((first, then[1 + (3 * place + turn) % (len(then) - 1)]) for turn in range(2)))
    always = ("softmax", "softmax by hand", "sigmoid", "log-softmax")
    yield from ((first, name) for first in always for name in then[1:])


PAIRS = list(dict.fromkeys(_pairs()))


@pytest.fixture(scope="module")
def doors(tmp_path_factory):
    """Return what Keras computes for each pair, and the heads and numbers that both doors give."""
    keras.utils.set_random_seed(6)
    x = keras.Input((6,))
    y = L.Dense(4, bias_initializer="random_normal")(x)
    network = keras.Model(x, {f"end_{index}": THEN[then](FIRST[first](y)) for index, (first, then) in enumerate(PAIRS)})
    folder = tmp_path_factory.mktemp("claims")
    network.export(folder, verbose=False)
    direct = {name: np.array(value, np.float64) for name, value in network(X).items()}
    found = {}
    for door, source in (("live", network), ("saved", folder)):
        model = open_model(source)
        ends = {model.heads[path].label: end for path, end in model._ends().items()}
        numbers = model.run(X, [*model.heads])
        heads = {head.label: head for head in model.heads.values()}
        found[door] = {
            name: (heads[name], ends[name], np.array(numbers[heads[name].path], np.float64)) for name in heads
        }
    return direct, found


def _follow(kind, logits, given, end):
    """Return what should come out by what is said to have been undone."""
    if "hard" in end.how or "sparse" in end.how:
        return None
    p = 1 / (1 + np.exp(-logits))
    if kind == "softmax":
        p = np.exp(logits - logits.max(-1, keepdims=True))
        p /= p.sum(-1, keepdims=True)
    p = p if end.clipped is None else p.clip(*end.clipped)
    if end.log:
        with np.errstate(divide="ignore"):
            return np.log(p / (1 - p)) if "log-odds" in end.how and end.exact else np.log(p)
    return p


@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.parametrize("door", ["live", "saved"])
@pytest.mark.parametrize("index", range(len(PAIRS)), ids=[", ".join(pair) for pair in PAIRS])
def test_claims_hold(index, door, doors):
    direct, (head, end, numbers) = doors[0][f"end_{index}"], doors[1][door][f"end_{index}"]
    usual = np.isfinite(direct)
    finite = direct[usual]
    if not finite.size:  # logarithms of negative numbers
        assert end.kind is None
        return
    # bounds, order
    slack = 1e-3 + 1e-4 * np.abs(finite).max()
    assert end.low - slack <= finite.min() <= finite.max() <= end.high + slack
    if end.order:
        assert (np.diff(direct, axis=-1) * end.order >= -1e-5).all()
    # what the numbers are
    text = f"{head.evidence}; {head.caution}"
    if "sum to one" in text and "exponentials" not in text:
        np.testing.assert_allclose(direct.sum(-1), 1, atol=2e-3)
    if "exponentials of the outputs sum to one" in text:
        np.testing.assert_allclose(np.exp(direct).sum(-1), 1, atol=2e-3)
    if head.quantity == "probability":
        assert 0 <= finite.min() <= finite.max() <= 1 + 1e-6
    if end.kind is None:
        assert (head.quantity == "logit") <= ("taken for logits" in head.evidence)
        np.testing.assert_allclose(numbers[usual], finite, rtol=1e-4, atol=1e-5)
    elif end.kind != "softmaxes":
        expected = _follow(end.kind, numbers, direct, end)
        if expected is not None:
            near = usual & (np.abs(expected) < 10)  # what is added under a logarithm shows beyond
            np.testing.assert_allclose(direct[near], expected[near], atol=5e-3)
    # what is decided
    if head.kind == "multiclass":
        known = np.isfinite(direct).all(-1)
        ordered = np.sort(np.where(known[:, None], direct, 0), -1)
        clear = known & (ordered[:, -1] - ordered[:, -2] > 1e-3)
        decided = head.decide(numbers)
        np.testing.assert_array_equal(decided[clear], direct.argmax(-1)[clear])
        right = head.judge(numbers, direct.argmax(-1))
        assert right[clear].all()
    if end.kind == "sigmoid" and head.decides and not end.log:
        decided = numbers > head.threshold
        clear = np.abs(direct - 0.5) > 1e-3
        np.testing.assert_array_equal(decided[clear], (direct > 0.5)[clear])
    if end.kind is None and head.caution and "whatever the weights are" in head.caution:
        assert end.bounded or end.positive or end.high <= 0 or math.isfinite(end.high - end.low) or end.order
