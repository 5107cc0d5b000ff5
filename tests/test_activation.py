"""What silent, lost and "did not activate" mean."""

import numpy as np
import pytest
import tensorflow as tf

from tf_interp.features.renderer.activation import LIMIT, OK, STEPS, SilenceWatch, describe, is_stopped

NOTHING, SOMETHING = np.zeros((2, 2, 3), np.float32), np.ones((2, 2, 3), np.float32)


def see(watch, done, pushes, rewards, gated=False):
    watch.see(done, tf.constant(np.stack(pushes)), tf.constant(rewards), gated)
    return None if watch.silent is None else watch.silent.numpy().tolist()


def test_a_picture_without_gradient_is_silent_until_the_limit():
    watch = SilenceWatch()
    assert see(watch, 0, [NOTHING, SOMETHING], [0.0, 1.0]) == [True, False]
    assert see(watch, LIMIT - STEPS, [NOTHING, SOMETHING], [0.0, 1.0]) == [True, False]
    assert see(watch, LIMIT, [NOTHING, SOMETHING], [0.0, 1.0]) is None
    assert not watch.lost  # the other one goes on


def test_a_picture_is_judged_as_if_it_were_alone():
    """It is looked at again only while it is silent itself, and left alone when it would be alone."""
    pushes = {0: [SOMETHING, NOTHING], STEPS: [NOTHING, NOTHING], 4 * STEPS: [NOTHING, NOTHING]}
    watch, alone = SilenceWatch(), SilenceWatch()
    assert see(watch, 0, pushes[0], [1.0, 0.0]) == [False, True]
    assert see(watch, STEPS, pushes[STEPS], [0.0, 0.0]) == [False, True]  # alone, nobody would look at the first
    assert see(alone, 0, pushes[0][:1], [1.0]) is None
    assert not alone.is_due(STEPS)
    lost = watch.see(LIMIT, tf.constant(np.stack(pushes[4 * STEPS])), tf.constant([0.0, 0.0]), False)
    assert lost.tolist() == [False, True]
    assert not watch.lost
    assert watch.count(200, 2).tolist() == [200, LIMIT]
    assert alone.count(200, 1).tolist() == [200]


def test_behind_a_gate_a_picture_is_silent_while_its_reward_is_not_positive():
    rewards = [-0.1, 0.0, 0.1]
    assert see(SilenceWatch(), LIMIT, [SOMETHING] * 3, rewards, gated=True) == [True, True, False]
    assert see(SilenceWatch(), LIMIT, [SOMETHING] * 3, rewards) is None


@pytest.mark.parametrize(("done", "lost"), [(0, False), (LIMIT - STEPS, False), (LIMIT, True)])
def test_a_batch_is_lost_if_all_of_it_is_without_gradient_at_the_limit(done, lost):
    watch = SilenceWatch()
    see(watch, done, [NOTHING, NOTHING], [0.0, 0.0])
    assert watch.lost == lost


@pytest.mark.parametrize(
    ("done", "values", "lost"),
    [(STEPS, [np.nan, np.nan], True), (STEPS, [np.nan, 1.0], False), (STEPS + 1, [np.nan, np.nan], False)],
)
def test_a_batch_is_lost_if_all_of_it_is_nan_which_is_looked_at_now_and_then(done, values, lost):
    watch = SilenceWatch()
    watch.see_values(done, tf.constant(values))
    assert watch.lost == lost


def test_plain_steps_are_taken_at_first_and_then_now_and_then_while_something_is_silent():
    watch = SilenceWatch()
    assert [done for done in range(2 * STEPS) if watch.is_due(done)] == [0]
    see(watch, 0, [NOTHING], [0.0])
    assert [done for done in range(2 * STEPS + 1) if watch.is_due(done)] == [0, STEPS, 2 * STEPS]


@pytest.mark.parametrize(
    ("activation", "noise", "level", "changes", "status"),
    [
        (2.0, 1.0, 0.0, {}, OK),
        (1.0005, 1.0, None, {}, "did not activate: 1 after 3 steps, 1 for noise"),  # within a thousandth
        (-1.0, -2.0, None, {}, OK),
        (-1.0, -2.0, 0.0, {}, "did not activate: -1 after 3 steps, -2 for noise"),
        (1.0, 1.0, 0.0, {"steps": 0, "done": 0}, OK),  # nothing was asked for
        (0.0, 1.0, 0.0, {"interrupted": True}, "stopped after 3 of 3 steps"),
        (np.nan, 1.0, 0.0, {"finite": False, "interrupted": True}, "became NaN within 3 steps"),
    ],
)
def test_status(activation, noise, level, changes, status):
    settings = {"finite": True, "interrupted": False, "done": 3, "steps": 3, **changes}
    assert describe(activation, noise, level, **settings) == status
    assert is_stopped(status) == ("stopped" in status)
