"""How soon does an alarm ring for an effect that begins in the middle of a training, beside the alternatives?

    python tests/benchmarks/watch_power.py [--trainings 400]

Statistics are drawn, of the true labels and of all relabelings alike, and go from look to look with a correlation. In
the second half of 20 looks one test has an effect, in units of the spread of its statistic under relabelings. Each
alternative sees the same numbers: the alarm, p corrected for looks and tests by Bonferroni, and whoever reads the
curves, look by look, at p <= .05.
"""

import argparse
import time

import numpy as np

from tf_interp.concepts.watching.alarm import Alarm
from tf_interp.concepts.watching.spending import get_spending

LOOKS, ONSET = 20, 10
RELABELINGS = 5999
ALPHA = 0.05
EFFECTS = (0, 2, 3, 4, 5)
CORRELATIONS = (0.5, 0.9, 0.98)
KINDS = ("alarm", "Bonferroni", "by eye")


def draw_looks(rng, tests, correlation):
    """Yield float32 [1+B,tests] for each look."""
    shape, statistics = (1 + RELABELINGS, tests), None
    for _ in range(LOOKS):
        fresh = rng.standard_normal(shape, np.float32)
        statistics = fresh if statistics is None else correlation * statistics + (1 - correlation**2) ** 0.5 * fresh
        yield statistics


def run_training(rng, tests, correlation):
    """Return at which look each kind rang first for each test, int [effects,kinds,tests]; LOOKS for never."""
    alarms = [Alarm(ALPHA, get_spending("linear")) for _ in EFFECTS]
    rang = np.full((len(EFFECTS), len(KINDS), tests), LOOKS)
    for look, statistics in enumerate(draw_looks(rng, tests, correlation)):
        true = statistics[0, 0]
        above = np.sort(np.abs(statistics[1:]), 0)
        for number, effect in enumerate(EFFECTS):
            statistics[0, 0] = true + effect * (look >= ONSET)
            own = np.abs(statistics[0])
            larger = [RELABELINGS - np.searchsorted(above[:, test], own[test]) for test in range(tests)]
            p = (1 + np.array(larger)) / (1 + RELABELINGS)
            beyond = alarms[number].look((look + 1) / LOOKS, statistics).beyond
            for kind, rings in enumerate((beyond, p <= ALPHA / (LOOKS * tests), p <= ALPHA)):
                rang[number, kind] = np.where(rings, np.minimum(rang[number, kind], look), rang[number, kind])
        statistics[0, 0] = true
    return rang


def report(rang, tests, correlation):
    """Print a line for each effect; `rang` is int [trainings,effects,kinds,tests]. Return whether the bars are met."""
    met = True
    for effect, own in zip(EFFECTS, rang.swapaxes(0, 1), strict=True):
        label = f"{tests} test{'' if tests == 1 else 's'}, correlation {correlation:4}, effect {effect}: "
        others = (own[:, :, effect > 0 :] < LOOKS).any(2).mean(0)  # tests that have no effect
        false = ", ".join(f"{kind} {100 * share:.1f}" for kind, share in zip(KINDS, others, strict=True))
        if effect == 0:
            print(f"{label}false alarms, %: {false}", flush=True)
            continue
        first = own[(own[:, :2, 0] >= ONSET).all(1), :2, 0]  # but where somebody rang before there was anything
        power, both = (first < LOOKS).mean(0), (first < LOOKS).all(1)
        delays = [np.median(looks[looks < LOOKS]) - ONSET for looks in first.T]
        behind = np.median(first[both, 0] - first[both, 1])
        print(
            f"{label}power {power[0]:.3f}, Bonferroni {power[1]:.3f}; median looks after the onset {delays[0]:g}, "
            f"{delays[1]:g}; where both ring, behind Bonferroni {behind:g}"
            + (f"; other tests, %: {false}" if tests > 1 else ""),
            flush=True,
        )
        met &= bool(power[0] >= power[1] and not behind > 1)  # NaN where nothing rings: too few trainings
    return met


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trainings", type=int, default=400)
    options = parser.parse_args()
    print(f"{options.trainings} trainings, {LOOKS} looks, effect from look {ONSET + 1} on, {RELABELINGS:,} relabelings")
    met, started = True, time.process_time()
    for tests in (1, 3):
        for correlation in CORRELATIONS:
            rng = np.random.default_rng((tests, int(100 * correlation)))
            rang = np.stack([run_training(rng, tests, correlation) for _ in range(options.trainings)])
            met &= report(rang, tests, correlation)
    print(f"power at least Bonferroni's and at most one look behind it, in every cell: {'yes' if met else 'NO'}")
    print(f"{time.process_time() - started:.0f} s CPU")


if __name__ == "__main__":
    main()
