"""Which network is looked at, and models that cannot be; loops without `fit`."""

import sys
import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from watched import X, build, fit, gan, steps, watch

from tf_interp import open_model, read
from tf_interp.callback.networks import pick_network


def test_a_model_without_call_says_which_networks_there_are(tmp_path):
    with pytest.raises(ValueError, match=r"Gan has no call.*of=.*'discriminator', of='generator'"):
        fit(gan(), watch(tmp_path))
    with pytest.raises(ValueError, match=r"no 'critic'.*of='discriminator'"):
        fit(gan(), watch(tmp_path, of="critic"))

    class Empty(keras.Model):
        pass

    with pytest.raises(ValueError, match="holds no Keras model"):
        pick_network(Empty(), None)


def test_of_is_a_path_a_network_or_a_function():
    outer = gan()
    inner = outer.generator
    outer.parts = gan()
    for of in ("generator", inner, lambda model: model.generator):
        assert pick_network(outer, of) is inner
    assert pick_network(outer, "parts.generator") is pick_network(outer, "parts/generator") is outer.parts.generator
    model = keras.Sequential([keras.Input((4,)), keras.Sequential([keras.layers.Dense(2, name="last")], name="inner")])
    assert pick_network(model, "inner") is model.layers[0]
    with pytest.raises(TypeError, match=r"must lead to a Keras model, got Dense: .*Sequential"):
        pick_network(model, "inner.last")
    with pytest.raises(ValueError, match="no 'outer'; there are of='inner'"):
        pick_network(model, "outer")


def test_a_function_that_builds_is_asked_once_for_each_model(tmp_path):
    asked = []

    def half(model):
        asked.append(model)
        return keras.Model(model.inputs, model.layers[1].output)

    model, callback = build(), watch(tmp_path, of=half)
    fit(model, callback, epochs=1)
    fit(model, callback, epochs=1)
    assert asked == [model]
    assert steps(read(tmp_path)) == [0, 3, 6]


def test_a_model_of_tf_keras_says_what_to_do(tmp_path, monkeypatch):
    fake = types.ModuleType("tf_keras")
    fake.Model = type("Model", (), {"__module__": "tf_keras.src.engine.training"})
    monkeypatch.setitem(sys.modules, "tf_keras", fake)
    own = type("Own", (fake.Model,), {})()
    with pytest.raises(TypeError, match=r"Own is a model of tf_keras \(Keras 2\).*import keras.*model\.export"):
        open_model(own)
    with pytest.raises(TypeError, match="tf_keras"):
        watch(tmp_path).set_model(own)  # which is what the fit of tf_keras does first


def _train(model, optimizer):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(model(X, training=True) ** 2)
    optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)


def test_a_loop_without_fit(tmp_path, caplog):
    model, optimizer, callback = build(), keras.optimizers.SGD(0.1), watch(tmp_path)
    with pytest.raises(ValueError, match="attach"):
        callback.look(step=0)
    with callback.attach(model) as same:
        assert same is callback
        for step in range(3):
            assert callback.look(step=10 * step, epoch=step - 1 if step else None)
            _train(model, optimizer)
        with pytest.raises(ValueError, match="step 20 was looked at already, got step 20"):
            callback.look(step=20)
    with pytest.raises(ValueError, match="closed: call attach"):
        callback.look(step=30)
    assert [(record.step, record.data["epoch"]) for record in read(tmp_path)] == [(0, None), (10, 0), (20, 1)]
    assert any(f"3 looks written to {tmp_path / 'interp'}, steps 0 to 20" in line for line in caplog.messages)


def test_a_loop_that_uses_the_compiled_optimizer_need_not_say_the_step(tmp_path):
    model, callback = build(), watch(tmp_path)
    model.optimizer.build(model.trainable_variables)
    with callback.attach(model):
        for _ in range(2):
            assert callback.look()
            _train(model, model.optimizer)
    assert steps(read(tmp_path)) == [0, 1]


def test_a_loop_builds_its_network_when_it_likes(tmp_path):
    model = gan(built=False)
    with watch(tmp_path, of="discriminator").attach(model) as callback:
        assert not model.discriminator.built
        model.train_on_batch(X[:8])
        assert callback.look(step=1)
    assert steps(read(tmp_path)) == [1]


def test_a_loop_is_resumed_and_another_is_a_session(tmp_path):
    model, optimizer = build(), keras.optimizers.SGD(0.1)
    with watch(tmp_path).attach(model) as callback:
        callback.look(step=0)
        _train(model, optimizer)
        callback.look(step=1)
    with watch(tmp_path).attach(model) as callback:
        assert not callback.look(step=1), "it is there already"
        _train(model, optimizer)
        assert callback.look(step=2)
    with watch(tmp_path).attach(build()) as callback:
        assert callback.look(step=0)
    assert steps(read(tmp_path)) == [0, 1, 2, 0]


def test_mistakes_of_a_loop_are_raised_at_once(tmp_path):
    with pytest.raises(ValueError, match="did you mean"):
        watch(tmp_path, layers=["cov"]).attach(build())
    assert not np.any([path.is_file() for path in tmp_path.rglob("*")])
