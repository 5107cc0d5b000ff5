"""The part `SemanticDictionary`: its records say what the functions say."""

import keras
import numpy as np
import pytest
from other_inputs import PLACES, RELU, make_other

import tf_interp as ti
from tf_interp.analysis import Analysis, analyze
from tf_interp.analysis.part import SHOWN
from tf_interp.analysis.parts.semantic_dictionaries import SCALE
from tf_interp.cli.main import main
from tf_interp.images import to_uint8

L = keras.layers
RNG = np.random.default_rng(0)
IMAGES = RNG.random((5, 12, 16, 3), np.float32)  # rows and columns are not as many


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(1)
    layers = [L.Conv2D(6, 3, activation="relu", name="fine"), L.MaxPooling2D(2, name="coarse")]
    return ti.open_model(keras.Sequential([keras.Input((12, 16, 3)), *layers, L.Flatten(), L.Dense(3, name="end")]))


@pytest.fixture(scope="module")
def probe():
    return ti.Probe.from_arrays(IMAGES, [0, 1, 2, 0, 1], ["a", "b", "c"])


def record_of(model, probe, layer="coarse", **settings):
    return next(iter(analyze(model, probe, [layer], [ti.SemanticDictionary(**settings)])))


def read_back(data, picture):
    """Return names [h,w,top] ("" for nothing) and values [h,w,top] of one picture."""
    shape = data["rows"], data["columns"], data["top"]
    names = np.array([word["name"] for word in data["words"]] + [""])  # -1 is the last
    row = data["pictures"][picture]
    return names[np.reshape(row["entries"], shape)], np.reshape(row["strengths"], shape) * data["scale"] / SCALE


def read_cell(record, sheet, number):
    """Return a cell of a sheet."""
    image, row, column = record.images[sheet["image"]], *divmod(number, sheet["columns"])
    height, width = image.shape[0] // sheet["rows"], image.shape[1] // sheet["columns"]
    return image[row * height : (row + 1) * height, column * width : (column + 1) * width]


def test_a_record_says_what_the_functions_say(model, probe):
    data = record_of(model, probe, pictures=3, top=3).data
    known = ti.semantic_dictionary(model, IMAGES[:3], "coarse", top=3)
    assert (data["rows"], data["columns"], data["top"], data["channels"]) == (5, 7, 3, 6)
    assert len(data["pictures"]) == 3
    for picture, y, x in np.ndindex(3, 5, 7):
        names, values = read_back(data, picture)
        entries = known.at(picture, y, x)
        assert [name for name in names[y, x] if name] == [entry.name for entry in entries]
        np.testing.assert_allclose(values[y, x, : len(entries)], [e.value for e in entries], atol=data["scale"] / SCALE)
    magnitudes = np.array([row["magnitudes"] for row in data["pictures"]]) * data["magnitude_scale"] / SCALE
    np.testing.assert_allclose(magnitudes.reshape(3, 5, 7), known.magnitudes, atol=data["magnitude_scale"] / SCALE)
    grid = ti.activation_grid(model, IMAGES[:3], ["coarse"], probe=IMAGES).layers["coarse"].sources
    sources = np.array([row["sources"] for row in data["pictures"]]).reshape(3, 5, 7)
    np.testing.assert_array_equal(sources, (grid.rows[..., 0] * 5 + grid.rows[..., 1]) * 7 + grid.rows[..., 2])
    likeness = np.array([row["likeness"] for row in data["pictures"]]).reshape(3, 5, 7)
    np.testing.assert_allclose(likeness / 100, grid.likeness, atol=0.006)
    np.testing.assert_allclose(data["typical_likeness"] / 100, grid.typical, atol=0.006)
    assert data["probe"]["thumbnails"]["count"] == 5
    assert data["crop"] == [7 / 12, 7 / 16]


def test_words_stand_once_the_most_frequent_first_and_only_these_have_icons(model, probe):
    record = record_of(model, probe, most=2)
    words = record.data["words"]
    counts = [word["count"] for word in words]
    assert counts == sorted(counts, reverse=True)
    entries = np.concatenate([row["entries"] for row in record.data["pictures"]])
    assert counts == [int((entries == number).sum()) for number in range(len(words))]
    assert len({word["name"] for word in words}) == len(words)
    assert [word["crop"] for word in words] == [0, 1, *[None] * (len(words) - 2)]
    assert record.data["crops"]["count"] == 2
    crops = ti.semantic_dictionary(model, IMAGES, "coarse").icons
    for number, word in enumerate(words[:2]):
        np.testing.assert_array_equal(read_cell(record, record.data["crops"], number), to_uint8(crops[word["name"]]))
    assert record.data["icons"] is None
    assert any("the 2 most frequent of" in note for note in record.data["notes"])


def test_what_others_drew_is_shown(model, probe):
    parts = [ti.SemanticDictionary(), ti.Features([0, 3], steps=3)]  # in any order
    records = {record.kind: record for record in analyze(model, probe, ["coarse"], parts)}
    data, features = records["dictionary"].data, records["features"]
    drawn = {word["channel"]: word["icon"] for word in data["words"] if word["icon"] is not None}
    assert set(drawn) == {0, 3}
    assert sorted(drawn.values()) == [0, 1]
    assert data["icons"]["count"] == 2
    for unit in features.data["units"]:
        theirs = read_cell(features, features.data["pictures"], unit["picture"])
        mine = read_cell(records["dictionary"], data["icons"], drawn[unit["channel"]])
        np.testing.assert_array_equal(mine, theirs)
    assert all((word["icon"] is None) != (word["crop"] is None) for word in data["words"])


def test_icons_and_cells_are_drawn_the_same_ones_at_every_step(model, probe):
    part = ti.SemanticDictionary(2, icons="draw", most=3, grid="draw", cells=2, steps=3, warm_steps=1)
    analysis = Analysis(model, probe, ["coarse"], [part], repeated=True)
    first, second = (next(iter(analysis.run(step))) for step in (0, 1))
    for record in (first, second):
        assert record.data["icons"]["count"] == 3
        assert record.data["grid"] == record.data["grid"] | {"rows": 4, "columns": 2, "count": 8}
        assert record.data["pictures"][0].keys().isdisjoint({"sources", "likeness"})
    names = [[word["name"] for word in record.data["words"] if word["icon"] is not None] for record in (first, second)]
    assert names[0] == names[1]
    assert not np.array_equal(first.images[first.data["icons"]["image"]], second.images[second.data["icons"]["image"]])
    assert len(part.directions(analysis.view(part), "coarse")) == 3 + 2 * 4


def test_groups_stand_in_place_of_channels_and_are_those_of_neuron_groups(model, probe):
    parts = [ti.SemanticDictionary(groups=3, top=2), ti.NeuronGroups(3, steps=2)]
    records = {record.kind: record.data for record in analyze(model, probe, ["coarse"], parts)}
    data, groups = records["dictionary"], ti.find_groups(model, IMAGES, "coarse", 3)
    for picture in range(5):
        _, values = read_back(data, picture)
        weights = np.sort(groups.weights[picture])[..., ::-1][..., :2]
        np.testing.assert_allclose(values, weights, atol=data["scale"] / SCALE + 1e-4)
    assert {word["name"] for word in data["words"]} <= {"group 0", "group 1", "group 2"}
    assert all(word["channel"] is None and word["icon"] is not None for word in data["words"])
    with pytest.raises(ValueError, match="fewer than the 7 groups"):
        Analysis(model, probe, ["coarse"], [ti.SemanticDictionary(groups=7)])


def test_finer_layers_are_made_coarse_and_that_is_said(model, probe):
    data = record_of(model, probe, "fine", cells=5).data
    assert (data["rows"], data["columns"]) == (5, 5)
    assert any("10 x 14 positions are shown as 5 x 5" in note for note in data["notes"])


def test_a_silent_layer_makes_a_whole_record(model, probe):
    weights = model.model.get_layer("fine").get_weights()
    model.model.get_layer("fine").set_weights([0 * weights[0], 0 * weights[1]])
    try:
        data = record_of(model, probe).data
    finally:
        model.model.get_layer("fine").set_weights(weights)
    assert data["words"] == []
    assert (data["scale"], data["magnitude_scale"]) == (0, 0)
    assert set(data["pictures"][0]["entries"]) == {-1}


@pytest.mark.parametrize("kind", [*PLACES, "patches", "two inputs"])
def test_other_inputs_make_whole_records(kind):
    x, other = keras.Input((8, 8, 3), name="first"), keras.Input((2,), name="other")
    given = RNG.random((3, 8, 8, 3), np.float32)
    if kind == "patches":
        y = L.Dense(5, **RELU)(L.Reshape((4, 4))(L.Conv2D(4, 4, 4)(x)))
        network = keras.Model(x, L.Dense(2)(L.Flatten()(y)))
    elif kind == "two inputs":
        y = L.Flatten()(L.Conv2D(5, 4, 4, **RELU)(x))
        network = keras.Model([x, other], L.Dense(2)(L.Concatenate()([y, other])))
        given = {"first": given, "other": np.ones((3, 2), np.float32)}
    else:
        network, given = make_other(kind)
        given = {"first": given} if kind == "series" else given
    data = record_of(ti.open_model(network), ti.Probe.from_arrays(given), "layer").data
    places = {**PLACES, "volumes": (4, 5)}.get(kind, (2, 2))  # of a volume the middle slice
    assert (data["rows"], data["columns"]) == places
    shown = kind in ("series", "patches", "two inputs")
    assert (data["crops"] is not None) == shown
    assert ("sources" in data["pictures"][0]) == shown
    assert any("there are no icons" in note for note in data["notes"]) == (not shown)
    assert ("tokens" in data["pictures"][0]) == (kind == "tokens")
    if kind == "tokens":
        assert [row["tokens"] for row in data["pictures"]] == given.tolist()
    assert any("middle slice" in note for note in data["notes"]) == (kind == "volumes")
    assert any("grid of 2 x 2" in note for note in data["notes"]) == (kind == "patches")


def test_what_a_class_token_holds_is_told_apart():
    x = keras.Input((8, 8, 3))
    y = L.ZeroPadding1D((1, 0))(L.Reshape((4, 3))(L.AveragePooling2D(4)(x)))  # a class token of zeros before the others
    layer = L.Dense(3, kernel_initializer="identity", name="layer")
    network = keras.Model(x, L.Dense(2)(L.Flatten()(layer(y))))
    layer.bias.assign([0.25, 0.5, 0])
    images = RNG.random((3, 8, 8, 3), np.float32)
    data = record_of(ti.open_model(network), ti.Probe.from_arrays(images), "layer", top=2).data
    for row in data["pictures"]:
        names = [data["words"][word]["name"] for word in row["class_token"]["entries"]]
        assert names == ["channel 1", "channel 0"]
        values = np.array(row["class_token"]["strengths"]) * data["scale"] / SCALE
        np.testing.assert_allclose(values, [0.5, 0.25], atol=data["scale"] / SCALE)


def test_mistakes_are_said():
    for wrong, message in [
        ({"pictures": SHOWN + 1}, "1 to 64 pictures"),
        ({"top": 0}, "at least 1"),
        ({"icons": "photos"}, "icons must be"),
        ({"grid": "photos"}, "grid must be"),
    ]:
        with pytest.raises(ValueError, match=message):
            ti.SemanticDictionary(**wrong)


def test_the_command_line_makes_it_where_it_is_asked_for(tmp_path, model, capsys):
    model.model.save(tmp_path / "model.keras")
    np.savez(tmp_path / "probe.npz", images=IMAGES)
    command = ["analyze", str(tmp_path / "model.keras"), "--probe", str(tmp_path / "probe.npz"), "--layer", "coarse"]
    command += ["--part", "dictionary", "--dictionary", "top=2,grid=none", "--logdir", str(tmp_path / "logs")]
    assert main(command) in (0, None)
    (record,) = ti.read(tmp_path / "logs")
    assert (record.kind, record.data["top"], record.data["crop"]) == ("dictionary", 2, None)
    main(["analyze", "--dictionary", "help"])
    assert "most=96" in capsys.readouterr().out
