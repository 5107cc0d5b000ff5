"""`add_concepts`: the rows of one test with all concepts, whatever kind they are; and what a result holds meanwhile."""

import dataclasses
import gc

import numpy as np
import pytest
from concept_networks import FAST, make_curved, noise, tinted

from tf_interp import Probe
from tf_interp.analysis import ConceptTests, analyze
from tf_interp.concepts import Concept, ConceptTest, add_concepts
from tf_interp.concepts import tcav as tcav_
from tf_interp.concepts.tcav import tcav as module

POOL, TARGET = noise(70, 4, 6), {"0": noise(20, 3, 6)}
RED, GREEN, PLAIN = tinted(noise(24, 1, 6), 0), tinted(noise(22, 2, 6), 1), noise(24, 5, 6)
SOURCES = [number // 2 for number in range(24)]
DEGREES = Concept(noise(30, 6, 6), values=np.linspace(0, 1, 30) ** 2)
KINDS = {
    "plain": ({"new": GREEN}, {}),
    "paired": ({"new": RED * 0.9}, {"paired": {"new": PLAIN}}),
    "paired with images known before": ({"new": RED * 0.9}, {"paired": {"new": RED}}),
    "grouped": ({"new": PLAIN}, {"groups": {"new": SOURCES}}),
    "paired and grouped": ({"new": RED * 0.9}, {"paired": {"new": PLAIN}, "groups": {"new": SOURCES}}),
    "continuous": ({"new": DEGREES}, {}),
    "several": (
        {"green": GREEN, "new": RED * 0.9, "degrees": DEGREES},
        {"paired": {"new": PLAIN}, "groups": {"new": SOURCES}},
    ),
    "out of the pool": ({"new": POOL[:20]}, {}),
}
BEFORE = {
    "plain": {},
    "paired": {"paired": {"red": tinted(RED, 1)}},
    "grouped": {"groups": {"red": [f"red {n}" for n in SOURCES]}},
}


@pytest.fixture(scope="module")
def model():
    """Both the concept and its counterpart go otherwise than the gradient says, somewhere: ReLUs see to that."""
    return make_curved(seed=3, units=8)


def _merge(first, second):
    return {name: {**first.get(name, {}), **second.get(name, {})} for name in ("paired", "groups")}


def _equal(one, other):
    assert len(one.rows) == len(other.rows)
    assert (one.family, one.settings, one.notes) == (other.family, other.settings, other.notes)
    for first, second in zip(one.rows, other.rows, strict=True):
        assert list(first) == list(second)
        for name, value in first.items():
            if isinstance(value, float):
                assert second[name] == pytest.approx(value, rel=1e-3, abs=1e-5), (name, first["concept"])
            else:
                assert second[name] == value, (name, first["concept"])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("before", BEFORE)
def test_rows_are_those_of_one_call(model, kind, before):
    _compare(model, kind, before)


@pytest.mark.parametrize("before", BEFORE)
def test_rows_are_the_same_where_nothing_was_held(model, before, monkeypatch):
    monkeypatch.setattr(module, "HELD", 0)
    _compare(model, "several", before)


def _compare(model, kind, before):
    concepts, more = KINDS[kind]
    layers, first = ["early", "late"], {"red": RED}
    whole = tcav_(model, first | concepts, POOL, TARGET, layers, **_merge(BEFORE[before], more), **FAST)
    part = tcav_(model, first, POOL, TARGET, layers, **BEFORE[before], **FAST)
    _equal(whole, add_concepts(part, model, concepts, **more))


def test_a_first_pair_that_goes_otherwise_is_flagged(model):
    """The flag that was lost: what really happens to the logit was not read when the first test had no pairs."""
    linear = tcav_(model, {"a": RED}, POOL, TARGET, "early", **FAST)
    found = []
    for seed in range(8):
        images = noise(24, 100 + seed, 6)
        marked = np.clip(images + np.random.default_rng(seed).normal(0, 0.6, (1, 6, 6, 3)), 0, 1).astype(np.float32)
        args = {"mark": marked}, {"mark": images}
        whole = tcav_(model, {"a": RED, **args[0]}, POOL, TARGET, "early", paired=args[1], **FAST)
        _equal(whole, add_concepts(linear, model, args[0], paired=args[1]))
        found += [flag for row in whole.rows for flag in row["flags"]]
    assert "GOES_OTHERWISE" in found


def test_one_at_a_time_is_the_same_as_all_at_once(model):
    concepts, more = KINDS["several"]
    whole = tcav_(model, {"red": RED, **concepts}, POOL, TARGET, "late", **more, **FAST)
    grown = tcav_(model, {"red": RED}, POOL, TARGET, "late", **FAST)
    for name, images in concepts.items():
        own = {argument: {name: value[name]} for argument, value in more.items() if name in value}
        grown = add_concepts(grown, model, {name: images}, **own)
    _equal(whole, grown)


# --- what a result holds ----------------------------------------------------------------------------------------------


def _held(test):
    """Return the bytes of all tensors that a result holds for `add_concepts`."""
    state = test.state
    tensors = [*state.values.values(), *(value for slope in state.slopes for value in slope.gradients.values())]
    return sum(tensor.shape.num_elements() * tensor.dtype.size for tensor in tensors)


def test_a_result_holds_no_large_activations(model, monkeypatch):
    options = {"pooling": "flat", **FAST}
    small = tcav_(model, {"red": RED}, POOL, TARGET, ["early", "late"], **options)
    size = _held(small)
    assert size == (94 + 20) * (4 * 4 * 8 + 2 * 2 * 10) * 4
    monkeypatch.setattr(module, "HELD", size - 1)
    large = tcav_(model, {"red": RED}, POOL, TARGET, ["early", "late"], **options)
    assert _held(large) == 0
    assert _held(large.correct(100)) == 0
    _equal(small, large)


def test_without_state_it_says_what_to_do(model):
    test = dataclasses.replace(tcav_(model, {"red": RED}, POOL, TARGET, "late", **FAST), state=None)
    with pytest.raises(ValueError, match=r"holds nothing to continue from .* run tcav with all concepts"):
        add_concepts(test, model, {"green": GREEN})


def test_training_collects_no_results(model):
    probe = Probe.from_arrays(noise(12, 9, 6), [0, 1, 2] * 4)
    part = ConceptTests({"red": RED}, POOL, [0], permutations=99, steps=4)
    before = _count_results()
    for _ in range(2):
        records = analyze(model, probe, ["late"], [part])
        next(records)
        assert _count_results() == before + 1  # what is counted is there
        list(records)
        assert _count_results() == before


def _count_results():
    gc.collect()
    return sum(type(item) is ConceptTest for item in gc.get_objects())
