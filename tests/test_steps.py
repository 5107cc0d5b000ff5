"""Which step a training is at, where the compiled optimizer does not say."""

import keras
import numpy as np
import pytest
from watched import X, build, fit, gan, steps, watch

from tf_interp import read
from tf_interp.callback.steps import Steps


def test_own_optimizers_are_looked_at_every_epoch(tmp_path):
    model, callback = gan(), watch(tmp_path, of="discriminator")
    fit(model, callback, epochs=3)
    assert int(model.optimizer.iterations) == 0
    fit(model, callback, epochs=4, initial_epoch=3)
    records = list(read(tmp_path))
    assert steps(records) == [0, 3, 6, 9, 12]
    assert [record.data["epoch"] for record in records] == [None, 0, 1, 2, 3]
    assert {record.data["model"]["name"] for record in records} == {"discriminator"}
    assert len({record.data["model"]["weights"] for record in records}) == 5


@pytest.mark.parametrize("built", [True, False])
def test_a_part_of_a_model_is_watched_and_trains_as_without(tmp_path, built, caplog):
    with_us, without = gan(built), gan(built)
    keras.utils.set_random_seed(1)
    fit(with_us, watch(tmp_path, of="discriminator"))
    keras.utils.set_random_seed(1)
    fit(without)
    assert steps(read(tmp_path)) == ([0, 3, 6] if built else [3, 6])
    assert any("first look comes after the first epoch" in line for line in caplog.messages) != built
    for one, other in zip(with_us.weights, without.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_resumed_training_that_counts_nothing_goes_by_its_first_epoch(tmp_path):
    first = gan()
    fit(first, watch(tmp_path, of="discriminator"))
    again = gan()
    again.discriminator.set_weights(first.discriminator.get_weights())
    fit(again, watch(tmp_path, of="discriminator"), epochs=3, initial_epoch=2)
    assert steps(read(tmp_path)) == [0, 3, 6, 9]


def test_several_batches_at_once_are_counted(tmp_path):
    model = gan()
    model.steps_per_execution = 3
    model.fit(X, batch_size=8, epochs=2, verbose=0, callbacks=[watch(tmp_path, of="discriminator")])
    assert steps(read(tmp_path)) == [0, 6, 12]


def test_batches_may_be_told_in_any_order():
    count = Steps()
    count.begin(build(), 5)
    for index in (1, 0, 2):
        count.see_batch(index)
    assert count.now() == 8
    count.end_epoch()
    count.see_batch(0)
    assert count.now() == 9
    count.advance_to(20)
    count.advance_to(4)
    assert count.now() == 20
