"""The one pipeline: what its records hold, and that they agree with the building blocks asked directly."""

import dataclasses

import keras
import numpy as np
import pytest

from tensorboard_plugin_interp import metadata
from tf_interp import (
    Analysis,
    Attributions,
    Concept,
    ConceptTests,
    Features,
    NeuronGroups,
    Probe,
    analyze,
    find_groups,
    open_model,
    tcav,
)
from tf_interp.analysis.parts import concept_tests
from tf_interp.images import to_uint8

COMMON = {"model", "class_names", "settings", "seconds", "epoch", "ordinal", "scalars"}
COMMON |= {"notes", "warnings", "background"}


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(5)
    layers = keras.layers
    return open_model(
        keras.Sequential(
            [
                keras.Input((12, 12, 1)),
                layers.Conv2D(6, 3, activation="relu", name="conv"),
                layers.GlobalAveragePooling2D(name="pool"),
                layers.Dense(3, name="dense"),
            ],
            name="small",
        )
    )


@pytest.fixture(scope="module")
def probe():
    rng = np.random.default_rng(1)
    return Probe.from_arrays(rng.random((9, 12, 12, 1)), [0, 1, 2] * 3, ["a", "b", "c"])


def _cell(record, sheet, index):
    image = record.images[sheet["image"]]
    height, width = image.shape[0] // sheet["rows"], image.shape[1] // sheet["columns"]
    row, column = divmod(index, sheet["columns"])
    return image[row * height : (row + 1) * height, column * width : (column + 1) * width]


def test_every_record_is_complete(model, probe):
    dots = np.random.default_rng(2).random((8, 12, 12, 1))
    parts = [
        Features(2, steps=3),
        NeuronGroups(2, steps=3),
        Attributions(pictures=4),
        ConceptTests({"dots": dots, "same": dots[::-1] ** 2}, dots**3, ["a", 1]),
    ]
    records = list(analyze(model, probe, ["conv", "dense"], parts, step=4))
    assert [(r.kind, r.layer) for r in records] == [
        (kind, layer) for kind in ("features", "groups", "attribution", "concepts") for layer in ("conv", "dense")
    ]
    for record in records:
        assert set(record.data) >= COMMON
        assert record.step == 4
        assert record.data["class_names"] == ["a", "b", "c"]
        sheets = [value for value in record.data.values() if isinstance(value, dict) and "image" in value]
        for sheet in sheets:
            height, width = record.images[sheet["image"]].shape[:2]
            assert height % sheet["rows"] == 0
            assert width % sheet["columns"] == 0


def test_what_must_be_read_is_told_apart(model, probe):
    part = NeuronGroups(2, icons=False)
    plain = next(analyze(model, probe, ["conv"], [part])).data
    assert plain["warnings"] == []
    assert plain["model"] == {"name": model.name, "weights": model.digest()}
    fed = open_model(model.model, preprocess=lambda images: images / 255.0)
    skipped = dataclasses.replace(probe, skipped=("a.txt: no picture",))
    found = next(analyze(fed, skipped, ["conv"], [part])).data
    assert len(found["warnings"]) == 2
    assert fed.warnings == found["warnings"][:1]
    assert "seems to expect 0..255" in found["warnings"][0]
    assert found["warnings"][1] == "1 file of the probe was skipped: a.txt: no picture"
    assert [note for note in found["notes"] if note in found["warnings"]] == found["warnings"], "each once"
    assert set(fed.warnings) <= set(fed.notes)
    (assumed,) = found["background"]
    assert "taken for logits of classes, though no softmax, no loss and no name says so" in assumed
    soft = open_model(keras.Sequential([*model.model.layers, keras.layers.Softmax()]))
    told = next(analyze(soft, probe, ["conv"], [part])).data
    assert [note for note in told["background"] if "undone" in note] == told["notes"], "no news, apart from the news"
    many = dataclasses.replace(probe, skipped=tuple("abcde"))
    assert Analysis(model, many, ["conv"], [part]).warnings == [
        "5 files of the probe were skipped: a; b; c; and 2 more, see probe.skipped"
    ]


def test_thumbnails_are_the_probe(model, probe):
    record = next(analyze(model, probe, ["conv"], [Attributions(pictures=5)]))
    entry = record.data["probe"]
    assert entry["labels"] == [0, 1, 2, 0, 1]
    for index in range(5):
        np.testing.assert_array_equal(_cell(record, entry["thumbnails"], index), to_uint8(probe.images[index]))


def test_predictions_are_the_networks(model, probe):
    record = next(analyze(model, probe, ["conv"], [Attributions(pictures=9)]))
    expected = model.model(probe.images).numpy()
    assert record.data["probe"]["predictions"] == expected.argmax(-1).tolist()
    for row in record.data["pictures"]:
        assert row["target"] == expected[row["probe"]].argmax()
        assert row["logit"] == pytest.approx(expected[row["probe"]].max(), rel=1e-5)


def test_attribution_maps_add_up_to_the_total(model, probe):
    record = next(analyze(model, probe, ["conv"], [Attributions("b", pictures=4)]))
    assert record.data["target"] == {"index": 1, "name": "b"}
    for index, row in enumerate(record.data["pictures"]):
        signed = _cell(record, record.data["positive"], index).astype(float) - _cell(
            record, record.data["negative"], index
        )
        assert signed.sum() / 255 * record.data["scale"] == pytest.approx(
            row["total"], abs=100 / 255 * record.data["scale"]
        )


def test_groups_are_those_of_find_groups(model, probe):
    record = next(analyze(model, probe, ["conv"], [NeuronGroups(3, icons=False, seed=2)]))
    groups = find_groups(model, probe, "conv", 3, seed=2)
    assert [g["share"] for g in record.data["groups"]] == pytest.approx(groups.shares, rel=1e-5)
    assert record.data["error"] == pytest.approx(groups.error, rel=1e-5)
    assert sum(g["share"] for g in record.data["groups"]) <= 1 + 1e-6
    np.testing.assert_allclose(
        _cell(record, record.data["maps"], 4 * 3 + 1) / 255 * record.data["map_scale"][1], groups.weights[4, ..., 1],
        atol=record.data["map_scale"][1] / 255,
    )  # fmt: skip


def test_several_numbers_of_groups_have_a_record_each(model, probe):
    analysis = Analysis(model, probe, ["conv"], [NeuronGroups([2, 4], icons=False, switches=0)], repeated=True)
    (part,) = analysis.parts
    steps = [list(analysis.run(step)) for step in (1, 2)]
    for records in steps:
        assert [record.tag for record in records] == ["groups:2/conv", "groups:4/conv"] == part.tags("conv")
        assert [len(record.data["groups"]) for record in records] == [2, 4]
        for record in records:
            identities = [group["identity"] for group in record.data["groups"]]
            assert identities == list(range(record.data["settings"]["k"]))
    for record in steps[0]:
        groups = find_groups(model, probe, "conv", record.data["settings"]["k"])
        assert [group["share"] for group in record.data["groups"]] == pytest.approx(groups.shares, rel=1e-4)
        for group, vector in zip(record.data["groups"], groups.vectors, strict=True):
            again = np.array(metadata.unpack_vector(group["vector"]))
            assert again @ vector / np.linalg.norm(again) / np.linalg.norm(vector) > 0.999
    scalars = [name for record in steps[0] for name in record.data["scalars"]]
    assert len(scalars) == len(set(scalars)) == 6
    assert analysis.missing(part, ["groups:2/conv"]) == ["conv"]
    assert analysis.missing(part, part.tags("conv")) == []
    (later,) = analyze(model, probe, ["conv"], [NeuronGroups([3], icons=False, switches=0)])
    assert later.tag == "groups/conv", "one number needs nothing to be told apart by"
    for wrong, message in (([], "at least one"), ([2, 0], "at least one"), ([2, 2], "twice"), ("23", "at least one")):
        with pytest.raises(ValueError, match=message):
            NeuronGroups(wrong)


def test_effects_and_residual_add_up_to_activation_times_gradient(model, probe):
    record = next(analyze(model, probe, ["conv"], [NeuronGroups(3, icons=False, targets=["c"])]))
    activations = model.run(probe.images, ["conv"])["conv"].numpy()
    weights = model.model.get_layer("dense").kernel.numpy()[:, 2]
    total = (activations.mean((1, 2)) @ weights).mean()
    assert sum(g["effects"]["c"] for g in record.data["groups"]) + record.data["residual_effects"][
        "c"
    ] == pytest.approx(total, rel=1e-4)


def test_concept_rows_are_those_of_tcav(model, probe):
    rng = np.random.default_rng(3)
    bright, pool = rng.random((10, 12, 12, 1)) ** 0.3, rng.random((20, 12, 12, 1))
    record = next(analyze(model, probe, ["conv"], [ConceptTests({"bright": bright}, pool, ["a"], permutations=500)]))
    rows = tcav(
        model, {"bright": bright}, pool, {"a": (0, probe.images[probe.labels == 0])}, ["conv"], permutations=500
    ).rows
    assert len(rows) == len(record.data["tests"]) == 1
    for key in ("displacement", "score", "effect", "p", "ci_low", "null_high"):
        assert record.data["tests"][0][key] == pytest.approx(rows[0][key], rel=1e-6)
    assert record.data["scalars"]["TCAV score/conv/bright to a (random)"] == rows[0]["score"]


def test_p_is_corrected_over_steps_only_where_they_are_counted_and_the_alarm_holds_over_all(model, probe, monkeypatch):
    bright = np.random.default_rng(3).random((8, 12, 12, 1)) ** 0.3

    def run(steps):
        part = ConceptTests({"bright": bright}, 1 - bright, ["a"], permutations=200, steps=steps)
        analysis = Analysis(model, probe, ["conv"], [part], repeated=True)
        return [next(analysis.run(step)).data for step in range(3)]

    calls = []
    monkeypatch.setattr(concept_tests, "tcav", lambda *args, **options: calls.append(1) or tcav(*args, **options))
    corrected, free = run(2), run(None)
    assert len(calls) == 6  # one test at each step, the first too
    assert [data["family"] for data in corrected] == [2, 2, 2]
    assert [data["exploratory"] for data in corrected] == [False, False, True]
    assert [data["family"] for data in free] == [1, 1, 1]
    assert [data["exploratory"] for data in free] == [False, False, False]
    assert [data["watch"]["looks"] for data in free] == [1, 2, 3]
    assert corrected[0]["tests"][0]["p_holm"] == pytest.approx(min(1, 2 * free[0]["tests"][0]["p_holm"]))


def test_what_was_left_out_of_the_pictures_is_in_the_record(model, probe):
    rng = np.random.default_rng(3)
    bright, pool = rng.random((10, 12, 12, 1)) ** 0.3, rng.random((20, 12, 12, 1))
    pool[:2] = bright[:2]
    concept = dataclasses.replace(Concept.from_arrays(bright), skipped=("notes.txt: not one of .png",))
    record = next(analyze(model, probe, ["conv"], [ConceptTests({"bright": concept}, pool, ["a"], permutations=99)]))
    notes = " ".join(record.data["notes"])
    assert "concept 'bright': 1 file was not read: notes.txt" in notes
    assert "2 are also images of concept 'bright' and were left out" in notes


def test_concept_tests_are_given_dictionaries():
    pictures = np.zeros((8, 12, 12, 1))
    for options in ({"concepts": [pictures]}, {"concepts": None}, {"concepts": {"x": pictures}, "paired": [pictures]}):
        with pytest.raises(TypeError, match="must be a dictionary name -> images"):
            ConceptTests(**{"random": pictures, "targets": ["a"], **options})
    with pytest.raises(ValueError, match="steps must be the number of steps"):
        ConceptTests({"x": pictures}, pictures, ["a"], steps=2.5)


def test_examples_are_the_pictures_that_excite_a_unit_most_and_crops_show_where(model):
    images = np.zeros((6, 12, 12, 1), np.float32)
    for index in range(6):
        images[index, 2 * index, 10 - 2 * index] = 0.1 * (index + 1)
    network = open_model(keras.Sequential([keras.Input((12, 12, 1)), keras.layers.Conv2D(1, 1, name="conv")]))
    network.model.set_weights([np.ones((1, 1, 1, 1)), np.zeros(1)])
    record = next(analyze(network, Probe.from_arrays(images), ["conv"], [Features([0], steps=1, examples=3)]))
    (unit,) = record.data["units"]
    assert [example["probe"] for example in unit["examples"]] == [5, 4, 3]
    assert unit["probe_max"] == pytest.approx(0.6 / 144)
    assert sum(unit["histogram"]["counts"]) == 6
    assert unit["histogram"]["high"] == pytest.approx(unit["probe_max"])
    for example in unit["examples"]:
        crop = _cell(record, record.data["crops"], example["crop"])
        assert crop.shape == (4, 4)
        assert crop.max() == to_uint8(images[example["probe"]]).max()


def test_what_a_probe_picture_shows_better_stands_first():
    network = open_model(keras.Sequential([keras.Input((12, 12, 1)), keras.layers.Conv2D(1, 1, name="conv")]))
    network.model.set_weights([np.ones((1, 1, 1, 1)), np.zeros(1)])
    units = []
    for level in (1.0, 0.01):  # no picture is brighter than the first, and every one brighter than the second
        probe = Probe.from_arrays(np.full((3, 12, 12, 1), level, np.float32))
        (unit,) = next(analyze(network, probe, ["conv"], [Features([0], steps=1)])).data["units"]
        units.append(unit)
    first, second = units
    assert first["activation"] < first["probe_max"] == 1
    assert first["first"] == "crop"
    assert first["caution"] == (
        f"the drawn picture excites it less than a probe picture does ({first['activation']:.3g} against 1)"
    )
    assert (second["first"], second["caution"]) == ("picture", None)


def test_an_example_that_excites_less_than_the_drawn_picture_does_not_stand_first():
    network = open_model(keras.Sequential([keras.Input((12, 12, 1)), keras.layers.Conv2D(1, 1, name="conv")]))
    network.model.set_weights([np.ones((1, 1, 1, 1)), np.zeros(1)])
    images = np.full((65, 12, 12, 1), 0.01, np.float32)
    images[64] = 1  # the brightest is none of the 64 that a record keeps
    (unit,) = next(analyze(network, Probe.from_arrays(images), ["conv"], [Features([0], steps=1)])).data["units"]
    assert unit["examples"][0]["activation"] < unit["activation"] < unit["probe_max"] == 1
    assert unit["first"] == "picture"
    assert unit["caution"].endswith("against 1)")


def test_features_keep_their_units_and_warm_start():
    keras.utils.set_random_seed(5)
    network = keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            keras.layers.Conv2D(6, 3, activation="relu", name="conv"),
            keras.layers.Flatten(),
            keras.layers.Dense(2),
        ]
    )
    analysis = Analysis(
        open_model(network),
        Probe.from_arrays(np.random.default_rng(0).random((5, 12, 12, 1))),
        ["conv"],
        [Features(2, steps=24)],
    )
    first, second = (next(analysis.run(step)) for step in (0, 1))
    assert [u["channel"] for u in first.data["units"]] == [u["channel"] for u in second.data["units"]]
    assert first.data["settings"]["warm"] is False
    assert second.data["settings"] | {"warm": True, "steps": 3} == second.data["settings"]
    assert len(second.data["curve"]) < len(first.data["curve"])
    assert first.data["curve"][-1] > first.data["curve"][0], "the objective, and no loss"
    assert first.data["settings"]["choice"] == "variance"


@pytest.mark.parametrize(("policy", "tolerance"), [("mixed_float16", 0.02), ("mixed_bfloat16", 0.2)])
def test_half_precision_networks_give_finite_numbers_near_those_of_single(policy, tolerance, probe):
    def build(dtype):
        keras.utils.set_random_seed(5)
        layers = keras.layers
        return open_model(
            keras.Sequential(
                [
                    keras.Input((12, 12, 1)),
                    layers.Conv2D(6, 3, activation="relu", name="conv", dtype=dtype),
                    layers.GlobalAveragePooling2D(name="pool", dtype=dtype),
                    layers.Dense(3, name="dense", dtype="float32"),
                ]
            )
        )

    bright = np.random.default_rng(2).random((8, 12, 12, 1)) ** 0.3
    parts = [Features([1, 2], steps=3), NeuronGroups(2, steps=3), Attributions(pictures=4)]
    parts.append(ConceptTests({"bright": bright}, 1 - bright, ["a"], permutations=200))
    half, single = (list(analyze(build(dtype), probe, ["conv"], parts)) for dtype in (policy, "float32"))
    assert half[1].data["error"] == pytest.approx(single[1].data["error"], abs=0.02)
    assert half[2].data["pictures"][0]["total"] == pytest.approx(single[2].data["pictures"][0]["total"], rel=tolerance)
    got, expected = (records[3].data["tests"][0]["displacement"] for records in (half, single))
    assert got == pytest.approx(expected, rel=tolerance)
    assert all(unit["activation"] is not None for unit in half[0].data["units"])


def test_mistakes_are_raised_before_the_first_record(model, probe):
    with pytest.raises(ValueError, match="did you mean"):
        analyze(model, probe, ["conw"], [Attributions()])
    with pytest.raises(ValueError, match="at least one layer"):
        analyze(model, probe, [], [Attributions()])
    with pytest.raises(ValueError, match="no picture of target"):
        analyze(
            model,
            Probe.from_arrays(probe.images[:1], [0], ["a", "b", "c"]),
            ["conv"],
            [ConceptTests({"x": probe.images}, probe.images, ["b"])],
        )


def test_concept_tests_take_what_tcav_takes(model, probe):
    rng = np.random.default_rng(3)
    sets = {name: rng.random((12, 12, 12, 1)) for name in ("a1", "a2", "other")}
    pool = rng.random((20, 12, 12, 1))
    options = {
        "groups": {"a1": [n // 2 for n in range(12)]},
        "hierarchy": {"a": ["a1", "a2"]},
        "cav": "ridge",
        "pooling": "flat",
        "bootstraps": 30,
        "alpha": 0.01,
        "permutations": 99,
        "seed": 4,
    }
    record = next(analyze(model, probe, ["conv"], [ConceptTests(sets, pool, ["a"], **options)]))
    settings = record.data["settings"]
    for name in ("hierarchy", "cav", "pooling", "bootstraps", "alpha", "permutations", "seed"):
        assert settings[name] == options[name], name
    assert settings["grouped"] is True
    assert record.data["alpha"] == 0.01
    images = probe.images[probe.labels == 0]
    rows = tcav(model, sets, pool, {"a": (0, images)}, ["conv"], **options).rows
    assert [row["p"] for row in record.data["tests"]] == [row["p"] for row in rows]
    assert [row["effect"] for row in record.data["tests"]] == pytest.approx([row["effect"] for row in rows], rel=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pooling": "max"}, "pooling must be one of"),
        ({"cav": "none"}, "no concept vector of kind 'none'"),
        ({"alpha": 2}, "alpha must lie between 0 and 1"),
        ({"bootstraps": 1}, "bootstraps must be an integer of at least 20"),
        ({"method": "t"}, "method must be one of"),
        ({"relative": "all"}, "relative must be one of"),
        ({"groups": {"dot": [0] * 12}}, "`groups` has 'dot', which is not among the concepts"),
        ({"groups": {"dots": [0, 1]}}, "12"),
        ({"hierarchy": {"all": ["dots", "x"]}}, "has child 'x', which is no concept"),
    ],
)
def test_mistakes_in_concept_tests_are_told_before_any_work(model, probe, options, message):
    dots = np.random.default_rng(2).random((12, 12, 12, 1))
    with pytest.raises(ValueError, match=message):
        Analysis(model, probe, ["conv"], [ConceptTests({"dots": dots, "same": dots**2}, dots**3, ["a"], **options)])


def test_a_part_of_your_own(model, probe):
    from tf_interp.analysis import Album, Draft, Part, View

    class Count(Part):
        kind = "count"

        def make(self, view):
            assert isinstance(view, View)
            view.memory["looks"] = view.memory.get("looks", 0) + 1
            for layer in view.layers:
                album = Album()
                data = {"looks": view.memory["looks"], "probe": view.describe_probe(album)}
                yield Draft(self.kind, layer, f"Count of {layer}", data, album, settings={}, scalars={"looks": 1.0})

    analysis = Analysis(model, probe, ["conv"], [Count(), NeuronGroups(2, icons=False)], repeated=True)
    records = [next(analysis.run(step)) for step in range(2)]
    assert [(record.kind, record.step, record.data["looks"]) for record in records] == [
        ("count", 0, 1),
        ("count", 1, 2),
    ]
    assert set(records[0].data) >= COMMON
    assert len(records[0].images) == 1


def test_a_map_is_explained_by_its_mean_where_no_target_is_named():
    x = keras.Input((6, 6, 3))
    y = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="conv")(x)
    network = keras.Model(x, keras.layers.Conv2D(2, 1, name="map")(y))
    images = np.random.default_rng(0).random((3, 6, 6, 3), np.float32)
    (record,) = analyze(open_model(network), Probe.from_arrays(images), ["conv"], [Attributions()])
    means = np.asarray(network(images)).mean((1, 2, 3))
    assert [row["logit"] for row in record.data["pictures"]] == pytest.approx(means.tolist(), rel=1e-4)
    assert record.data["target"]["name"] == "the mean of the map"
    assert any("what is explained is their mean" in note for note in record.data["notes"])


@pytest.mark.parametrize("axes", [(3,), (1, 2)])
def test_of_shares_that_no_mean_tells_apart_the_largest_is_explained(axes):
    x = keras.Input((6, 6, 3))
    y = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="conv")(x)
    y = keras.ops.softplus(keras.layers.Conv2D(3 if axes == (3,) else 1, 1, kernel_initializer="ones")(y))
    network = keras.Model(x, y / keras.ops.sum(y, axes, keepdims=True))
    fill = np.random.default_rng(1)
    network.set_weights([fill.normal(0, 0.5, item.shape) for item in network.get_weights()])
    images = np.random.default_rng(0).random((3, 6, 6, 3), np.float32)
    (record,) = analyze(open_model(network), Probe.from_arrays(images), ["conv"], [Attributions()])
    numbers = np.asarray(network(images))
    largest = numbers.max(-1).mean((1, 2)) if axes == (3,) else numbers.max((1, 2, 3))
    got = [row["logit"] for row in record.data["pictures"]]
    if any("softmax" in note for note in record.data["notes"]):
        pytest.fail("the softmax was found, so that this tests nothing")
    assert got == pytest.approx(largest.tolist(), rel=1e-4)
    assert any("so that nothing moves it" in note for note in record.data["notes"])
