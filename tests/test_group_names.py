"""`name_groups`: planted meanings are found with their evidence, noise gets no name, and what is wrong is said."""

import numpy as np
import pytest

import tf_interp as ti

NAMES = ["horse", "zebra", "dog", "cat"]
COUNT, SIDE, CELLS = 40, 16, 6
RING = np.pad(np.zeros((CELLS - 2, CELLS - 2)), 1, constant_values=1)


def make_probe(count=COUNT, seed=0):
    pictures = np.random.default_rng(seed).random((count, SIDE, SIDE, 3), np.float32)
    return ti.Probe.from_arrays(pictures, np.arange(count) % 4, NAMES)


def make_noise(count=COUNT, groups=1, seed=1):
    return np.random.default_rng(seed).gamma(0.5, 1, (count, CELLS, CELLS, groups))


def name(presence, probe=None, **options):
    """Return the names of groups that fire so."""
    presence = np.asarray(presence)
    groups = ti.Directions("conv", np.eye(presence.shape[-1]), origin="groups")
    return ti.name_groups(groups, probe or make_probe(len(presence)), presence=presence, **options)


def test_a_group_that_fires_for_a_class_is_called_so():
    probe = make_probe()
    there = (probe.labels == 1)[:, None, None, None] * np.ones((1, CELLS, CELLS, 1))
    found = name(np.concatenate([there, make_noise()], -1), probe)
    first, second = found.names
    assert (first.word, first.evidence) == ("zebra", "zebra, r 1.00")
    assert (first.r, first.auprc, first.share) == pytest.approx((1, 1, 0.25))
    assert first.p == pytest.approx(found.r.size / 10_001), "Holm's smallest, of 10,000 permutations"
    assert second.word is None
    assert second.evidence.startswith("no name: of ")
    assert repr(found) == "GroupNames(1 of 2 named: {'direction 0': 'zebra'})"
    table = found.to_dataframe()
    assert len(table) == found.r.size == 2 * len(found.words)
    assert table[table.named][["group", "word", "source", "n"]].values.tolist() == [
        ["direction 0", "zebra", "class", 40]
    ]
    assert found.explain().splitlines()[0] == "direction 0: zebra, r 1.00"


def test_a_name_is_what_a_group_fires_for_not_what_it_is_silent_for():
    probe = make_probe()
    silent = (probe.labels != 1)[:, None, None, None] * np.ones((1, CELLS, CELLS, 1))
    found = name(silent, probe, measured=False)
    assert found.r[0, 1] == pytest.approx(-1)
    assert found.names[0].word is None, "the other three classes have r .33 each, which is not clear of chance"


@pytest.mark.parametrize(("kind", "word"), [("ring", "border"), ("top", "top"), ("center", "center")])
def test_a_group_that_fires_at_one_place_is_called_after_it(kind, word):
    rows = np.linspace(-1, 1, CELLS)
    away = np.maximum(np.abs(rows)[:, None], np.abs(rows))
    map_ = {"ring": RING, "top": np.tile(rows[:, None] < -0.5, CELLS), "center": away < 0.5}[kind]
    found = name(map_[None, ..., None] * np.random.default_rng(2).uniform(0.5, 1, (COUNT, 1, 1, 1)))
    assert found.names[0].word == word
    assert found.names[0].r > 0.6


def test_a_place_in_one_picture_only_is_no_place():
    presence = 0.01 * make_noise()
    presence[3] += RING[..., None]
    found = name(presence)
    assert found.names[0].word is None, "pictures are the units, however many positions one has"


def test_masks_and_what_is_measured_are_compared_position_by_position():
    rng = np.random.default_rng(3)
    masks = np.zeros((COUNT, SIDE, SIDE), bool)
    pictures = rng.random((COUNT, SIDE, SIDE, 3)).astype(np.float32) * 0.2
    presence = np.zeros((COUNT, 8, 8, 2))
    for number, (row, column) in enumerate(rng.integers(0, 6, (COUNT, 2))):
        masks[number, 2 * row : 2 * row + 4, 2 * column : 2 * column + 4] = True
        presence[number, row : row + 2, column : column + 2, 0] = 1
        red = slice(2 * (7 - column), 2 * (8 - column))
        pictures[number, :, red, 0] = 1
        presence[number, :, 7 - column, 1] = 1
    found = name(presence, ti.Probe.from_arrays(pictures), masks={"tag": masks})
    tag, red = found.names
    assert (tag.word, red.word) == ("tag", "red")
    assert (tag.r, tag.auprc, tag.iou) == pytest.approx((1, 1, 1))
    assert tag.share == pytest.approx(4 / 64)
    assert red.r > 0.95
    assert np.isnan(red.iou)


def test_concepts_columns_and_a_table_are_candidates():
    probe = make_probe()
    rng = np.random.default_rng(4)
    night, age = rng.random(COUNT) < 0.4, rng.normal(size=COUNT)
    camera = np.where(rng.random(COUNT) < 0.5, "left", "right")
    likeness = rng.normal(size=(COUNT, 2))
    dark = probe.images[rng.permutation(COUNT)[:15]]
    member = [any(np.array_equal(item, other) for other in dark) for item in probe.images]
    parts = [night, -age + 3, camera == "right", likeness[:, 1], member]
    concepts = {"dusk": ti.Concept.from_arrays(dark), "elsewhere": np.zeros((6, SIDE, SIDE, 3))}
    given = {"columns": {"night": night, "age": age, "camera": camera}, "words": (likeness, ["sea", "hill"])}
    found = name(np.stack(parts, -1).astype(float), probe, concepts=concepts, **given)
    assert [item.word for item in found.names] == ["night", "low age", "camera: right", "hill", "dusk"]
    assert all(item.r == pytest.approx(1, abs=1e-6) for item in found.names)
    assert "concept 'elsewhere' was left out: none of its 6 pictures is one of the probe's" in found.notes[0]
    with pytest.raises(TypeError, match="words must be a dict, name -> values, got list"):
        name(make_noise(), words=["a"])
    with pytest.raises(ValueError, match=r"'night' must have a value for each of the 40 pictures, got shape \[3\]"):
        name(make_noise(), columns={"night": [1, 2, 3]})
    with pytest.raises(ValueError, match="mask 'tag' must have one map for each of the 40 pictures"):
        name(make_noise(), masks={"tag": np.zeros((3, 4, 4))})


def test_words_that_cannot_be_told_apart_are_told():
    probe = make_probe()
    there = (probe.labels == 1)[:, None] * 1.0
    found = name(there, probe, columns={"striped": probe.labels == 1})
    assert found.names[0].evidence == "zebra, r 1.00; striped as well"
    assert found.names[0].also == ("striped",)


@pytest.mark.parametrize("correction", ["Holm", "maxT"])
def test_noise_gets_no_name(correction):
    """In 200 data sets without any meaning, at most 5 % have a name: 10, and three standard deviations."""
    named, p = 0, []
    for seed in range(200):
        presence = make_noise(24, 2, seed)
        presence = presence * np.random.default_rng(seed + 900).gamma(0.5, 1, (24, 1, 1, 1))  # loud pictures and others
        count = 1300 if correction == "Holm" else 300
        found = name(presence, make_probe(24, 500 + seed), minimum=0.0, permutations=count)
        assert found.correction == correction
        named += any(item.word is not None for item in found.names)
        p.append(found.p.min())
    assert named <= 10 + 9
    assert np.min(p) < 0.2, "the test could have failed"


def test_too_few_pictures_for_any_name_are_said():
    presence = (np.arange(6) % 2)[:, None] * 1.0
    probe = ti.Probe.from_arrays(make_probe(6).images, np.arange(6) % 2, ["odd", "even"])
    found = name(presence, probe, measured=False)
    assert found.names[0].word is None
    assert found.notes == (
        "no name is possible: with 6 pictures, 10000 permutations and 2 pairs of group and word the smallest p is 0.1, "
        "above 0.05; give more pictures, or fewer words",
    )


def test_pictures_that_are_there_twice_count_once():
    probe = make_probe(20)
    twice = ti.Probe.from_arrays(np.tile(probe.images, (2, 1, 1, 1)), np.tile(probe.labels, 2), NAMES)
    presence = make_noise(20)
    once, found = name(presence, probe), name(np.tile(presence, (2, 1, 1, 1)), twice)
    assert found.n == once.n == 20
    np.testing.assert_array_equal(found.p, once.p)
    assert found.notes == ("20 of 40 pictures are there twice and were counted once",)


def test_scores_fall_on_worse_labels_of_the_users_own_data():
    probe = make_probe()
    there = (probe.labels == 1)[:, None] + 0.1 * np.random.default_rng(5).random((COUNT, 1))
    table = name(there, probe).checks_to_dataframe().set_index("score")
    assert (table[["half_fell", "doubled_fell"]] == 1).to_numpy().all()
    r = table.loc["r"]
    # of 10 zebras among 40 pictures 5 remain, and r of two such labels is sqrt(5/35 / (10/30))
    assert r["half"] / r["full"] == pytest.approx(np.sqrt(5 / 35 / (10 / 30)), abs=0.02)
    assert r["doubled"] / r["full"] == pytest.approx(np.sqrt(10 / 30 / (20 / 20)), abs=0.02)
    assert table.loc["auprc", "half"] == pytest.approx(0.5, abs=0.1)


def test_groups_of_a_layer_know_where_they_fire():
    import keras

    keras.utils.set_random_seed(0)
    layers = [keras.layers.Conv2D(4, 3, activation="relu", name="conv"), keras.layers.GlobalAveragePooling2D()]
    network = keras.Sequential([keras.Input((SIDE, SIDE, 3)), *layers, keras.layers.Dense(4)])
    probe = make_probe(12)
    groups = ti.find_groups(ti.open_model(network), probe, "conv", 2)
    assert ti.name_groups(groups, probe).layer == "conv"
    with pytest.raises(ValueError, match="where these 2 directions are present on the probe is not known"):
        ti.name_groups(groups, make_probe(12, seed=9))


def test_a_layer_without_places_or_without_words():
    tokens = np.random.default_rng(6).random((COUNT, 1, 5, 1))
    found = name(tokens)
    assert "positions of this layer do not lie over the picture" in found.notes[0]
    assert set(found.sources) == {"class", "picture"}
    probe = ti.Probe.from_arrays({"series": np.random.default_rng(7).normal(size=(COUNT, 9, 2))})
    with pytest.raises(ValueError, match="there is no word to name groups by"):
        name(tokens, probe)
    assert name(tokens, probe, columns={"ill": np.arange(COUNT) < 9}).words == ("ill",)
    with pytest.raises(ValueError, match=r"presence must have shape \[40,h,w,1\]"):
        ti.name_groups(ti.Directions("conv", np.eye(1)), make_probe(), presence=np.zeros((3, 1)))
    with pytest.raises(TypeError, match="name_groups takes a Probe, got ndarray"):
        ti.name_groups(ti.Directions("conv", np.eye(1)), np.zeros((3, 4, 4, 3)))


def test_a_silent_group_is_said():
    found = name(np.zeros((COUNT, CELLS, CELLS, 1)))
    assert found.names[0].word is None
    assert "direction 0: fires nowhere on the probe, or everywhere alike" in found.notes
    assert not found.r.any()
