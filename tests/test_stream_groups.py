"""`stream_groups`: a data set gives what images in memory give, and what cannot be gone through twice is refused."""

import keras
import networks
import numpy as np
import pytest
import tensorflow as tf
from group_layers import as_images, identity_model, plant

import tf_interp as ti

METHODS = ("nmf", "split_nmf", "semi_nmf")
IMAGES = as_images(plant(400)[0], 2)


@pytest.fixture(scope="module")
def model():
    return identity_model(20, 2)


class Batches(keras.utils.PyDataset):
    """Numbered batches, as people write them for training."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return IMAGES[25 * index : 25 * index + 25], np.zeros(25)


def generate():
    yield from np.split(IMAGES, [10, 10, 60])


FORMS = {
    "list": lambda: np.split(IMAGES, [10, 60]),
    "generator function": lambda: generate,
    "tf.data": lambda: tf.data.Dataset.from_tensor_slices((IMAGES, np.arange(100))).batch(32),
    "PyDataset": lambda: Batches(),
    "one": lambda: [IMAGES],
}


@pytest.mark.parametrize("form", sorted(FORMS))
def test_every_data_set_gives_what_its_images_give(model, form):
    wanted = ti.find_groups(model, IMAGES, "parts", 4)
    found = ti.stream_groups(model, FORMS[form](), "parts", 4, keep=30, batch_size=16)
    assert np.allclose(found.vectors, wanted.vectors, atol=1e-4)
    assert np.allclose(found.shares, wanted.shares, atol=1e-4)
    assert found.error == pytest.approx(wanted.error, abs=1e-4)
    assert found.weights.shape == (30, 2, 2, 4)
    assert np.allclose(found.weights, wanted.weights[:30], atol=1e-4 * wanted.weights.max())
    assert found.ids == wanted.ids[:30]
    assert np.array_equal(found.weights_for(IMAGES[[3, 8]]), found.weights[[3, 8]])
    assert found.method == wanted.method
    assert wanted.notes[0].endswith("% of the activation of parts is negative, which semi_nmf groups keep")
    assert found.notes[-3].endswith("negative, which semi_nmf groups keep, by the first batch")
    assert found.notes[-2] == "the groups are of 100 images, their weights of the first 30"
    assert "the network ran over the data set" in found.notes[-1]


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_windows_are_those_of_find_groups(method, cached, tmp_path):
    model, images = identity_model(20, 4), as_images(plant(1600)[0], 4)
    wanted = ti.find_groups(model, images, "parts", 4, method=method, window=3)
    cache = tmp_path if cached else None
    found = ti.stream_groups(
        model, np.split(images, [7, 60]), "parts", 4, method=method, window=3, keep=30, cache=cache
    )
    assert np.allclose(found.vectors, wanted.vectors, atol=1e-4)
    assert np.allclose(found.shares, wanted.shares, atol=1e-4)
    assert found.error == pytest.approx(wanted.error, abs=1e-4)
    assert found.left_out == pytest.approx(wanted.left_out, abs=1e-6)
    assert np.allclose(found.weights, wanted.weights[:30], atol=1e-4 * wanted.weights.max())
    assert found.window == 3
    assert set(wanted.notes) <= set(found.notes)
    assert cached or "with cache=folder it runs twice" in found.notes[-1]
    start = found[[1, 0, 3, 2]]
    again = ti.stream_groups(model, [images], "parts", 4, method=method, window=3, init=start)
    wanted = ti.find_groups(model, images, "parts", 4, method=method, window=3, init=start)
    assert np.allclose(again.vectors, wanted.vectors, atol=1e-4)
    with pytest.raises(ValueError, match="window is an odd number"):
        ti.stream_groups(model, [images], "parts", 4, window=2)


def test_windows_of_texts_leave_out_padding():
    keras.utils.set_random_seed(0)
    takes = keras.Input((6,), dtype="int32")
    words = keras.layers.Embedding(9, 8, mask_zero=True, name="words")(takes)
    model = ti.open_model(keras.Model(takes, keras.layers.Dense(3)(keras.layers.GRU(5)(words))))
    rng = np.random.default_rng(0)
    tokens = np.where(np.arange(6) < rng.integers(1, 6, (40, 1)), rng.integers(1, 9, (40, 6)), 0)
    wanted = ti.find_groups(model, tokens, "words", 3, window=3, method="semi_nmf")
    found = ti.stream_groups(model, np.split(tokens, [9, 20]), "words", 3, window=3, method="semi_nmf")
    assert np.allclose(found.vectors, wanted.vectors, atol=1e-4)
    assert np.allclose(found.weights, wanted.weights, atol=1e-4)
    assert found.error == pytest.approx(wanted.error, abs=1e-4)


def test_a_silent_layer_has_windows(model):
    found = ti.stream_groups(model, [0 * IMAGES + 0.5], "parts", 2, window=3)
    assert not found.vectors.any()


@pytest.mark.parametrize("method", METHODS)
def test_every_streamed_method_with_a_cache(model, method, tmp_path):
    wanted = ti.find_groups(model, IMAGES, "parts", 4, method=method)
    first = FORMS["list"]()
    found = ti.stream_groups(model, first, "parts", 4, method=method, cache=tmp_path)
    assert np.allclose(found.vectors, wanted.vectors, atol=1e-4)
    assert found.notes[-1] == "the groups are of 100 images, their weights of the first 64"
    assert not list(tmp_path.iterdir())
    start = found[[1, 0, 3, 2]]
    again = ti.stream_groups(model, first, "parts", 4, method=method, init=start)
    assert again.names == ("group 1", "group 0", "group 3", "group 2")
    wanted = ti.find_groups(model, IMAGES, "parts", 4, method=method, init=start)
    assert np.allclose(again.vectors, wanted.vectors, atol=1e-4)


def test_a_shuffled_data_set_is_refused_and_cached_instead(model, tmp_path):
    shuffled = tf.data.Dataset.from_tensor_slices(IMAGES).shuffle(100).batch(32)
    with pytest.raises(ValueError, match=r"not the same the second time.*no shuffle.*cache=folder"):
        ti.stream_groups(model, shuffled, "parts", 4)
    assert ti.stream_groups(model, shuffled, "parts", 4, cache=tmp_path, keep=1).weights.shape == (1, 2, 2, 4)


def test_what_cannot_be_gone_through_again_is_refused(model):
    for batches, kind, message in (
        (generate(), TypeError, "this generator can be gone through only once: give the function that makes it"),
        (map(np.asarray, [IMAGES]), TypeError, "this map can be gone through only once"),
        (IMAGES, TypeError, "what is in memory, such as this ndarray, find_groups takes"),
        (ti.Probe.from_arrays(IMAGES.mean(-1)), TypeError, "such as this Probe, find_groups takes"),
        (tf.data.Dataset.from_tensors(IMAGES).repeat(), ValueError, r"never ends.*leave out .repeat\(\)"),
        ("images/", TypeError, "takes a data set of batches.*got str"),
        (3, TypeError, "got int"),
        ([], ValueError, "the data set is empty"),
        ([IMAGES[:0]], ValueError, "the data set is empty"),
    ):
        with pytest.raises(kind, match=message):
            ti.stream_groups(model, batches, "parts", 4)


def test_faults_are_told_with_their_batch(model):
    broken = IMAGES[:20].copy()
    broken[3] = np.nan
    with pytest.raises(ValueError, match=r"batch 1 of the data set: .*NaN"):
        ti.stream_groups(model, [IMAGES, broken], "parts", 4)
    with pytest.raises(ValueError, match=r"batch 2 of the data set: images must lie in \[0,1\]"):
        ti.stream_groups(model, [IMAGES, IMAGES, IMAGES * 255], "parts", 4)
    layers = [keras.layers.Rescaling(3e38, 1e38, name="parts"), keras.layers.Flatten()]
    huge = ti.open_model(keras.Sequential([keras.Input((2, 2, 3)), *layers]))
    with pytest.raises(ValueError, match="activations of layer 'parts' on batch 1 of the data set are NaN or infinite"):
        ti.stream_groups(huge, [np.zeros((4, 2, 2, 3)), np.ones((4, 2, 2, 3))], "parts", 2)
    flexible = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(4, 1, name="conv")])
    with pytest.raises(ValueError, match="on batch 1 of the data set has 3 x 3 positions, before it had 2 x 2"):
        ti.stream_groups(ti.open_model(flexible), [np.ones((4, 2, 2, 3)), np.ones((4, 3, 3, 3))], "conv", 2)


def test_impossible_requests_are_refused(model):
    for settings, message in (
        ({"method": "sparse"}, r"method 'sparse' needs all activations at once.*\['nmf', 'semi_nmf', 'split_nmf'\]"),
        ({"method": "smei_nmf"}, "did you mean 'semi_nmf'"),
        ({"keep": 0}, "keep, the number of images"),
        ({"k": 21}, "1 to 20 groups, got k=21"),
        ({"layer": "prats"}, "has no layer 'prats'"),
        ({"init": ti.Directions("other", np.ones((4, 20)))}, "cannot start those of layer"),
    ):
        with pytest.raises(ValueError, match=message):
            ti.stream_groups(model, [IMAGES], **{"layer": "parts", "k": 4, **settings})


def test_a_silent_layer_gives_empty_groups_and_says_so():
    layers = [
        keras.layers.Conv2D(5, 1, activation="relu", bias_initializer="ones", name="conv"),
        keras.layers.Flatten(),
    ]
    network = keras.Sequential([keras.Input((2, 2, 3)), *layers])
    network.get_layer("conv").bias.assign(-100 * np.ones(5))
    groups = ti.stream_groups(ti.open_model(network), [np.ones((4, 2, 2, 3))] * 3, "conv", 2)
    assert not groups.vectors.any()
    assert groups.weights.shape == (12, 2, 2, 2)
    assert "conv is silent" in groups.notes[0]


def test_several_inputs_and_networks_that_were_never_called():
    network = networks.many()
    rng = np.random.default_rng(5)
    given = [{name: rng.random((4, 8, 8, 3)) for name in ("right", "left")} for _ in range(2)]
    opened = ti.open_model(network.model)
    whole = {name: np.concatenate([part[name] for part in given]) for name in given[0]}
    found = ti.stream_groups(opened, given, "join", 2)
    assert np.allclose(found.vectors, ti.find_groups(opened, whole, "join", 2).vectors, atol=1e-4)
    dense = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(6, activation="relu", name="dense")])
    groups = ti.stream_groups(ti.open_model(dense), [networks.pictures(9), networks.pictures(4)], "dense", 2)
    assert groups.weights.shape == (13, 1, 1, 2)
