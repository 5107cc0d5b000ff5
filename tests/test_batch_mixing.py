"""Do pictures of a batch influence one another? Each network against what Keras computes of one picture alone."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from networks import Network, chain, fill, functional, pictures

from tf_interp import Probe, open_model
from tf_interp.models.batches import take_inputs
from tf_interp.models.batching.batch_mixing import Mixing

L = keras.layers
ops = keras.ops
SAYS = "what it returns for one picture depends on"


def _mixing(make):
    """Return a network with an operation in its middle that may take pictures together."""
    x = keras.Input((8, 8, 3))
    y = make(L.Conv2D(4, 3, activation="relu", name="conv")(x))
    network = keras.Model(x, L.Dense(3, name="head")(L.GlobalAveragePooling2D(name="pool")(y)))
    fill(network)
    return network


class Training(L.Layer):
    """A batch normalization as in training, inside a call."""

    def __init__(self, **options):
        super().__init__(**options)
        self.norm = L.BatchNormalization(name="norm")

    def call(self, x):
        return self.norm(x, training=True)


class Rows(L.Layer):
    """A fixed batch of four, in pairs."""

    def call(self, x):
        pairs = tf.reshape(x, (2, 2, 6, 6, 4))
        return tf.reshape(pairs - tf.reduce_mean(pairs, 1, keepdims=True), (4, 6, 6, 4))


class Attending(L.Layer):
    """Attention over the batch: a matmul with all pictures."""

    def call(self, x):
        flat = tf.reshape(x, (tf.shape(x)[0], 144))
        return tf.reshape(tf.nn.softmax(flat @ tf.transpose(flat)) @ flat, tf.shape(x))


@keras.saving.register_keras_serializable("mixing")
class Function(L.Layer):
    """Any function of a batch."""

    def __init__(self, function, **options):
        super().__init__(**options)
        self.function = function

    def call(self, x):
        return self.function(x)


MIXING = {
    "mean": lambda x: x - ops.mean(x, 0),
    "mean of all": lambda x: x - ops.mean(x, keepdims=True),
    "largest": lambda x: x / ops.max(x),
    "softmax": lambda x: L.Softmax(axis=0, name="softmax")(x),
    "sorted": lambda x: ops.sort(x, 0),
    "before": lambda x: ops.cumsum(x, 0),
    "behind": lambda x: ops.flip(ops.cumsum(ops.flip(x, 0), 0), 0),
    "moved": lambda x: ops.roll(x, 1, 0),
    "turned": lambda x: ops.reshape(ops.transpose(ops.reshape(x, (-1, 144))), (-1, 6, 6, 4)),
    "normalized": lambda x: Training(name="training")(x),
    "attention": lambda x: Attending(name="attending")(x),
    "a little": lambda x: x + 0.01 * ops.mean(x, 0),
}
ALONE = {
    "layer norm": lambda x: L.LayerNormalization()(x),
    "batch norm": lambda x: L.BatchNormalization()(x),
    "group norm": lambda x: L.GroupNormalization(2)(x),
    "mean of a picture": lambda x: x - ops.mean(x, (1, 2, 3), keepdims=True),
    "windows": lambda x: ops.reshape(ops.reshape(x, (-1, 3, 6, 4)) * 2.0, (-1, 6, 6, 4)),
    "time first": lambda x: ops.transpose(ops.cumsum(ops.transpose(x, (1, 0, 2, 3)), 0), (1, 0, 2, 3)),
    "dropout": lambda x: L.Dropout(0.5)(x),
    "stepwise": lambda x: ops.round(8 * x) / 8,
    "positions": lambda x: x + ops.ones((6, 6, 4)),
    "nan": lambda x: ops.log(x - 0.1),
}


def _moves(network, images):
    """Return how far Keras's own numbers move when a picture is among copies of itself, in parts of the largest."""
    together = network(images, training=False).numpy()
    alone = np.concatenate([network(images[[row] * len(images)], training=False)[row : row + 1] for row in range(4)])
    return np.nanmax(np.abs(together - alone)) / np.nanmax(np.abs(together))


@pytest.mark.parametrize("kind", MIXING)
def test_pictures_that_influence_one_another_are_told(kind):
    network = _mixing(MIXING[kind])
    assert _moves(network, pictures()) > 1e-4
    model = open_model(network)
    (warning,) = model.warnings
    assert SAYS in warning
    found = model.batch_mixing()
    assert found.layer not in ("conv", "output")
    assert found.amount > 1e-4
    assert not found.by_number
    assert repr(found.layer) in warning
    assert warning in model.notes


@pytest.mark.parametrize("kind", ALONE)
def test_pictures_that_are_computed_alone_are_not(kind):
    network = _mixing(ALONE[kind])
    assert kind == "nan" or _moves(network, pictures()) < 1e-5
    model = open_model(network)
    assert model.batch_mixing() is None
    assert model.warnings == []


@pytest.mark.parametrize("kind", ["mean", "largest", "moved", "attention", "normalized"])
def test_a_saved_model_tells_it_too(kind, tmp_path):
    network = _mixing(MIXING[kind])
    network.export(tmp_path, verbose=False)
    model = open_model(tmp_path)
    (warning,) = model.warnings
    assert SAYS in warning
    assert model.batch_mixing().amount > 0.01


def test_the_first_layer_is_named_and_how_far_it_moves():
    x = keras.Input((4,))
    y = L.Dense(4, name="early")(x)
    y = L.Dense(2, name="late")(L.Activation(lambda y: y - ops.mean(y, 0), name="centered")(y))
    network = keras.Model(x, y)
    model = open_model(network)
    rows = np.random.default_rng(0).random((5, 4), np.float32)  # the noise of the second look, with five
    early = network.get_layer("early")(rows).numpy()
    centered = early - early.mean(0)
    found = model.batch_mixing()
    assert found.layer == "centered"
    # among copies of itself a row is 0
    assert found.amount == pytest.approx(np.abs(centered[[0, -1]]).max() / np.abs(centered).max(), rel=1e-3)


def test_a_number_of_pictures_that_matters_is_told():
    x = keras.Input((8, 8, 3))
    divided = Function(lambda y: y / tf.cast(tf.shape(y)[0], tf.float32), name="divided")
    model = open_model(keras.Model(x, L.Dense(2)(L.Flatten()(divided(x)))))
    assert model.batch_mixing() == Mixing("divided", pytest.approx(4, abs=1), True)
    assert sum("depends on how many others are in its batch" in warning for warning in model.warnings) == 1


def test_a_batch_of_one_number_only_is_measured_with_that_many():
    x = keras.Input(batch_shape=(4, 8, 8, 3))
    y = Rows(name="rows")(L.Conv2D(4, 3, name="conv")(x))
    model = open_model(keras.Model(x, L.Dense(3)(L.Flatten()(y))))
    assert model.fixed_batch == 4
    assert model.batch_mixing().layer == "rows"


def test_preprocess_counts_too():
    network = chain(L.Flatten(name="flat"), L.Dense(3, name="head"))
    model = open_model(network, preprocess=lambda x: (x - tf.reduce_mean(x)) / tf.math.reduce_std(x))
    assert model.batch_mixing().layer == "flat"


def test_what_draws_at_random_is_no_mixing(tmp_path):
    x = keras.Input((8, 8, 3))
    drawn = Function(lambda y: y * tf.random.uniform(tf.shape(y)), name="drawn")
    network = keras.Model(x, L.Dense(2)(L.Flatten()(drawn(x))))
    assert open_model(network).batch_mixing() is None
    network.export(tmp_path, verbose=False)
    assert open_model(tmp_path).batch_mixing() is None


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_rounding_in_half_precision_is_no_mixing(policy):
    layers = [L.Conv2D(16, 3, padding="same", activation="relu", dtype=policy) for _ in range(6)]
    network = chain(*layers, L.GlobalAveragePooling2D(dtype=policy), L.Dense(3, dtype="float32"))
    assert open_model(network).batch_mixing() is None


class Free(keras.Model):
    """Nobody knows what it takes before it was called."""

    def __init__(self):
        super().__init__()
        self.head = L.Dense(3, name="head")

    def call(self, x):
        y = tf.reduce_mean(tf.cast(x, tf.float32), (1, 2))
        return self.head(y - tf.reduce_mean(y, 0))


@pytest.mark.parametrize("way", ["run", "take_inputs"])
def test_of_a_network_that_was_never_called_it_is_measured_with_what_is_given(way):
    model = open_model(Free())
    model.run(pictures(1), ["output"])
    if way == "run":
        model.run(pictures(), ["output"])
    else:
        take_inputs(model, Probe.from_arrays(pictures()), "test")
    assert model.batch_mixing().layer == "head"


@pytest.mark.parametrize("kernel", [3, 40])
def test_open_sizes_are_measured_with_small_pictures_or_with_what_is_given(kernel):
    x = keras.Input((None, None, 3))
    y = L.GlobalAveragePooling2D()(L.Conv2D(4, kernel, name="conv")(x))
    model = open_model(keras.Model(x, L.Dense(2, name="head")(y - ops.mean(y, 0))))
    if kernel == 40:  # the noise is smaller
        assert model.batch_mixing() is None
        (note,) = [note for note in model.notes if "was not measured" in note]
        assert "with the first two pictures or more that it is given" in note
        model.run(pictures(2, size=(44, 44, 3)), ["conv"])
    assert model.batch_mixing().layer.startswith("subtract")
    assert not [note for note in model.notes if "was not measured" in note]


def test_numbers_of_words_are_measured_again_with_what_is_given():
    """Whole numbers of noise are 0 and 1, and only other ones are taken together."""
    tokens = keras.Input((6,), dtype="int32")
    words = L.Embedding(20, 4, name="words")(tokens)
    rare = ops.cast(ops.expand_dims(tokens, -1) > 1, "float32")
    model = open_model(keras.Model(tokens, L.Dense(2)(L.Flatten()(words - rare * ops.mean(words, 0)))))
    model.run(np.ones((1, 6), np.int32), ["output"])
    assert model.batch_mixing() is None
    model.run(np.random.default_rng(0).integers(2, 20, (4, 6)).astype(np.int32), ["output"])
    assert model.batch_mixing().layer.startswith("multiply")


def test_it_is_measured_once_and_anew_when_the_network_was_changed(monkeypatch):
    network: Network = functional()
    model, runs = open_model(network.model), []
    plain = type(model).run
    monkeypatch.setattr(type(model), "run", lambda self, *args, **more: runs.append(1) or plain(self, *args, **more))
    assert model.batch_mixing() is None
    first = len(runs)
    assert 0 < first <= 6
    assert model.batch_mixing() is None
    assert len(runs) == first
    network.model.get_layer("relu").call = lambda x: x - ops.max(x, 0)
    assert model.batch_mixing().layer == "relu"


def by_number(x, amount, single=True):
    """Round as kernels do: those for one picture otherwise than all others, or each number of them otherwise."""
    count = tf.cast(tf.shape(x)[0], x.dtype)
    return x * (1 + amount * (tf.where(count == 1, 1.0, 0.0) if single else tf.math.mod(count, 3.0)))


def student(apart=1e-6, around=lambda x: x, long=2048):
    """How far a student is from its teacher, when it has learned: a small difference of large numbers."""
    x = keras.Input((long,), name="x")
    learner, teacher = (L.Dense(16, name=name, kernel_initializer=fixed()) for name in ("student", "teacher"))
    difference = L.Lambda(around, name="rounded")(learner(x)) - teacher(x)
    network = keras.Model(x, ops.sum(ops.square(difference), -1, keepdims=True))
    rng = np.random.default_rng(0)
    teacher.set_weights([value + apart * rng.normal(size=value.shape) for value in learner.get_weights()])
    return network


def fixed():
    return keras.initializers.RandomNormal(0, 0.02, seed=1)


def divergence(amount):
    """The KL divergence of a variational autoencoder that hides nothing any more, from the normal distribution."""
    x = keras.Input((300,), name="x")
    small = keras.initializers.RandomNormal(0, 3e-4, seed=1)
    low = L.Lambda(lambda y: by_number(1 + y, amount) - 1)(L.Dense(16, kernel_initializer=small)(x))
    return keras.Model(x, ops.sum(ops.exp(low) - 1 - low, -1, keepdims=True))


ROUNDED = {
    "a student and its teacher, as kernels are": lambda: student(),
    "a student, one picture rounds otherwise": lambda: student(around=lambda x: by_number(x, 2e-7)),
    "a student, each number rounds otherwise": lambda: student(around=lambda x: by_number(x, 2e-7, False)),
    "a divergence near 0, one picture rounds otherwise": lambda: divergence(2e-6),
}


@pytest.mark.parametrize("kind", ROUNDED)
def test_rounding_that_a_difference_makes_large_is_no_mixing(kind):
    model = open_model(ROUNDED[kind]())
    assert model.batch_mixing() is None
    assert not [line for line in model.warnings if "depends on" in line]


def test_rounding_of_tokens_that_a_difference_makes_large_is_no_mixing():
    tokens = keras.Input((6,), dtype="int32")
    words = L.Flatten()(L.Embedding(9, 8, name="words")(tokens))
    near = student(around=lambda x: by_number(x, 2e-6), long=48)
    assert open_model(keras.Model(tokens, near(words))).batch_mixing() is None


FAINT = {
    "the largest of the batch": lambda x: x - 1e-3 * ops.max(x, 0),
    "the mean of the batch": lambda x: x - 1e-3 * ops.mean(x, 0),
    "how many there are": lambda x: x + 1e-2 * x / ops.cast(ops.shape(x)[0], "float32"),
}


@pytest.mark.parametrize("kind", FAINT)
def test_faint_mixing_is_still_told(kind):
    x = keras.Input((300,), name="x")
    model = open_model(keras.Model(x, L.Lambda(FAINT[kind], name="mixed")(L.Dense(16, kernel_initializer=fixed())(x))))
    found = model.batch_mixing()
    assert found.layer == "mixed"
    assert 1e-4 < found.amount < 1e-2
    assert found.by_number == (kind == "how many there are")


def test_mixing_beside_a_small_difference_is_still_told():
    model = open_model(student(around=lambda x: x - 1e-3 * ops.max(x, 0)))
    assert model.batch_mixing().layer == "rounded"


def test_a_normalization_in_training_is_still_told():
    x = keras.Input((300,), name="x")
    norm = Training(name="training")
    model = open_model(keras.Model(x, x + 1e-3 * norm(L.Dense(300, kernel_initializer=fixed())(x))))
    assert model.batch_mixing().layer.startswith("training")
