"""Concept tests that are read at every look: each contrast, and what a ring needs beside chance."""

import dataclasses

import numpy as np
import pytest
from concept_networks import FAST, HEAD, make_linear, noise, tinted

from tf_interp.concepts import ConceptWatch, tcav
from tf_interp.concepts.statistics.design import Design

SHADES = np.linspace(0, 0.3, 24)


def run(head, relative="union", sources=False, **options):
    """Return a test of a network that looks at mean color: red and green pictures, and pairs."""
    bare = noise(24, 3)
    concepts = {"red": tinted(bare, 0, 0.1), "green": tinted(noise(24, 2), 1, 0.1)}
    groups = {name: np.repeat(np.arange(8), 3) for name in concepts} | {"random": np.repeat(np.arange(10, 20), 4)}
    return tcav(
        make_linear(head), concepts, noise(40, 4), {"first": (0, noise(8, 5))}, ["features"],
        paired={"red": bare}, relative=relative, groups=groups if sources else None, **{**FAST, **options},
    )  # fmt: skip


NOTHING = [[0.0, 0.0], [0.0, 0.0], [1.0, 0.0]]  # blue alone decides
RED = [[30.0, 0.0], [0.0, 0.0], [1.0, 0.0]]


@pytest.fixture(scope="module")
def tests():
    return {name: run(head, permutations=999) for name, head in (("nothing", NOTHING), ("red", RED))}


def rung(watch, test, share=None):
    return {(ring.row["concept"], ring.row["contrast"]) for ring in watch.look(test, share)}


def test_it_rings_once_at_the_look_at_which_the_network_begins_to_use_a_concept(tests):
    watch = ConceptWatch()
    assert rung(watch, tests["nothing"], 0.25) == set()
    first = rung(watch, tests["red"], 0.5)
    assert {("red", "paired"), ("red", "random")} <= first
    assert ("green", "random") not in first
    assert ("green", "relative") in first  # green pictures are less red than red ones
    assert rung(watch, tests["red"], 0.75) == set()
    assert watch.made == 3
    assert watch.spent == pytest.approx(0.75 * 0.05)


def test_before_the_first_step_nothing_rings(tests):
    assert rung(ConceptWatch(), tests["red"], 0.0) == set()


@pytest.mark.parametrize("looks", [None, 2])
def test_looks_are_counted_where_no_share_is_known(tests, looks):
    watch = ConceptWatch(looks=looks)
    found = [rung(watch, tests["red"]) for _ in range(looks or 5)]
    assert any(("red", "paired") in rings for rings in found)
    assert watch.spent == pytest.approx(0.05 * (1 if looks else 4 / 14))


def test_each_pair_of_siblings_has_an_alarm_of_its_own():
    watch = ConceptWatch()
    rows = [ring.row for ring in watch.look(run(RED, relative="pairs", permutations=999), 1.0)]
    assert {(row["concept"], tuple(row["against"] or ())) for row in rows} >= {("red", ("green",)), ("green", ("red",))}


def test_sources_are_relabeled_together():
    watch = ConceptWatch()
    assert any(row["concept"] == "red" for row in (ring.row for ring in watch.look(run(RED, sources=True), 1.0)))


def test_continuous_concepts_ring_too():
    from tf_interp.concepts import Concept

    shades = np.stack([tinted(noise(1, 9, high=0.6), 0, shade)[0] for shade in SHADES])
    test = tcav(
        make_linear(RED), {"redness": Concept(shades, values=SHADES)}, noise(40, 4), {"first": (0, noise(8, 5))},
        ["features"], **FAST,
    )  # fmt: skip
    assert {ring.row["contrast"] for ring in ConceptWatch().look(test, 1.0)} == {"continuous"}


def test_what_a_flag_forbids_does_not_ring_until_it_may(tests):
    watch = ConceptWatch()
    forbidden = [{**row, "flags": [*row["flags"], "GRAD_ZERO"]} for row in tests["red"].rows]
    assert rung(watch, dataclasses.replace(tests["red"], rows=forbidden), 0.5) == set()
    assert ("red", "paired") in rung(watch, tests["red"], 1.0)


def test_a_trace_of_an_effect_is_not_reliance(tests):
    weak = [
        {**row, **{name: row[name] / 4 for name in ("displacement", "ci_low", "ci_high")}} for row in tests["red"].rows
    ]
    traces = dataclasses.replace(tests["red"], rows=weak)
    assert rung(ConceptWatch(), traces, 1.0) == set(), "three quarters of a logit"
    watch = ConceptWatch()
    assert ("red", "paired") in {(r.row["concept"], r.row["contrast"]) for r in watch.look(traces, 1.0, {"first": 0.5})}
    numbers = [{**row, "quantity": "number"} for row in weak]
    assert ("red", "paired") in rung(ConceptWatch(), dataclasses.replace(traces, rows=numbers), 1.0)


def test_a_layer_that_holds_nan_is_left_out(tests):
    projections = {key: np.full_like(value, np.nan) for key, value in tests["red"].projections.items()}
    assert rung(ConceptWatch(), dataclasses.replace(tests["red"], projections=projections), 1.0) == set()


def test_another_training_and_a_test_without_relabelings_are_refused(tests):
    watch = ConceptWatch()
    watch.look(tests["red"], 0.8)
    assert watch.is_behind(0.2)
    assert not watch.is_behind(0.8)
    assert not watch.is_behind(None)
    with pytest.raises(ValueError, match=r"went back from 0.8 to 0.2"):
        watch.look(tests["red"], 0.2)
    with pytest.raises(ValueError, match="needs tests with relabelings"):
        ConceptWatch().look(run(HEAD, method="kim2018", relative="none"), 1.0)


def test_too_few_relabelings_are_told(tests):
    watch = ConceptWatch(alpha=0.001)
    assert watch.too_coarse is None
    assert rung(watch, tests["red"], 1.0) == set()
    assert watch.too_coarse == pytest.approx(len(tests["red"].designs) / 1000)


def test_few_pairs_are_too_few_though_there_are_as_many_relabelings_as_alpha_says(tests):
    projections = {("features", "red", "paired"): np.tile([[1.0], [0.0]], (1, 5)).reshape(10, 1).astype(np.float32)}
    few = dataclasses.replace(
        tests["red"], designs={("red", "paired"): Design(5, 5, paired=True)}, projections=projections
    )
    watch = ConceptWatch()  # 1/32 is below alpha, but with all signs turned the statistic is as large
    assert rung(watch, few, 1.0) == set()
    assert watch.too_coarse == 2 / 32
    late = ConceptWatch(0.07, start=0.5)
    assert rung(late, few, 1.0) == set()
    assert late.too_coarse == 4 / 32
    assert ConceptWatch(2 / 32).look(few, 1.0)


def test_another_test_is_refused(tests):
    watch = ConceptWatch()
    watch.look(tests["nothing"], 0.5)
    settings = {**tests["nothing"].settings, "seed": 7}
    with pytest.raises(ValueError, match="the same test at each look, now it has other seed"):
        watch.look(dataclasses.replace(tests["nothing"], settings=settings), 1.0)
    designs = dict([*tests["nothing"].designs.items()][1:])
    with pytest.raises(ValueError, match="other comparisons"):
        watch.look(dataclasses.replace(tests["nothing"], designs=designs), 1.0)
    assert watch.made == 1
    assert watch.look(tests["red"], 1.0)


def test_who_goes_on_counts_looks_from_where_others_stopped(tests):
    watch = ConceptWatch(looks=2, start=0.5)
    rung(watch, tests["nothing"])
    assert watch.share == 0.75
    assert watch.spent == pytest.approx(0.25 * 0.05)
    rung(watch, tests["nothing"])
    assert watch.spent == pytest.approx(0.5 * 0.05)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [({"alpha": 1.5}, "alpha"), ({"looks": 0}, "looks"), ({"start": 2}, "start"), ({"spending": "fast"}, "spending")],
)
def test_settings_that_cannot_be(arguments, words):
    with pytest.raises(ValueError, match=words):
        ConceptWatch(**arguments)
