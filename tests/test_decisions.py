"""`Decisions`: the record holds what the graph says, and is whole for every kind of network."""

import re

import keras
import numpy as np
import pytest

from tf_interp import (
    Decisions,
    NeuronGroups,
    Probe,
    analyze,
    attribute,
    attribution_graph,
    faithfulness,
    find_groups,
    open_model,
)
from tf_interp.analysis import Analysis
from tf_interp.images import crop_around, to_uint8
from tf_interp.probe import pick_rows

L = keras.layers
NAMES = ["cat", "dog", "emu", "fox"]


def build(classes: int = 4, *, end=None):
    keras.utils.set_random_seed(1)
    inputs = keras.Input((8, 8, 3))
    options = {"padding": "same", "activation": "relu", "bias_initializer": "random_normal"}
    x = L.Conv2D(6, 3, name="one", **options)(inputs)
    x = L.Conv2D(6, 3, name="two", **options)(x)
    x = L.Dense(classes, bias_initializer="random_normal", name="end")(L.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, x if end is None else L.Activation(end)(x))


@pytest.fixture(scope="module")
def model():
    return open_model(build(), class_names=NAMES)


@pytest.fixture(scope="module")
def probe():
    images = np.random.default_rng(0).uniform(0, 1, (6, 8, 8, 3)).astype(np.float32)
    return Probe.from_arrays(images, np.arange(6) % 4, NAMES)


@pytest.fixture(scope="module")
def records(model, probe):
    parts = [Decisions(pictures=3, cells=2), NeuronGroups(3, steps=2)]
    return {record.kind: record for record in analyze(model, probe, ["two", "one"], parts)}


@pytest.fixture(scope="module")
def data(records):
    return records["decision"].data


def test_it_is_filed_under_the_output_and_runs_after_what_it_joins(model, probe, records):
    assert list(records) == ["groups", "decision"]
    assert records["decision"].tag == "decision/output"
    analysis = Analysis(model, probe, ["one"], [Decisions()])
    assert analysis.missing(analysis.parts[0], ()) == ["output"]
    assert analysis.missing(analysis.parts[0], ["decision/output"]) == []


def test_the_numbers_are_those_of_the_graph(model, probe, data):
    logits = np.asarray(model.model(probe.images))
    groups = attribution_graph(model, probe.images, ["one", "two"], target=0, k=3).groups
    for row, picture in enumerate(data["pictures"]):
        order = np.argsort(-logits[row], kind="stable")
        assert picture["classes"] == order.tolist()
        np.testing.assert_allclose(picture["scores"], logits[row][order], rtol=2e-3, atol=1e-4)
        margin = model.target(int(order[0])) - model.target(int(order[1]))
        graph = attribution_graph(model, probe.images[:3], ["one", "two"], target=margin, groups=groups, cells=2)
        inner = [node for node in graph.nodes if node.kind != "output"]
        end = graph.nodes[-1]
        pairs = {(edge.source, edge.target): edge for edge in graph.edges}
        both = np.array([picture["output_values"], picture["output_proofs"]])
        for number, node in enumerate(inner):
            edge = pairs.get((node.name, end.name))
            expected = [0.0, 0.0] if edge is None else [edge.value[row], edge.proof[row]]
            assert both[:, number, 0] - both[:, number, 1] == pytest.approx(expected, rel=5e-3, abs=2e-3)
            assert picture["values"][number] == pytest.approx(node.value[row], rel=2e-3, abs=1e-3)
            for key, factor in (("off", 0.0), ("doubled", 2.0)):
                change = np.array(picture[key][number])
                (measured,) = graph.intervene({node.name: factor}).measured.values()
                assert change[0] - change[1] == pytest.approx(measured[row], rel=5e-3, abs=2e-3)
            swapped = graph.intervene(like={node.name: [p["partner"] for p in data["pictures"]]})
            change = np.array(picture["like"][number])
            (measured,) = swapped.measured.values()
            assert change[0] - change[1] == pytest.approx(measured[row], rel=5e-3, abs=2e-3)
        names = [f"{node['layer']}: {node['name']}" for node in data["nodes"]]
        assert names == [node.name for node in inner]
        for (source, target), value, proof in zip(
            data["edges"], picture["edge_values"], picture["edge_proofs"], strict=True
        ):
            edge = pairs[inner[source].name, inner[target].name]
            assert value == pytest.approx(edge.value[row], rel=5e-3, abs=2e-3)
            assert proof == pytest.approx(edge.proof[row], rel=5e-3, abs=2e-3)


def test_what_no_edge_explains_are_the_biases_of_the_network(model, probe, data):
    """Behind "two" all is linear; of "one" a group's pattern meets the bias wherever the ReLU lets it pass."""
    bias, end = (np.asarray(model.model.get_layer(name).bias) for name in ("one", "end"))
    groups = find_groups(model, probe.images, "one", 3)
    parts = groups.weights[..., None] * groups.vectors  # [N,h,w,K,C]
    parts /= np.sqrt((parts**2).sum((1, 2, 4), keepdims=True))
    passes = np.asarray(model.run(probe.images, ["one"])["one"])[:, :, :, None] > 0
    hidden = (parts * passes * bias).sum((1, 2, 4))
    assert np.abs(hidden).min(0).max() > 0.05
    rows = [number for number, node in enumerate(data["nodes"]) if (node["layer"], node["kind"]) == ("one", "group")]
    for row, picture in enumerate(data["pictures"]):
        np.testing.assert_allclose(picture["biases"], end[picture["classes"]], atol=2e-3)
        np.testing.assert_allclose(np.array(picture["node_biases"])[rows], hidden[row], atol=2e-3)


def test_groups_and_icons_are_those_of_the_other_part(records, data):
    assert [layer["layer"] for layer in data["layers"]] == ["one", "two"]
    assert [layer["icons"]["count"] for layer in data["layers"]] == [3, 3]
    number = [layer["layer"] for layer in data["layers"]].index(records["groups"].layer)
    mine = records["decision"].images[data["layers"][number]["icons"]["image"]]
    theirs = records["groups"].images[records["groups"].data["icons"]["image"]]
    np.testing.assert_array_equal(mine, theirs)
    names = [node["name"] for node in data["nodes"] if node["layer"] == "two"]
    assert names == ["group 0", "group 1", "group 2", "rest"]
    assert data["layers"][0]["maps"] | {"image": 0} == {"image": 0, "rows": 3, "columns": 4, "count": 12}


def check_crop(record, sheet, number, images, strengths):
    """Fail unless a cell shows what is around the largest of strengths [N,h,w]."""
    picture, *place = np.unravel_index(strengths.argmax(), strengths.shape)
    crop = to_uint8(crop_around(images[picture], place, strengths.shape[1:]))
    row, column = np.multiply(divmod(number, sheet["columns"]), crop.shape[:2])
    cell = record.images[sheet["image"]][row : row + len(crop), column : column + crop.shape[1]]
    np.testing.assert_array_equal(cell, crop)


def test_maps_and_crops_show_where_groups_fire(model, probe, records, data):
    groups = find_groups(model, probe.images, "two", 3)
    layer = data["layers"][1]
    sheet = records["decision"].images[layer["maps"]["image"]].reshape(3, 8, 4, 8).swapaxes(1, 2)  # [N,V,h,w]
    levels, step = sheet / 255 * np.array(layer["map_scale"])[:, None, None], max(layer["map_scale"]) / 255
    np.testing.assert_allclose(levels[:, :3], np.moveaxis(groups.weights[:3], -1, 1), atol=step)
    left = np.asarray(model.run(probe.images, ["two"])["two"]) - groups.weights @ groups.vectors
    np.testing.assert_allclose(levels[:, 3], np.linalg.norm(left, axis=-1)[:3], atol=step)
    for number in range(3):
        check_crop(records["decision"], layer["crops"], number, probe.images, groups.weights[..., number])
    large = records["decision"].images[data["large"]["image"]]
    shown = large.reshape(data["large"]["rows"], 8, -1, 8, 3).swapaxes(1, 2).reshape(-1, 8, 8, 3)[:3]
    np.testing.assert_array_equal(shown, to_uint8(probe.images[:3]))


def test_regions_are_shares_of_the_picture(data):
    assert data["regions"] == [[0, 0, 0.5, 0.5], [0, 0.5, 0.5, 1], [0.5, 0, 1, 0.5], [0.5, 0.5, 1, 1]]


def test_sentences_name_the_strongest_group(data):
    rows = [number for number, node in enumerate(data["nodes"]) if (node["layer"], node["kind"]) == ("two", "group")]
    for picture in data["pictures"]:
        pushes, off = (np.array(picture[key])[rows, :2] @ [1, -1] for key in ("output_values", "off"))
        best = pushes.argmax()
        assert pushes[best] > 0
        first, second = (NAMES[index] for index in picture["classes"][:2])
        number = r"[+-]?[\d.]+"
        said = re.fullmatch(
            rf"taken for {first}, ({number}) logits above {second}; in two the strongest push comes from group {best} "
            rf"\(({number}); switched off: ({number})\)",
            picture["sentence"],
        )
        expected = picture["scores"][0] - picture["scores"][1], pushes[best], off[best]
        assert [float(value) for value in said.groups()] == pytest.approx(expected, rel=0.02, abs=2e-3)


def test_a_partner_is_the_next_picture_that_is_taken_for_something_else():
    """The network sees colors: red, red, green, red."""
    colors, end = L.Conv2D(3, 1, name="colors"), L.Dense(3)
    network = keras.Sequential([keras.Input((4, 4, 3)), colors, L.GlobalAveragePooling2D(), end])
    colors.set_weights([np.eye(3)[None, None], np.zeros(3)])
    end.set_weights([np.eye(3), np.zeros(3)])
    images = np.full((4, 4, 4, 3), 0.1, np.float32)
    images[[0, 1, 3], ..., 0] = images[2, ..., 1] = 1
    for count, partners in ((4, [2, 2, 3, 2]), (2, [1, 0])):  # of two red ones the other one
        (record,) = analyze(open_model(network), Probe.from_arrays(images), ["colors"], [Decisions(pictures=count)])
        assert [picture["partner"] for picture in record.data["pictures"]] == partners


def test_of_many_classes_the_highest_and_the_true_one_are_kept(probe):
    model = open_model(build(30))
    labels = np.asarray(model.model(probe.images)).argmin(1)
    lowest = Probe.from_arrays(probe.images, labels)
    record = next(analyze(model, lowest, ["two"], [Decisions(pictures=2, classes=4)]))
    for row, picture in enumerate(record.data["pictures"]):
        order = np.argsort(-np.asarray(model.model(probe.images[[row]]))[0])
        assert picture["classes"] == [*order[:3].tolist(), labels[row]]
    (record,) = analyze(model, lowest, ["two"], [Decisions(pictures=2, classes=8)])
    assert [picture["detailed"] for picture in record.data["pictures"]] == [[0, 1, 2, 3, 7]] * 2, "the true one is last"


def test_without_groups_of_others_it_finds_its_own(model, probe):
    (record,) = analyze(model, probe, ["one"], [Decisions(pictures=2, k=2)])
    assert len(record.data["nodes"]) == 9 + 3
    assert record.data["layers"][0]["icons"] is None
    assert record.data["layers"][0]["crops"]["count"] == 2


def test_layers_and_targets_that_are_named(model, probe):
    (record,) = analyze(model, probe, ["one"], [Decisions(lambda y: y[:, 0] * 2, pictures=2, layers=["two"])])
    assert [layer["layer"] for layer in record.data["layers"]] == ["two"]
    logits = np.asarray(model.model(probe.images[:2]))
    assert record.data["pictures"][1]["scores"] == pytest.approx([2 * logits[1, 0]], rel=2e-3)
    assert record.data["pictures"][1]["classes"] is None
    assert record.data["target"]["name"] in record.data["pictures"][1]["sentence"]


def test_more_layers_than_three_are_told():
    keras.utils.set_random_seed(0)
    stack = [L.Conv2D(4, 3, padding="same", activation="relu", name=f"c{n}") for n in range(5)]
    network = keras.Sequential([keras.Input((8, 8, 3)), *stack, L.Flatten(), L.Dense(3)])
    images = np.random.default_rng(0).random((2, 8, 8, 3), np.float32)
    (record,) = analyze(open_model(network), Probe.from_arrays(images), [f"c{n}" for n in range(5)], [Decisions(k=2)])
    assert [layer["layer"] for layer in record.data["layers"]] == ["c2", "c3", "c4"]
    assert any("last 3 of 5 layers" in note for note in record.data["notes"])


def network_of(kind):
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    if kind == "series":
        middle = [L.Conv1D(5, 3, activation="relu", name="layer"), L.GlobalMaxPooling1D()]
        return keras.Sequential([keras.Input((20, 3)), *middle, L.Dense(3)]), rng.random((4, 20, 3), np.float32)
    if kind == "vectors":
        middle = [L.Dense(6, "relu", name="layer")]
        return keras.Sequential([keras.Input((7,)), *middle, L.Dense(3)]), rng.random((6, 7), np.float32)
    if kind == "tokens":
        middle = [L.Embedding(20, 6, name="layer"), L.GlobalAveragePooling1D()]
        tokens = rng.integers(0, 20, (4, 9)).astype(np.int32)
        return keras.Sequential([keras.Input((9,), dtype="int32"), *middle, L.Dense(3)]), tokens
    if kind == "one logit":
        return build(1), rng.random((4, 8, 8, 3), np.float32)
    if kind == "regression":
        network = build(2)
        network.compile(loss="mse")
        return network, rng.random((4, 8, 8, 3), np.float32)
    one, two = keras.Input((8, 8, 3), name="picture"), keras.Input((5,), name="table")
    seen = L.GlobalAveragePooling2D()(L.Conv2D(4, 3, activation="relu", name="layer")(one))
    network = keras.Model([one, two], L.Dense(3)(L.Concatenate()([seen, two])))
    return network, {"picture": rng.random((4, 8, 8, 3), np.float32), "table": rng.random((4, 5), np.float32)}


@pytest.mark.parametrize("kind", ["series", "vectors", "tokens", "one logit", "regression", "several inputs"])
def test_every_kind_of_network_has_its_graph(kind):
    network, images = network_of(kind)
    layer = "two" if kind in ("one logit", "regression") else "layer"
    (record,) = analyze(open_model(network), Probe.from_arrays(images), [layer], [Decisions(pictures=2, k=2)])
    data = record.data
    assert len(data["pictures"]) == 2
    count = {"one logit": 9, "regression": 9, "series": 9, "vectors": 7}.get(kind, 0)
    assert len(data["regions"]) == count
    if kind == "series":
        assert data["nodes"][1]["name"] == "segment 1"
        assert data["regions"][0] == [0, 0, 1, 0.15]
    model, shown = open_model(network), pick_rows(images, slice(2))
    groups = find_groups(model, images, layer, 2)
    rows = [number for number, node in enumerate(data["nodes"]) if node["layer"] == layer]
    columns = np.array([picture["classes"] for picture in data["pictures"]]).T
    for place, classes in enumerate(columns):
        expected = attribute(model, shown, classes, along=groups)
        for row, picture in enumerate(data["pictures"]):
            values = np.array(picture["output_values"])[:, place]
            into = [*expected.values[row], expected.residual[row]]
            np.testing.assert_allclose(values[rows], into, rtol=5e-3, atol=2e-3)
            np.testing.assert_array_equal(np.delete(values, rows), 0)  # no way leads past the layer
            score = expected.scores[row]
            assert picture["scores"][place] == pytest.approx(score, rel=5e-3, abs=2e-3)
            assert picture["biases"][place] == pytest.approx(score - sum(into), abs=5e-3)


def test_what_has_no_graph_says_why():
    layers = [L.Conv3D(3, 3, activation="relu", name="deep"), L.Flatten(), L.Dense(3)]
    volumes = np.random.default_rng(0).random((2, 5, 6, 7, 2), np.float32)
    network = keras.Sequential([keras.Input((5, 6, 7, 2)), *layers])
    (record,) = analyze(open_model(network), Probe.from_arrays(volumes), ["deep"], [Decisions()])
    assert record.data["nodes"] == []
    assert any("no graph was made" in note for note in record.data["notes"])
    dense = keras.Sequential([keras.Input((8, 8, 3)), L.Conv2D(4, 3, name="two"), L.Conv2D(2, 1, name="map")])
    (record,) = analyze(open_model(dense), Probe.from_arrays(np.ones((2, 8, 8, 3))), ["two"], [Decisions(k=2)])
    assert record.data["pictures"] == []
    assert any("say with target=" in note for note in record.data["notes"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pictures": 0}, "1 to 32 pictures"),
        ({"k": 0}, "must be at least 1"),
        ({"layers": ["output"]}, "name layers before it"),
        ({"layers": []}, "one or more different layers"),
        ({"layers": ["one", "one"]}, "one or more different layers"),
        ({"layers": ["tow"]}, "no layer 'tow'"),
        ({"target": "cow"}, "cow"),
    ],
)
def test_mistakes_are_said_before_any_work(model, probe, arguments, message):
    with pytest.raises(ValueError, match=message):
        Analysis(model, probe, ["one"], [Decisions(**arguments)])
    with pytest.raises(TypeError, match="write"):
        Decisions(layers="one")
    for settings in ({"k": 2.5}, {"pictures": "4"}, {"cells": True}):
        with pytest.raises(TypeError, match="must be a whole number"):
            Decisions(**settings)
    with pytest.raises(ValueError, match="joins at most 12 layers, got 13"):
        Decisions(layers=[f"layer{number}" for number in range(13)])


def test_fewer_groups_than_asked_for_are_told(model, probe):
    (record,) = analyze(model, probe, ["one", "two"], [Decisions(k=50, pictures=2)])
    assert record.data["settings"]["k"] == [6, 6]
    assert "'one' has 6 channels and so 6 groups, not the 50 asked for" in record.data["notes"]


# --- by position, by channel, and from position to position ------------------------------------------------


def test_positions_and_channels_are_attributions(model, probe, records, data):
    for index, layer in enumerate(["one", "two"], 1):
        found = data["details"]["layers"][index]
        assert found["layer"] == layer
        sheet = found["positions"]
        assert (sheet["rows"], sheet["columns"]) == (3, 4)
        image = records["decision"].images[sheet["image"]].astype(float)
        for row, picture in enumerate(data["pictures"]):
            assert picture["detailed"] == [0, 1, 2, 3]
            for rank, target in enumerate(picture["classes"]):
                values = attribute(model, probe.images[[row]], target, layer=layer).values[0]
                cell = image[row * 8 : row * 8 + 8, rank * 8 : rank * 8 + 8]
                shown = (cell / 255 - 0.5) * 2 * found["positions_scale"]
                np.testing.assert_allclose(shown, values.sum(-1), atol=1.2 * found["positions_scale"] / 127)
                table = found["channels"]["pictures"][row]
                effects = np.array(table["effects"])[:, rank]
                np.testing.assert_allclose(effects, values.sum((0, 1))[table["channels"]], rtol=5e-3, atol=1e-4)
                assert table["rest"][rank] == 0, "all six channels are in the table"
                assert effects.sum() + table["rest"][rank] == pytest.approx(values.sum(), rel=5e-3, abs=1e-3)


def test_a_table_has_the_channels_that_set_classes_apart_most(probe):
    keras.utils.set_random_seed(0)
    conv = L.Conv2D(12, 3, activation="relu", name="wide")
    model = open_model(keras.Sequential([keras.Input((8, 8, 3)), conv, L.GlobalAveragePooling2D(), L.Dense(3)]))
    (record,) = analyze(model, probe, ["wide"], [Decisions(pictures=2, k=2)])
    channels = record.data["details"]["layers"][1]["channels"]
    activations = np.asarray(model.run(probe.images, ["wide"])["wide"])
    for row, (picture, table) in enumerate(zip(record.data["pictures"], channels["pictures"], strict=True)):
        maps = [attribute(model, probe.images[[row]], target, layer="wide").values for target in picture["classes"]]
        effects = np.stack(maps, -1).sum((0, 1, 2))  # [C,D]
        best = np.argsort(-np.ptp(effects, axis=1), kind="stable")[:8]
        assert table["channels"] == best.tolist()
        np.testing.assert_allclose(table["rest"], np.delete(effects, best, 0).sum(0), rtol=5e-3, atol=1e-4)
        for channel, cell in zip(table["channels"], table["crops"], strict=True):
            check_crop(record, channels["crops"], cell, probe.images, activations[..., channel])


def test_what_is_at_a_position_came_from_positions_before(data):
    """Without biases a ReLU network is homogeneous: what comes from all positions is all that is there."""
    network = build()
    for weight in network.weights:
        if "bias" in weight.path:
            weight.assign(np.zeros(weight.shape))
    images = np.random.default_rng(3).random((2, 8, 8, 3), np.float32)
    images[0, :, 4:] = 0  # the right half of the first picture is empty
    (record,) = analyze(open_model(network), Probe.from_arrays(images), ["one", "two"], [Decisions(k=2, cells=2)])
    for flow in record.data["details"]["flows"]:
        assert flow["sides"] == [[2, 2], [2, 2]]
        shares = np.array(flow["pictures"])
        np.testing.assert_allclose(shares.sum(-1), 1, atol=5e-3)
    from_input = np.array(record.data["details"]["flows"][0]["pictures"])[0]
    np.testing.assert_allclose(from_input[:, [1, 3]], 0, atol=1e-6)
    assert from_input[0, 0] > 0.5 > from_input[0, 2], "the upper left was made by the upper left"


def test_evidence_stands_beside_the_maps(model, probe, data):
    evidence = data["details"]["evidence"]
    assert evidence["layer"] == "two"
    assert evidence["count"] == 3
    curves = []
    for row, picture in enumerate(data["pictures"]):
        margin = model.target(picture["classes"][0]) - model.target(picture["classes"][1])
        options = {"layer": "two", "baselines": [0.0], "steps": 10, "draws": 1, "orders": 1}
        found = faithfulness(model, probe.images[[row]], margin, methods=["gradient_x_input"], **options)
        curves.append(found.deletion[0, 0, 0])
    lost = np.mean([curve[0] - curve[1] for curve in curves]) / np.mean([abs(curve[0]) for curve in curves])
    assert evidence["sentence"].startswith(f"In two: deleting the 10% it marks takes away {lost:.0%} of the score")
    assert f"random orders in {evidence['better']} of 3 pictures (chance: " in evidence["sentence"]
    flat = keras.Sequential([keras.Input((7,)), L.Dense(6, "relu", name="layer"), L.Dense(3)])
    rows = np.random.default_rng(0).random((6, 7), np.float32)
    (record,) = analyze(open_model(flat), Probe.from_arrays(rows), ["layer"], [Decisions(pictures=2, k=2)])
    assert record.data["details"]["evidence"] is None, "a dense layer has no positions"


def test_tokens_of_pictures_are_places_but_for_the_class_token():
    """What a class token carries lies at no position, and a channel's crop is the square that its token stands for."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((16, 16, 3))
    patches = L.Reshape((16, 6))(L.Conv2D(6, 4, strides=4)(inputs))
    tokens = L.Concatenate(axis=1, name="tokens")([L.Lambda(lambda x: x[:, :1] * 0.5 + 1.0)(patches), patches])
    network = keras.Model(inputs, L.Dense(3)(L.Lambda(lambda x: x[:, 0])(L.Activation("tanh")(tokens))))
    images = np.random.default_rng(0).random((3, 16, 16, 3), np.float32)
    (record,) = analyze(open_model(network), Probe.from_arrays(images), ["tokens"], [Decisions(k=2)])
    pixels, layer = record.data["details"]["layers"]
    assert pixels["class_token"] is None
    values = attribute(open_model(network), images[:1], record.data["pictures"][0]["classes"][0], layer="tokens").values
    assert layer["class_token"][0][0] == pytest.approx(values.sum(), rel=1e-3)
    sheet = record.images[layer["positions"]["image"]]
    assert np.ptp(sheet) <= 1, "the positions themselves put nothing there"
    crops = layer["channels"]["crops"]
    height, width = record.images[crops["image"]].shape[:2]
    assert height / crops["rows"] == width / crops["columns"]


def test_parts_that_run_one_by_one_share_what_was_found_and_drawn(probe):
    """The callback runs each part by itself, so that one that fails does not take the others with it."""
    network = build()
    analysis = Analysis(
        open_model(network), probe, ["two"], [Decisions(pictures=6), NeuronGroups(3, steps=2)], repeated=True
    )
    assert [part.kind for part in analysis.parts] == ["groups", "decision"]
    shown = []
    for step in (1, 2):
        groups, decision = [record for part in analysis.parts for record in analysis.run(step, parts=[part])]
        (layer,) = decision.data["layers"]
        icons = groups.images[groups.data["icons"]["image"]]
        np.testing.assert_array_equal(decision.images[layer["icons"]["image"]], icons)
        nodes = [node for node in decision.data["nodes"] if node["kind"] == "group"]
        for key in ("vector", "identity"):
            assert [node[key] for node in nodes] == [group[key] for group in groups.data["groups"]]
        assert layer["map_scale"][:3] == pytest.approx(groups.data["map_scale"], rel=1e-3)
        shown.append(icons)
        network.get_layer("two").kernel.assign(network.get_layer("two").kernel[..., ::-1] * 1.5)
    assert not np.array_equal(*shown), "each step has its own"
