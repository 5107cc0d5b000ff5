"""`track_groups`: planted births, deaths, splits, merges, returns and turns are found, and nothing else."""

import dataclasses
import json
import pickle

import numpy as np
import pytest

import tf_interp as ti
from tf_interp.groups.history.presence_summary import summarize

EYE = np.eye(8, dtype=np.float32)


def make(vectors, places=None, ids=None, names=()):
    """Return groups, each of which fires in some of ten pictures; without places they know none."""
    vectors = np.asarray(vectors, np.float32)
    if places is None:
        return ti.Directions("conv", vectors, names)
    weights = np.stack([np.isin(range(10), list(item)) for item in places], -1).astype(np.float32)[:, None, None]
    ids = tuple(ids or map(str, range(10)))
    shares = np.ones(len(vectors), np.float32) / len(vectors)
    return ti.Groups("conv", vectors, names, "groups", weights=weights, error=0.1, shares=shares, ids=ids)


def kinds(tracks):
    return [(event.event, event.identity, event.sources, event.targets) for event in tracks.events]


def test_a_run_compared_with_itself_has_no_events():
    rng = np.random.default_rng(0)
    groups = ti.Groups("conv", rng.gamma(0.3, 1, (6, 20)), (), "groups", weights=rng.gamma(0.3, 1, (12, 7, 9, 6)),
                       error=0.1, shares=np.ones(6) / 6, ids=tuple(map(str, range(12))))  # fmt: skip
    order = [3, 1, 5, 0, 2, 4]
    tracks = ti.track_groups([(0, groups), (1, groups), (2, groups[order])])
    assert tracks.identities == ((0, 1, 2, 3, 4, 5), (0, 1, 2, 3, 4, 5), tuple(order))
    assert tracks.events == ()
    assert np.allclose([step.drift for step in tracks.steps], 0, atol=1e-6)
    assert np.allclose(tracks.steps[2].agreement, 1, atol=1e-6)
    assert tracks.explain() == "No group of conv was born, died, split or merged."
    assert repr(tracks) == "GroupTracks('conv', 3 steps, 6 groups, 0 events)"


def test_births_deaths_and_returns():
    steps = [(0, make(EYE[[0, 1]])), (5, make(EYE[[1, 2]])), (9, make(EYE[[2, 0, 3, 1]]))]
    tracks = ti.track_groups(steps)
    assert tracks.identities == ((0, 1), (1, 2), (2, 0, 3, 1))
    assert kinds(tracks) == [
        ("birth", 2, (), (2,)), ("death", 0, (0,), ()), ("rebirth", 0, (0,), (0,)), ("birth", 3, (), (3,)),
    ]  # fmt: skip
    table = tracks.to_dataframe()
    assert table.columns.tolist() == ["step", "event", "identity", "name", "from", "to", "agreement"]
    assert table["step"].tolist() == [5, 5, 9, 9]
    assert tracks.events[2].sentence() == "group 0 is there again at step 9 (cosine with what it was 1.00)"
    assert len(tracks.history) == 4


def test_a_turn_is_drift_from_the_last_step_and_from_birth():
    def turned(degrees):
        angle = np.radians(degrees)
        return make([np.cos(angle) * EYE[0] + np.sin(angle) * EYE[1], EYE[5]])

    tracks = ti.track_groups([(step, turned(30 * step)) for step in range(4)])
    assert tracks.identities == ((0, 1),) * 4, "the group turned by 90 degrees, but never by more than 30 at once"
    table = tracks.groups_dataframe().query("identity == 0")
    assert table["drift"].tolist() == pytest.approx([0, *[1 - np.cos(np.radians(30))] * 3], abs=1e-6)
    assert table["total_drift"].tolist() == pytest.approx(1 - np.cos(np.radians([0, 30, 60, 90])), abs=1e-6)
    assert tracks.explain().endswith("group 0 changed most since its birth: by 1.00 (1 - cosine).")
    far = ti.track_groups([(0, turned(0)), (1, turned(70))])
    assert kinds(far) == [("birth", 2, (), (2,)), ("death", 0, (0,), ())]


def test_a_split_of_the_vector_and_its_merge():
    both = (EYE[0] + EYE[1]) / np.sqrt(2)
    tracks = ti.track_groups(
        [(0, make([EYE[4], both])), (7, make([EYE[0], EYE[4], EYE[1]])), (8, make([both, EYE[4]]))]
    )
    first, middle, last = tracks.identities
    assert first == last[::-1] == (0, 1)
    assert middle[1] == 0
    assert set(middle) == {0, 1, 2}
    assert kinds(tracks) == [("split", 1, (1,), (1, 2)), ("merge", 1, (1, 2), (1,))]
    assert [event.agreement for event in tracks.events] == pytest.approx([1, 1], abs=1e-6)
    assert tracks.explain().splitlines() == [
        "group 1 split into 1 and 2 at step 7 (cosine of the sum 1.00).",
        "groups 1 and 2 merged into group 1 at step 8 (cosine of the sum 1.00).",
    ]
    again = ti.track_groups([(0, make([both])), (1, make(EYE[:2])), (2, make([both])), (3, make(EYE[:2]))])
    assert again.identities[1] == again.identities[3], "the part that was merged is not a third group"
    assert [event.event for event in again.events] == ["split", "merge", "split", "rebirth"]


def test_a_split_of_where_a_group_fires():
    whole = make(EYE[[0, 3]], [range(6), [8]])
    parts = make(EYE[[0, 0, 3]], [[0, 1, 2], [3, 4, 5], [8]])
    tracks = ti.track_groups([("a", whole), ("b", parts)])
    (event,) = tracks.events
    assert (event.event, event.sources, event.targets) == ("split", (0,), (0, 2))
    assert event.agreement == pytest.approx(1)
    assert event.sentence() == "group 0 split into 0 and 2 in 'b' (agreement of the sum 1.00)"
    assert kinds(ti.track_groups([(1, parts), (2, whole)]))[0][:2] == ("merge", 0)


def test_what_does_not_add_up_is_no_split():
    other = make([EYE[0], EYE[1]], [range(6), [7, 8]])  # a new group beside an old one that stays
    assert kinds(ti.track_groups([(0, make(EYE[[0]], [range(6)])), (1, other)])) == [("birth", 1, (), (1,))]
    uneven = make([0.95 * EYE[0] + 0.05 * EYE[1]])  # one of the two nearly is the group
    assert [event.event for event in ti.track_groups([(0, uneven), (1, make(EYE[:2]))]).events] == ["birth"]
    three = make([(EYE[0] + EYE[1] + EYE[2]) / np.sqrt(3)])  # two of its three parts explain .82 of it
    assert "split" not in {event.event for event in ti.track_groups([(0, three), (1, make(EYE[:2]))]).events}
    easy = ti.track_groups([(0, three), (1, make(EYE[:2]))], explained=0.8)
    assert easy.events[0].agreement == pytest.approx(np.sqrt(2 / 3), abs=1e-6)


def test_groups_with_signs_may_turn_round():
    def signed(vectors):
        weights = np.random.default_rng(0).normal(size=(10, 1, 1, len(vectors))).astype(np.float32)
        return dataclasses.replace(make(vectors, [[0]] * len(vectors)), weights=weights)

    one = signed(EYE[:3])
    other = dataclasses.replace(one, vectors=-one.vectors, weights=-one.weights)
    tracks = ti.track_groups([(0, one), (1, other)])
    assert tracks.events == ()
    assert np.allclose(tracks.steps[1].drift, 0, atol=1e-6)


def test_empty_groups_are_none():
    hollow = EYE[:3].copy()
    hollow[1] = 0
    tracks = ti.track_groups([(0, make(EYE[:3])), (1, make(hollow)), (2, make(0 * hollow)), (3, make(EYE[:3]))])
    assert tracks.identities == ((0, 1, 2), (0, -1, 2), (-1, -1, -1), (0, 1, 2))
    assert [event.event for event in tracks.events] == ["death"] * 3 + ["rebirth"] * 3
    start = ti.track_groups([(0, make(0 * hollow)), (1, make(EYE[:1]))])
    assert [event.event for event in start.events] == ["birth"]


def test_names_go_with_identities():
    tracks = ti.track_groups(
        [
            (0, make(EYE[:2], names=["wheel", "group 7"])),
            (1, make(EYE[[2, 1, 0, 3]], names=["wheel", "a", "b", "sky"])),
        ]
    )
    assert tracks.steps[0].names == ("wheel", "group 1")
    assert tracks.steps[1].names == ("group 2", "group 1", "wheel", "sky")


def test_other_pictures_are_matched_by_vectors_alone_and_so_are_the_gone():
    first = make(EYE[:2], [[0], [1]])
    second = make(EYE[1:2], [[5]], ids=map(str, range(20, 30)))
    third = make(EYE[:2], [[7], [5]], ids=map(str, range(20, 30)))
    tracks = ti.track_groups([(0, first), (1, second), (2, third)])
    assert tracks.identities == ((0, 1), (1,), (0, 1))
    assert [event.event for event in tracks.events] == ["death", "rebirth"]


def test_a_history_goes_on_from_pickle_and_json_and_does_not_grow():
    rng = np.random.default_rng(1)

    def draw():
        vectors = np.abs(np.eye(5, 12) + 0.02 * rng.normal(size=(5, 12)))
        weights = np.repeat(np.eye(5), 4, 0).reshape(20, 1, 1, 5)
        weights = np.broadcast_to(weights, (20, 8, 8, 5)) + 0.01
        rows = rng.permutation(5)
        return ti.Groups("conv", vectors[rows], (), "groups", weights=weights[..., rows].astype(np.float32),
                         error=0.1, shares=np.ones(5) / 5, ids=tuple(map(str, range(20))))  # fmt: skip

    steps = [draw() for _ in range(8)]
    whole, sizes = ti.GroupHistory(), []
    wanted = []
    for step, groups in enumerate(steps):
        wanted.append(whole.add(step, groups))
        sizes.append(len(pickle.dumps(whole)))
    assert max(sizes[1:]) < 1.02 * sizes[0]
    kept = ti.GroupHistory()
    for step, groups in enumerate(steps):
        found = kept.add(step, groups)
        assert dataclasses.asdict(found) == dataclasses.asdict(wanted[step])
        assert json.loads(json.dumps(dataclasses.asdict(found)))["step"] == step
        if step % 2:
            kept = pickle.loads(pickle.dumps(kept))  # noqa: S301
        else:
            kept = ti.GroupHistory.from_dict(json.loads(json.dumps(kept.to_dict())))
    assert repr(kept) == "GroupHistory('conv', 8 steps, 5 groups, 0 gone)"


def test_those_gone_longest_are_forgotten():
    history, eye = ti.GroupHistory(), np.eye(80)
    for step in range(80):
        history.add(step, ti.Directions("conv", eye[[step]]))
    assert len(history.to_dict()["members"]) == 65
    assert history.add(80, ti.Directions("conv", eye[[79, 78, 0]])).identities == (79, 78, 80)


def test_a_summary_has_few_numbers_and_the_means():
    weights = np.random.default_rng(0).random((64, 14, 9, 2), np.float32)
    groups = ti.Groups("conv", EYE[:2], (), "groups", weights=weights, error=0.1, shares=np.ones(2) / 2,
                       ids=tuple(map(str, range(64))))  # fmt: skip
    small = summarize(groups)
    assert small.weights.shape == (64, 4, 4, 2)
    assert np.allclose(small.weights[:, 0, 0], weights[:, :3, :2].mean((1, 2)), rtol=1e-5)
    assert np.allclose(small.weights[:, 3, 3], weights[:, 10:, 6:].mean((1, 2)), rtol=1e-5)
    many = dataclasses.replace(groups, weights=np.ones((2000, 1, 1, 2)), ids=tuple(map(str, range(2000))))
    assert summarize(many).weights.shape == (1024, 1, 1, 2)


def test_what_does_not_fit_is_refused():
    with pytest.raises(TypeError, match="pairs of a step and its groups, got Directions"):
        ti.track_groups(make(EYE))
    with pytest.raises(TypeError, match="takes groups or other directions, got ndarray"):
        ti.track_groups([(0, EYE)])
    with pytest.raises(ValueError, match="one step or more, got none"):
        ti.track_groups([])
    with pytest.raises(ValueError, match="step 3 stands twice"):
        ti.track_groups([(3, make(EYE)), (3, make(EYE))])
    with pytest.raises(ValueError, match="history of layer 'conv', got groups of 'other'"):
        ti.track_groups([(0, make(EYE)), (1, ti.Directions("other", EYE))])
    with pytest.raises(ValueError, match="had 8 channels, these have 4"):
        ti.track_groups([(0, make(EYE)), (1, ti.Directions("conv", EYE[:, :4]))])
    with pytest.raises(ValueError, match="gain is a number from 0 to 1"):
        ti.GroupHistory(gain=2)
