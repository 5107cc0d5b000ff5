"""Whether a picture makes its unit active: what the words for it mean, and who decides.

* Silent: no gradient reaches the picture, since its unit gives the same for all pictures nearby. It gets redirected
  gradients (`silent_units`) until some gradient comes, which is seen every `STEPS` steps. Who was not silent at the
  beginning, or is not any more, does not become so again: nobody would look if it were drawn alone.
* Gated: a wanted layer ends in a function that falls somewhere, such as SiLU. There the way up is hidden and not
  closed, so that a picture counts as silent also while its reward is not above 0.
* Lost: still silent and without any gradient after `LIMIT` steps. More steps do not help, so it stays as it is then,
  whatever its neighbors do. If all pictures of a batch are lost, or all are NaN, the batch ends.
* Signed: a wanted layer may well be negative, such as a convolution. There no activation by itself means silence.
* Did not activate: at the end, not above what noise reaches, nor above what the objective calls silence.

    step 0            silent? -- no --> plain gradients to the end
      |                 | yes
    step 16, 32, 48   redirected gradients, while silent
      |                 |
    step 64           no gradient: plain again (all so: lost)       gated, reward <= 0: goes on with them
"""

from typing import Any

import numpy as np
import tensorflow as tf

STEPS = 16  # steps with redirected gradients, after which to look whether a picture is still silent
LIMIT = 64  # steps after which a picture without any gradient is left alone

OK = "ok"
_STOPPED = "stopped"


class SilenceWatch:
    """Knows during the steps which pictures of a batch are silent, and whether all of them are lost."""

    def __init__(self) -> None:
        self.silent: Any = None  # bool [N] as long as there are any
        self.lost = False
        self._ends: Any = None  # int [N], after how many steps a picture was lost

    def is_due(self, done: int) -> bool:
        """Return whether the next step shall take plain gradients, to see which pictures are silent.

        Args:
            done: steps done so far.
        """
        return done == 0 or (self.silent is not None and done % STEPS == 0)

    def see(self, done: int, push: Any, rewards: Any, gated: bool) -> np.ndarray | None:
        """Decide anew, from a step with plain gradients, about each picture that was silent so far.

        Args:
            done: steps done before it.
            push: [N,H,W,C], the gradient that reached the network's input.
            rewards: [N], before the step.
            gated: whether the way up may be hidden where no unit is active.

        Returns:
            bool [N], the pictures that are lost now; None if there are none.
        """
        dead = ~push.numpy().any((1, 2, 3))
        before = np.ones_like(dead) if self.silent is None else self.silent.numpy()
        if self._ends is None:
            self._ends = np.full(len(dead), -1)
        lost = before & dead & (done >= LIMIT)
        self._ends[lost] = done
        self.lost = bool((self._ends >= 0).all())
        silent = dead & (done < LIMIT)
        if gated:
            silent |= ~dead & (rewards.numpy() <= 0)
        silent &= before
        self.silent = tf.constant(silent) if silent.any() else None
        return lost if lost.any() else None

    def count(self, done: int, number: int) -> np.ndarray:
        """Return how many steps each picture was drawn for, int [N].

        Args:
            done: steps done.
            number: N.
        """
        ends = np.full(number, -1) if self._ends is None else self._ends
        return np.where(ends < 0, done, ends)

    def see_values(self, done: int, values: Any) -> None:
        """Notice, now and then, whether all pictures are NaN.

        Args:
            done: steps done so far.
            values: [N], the objective before the last of them.
        """
        if done % STEPS == 0 and np.isnan(values).all():
            self.lost = True


def describe(
    activation: float,
    noise: float,
    silence_level: float | None,
    *,
    finite: bool,
    interrupted: bool,
    done: int,
    steps: int,
) -> str:
    """Return the status of a picture: "ok", or what is wrong with it.

    Args:
        activation: what the picture reaches.
        noise: what the noise reaches from which it would start.
        silence_level: as of the objective; None also where a wanted layer is signed.
        finite: whether the picture and its values never were NaN.
        interrupted: whether Ctrl-C ended the call.
        done: steps done.
        steps: steps asked for.
    """
    if not finite:
        return f"became NaN within {done} steps"
    if interrupted:
        return say_stopped(done, steps)
    as_noise = activation <= noise + 1e-3 * abs(noise) + 1e-9
    if steps and (as_noise or (silence_level is not None and activation <= silence_level)):
        return f"did not activate: {activation:.4g} after {done} steps, {noise:.4g} for noise"
    return OK


def say_stopped(done: int, steps: int) -> str:
    """Return the status of a picture that Ctrl-C ended.

    Args:
        done: steps done.
        steps: steps asked for.
    """
    return f"{_STOPPED} after {done} of {steps} steps"


def is_stopped(status: str) -> bool:
    """Return whether Ctrl-C ended a picture.

    Args:
        status: of the picture.
    """
    return status.startswith(_STOPPED)
