"""Taps: what they can read, what they refuse, and that they never stay."""

import threading

import keras
import networks
import numpy as np
import pytest
import tensorflow as tf
from networks import SIZE, chain, fill, pictures

import tf_interp as ti
from tf_interp.models import KerasModel, open_model
from tf_interp.models.keras_model.taps import tapped

L = keras.layers


def taps(model):
    return [layer.name for layer in model._flatten_layers() if "call" in layer.__dict__]


def test_paths_kinds_and_order():
    network = networks.nested()
    model = KerasModel(network.model)
    assert list(model.layers) == [
        "backbone/inner/conv",
        "backbone/inner/norm",
        "backbone/inner",
        "backbone/relu",
        "backbone",
        "pool",
        "head",
        "output",
    ]
    kinds = [row.kind for row in model.inspect()]
    assert kinds[:4] == ["Conv2D", "BatchNormalization", "Functional", "ReLU"]
    assert model.input_shape == SIZE
    assert not model.logits_undone


def test_operations_have_names():
    layers = KerasModel(networks.operations().model).layers
    assert {"conv", "pool", "head", "output"} < set(layers)
    assert any(path.startswith("relu") for path in layers)
    assert any(path.startswith("multiply") for path in layers)


def test_weights_are_live():
    network = networks.functional()
    model = KerasModel(network.model)
    before = model.run(network.images, ["relu", "output"])
    digest = model.digest()
    fit = keras.Model(network.model.input, network.model.output)
    fit.compile(optimizer=keras.optimizers.SGD(0.5), loss="sparse_categorical_crossentropy")
    fit.fit(network.images, np.array([0, 1, 2, 0]), epochs=2, verbose=0)
    after = model.run(network.images, ["relu", "output"])
    assert np.abs(after["output"] - before["output"]).max() > 1e-3
    np.testing.assert_allclose(tf.nn.softmax(after["output"]), network.model(network.images), rtol=1e-5)
    assert model.digest() != digest
    assert len([key for key in model._functions if key[0] == "run"]) == 1


def test_run_inside_a_training_callback():
    network = networks.sequential()
    model = KerasModel(network.model)
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(model.run(network.images, ["relu"])["relu"].numpy().sum())

    network.model.compile(optimizer="sgd", loss="sparse_categorical_crossentropy")
    network.model.fit(network.images, np.array([0, 1, 2, 0]), epochs=3, verbose=0, callbacks=[Watch()])
    assert len(set(seen)) == 3
    assert not taps(network.model)


def test_never_called_model_needs_a_shape_a_sample_or_a_run():
    network = networks.subclassed()
    model = open_model(network.model)
    assert model.input_shape is None
    with pytest.raises(ValueError, match=r"input=\(height, width, channels\)"):
        _ = model.layers
    model.run(pictures(2), ["output"])
    assert model.input_shape == SIZE
    assert "block_2/first" in model.layers
    by_sample = open_model(networks.subclassed().model, input=pictures(2))
    by_shape = open_model(networks.subclassed().model, input=SIZE)
    assert by_sample.layers == by_shape.layers == model.layers
    with pytest.raises(TypeError, match="a shape"):
        open_model(networks.subclassed().model, input=3)
    with pytest.raises(ValueError, match="could not be called on inputs of shape"):
        _ = open_model(networks.subclassed().model, input=(8, 8)).layers


def test_first_run_may_happen_inside_a_tf_function():
    network = networks.subclassed()
    model = open_model(network.model)
    got = tf.function(lambda x: model.run(x, ["pool"])["pool"], autograph=False)(pictures())
    np.testing.assert_allclose(got, model.run(pictures(), ["pool"])["pool"], rtol=1e-6)


def test_shape_of_a_network_for_any_size_can_be_narrowed():
    x = keras.Input((None, None, 3))
    model = keras.Model(x, L.Conv2D(2, 3, name="conv")(x))
    assert open_model(model).layers["conv"] == (None, None, 2)
    assert open_model(model, input=(10, 8, 3)).layers["conv"] == (8, 6, 2)
    assert open_model(model).run(pictures(size=(12, 9, 3)), ["conv"])["conv"].shape == (4, 10, 7, 2)
    with pytest.raises(ValueError, match="takes 1 inputs"):
        open_model(model, input=[(8, 8, 3), (8, 8, 3)])


def test_a_model_that_was_called_with_one_batch_size_takes_any():
    model = keras.Sequential([L.Conv2D(2, 3, name="conv"), L.Flatten(), L.Dense(2)])
    model(pictures(1))
    assert KerasModel(model).run(pictures(5), ["conv", "output"])["output"].shape == (5, 2)


def test_a_model_that_needs_a_fixed_batch_size():
    class Fixed(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = L.Dense(2, name="dense")

        def call(self, inputs):
            rows = int(inputs.shape[0])  # fails for an unknown number of images
            return self.dense(tf.reshape(inputs, [rows, -1]))

    model = open_model(Fixed(), input=SIZE)
    assert model.layers == {"dense": (2,), "output": (2,)}
    for count in (1, 3):
        assert model.run(pictures(count), ["dense"])["dense"].shape == (count, 2)


def test_dict_inputs_of_a_subclassed_model():
    class Two(keras.Model):
        def __init__(self):
            super().__init__()
            self.conv = L.Conv2D(2, 3, name="conv")

        def call(self, inputs):
            return {"near": self.conv(inputs["a"]), "far": keras.ops.softmax(self.conv(inputs["b"]))}

    images = {"a": pictures(), "b": pictures(seed=1)}
    for model in (open_model(Two()), open_model(Two(), input={"a": SIZE, "b": SIZE})):
        got = model.run(images, ["conv@0", "conv@1", "output:near", "output:far"])
        np.testing.assert_array_equal(got["output:near"], got["conv@0"])
        np.testing.assert_array_equal(got["output:far"], got["conv@1"])  # softmax undone
        assert model.resolve("output:near") == "output:1"


def test_tensors_of_a_layer_that_returns_several():
    network = networks.recurrent()
    model = KerasModel(network.model)
    assert [path for path in model.layers if path.startswith("lstm")] == ["lstm", "lstm:1", "lstm:2"]
    got = model.run(network.images, ["lstm", "lstm:1"])
    np.testing.assert_array_equal(got["lstm"][:, -1], got["lstm:1"])
    zero = model.run(network.images, ["output"], {"lstm": tf.zeros_like(got["lstm"])})["output"]
    np.testing.assert_array_equal(zero, np.broadcast_to(network.model.get_layer("head").bias, zero.shape))


def test_layers_in_a_loop_are_refused_with_the_reason():
    model = KerasModel(networks.recurrent().model)
    with pytest.raises(ValueError, match="'lstm/lstm_cell' cannot be read: it runs inside a loop"):
        model.run(pictures(), ["lstm_cell"])


class OwnFunction(keras.Model):
    def __init__(self):
        super().__init__(name="own")
        self.conv, self.pool = L.Conv2D(2, 3, name="conv"), L.GlobalAveragePooling2D(name="pool")

    @tf.function
    def call(self, inputs):
        return self.pool(self.conv(inputs))


@pytest.mark.parametrize("traced", [False, True])
def test_layers_in_a_function_of_their_own_are_refused(traced):
    network = OwnFunction()
    expected = network(pictures()) if traced else None
    model = open_model(network, input=SIZE)
    assert list(model.layers) == ["output"]
    with pytest.raises(ValueError, match="'conv' cannot be read"):
        model.run(pictures(), ["conv"])
    got = model.run(pictures(), ["output"])["output"]
    np.testing.assert_allclose(got, network(pictures()) if expected is None else expected, rtol=1e-6)
    assert not taps(network)


def test_layers_that_are_not_called_are_refused():
    class Lazy(keras.Model):
        def __init__(self):
            super().__init__()
            self.used, self.spare = L.Dense(2, name="used"), L.Dense(2, name="spare")
            self.spare.build((None, 4))

        def call(self, inputs):
            return self.used(inputs)

    model = open_model(Lazy(), input=(4,))
    with pytest.raises(ValueError, match="'spare' cannot be read: it is not called"):
        model.resolve("spare")


def test_layer_that_is_not_called_this_time():
    class Moody(keras.Model):
        def __init__(self):
            super().__init__()
            self.extra, self.last = L.Dense(2, name="extra"), L.Dense(2, name="last")

        def call(self, inputs):
            return self.last(self.extra(inputs) if mood else inputs)

    mood = ["good"]  # no attribute of the network, so that nothing tells
    model = open_model(Moody(), input=(2,))
    assert "extra" in model.layers
    mood.clear()
    with pytest.raises(ValueError, match="'extra' was not called in this forward pass"):
        model.run(np.ones((3, 2)), ["extra"])


def test_taps_come_off_when_the_model_raises():
    class Angry(L.Layer):
        def call(self, inputs):
            if anger:
                raise RuntimeError("no")
            return inputs

    anger: list[str] = []
    network = chain(L.Conv2D(2, 3, name="conv"), Angry(name="angry"))
    model = KerasModel(network)
    assert "angry" in model.layers
    anger.append("much")
    with pytest.raises(RuntimeError, match="no"):
        model.run(pictures(), ["conv", "angry"])
    assert not taps(network)
    anger.clear()
    assert model.run(pictures(), ["conv", "angry"])["angry"].shape == (4, 6, 6, 2)


def test_nested_taps_put_back_what_was_there():
    layer = L.Dense(2)
    layer(np.ones((1, 3), np.float32))
    own = layer.call
    layer.call = lambda inputs: own(inputs) + 1.0  # the user's own patch
    mine = layer.__dict__["call"]
    with tapped([layer], lambda _, call: call() * 2.0):
        with tapped([layer], lambda _, call: call() * 10.0):
            both = layer(np.ones((1, 3), np.float32))
        one = layer(np.ones((1, 3), np.float32))
    assert layer.__dict__["call"] is mine
    np.testing.assert_allclose(both, one * 10.0)
    np.testing.assert_allclose(one, layer(np.ones((1, 3), np.float32)) * 2.0)


def test_another_thread_passes_by_a_tap():
    layer = L.Dense(2, kernel_initializer="ones")
    images = np.ones((1, 3), np.float32)
    got = []
    layer(images)
    with tapped([layer], lambda _, call: call() * 0.0):
        thread = threading.Thread(target=lambda: got.append(layer(images).numpy()))
        thread.start()
        thread.join(30)
        assert not layer(images).numpy().any()
    np.testing.assert_array_equal(got[0], np.full((1, 2), 3.0))


def test_no_state_changes():
    class Counting(L.Layer):
        """Counts calls, adds a loss, and updates its count even at inference."""

        def build(self, shape):
            self.count = self.add_weight(shape=(), initializer="zeros", trainable=False, name="count")

        def call(self, inputs):
            self.count.assign_add(1.0)
            self.add_loss(tf.reduce_sum(inputs))
            return inputs + self.count

    layers = [Counting(name="counting"), L.Conv2D(2, 3, name="conv", activity_regularizer="l2")]
    network = keras.Sequential([keras.Input(SIZE), *layers])  # its count is zero
    model = KerasModel(network)
    for _ in range(3):
        got = model.run(pictures(), ["counting", "output"])
    np.testing.assert_allclose(got["counting"], pictures() + 1.0, rtol=1e-6)  # as its next call would be
    assert float(network.get_layer("counting").count.numpy()) == 0.0
    assert all(not hasattr(loss, "graph") for loss in network.losses)


def test_global_random_state_is_not_touched():
    network = networks.functional()
    keras.utils.set_random_seed(3)
    model = KerasModel(network.model)
    model.run(network.images, ["conv", "output"])
    got = np.random.rand(), float(tf.random.uniform(()))  # noqa: NPY002
    keras.utils.set_random_seed(3)
    assert got == (np.random.rand(), float(tf.random.uniform(())))  # noqa: NPY002


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras with NumPy 2
def test_saving_and_copying_after_reading(tmp_path):
    network = networks.functional()
    KerasModel(network.model).run(network.images, ["conv"])
    network.model.save(tmp_path / "saved.keras")
    again = keras.saving.load_model(tmp_path / "saved.keras", compile=False)
    np.testing.assert_array_equal(again(network.images), network.model(network.images))


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize`:UserWarning")
def test_quantized_layers_can_be_read():
    network = chain(L.GlobalAveragePooling2D(name="pool"), L.Dense(8, name="wide"), L.Dense(3, name="head"))
    fill(network)
    network.quantize("int8")
    model = KerasModel(network)
    got = model.run(pictures(), ["wide", "output"])
    np.testing.assert_allclose(got["output"], network(pictures()), rtol=1e-5)
    zero = model.run(pictures(), ["output"], {"wide": tf.zeros_like(got["wide"])})["output"]
    assert np.abs(zero - got["output"]).max() > 1e-3


@pytest.mark.parametrize(
    ("first", "preprocess", "warned"),
    [
        (L.Rescaling(1 / 255.0), None, True),
        (L.Rescaling(1 / 255.0), lambda x: 255.0 * x, False),
        (L.ReLU(), None, False),
        (L.ReLU(), keras.applications.mobilenet_v2.preprocess_input, False),  # recognized
        (L.ReLU(), lambda x: x / 127.5 - 1.0, True),
    ],
)
def test_a_wrong_value_range_is_noted(first, preprocess, warned):
    model = open_model(chain(first, L.Conv2D(2, 3)), preprocess=preprocess)
    assert any("0..255" in note for note in model.notes) == warned


def test_preprocess_of_keras_applications_gets_255():
    network = chain(L.Conv2D(2, 3, name="conv"))
    ours = open_model(network, preprocess=keras.applications.mobilenet_v2.preprocess_input)
    by_hand = open_model(network, preprocess=lambda x: 2.0 * x - 1.0)
    got, expected = (model.run(pictures(), ["conv"])["conv"] for model in (ours, by_hand))
    np.testing.assert_allclose(got, expected, atol=1e-6)
    with pytest.raises(TypeError, match="function of a batch"):
        open_model(network, preprocess=255.0)


def test_class_names_that_do_not_match_are_noted():
    network = networks.sequential().model
    assert "2 class names for 3 logits" in open_model(network, class_names=["a", "b"]).notes
    assert not [note for note in open_model(network, class_names=["a", "b", "c"]).notes if "class names" in note]
    with pytest.raises(TypeError, match="list of names"):
        open_model(network, class_names="abc")


def test_a_channel_axis_of_one_may_be_left_out():
    x = keras.Input((6, 6))
    model = open_model(keras.Model(x, L.Flatten(name="flat")(x)))
    images = pictures(size=(6, 6, 1))
    np.testing.assert_array_equal(model.run(images, ["flat"])["flat"], images.reshape(4, 36))
    model = open_model(chain_of_one := keras.Sequential([keras.Input((6, 6, 1)), L.Flatten(name="flat")]))
    assert chain_of_one.built
    np.testing.assert_array_equal(model.run(images[..., 0], ["flat"])["flat"], images.reshape(4, 36))


def test_another_backend_is_refused(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ValueError, match='KERAS_BACKEND="tensorflow"'):
        open_model(networks.sequential().model)


def test_mirrored_strategy():
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        network = networks.functional()
    model = KerasModel(network.model)
    got = model.run(network.images, ["conv"])["conv"]
    np.testing.assert_allclose(got, network.before(network.images), rtol=1e-5)
    assert len(model.digest()) == 12


def test_lists_of_pictures_and_of_inputs():
    model = KerasModel(chain(L.Flatten(name="flat")))
    images = pictures()
    expected = images.reshape(4, -1)
    for form in (list(images), list(tf.constant(images)), [images], images.tolist()):
        np.testing.assert_allclose(model.run(form, ["flat"])["flat"], expected, rtol=1e-6)
    inside = tf.function(lambda x: model.run(tf.unstack(x), ["flat"])["flat"], autograph=False)
    np.testing.assert_array_equal(inside(images), expected)


def test_a_users_tf_function_with_autograph():
    network = networks.functional()
    model = KerasModel(network.model)

    @tf.function
    def step(images):
        return model.run(images, ["conv"])["conv"]

    np.testing.assert_allclose(step(tf.constant(network.images)), network.before(network.images), rtol=1e-5)


def test_a_layer_with_an_attribute_called_operations():
    class Odd(L.Layer):
        operations = ("add", "multiply")

        def call(self, inputs):
            return inputs + 1.0

    assert list(KerasModel(chain(Odd(name="odd"))).layers) == ["odd", "output"]


def test_a_name_that_fits_calls_of_several_layers_is_ambiguous():
    class Twice(keras.Model):
        def __init__(self):
            super().__init__()
            self.block, self.conv = Inner(name="block"), L.Conv2D(3, 1, name="conv")

        def call(self, inputs):
            return self.block(self.conv(self.conv(inputs)))

    class Inner(L.Layer):
        def __init__(self, **options):
            super().__init__(**options)
            self.conv = L.Conv2D(3, 1, name="conv")

        def call(self, inputs):
            return self.conv(inputs)

    model = open_model(Twice(), input=SIZE)
    with pytest.raises(ValueError, match=r"ambiguous, it fits \['conv@0', 'conv@1', 'block/conv'\]"):
        model.resolve("conv")


def test_one_thread_taps_at_a_time():
    layer = L.Dense(2)
    entered = threading.Event()

    def other():
        with tapped([layer], lambda _, call: call()):
            entered.set()

    thread = threading.Thread(target=other)
    with tapped([layer], lambda _, call: call()):
        thread.start()
        assert not entered.wait(0.3)
    thread.join(30)
    assert entered.is_set()
    assert "call" not in layer.__dict__


def test_what_comes_behind_the_last_wanted_layer_is_not_built():
    seen = []

    class Careful(keras.Model):
        """Catches whatever its layers raise, as some do; the last layer is not of interest."""

        def __init__(self):
            super().__init__(name="careful")
            self.conv, self.last = L.Conv2D(2, 3, name="conv"), L.Conv2D(2, 1, name="last")

        def call(self, inputs):
            try:
                between = self.conv(inputs)
            except Exception:
                between = inputs
            seen.append("last")
            return self.last(between)

    network = Careful()
    model = open_model(network, input=SIZE)
    _ = model.layers
    seen.clear()
    for one in dict.fromkeys((model, model.folded)):  # they are one on the general road
        before = one.run(pictures(), ["conv"])["conv"]
        assert not seen
        got = one.run(pictures(), ["conv", "output"])  # nothing of the stop before is left
        assert seen
        np.testing.assert_array_equal(got["conv"], before)
        assert not any("call" in layer.__dict__ for layer in network.layers)
        seen.clear()
    np.testing.assert_allclose(network(pictures()), got["output"], rtol=1e-5, atol=1e-6)


def test_new_networks_and_sizes_are_not_reported_as_retracing(caplog):
    tf.get_logger().addHandler(caplog.handler)
    try:
        for number in range(6):
            network = chain(L.Conv2D(2, 3, activation="relu", name="conv"), L.GlobalAveragePooling2D(), L.Dense(2))
            model = open_model(network)
            ti.attribute(model, pictures(1 + number), 1, layer="conv")
            ti.render(model, "conv:1", size=8 + number, steps=1, retries=0)
            network.layers[0].activation = keras.activations.tanh
            model.run(pictures(1 + number), ["conv"])
    finally:
        tf.get_logger().removeHandler(caplog.handler)
    assert not [record.getMessage() for record in caplog.records if "retracing" in record.getMessage()]


class Ending(keras.Model):
    """Returns what a function makes of the pooled layer."""

    def __init__(self, end):
        super().__init__(name="ending")
        self.conv, self.pool, self.end = L.Conv2D(2, 3, name="conv"), L.GlobalAveragePooling2D(name="pool"), end

    def call(self, inputs):
        return self.end(self.pool(self.conv(inputs)))


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (lambda y: {"aux": None, "logits": y}, "output 'aux' is left out: it is None"),
        (lambda y: (y, 3.0), "output '1' is left out: it is 3.0, no tensor of the network"),
        (lambda y: [None, y], "output '0' is left out: it is None"),
    ],
)
def test_outputs_that_are_no_tensors_are_left_out_and_said(end, said):
    model = open_model(Ending(end), input=SIZE)
    assert list(model.layers) == ["conv", "pool", "output"]
    assert said in model.notes
    got = model.run(pictures(), ["output", "pool"])
    np.testing.assert_allclose(got["output"], model.model.pool(model.model.conv(pictures())), rtol=1e-5)


def test_outputs_inside_dicts_have_the_labels_of_their_paths():
    model = open_model(Ending(lambda y: {"b": y, "a": {"x": y + 1.0, "y": y + 2.0}}), input=SIZE)
    got = model.run(pictures(), ["pool", "output:a/y", "output:b"])
    np.testing.assert_allclose(got["output:a/y"], got["pool"] + 2.0, rtol=1e-5)
    np.testing.assert_allclose(got["output:b"], got["pool"], rtol=1e-5)


def test_a_network_that_returns_no_tensor_is_refused_in_a_sentence():
    with pytest.raises(ValueError, match=r"'ending' returns no tensor .* it is None"):
        _ = open_model(Ending(lambda y: None), input=SIZE).layers


class Detector(keras.Model):
    def __init__(self, combined):
        super().__init__(name="detector")
        self.conv = L.Conv2D(8, 3, name="conv")
        self.box, self.score = L.Conv2D(4, 1, name="box"), L.Conv2D(3, 1, activation="sigmoid", name="score")
        self.combined = combined

    def call(self, inputs):
        value = self.conv(inputs)
        boxes, scores = (
            keras.ops.reshape(self.box(value), (-1, 36, 4)),
            keras.ops.reshape(self.score(value), (-1, 36, 3)),
        )
        if self.combined:
            return tf.image.combined_non_max_suppression(boxes[:, :, None], scores, 5, 5)
        kept = tf.image.non_max_suppression(boxes[0], scores[0, :, 0], 5)
        return {"boxes": tf.gather(boxes[0], kept), "scores": tf.gather(scores[0], kept)}


@pytest.mark.parametrize("combined", [True, False])
def test_what_is_before_a_non_maximum_suppression_is_read_and_what_is_behind_is_no_class(combined):
    network = Detector(combined)
    model = open_model(network, input=SIZE)
    got = model.run(pictures(), ["conv", "score", "output"])
    np.testing.assert_allclose(got["score"], network.score(network.conv(pictures())), rtol=1e-5)
    expected = network(pictures())
    np.testing.assert_allclose(got["output"], expected[0] if combined else expected["boxes"], rtol=1e-5)
    assert {head.kind for head in model.heads.values()} == {"other"}
    assert "NonMaxSuppression" in model.head().caution
    with pytest.raises(ValueError, match=r"no classes: .*NonMaxSuppression.* Ask about the layers before it"):
        ti.attribute(model, pictures(), 0, layer="conv")
    assert np.isfinite(ti.render(model, "score:1", steps=2, retries=0).activations).all()
    records = ti.analyze(model, ti.Probe.from_arrays(pictures()), ["conv"], [ti.NeuronGroups(2, icons=False)])
    assert [record.kind for record in records] == ["groups"]


def test_an_operation_without_gradient_is_named():
    model = open_model(Detector(True), input=SIZE)
    with pytest.raises(ValueError, match=r"leads through CombinedNonMaxSuppression, .* 'detector' that has"):
        ti.attribute(model, pictures(), lambda boxes: tf.reduce_sum(boxes, (1, 2)), layer="conv")
    with pytest.raises(ValueError, match="leads through CombinedNonMaxSuppression"):
        ti.render(model, lambda t: tf.reduce_sum(t("output"), (1, 2, 3)), steps=2)


@pytest.mark.parametrize("count", [2, 4, 5])
def test_a_recurrent_layer_with_state_and_a_fixed_batch(count):
    x = keras.Input(batch_shape=(2, 6, 3))
    lstm, head = L.LSTM(5, stateful=True, return_sequences=True, name="lstm"), L.Dense(2, name="head")
    network = keras.Model(x, head(L.GlobalAveragePooling1D()(lstm(x))))
    series = pictures(6, size=(6, 3))
    network(series[4:])  # it has a state now, and reading does not change it
    state = [value.numpy() for value in lstm.states]
    model = open_model(network)
    got = model.run(series[:count], ["lstm", "output"])["output"].numpy()
    assert len(got) == count
    for start in range(0, count, 2):
        for value, before in zip(lstm.states, state, strict=True):
            np.testing.assert_array_equal(value, before)
        rows = [start, min(start + 1, count - 1)]  # a last one without another stands twice
        expected = network(series[rows])[: count - start]
        np.testing.assert_allclose(got[start : start + 2], expected, rtol=1e-5)
        for value, before in zip(lstm.states, state, strict=True):
            value.assign(before)
    assert model.fixed_batch == 2


def test_a_network_of_whole_numbers_takes_them_in_any_rank():
    inputs = keras.Input((10, 2), dtype="int32")
    network = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Flatten()(keras.ops.cast(inputs, "float32"))))
    numbers = np.arange(40).reshape(2, 10, 2).astype(np.int32)
    np.testing.assert_allclose(KerasModel(network).run(numbers, ["output"])["output"], network(numbers), rtol=1e-5)


@keras.saving.register_keras_serializable("drawing")
class Draws(L.Layer):
    """Adds noise: always, or in training only, or to something that nobody returns."""

    def __init__(self, always=True, **kwargs):
        super().__init__(**kwargs)
        self.always, self.seeds = always, keras.random.SeedGenerator(1)

    def call(self, x, training=False):
        noise = keras.random.normal(keras.ops.shape(x), seed=self.seeds)
        self.add_loss(keras.ops.mean(noise))
        return x + noise if self.always or training else x


@pytest.mark.parametrize("always", [True, False])
def test_a_live_network_that_draws_what_it_returns_is_told(always):
    x = keras.Input((6,))
    model = open_model(keras.Model(x, L.Dense(3)(Draws(always)(x))))
    assert [warning.startswith("what it returns is one draw of chance") for warning in model.warnings] == [
        True
    ] * always
