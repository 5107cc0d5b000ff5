"""Networks of other things than RGB pictures: every analysis against plain TensorFlow, and what is shown of it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_interp as ti
from tf_interp.analysis import Attributions, Features, NeuronGroups, analyze

L = keras.layers
PARTS = [Features([0, 1], steps=8, examples=2), NeuronGroups(2, steps=4), Attributions(pictures=3)]


def make(kind):
    """Return a network with a layer "layer", and six of what it takes."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    if kind == "two inputs":
        image, meta = keras.Input((8, 8, 3), name="image"), keras.Input((4,), name="meta")
        conv = L.Conv2D(5, 3, activation="relu", name="layer")(image)
        side = L.Dense(5, activation="relu", name="side")(meta)
        joined = L.Concatenate(name="joined")([L.GlobalAveragePooling2D()(conv), side])
        given = {"image": rng.random((6, 8, 8, 3), np.float32), "meta": rng.normal(0, 2, (6, 4)).astype(np.float32)}
        return keras.Model({"image": image, "meta": meta}, L.Dense(3, name="logits")(joined)), given
    shape, layers, given = {
        "series": ((32, 3), [L.Conv1D(5, 5, activation="relu", name="layer")], rng.normal(1, 9, (6, 32, 3))),
        "bands": ((8, 8, 12), [L.Conv2D(5, 3, activation="relu", name="layer")], rng.random((6, 8, 8, 12))),
        "volumes": ((6, 7, 8, 2), [L.Conv3D(5, 3, activation="relu", name="layer")], rng.normal(0, 3, (6, 6, 7, 8, 2))),
        "vectors": ((9,), [L.Dense(5, activation="relu", name="layer")], rng.normal(0, 3, (6, 9))),
        "tokens": (
            (7,),
            [L.Embedding(20, 4), L.Conv1D(5, 3, activation="relu", name="layer")],
            rng.integers(0, 20, (6, 7)),
        ),
    }[kind]
    network = keras.Sequential([keras.Input(shape), *layers, L.Flatten(), L.Dense(3, name="logits")])
    return network, given if kind == "tokens" else given.astype(np.float32)


def probe_of(given):
    """Return a probe; what may be taken for pictures comes with the name of its input."""
    return ti.Probe.from_arrays({"input": given} if isinstance(given, np.ndarray) and given.ndim == 3 else given)


def split(network):
    """Return a plain Keras network of the same inputs that gives the activation of "layer", and the logits."""
    outputs = [network.get_layer("layer").output, network.outputs[0]]
    return keras.Model(network.inputs[0] if len(network.inputs) == 1 else network.input, outputs)


KINDS = ["series", "bands", "volumes", "vectors", "tokens", "two inputs"]


@pytest.mark.parametrize("kind", KINDS)
def test_all_parts_make_whole_records(kind):
    network, given = make(kind)
    records = list(analyze(ti.open_model(network), probe_of(given), ["layer"], PARTS))
    assert [record.kind for record in records] == ["features", "groups", "attribution"]
    features, groups, attribution = (record.data for record in records)
    drawn = kind in ("series", "bands", "two inputs")
    assert (features["pictures"] is not None) == (groups["icons"] is not None) == drawn
    for data in (features, groups):
        told = [note for note in data["notes"] if note.startswith("no feature was drawn")]
        assert told == (
            [] if drawn else [f"no feature was drawn: the network takes {kind}, and pictures or series are needed"]
        )
    for unit in features["units"]:
        assert unit["status"].startswith(("ok", "did not activate") if drawn else "was not drawn")
    assert features["probe"]["thumbnails"]["count"] == 6
    legend = {
        "series": "lines from the top: feature 0, feature 1, feature 2; each over its own range",
        "volumes": "slice 3 of 6, ",
        "vectors": "bars from the left; each feature over its own range",
        "tokens": "token numbers",
        "bands": "red = band ",
        "two inputs": "input 'image'",
    }[kind]
    assert features["probe"]["thumbnails"]["legend"].startswith(legend)
    assert groups["maps"]["count"] == 12
    assert attribution["positive"]["count"] == 3
    activations = split(network)(given)[0].numpy()
    flat = activations.reshape(6, -1, 5)
    unit = features["units"][1]
    assert unit["probe_mean"] == pytest.approx(flat[..., 1].mean(), rel=1e-4)
    assert {item["probe"] for item in unit["examples"]} == {*np.argsort(-flat[..., 1].mean(1), kind="stable")[:2]}


@pytest.mark.parametrize("kind", KINDS)
def test_attribution_to_a_layer_is_that_of_a_tape(kind):
    network, given = make(kind)
    both = split(network)
    with tf.GradientTape() as tape:
        point, logits = both(given)
        score = logits[:, 1]
    wanted = (point * tape.gradient(score, point)).numpy()
    found = ti.attribute(ti.open_model(network), probe_of(given), 1, layer="layer")
    np.testing.assert_allclose(found.values.reshape(wanted.shape), wanted, rtol=1e-4, atol=1e-6)
    groups = ti.find_groups(ti.open_model(network), probe_of(given), "layer", 2)
    kept = groups.weights.reshape(-1, 2) @ groups.vectors
    assert np.linalg.norm(point.numpy().reshape(-1, 5) - kept) == pytest.approx(
        groups.error * np.linalg.norm(point), rel=1e-3
    )


@pytest.mark.parametrize("name", ["image", "meta"])
@pytest.mark.parametrize("method", ["gradient", "gradient_x_input", "integrated_gradients"])
def test_attribution_to_one_of_several_inputs_is_that_of_a_tape(name, method):
    network, given = make("two inputs")
    model = ti.open_model(network)
    found = ti.attribute(model, given, 2, input=name, method=method, steps=16)
    total = np.zeros_like(given[name])
    parts = [(step + 0.5) / 16 for step in range(16)] if method == "integrated_gradients" else [1.0]
    for part in parts:
        inputs = {key: tf.constant(value) for key, value in given.items()}
        with tf.GradientTape() as tape:
            inputs[name] = part * inputs[name]
            tape.watch(inputs[name])
            score = network(inputs)[:, 2]
        total += tape.gradient(score, inputs[name]).numpy() / len(parts)
    wanted = total if method == "gradient" else given[name] * total
    np.testing.assert_allclose(found.values.reshape(wanted.shape), wanted, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.totals, wanted.reshape(6, -1).sum(1), rtol=1e-3, atol=1e-5)


def test_what_nothing_can_be_attributed_to_is_told():
    network, given = make("two inputs")
    with pytest.raises(ValueError, match="as input="):
        ti.attribute(ti.open_model(network), given, 0)
    with pytest.raises(ValueError, match=r"input must be one of several .*'picture', \['image', 'meta'\]"):
        ti.attribute(ti.open_model(network), given, 0, input="picture")
    network, given = make("tokens")
    with pytest.raises(ValueError, match="the input holds whole numbers, such as tokens, and so has no gradient"):
        ti.attribute(ti.open_model(network), given, 0)
    network, given = make("series")
    direct = ti.attribute(ti.open_model(network), given, 0)
    assert direct.values.shape == (6, 1, 32, 3)


def test_a_unit_of_two_bands_is_shown_in_their_colors():
    x = keras.Input((8, 8, 12))
    conv = L.Conv2D(2, 1, use_bias=False, name="conv")
    network = keras.Model(x, L.Dense(2)(L.GlobalAveragePooling2D()(L.ReLU(name="relu")(conv(x)))))
    kernel = np.zeros((1, 1, 12, 2), np.float32)
    kernel[0, 0, 9, 0], kernel[0, 0, 2, 0], kernel[0, 0, 5, 1] = 1, -1, 1
    conv.set_weights([kernel])
    probe = ti.Probe.from_arrays(np.random.default_rng(0).random((4, 8, 8, 12)))
    (record,) = analyze(ti.open_model(network), probe, ["relu"], [Features([0, 1], steps=64)])
    sheet = record.data["pictures"]
    assert sheet["legend"] == ["red = band 9, cyan = band 2", "grey = band 5"]
    image = record.images[sheet["image"]]
    first, second = image[:, :8].astype(int), image[:, 8:16].astype(int)
    assert (first[..., 0] - first[..., 1]).max() > 150  # red, where the mean of all bands is flat grey
    assert second.max() > 200
    chosen = ti.Probe.from_arrays(probe.images, bands=(9, 2, 5), band_names=[f"B{n}" for n in range(12)])
    (record,) = analyze(ti.open_model(network), chosen, ["relu"], [Features([0, 1], steps=2)])
    for key in ("pictures", "crops"):
        assert record.data[key]["legend"] == "red = B9, green = B2, blue = B5"
    thumbnails = record.data["probe"]["thumbnails"]
    shown = record.images[thumbnails["image"]][:8, :8]
    np.testing.assert_allclose(shown / 255, probe.images[0][..., [9, 2, 5]], atol=0.003)


def test_a_rendered_series_is_in_the_numbers_of_the_probe():
    network, given = make("series")
    given[..., 1] *= 20
    view = []

    class Look(Features):
        def make(self, seen):
            view.append(seen.prepare(self.drawing))
            return iter(())

    list(analyze(ti.open_model(network), probe_of(given), ["layer"], [Look([0])]))
    drawing, notes = view[0]
    low, high = drawing.options["limits"]
    np.testing.assert_array_equal(low, given.min((0, 1)))
    np.testing.assert_array_equal(high, given.max((0, 1)))
    assert notes == ["features are drawn between the lowest and the highest number that the probe has"]


def test_other_inputs_are_fixed_by_the_probe_and_that_is_said():
    network, given = make("two inputs")
    parts = [Features([5, 9], steps=2), NeuronGroups(2, icons=False)]
    first, second = analyze(ti.open_model(network), probe_of(given), ["joined"], parts)
    told = "'image' is drawn and shown; meanwhile other inputs are fixed, by the probe: 'meta' (mean)"
    assert told in first.data["notes"]
    assert told not in second.data["notes"]
    # channels 5 to 9 of "joined" are those of "side", which sees nothing of the picture
    side = network.get_layer("side")(given["meta"].mean(0, keepdims=True)).numpy()[0]
    assert side[0] > 0.1
    assert side[4] > 0.1
    np.testing.assert_allclose([unit["activation"] for unit in first.data["units"]], side[[0, 4]], rtol=1e-5)


def test_a_probe_that_does_not_fit_is_told():
    network, given = make("two inputs")
    model = ti.open_model(network)
    with pytest.raises(ValueError, match=r"takes 2 inputs, \['image', 'meta'\], the probe has one array"):
        list(analyze(model, ti.Probe.from_arrays(given["image"]), ["layer"], PARTS))
    with pytest.raises(ValueError, match=r"takes input 'meta' of shape \(4,\), the probe's are \(3,\)"):
        list(analyze(model, ti.Probe.from_arrays(given | {"meta": given["meta"][:, :3]}), ["layer"], PARTS))
    volumes, some = make("volumes")
    with pytest.raises(ValueError, match=r"takes images of shape .*give them in that shape"):
        list(analyze(ti.open_model(volumes), ti.Probe.from_arrays(some[:, :5]), ["layer"], PARTS))


@pytest.mark.parametrize("kind", ["two inputs", "tokens"])
def test_the_callback_looks_while_it_trains(kind, tmp_path):
    network, given = make(kind)
    labels = np.arange(6) % 3
    network.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    probe = ti.Probe.from_arrays(given, labels)
    watch = ti.InterpCallback(tmp_path, probe, layers=["layer"], parts=PARTS[1:], on_error="raise")
    network.fit(given, labels, epochs=1, verbose=0, callbacks=[watch])
    records = list(ti.read(tmp_path))
    assert sorted({record.kind for record in records}) == ["attribution", "groups"]
    assert len({record.step for record in records}) == 2


def test_the_middle_of_a_volume_is_shown_with_the_maps_of_its_middle():
    network, given = make("volumes")
    (record,) = analyze(ti.open_model(network), probe_of(given), ["layer"], [Attributions(1, pictures=2)])
    both = split(network)
    with tf.GradientTape() as tape:
        point, logits = both(given[:2])
        score = logits[:, 1]
    wanted = (point * tape.gradient(score, point)).numpy().sum(-1)[:, 2]  # of 4 slices
    sheet = record.data["positive"]
    image = record.images[sheet["image"]][:5, :6].astype(float) / 255 * record.data["scale"]
    np.testing.assert_allclose(image, np.maximum(wanted[0], 0), atol=record.data["scale"] / 250)


def test_tokens_of_pictures_are_shown_where_they_are():
    """Of a vision transformer maps are grids, and a crop is cut out where the token was, not somewhere in a row."""
    x = keras.Input((24, 24, 3))
    y = L.Reshape((36, 3))(L.AveragePooling2D(4)(x))
    y = L.ZeroPadding1D((1, 0), name="layer")(y)  # a class token before the others
    model = ti.open_model(keras.Model(x, L.Dense(2)(L.GlobalAveragePooling1D()(y))))
    images = np.full((1, 24, 24, 3), 0.1, np.float32)
    images[0, 16:20, 4:8] = 1
    parts = [Features([0], 1), *PARTS[1:]]
    records = {record.kind: record for record in analyze(model, probe_of(images), ["layer"], parts)}
    for record in records.values():
        assert any("grid of 6 x 6; the first, taken for the class token" in note for note in record.data["notes"])

    def sheet(kind, name):
        image, entry = records[kind].images[records[kind].data[name]["image"]], records[kind].data[name]
        return image.reshape(entry["rows"], -1, *image.shape[1:])[0, :, : image.shape[1] // entry["columns"]]

    for kind, name in (("groups", "maps"), ("attribution", "positive")):
        assert sheet(kind, name).shape == (6, 6)
    assert sheet("groups", "maps").argmax() == 4 * 6 + 1
    crop = sheet("features", "crops")[..., 0]
    assert crop.shape == (12, 12)
    assert (np.argwhere(crop == 255) == np.stack(np.indices((4, 4)), -1).reshape(-1, 2) + 4).all()
