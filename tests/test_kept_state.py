"""What a call of a network writes, also in inference, is as it was after a run of ours, and that is told."""

import random

import keras
import numpy as np
import pytest
import tensorflow as tf
from networks import fill, pictures

import tf_interp as ti

L = keras.layers
TOLD = "calling the network changes"


class Counting(L.Layer):
    """Writes variables that Keras knows, and some that it does not, whenever it is called; keeps what it saw."""

    def __init__(self, how="plain", draws=True, **options):
        super().__init__(**options)
        self.how, self.draws, self.calls, self.seen, self.last = how, draws, 0, [], None
        self.count = tf.Variable(0.0, trainable=False, name="count")
        self.mean = tf.Variable(tf.zeros(3), trainable=False, name="mean")
        self.only_written = tf.Variable(0, trainable=False, name="only_written")
        self.chance = tf.random.Generator.from_seed(3)
        self.tiny = self.add_weight(shape=(), initializer="zeros", trainable=False, name="tiny")

    def call(self, x):
        self.calls += 1
        self.last = x
        self.fresh = 2.0 * x
        self.seen.append(x)
        self.tiny.assign_add(0.5)
        if self.how == "plain":
            return self.write(x)
        if self.how == "function":
            return tf.function(self.write)(x)
        if self.how == "branch":
            return tf.cond(tf.reduce_sum(x) > -1.0, lambda: self.write(x), lambda: x)
        return tf.while_loop(lambda i, y: i < 2, lambda i, y: (i + 1, self.write(y)), (0, x))[1]

    def write(self, x):
        self.count.assign_add(1.0)
        self.mean.assign(0.9 * self.mean + 0.1)
        self.only_written.assign(7)
        drawn = 0.01 * self.chance.normal([3]) if self.draws else 0.0
        return x + 0.1 * self.count + self.mean + drawn

    def state(self):
        variables = [self.count, self.mean, self.only_written, self.chance.state, self.tiny.value]
        kept = [self.calls, self.last, *self.seen, self.__dict__.get("fresh")]
        return [variable.numpy() for variable in variables], kept


def _network(how="plain", chance=True):
    layers = [L.Conv2D(4, 3, name="conv"), L.BatchNormalization(name="norm"), L.Flatten(name="flat")]
    network = keras.Sequential([keras.Input((8, 8, 3)), Counting(how, chance, name="counting"), *layers, L.Dense(3)])
    fill_rest(network)
    return network


def fill_rest(network):
    values = [weight.numpy() for weight in network.get_layer("counting").weights]
    fill(network)
    for weight, value in zip(network.get_layer("counting").weights, values, strict=True):
        weight.assign(value)


def _assert_same(before, after):
    for value, other in zip(before[0], after[0], strict=True):
        np.testing.assert_array_equal(value, other)
    assert len(before[1]) == len(after[1])
    assert all(value is other for value, other in zip(before[1], after[1], strict=True))


@pytest.mark.parametrize("how", ["plain", "function", "branch", "loop"])
def test_state_is_as_it_was_after_whatever_we_do(how):
    network, images = _network(how), pictures()
    counting = network.get_layer("counting")
    before = counting.state()
    model = ti.open_model(network)
    first = model.run(images, ["counting", "output"])
    for name, value in model.run(images, ["counting", "output"]).items():
        np.testing.assert_array_equal(value, first[name])
    np.testing.assert_allclose(model.folded.run(images, ["output"])["output"], first["output"], rtol=1e-4, atol=1e-5)
    with tf.GradientTape() as tape:
        tape.watch(given := tf.constant(images))
        score = tf.reduce_sum(model.run(given, ["conv"])["conv"])
    assert np.abs(tape.gradient(score, given)).max() > 0
    ti.attribute(model, images[:1], layer="conv", target=1)
    ti.render(model, "conv:1", size=8, steps=3, transforms=(), retries=0)
    ti.read_activations(model, images, ["conv"])
    tf.function(lambda x: model.run(x, ["output"])["output"], autograph=False)(images)
    _assert_same(before, counting.state())
    [note] = [note for note in model.notes if TOLD in note]
    assert all(name in note for name in ("count", "mean", "only_written", "StateVar"))
    np.testing.assert_allclose(first["output"], network(images), rtol=1e-5, atol=1e-5)  # which does change it
    assert float(counting.count.numpy()) > 0


class Subclassed(keras.Model):
    """A counter of its own, beside a dropout that takes training for granted."""

    def __init__(self):
        super().__init__(name="subclassed")
        self.drop, self.flat, self.head = L.Dropout(0.5, name="drop"), L.Flatten(), L.Dense(3, name="head")
        self.count = tf.Variable(0, trainable=False, name="count")
        self.last = None

    def call(self, x, training=True):
        self.last = x
        if training:
            self.count.assign_add(1)
        return self.head(self.flat(self.drop(x, training=training)))


def test_asking_whether_a_network_trains_changes_nothing():
    network = Subclassed()
    network(pictures(), training=False)
    last = network.last
    model = ti.open_model(network)
    assert any("training=True" in warning for warning in model.warnings)
    assert int(network.count.numpy()) == 0
    assert network.last is last


def test_training_is_bit_identical(tmp_path):
    images, labels = pictures(16), np.arange(16) % 3

    def train(*callbacks):
        keras.utils.set_random_seed(1)
        network = _network()
        network.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        history = network.fit(images, labels, batch_size=4, epochs=2, verbose=0, callbacks=[*callbacks])
        state = network.get_layer("counting").state()[0]
        return history.history, [*(weight.numpy() for weight in network.weights), *state]

    watch = ti.InterpCallback(
        tmp_path,
        ti.Probe.from_arrays(images[:4], labels[:4]),
        layers=["conv"],
        parts=[ti.Features(1, steps=2), ti.NeuronGroups(2), ti.Attributions()],
        on_error="raise",
        max_overhead=None,
    )
    plain, watched = train(), train(watch)
    assert [*ti.read(tmp_path)]
    assert plain[0] == watched[0]
    for value, other in zip(plain[1], watched[1], strict=True):
        np.testing.assert_array_equal(value, other)


def test_what_writes_nothing_is_neither_told_nor_written():
    network = keras.Sequential([keras.Input((8, 8, 3)), L.Conv2D(2, 3), L.RandomFlip(), L.BatchNormalization()])
    network.add(L.Lambda(lambda x: x))  # so that it is traced
    model = ti.open_model(network)
    traced = tf.function(lambda x: model.run(x, ["output"])["output"]).get_concrete_function(pictures())
    assert not [item for item in traced.graph.get_operations() if "Assign" in item.type]
    assert not [note for note in model.notes if TOLD in note]


def test_what_cannot_be_put_back_is_told():
    class Tabled(L.Layer):
        def __init__(self):
            super().__init__()
            self.table = tf.lookup.experimental.MutableHashTable(tf.int64, tf.int64, 0)

        def call(self, x):
            self.table.insert(tf.constant(1, tf.int64), tf.constant(2, tf.int64))
            return x

    model = ti.open_model(keras.Sequential([keras.Input((4,)), Tabled(), L.Dense(2)]))
    [note] = [note for note in model.notes if TOLD in note]
    assert "LookupTableInsertV2" in note
    assert "cannot be put back" in note


def test_what_a_first_call_makes_stays():
    class Lazy(L.Layer):
        def __init__(self):
            super().__init__(name="lazy")
            self.inner, self.made = None, False
            self.built = True

        def call(self, x):
            if not self.made:
                self.inner, self.made = L.Dense(2, name="inner"), True
            return self.inner(x)

    class Whole(keras.Model):
        def __init__(self):
            super().__init__()
            self.lazy = Lazy()

        def call(self, x):
            return self.lazy(x)

    network, x = Whole(), np.ones((2, 4), np.float32)
    model = ti.open_model(network, input=(4,))
    first = model.run(x, ["output"])["output"]
    inner = network.lazy.inner
    np.testing.assert_array_equal(model.run(x, ["lazy"])["lazy"], first)
    np.testing.assert_array_equal(network(x), first)
    assert network.lazy.inner is inner


def test_a_network_that_is_changed_so_that_it_writes_nothing_is_no_longer_told():
    class Switched(L.Layer):
        count, writes = None, True

        def build(self, shape):
            self.count = tf.Variable(0.0, trainable=False, name="count")

        def call(self, x):
            if self.writes:
                self.count.assign_add(1.0)
            return x

    network = keras.Sequential([keras.Input((4,)), Switched(name="switched"), L.Dense(2)])
    model = ti.open_model(network)
    assert any(TOLD in note for note in model.notes)
    network.get_layer("switched").writes = False
    model.run(np.ones((1, 4), np.float32), ["output"])
    assert not any(TOLD in note for note in model.notes)


@pytest.mark.parametrize("chance", [True, False])
def test_an_exported_network_starts_each_run_from_what_was_saved(tmp_path, chance):
    network, images = _network(chance=chance), pictures()
    network.export(tmp_path / "saved", verbose=False)
    before = network.get_layer("counting").state()
    model = ti.open_model(tmp_path / "saved")
    first, second = (model.run(images, ["output"])["output"] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert any("it changes variables while it runs" in note for note in model.notes)
    _assert_same(before, network.get_layer("counting").state())
    np.testing.assert_allclose(first, network(images), rtol=1e-5, atol=1e-5)


RECURRENT = {
    "lstm": lambda: L.LSTM(3, stateful=True, name="memory"),
    "two ways": lambda: L.Bidirectional(L.GRU(3, stateful=True, name="memory"), name="both"),
    "cells": lambda: L.RNN([L.LSTMCell(3), L.GRUCell(3)], stateful=True, name="memory"),
}


@pytest.mark.parametrize("kind", RECURRENT)
def test_each_run_begins_with_the_state_that_a_stateful_layer_holds_and_puts_it_back(kind):
    keras.utils.set_random_seed(1)
    x = keras.Input(batch_shape=(4, 6, 5))
    network = keras.Model(x, L.Dense(2)(RECURRENT[kind]()(x)))
    series = np.random.default_rng(0).normal(size=(4, 6, 5)).astype(np.float32)
    fresh = np.asarray(network(series))
    model = ti.open_model(network)
    for _ in range(2):
        ran = [model.run(series, ["output"])["output"].numpy() for _ in range(2)]
        np.testing.assert_array_equal(*ran)
        np.testing.assert_allclose(network(series), ran[0], rtol=1e-5, atol=1e-6)  # and it moves the state on
    assert np.abs(ran[0] - fresh).max() > 1e-3
    (told,) = [note for note in model.notes if "stateful" in note]
    assert "memory" in told
    assert "begins with the state that the network holds then" in told
    for layer in network._flatten_layers():
        if isinstance(layer, L.RNN):
            for state in keras.tree.flatten(layer.states):
                state.assign(np.zeros(state.shape))
    np.testing.assert_allclose(model.run(series, ["output"])["output"], fresh, rtol=1e-5, atol=1e-6)


def test_a_layer_that_forgets_is_not_told_to_keep_a_state():
    x = keras.Input((6, 5))
    assert not [note for note in ti.open_model(keras.Model(x, L.LSTM(3)(x))).notes if "stateful" in note]


def test_a_weight_that_a_call_writes_in_inference_is_told():
    class Counts(L.Layer):
        def build(self, shape):
            self.seen = self.add_weight(shape=(), initializer="zeros", trainable=False, name="seen")

        def call(self, x):
            self.seen.assign_add(1.0)
            return x * self.seen

    network = keras.Sequential([keras.Input((3,)), Counts(name="counts")])
    network(np.ones((1, 3)))
    model = ti.open_model(network)
    for _ in range(2):
        np.testing.assert_array_equal(model.run(np.ones((1, 3)), ["output"])["output"], [[2.0] * 3])
    (told,) = [note for note in model.notes if "in inference too" in note]
    assert "counts/seen" in told


class ByKeras(L.Layer):
    """Draws without a seed, so that the first draw makes Keras's own seed generator."""

    def call(self, x):
        return x * keras.random.uniform(keras.ops.shape(x), 0.5, 1.0)

    def compute_output_shape(self, shape):
        return shape


class ByPython(L.Layer):
    """Draws once a trace, or once a call where Keras runs eagerly."""

    def call(self, x):
        return x * (0.5 + random.random())

    def compute_output_shape(self, shape):
        return shape


class ByNumpy(ByPython):
    def call(self, x):
        return x * (3.0 + np.random.normal())  # noqa: NPY002 -- this is the generator in question


def _train_drawing(kind, eager, callbacks):
    """Return the losses, the weights, and where the generators of Python and numpy have come to."""
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(7)
    x = keras.Input((6,))
    network = keras.Model(
        x, L.Dense(3, name="last")(kind(name="chance")(L.Dense(4, activation="relu", name="first")(x)))
    )
    network.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), run_eagerly=eager)
    rng = np.random.default_rng(0)
    rows, labels = rng.random((24, 6), np.float32), rng.integers(0, 3, 24)
    history = network.fit(rows, labels, batch_size=8, epochs=2, verbose=0, callbacks=callbacks)
    _, *of_numpy = np.random.get_state()  # noqa: NPY002 -- this is the generator in question
    ours = [random.getstate(), *(np.asarray(part).tolist() for part in of_numpy)]
    return history.history, [weight.numpy().tolist() for weight in network.weights], ours


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("kind", [ByKeras, ByPython, ByNumpy])
def test_training_is_bit_identical_where_a_layer_draws_from_a_global_generator(kind, eager, tmp_path):
    rows = np.random.default_rng(1).random((6, 6), np.float32)
    watch = ti.InterpCallback(
        tmp_path,
        ti.Probe.from_arrays({"x": rows}, labels=np.arange(6) % 3),
        layers=["first"],
        parts=[ti.NeuronGroups(2, icons=False)],
        on_error="raise",
        max_overhead=None,
    )
    plain, watched = _train_drawing(kind, eager, []), _train_drawing(kind, eager, [watch])
    assert watch.looks >= 3
    assert plain == watched


@pytest.mark.parametrize(("kind", "name"), [(ByPython, "Python's random"), (ByNumpy, "np.random")])
def test_all_functions_of_a_network_that_draws_when_it_is_traced_hold_one_draw_and_that_is_told(kind, name):
    x = keras.Input((6,))
    network = keras.Model(x, L.Dense(3, name="last")(kind(name="chance")(L.Dense(4, name="first")(x))))
    rows = np.random.default_rng(1).random((6, 6), np.float32)
    keras.utils.set_random_seed(3)
    before = random.random(), np.random.random()  # noqa: NPY002
    keras.utils.set_random_seed(3)
    model = ti.open_model(network)
    ran = model.run(rows, ["output"])["output"]
    np.testing.assert_allclose(ti.read_activations(model, rows, ["output"])["output"], ran, rtol=1e-5)
    np.testing.assert_allclose(model.run(rows[:2], ["chance", "output"])["output"], ran[:2], rtol=1e-5)
    np.testing.assert_allclose(model.folded.run(rows, ["output"])["output"], ran, rtol=1e-5)
    (told,) = [note for note in model.notes if "holds the draw" in note]
    assert f"from {name} when" in told
    assert (random.random(), np.random.random()) == before  # noqa: NPY002


def test_generators_that_somebody_else_draws_from_are_left_alone():
    class Meanwhile(L.Layer):
        """While it is traced for the first time, a thread that prepares data draws."""

        traces = 0

        def call(self, x):
            Meanwhile.traces += 1
            if Meanwhile.traces == 1:
                random.random()
            return x

        def compute_output_shape(self, shape):
            return shape

    x = keras.Input((6,))
    network = keras.Model(x, L.Dense(3)(Meanwhile(name="passing")(x)))
    assert Meanwhile.traces == 0
    random.seed(5)
    model = ti.open_model(network)
    assert "passing" in model.layers
    model.run(np.zeros((2, 6), np.float32), ["output"])
    after = random.getstate()
    random.seed(5)
    random.random()
    assert random.getstate() == after
    assert Meanwhile.traces > 1
    assert not [note for note in model.notes if "holds the draw" in note]
