"""What an alarm costs at a look, beside the concept test that it reads: CPU time and memory.

    python tests/benchmarks/watch_cost.py [--looks 50]

50 + 50 pictures, 10,000 relabelings, 2 layers x 2 targets x 4 comparisons. The relabelings are drawn at the first look.
"""

import argparse
import statistics
import time

import numpy as np

from tf_interp.concepts import ConceptWatch
from tf_interp.concepts.result.result import ConceptTest
from tf_interp.concepts.statistics.continuous import ContinuousDesign
from tf_interp.concepts.statistics.design import Design

PICTURES = 50
PERMUTATIONS = 10_000
LAYERS, TARGETS = ("first", "second"), 2
ROW = {"displacement": 1.0, "ci_low": -1.0, "ci_high": 1.0, "flags": [], "predicted": None}  # the interval holds 0


def make_test(rng):
    """Return a test of pictures in which there is nothing, as `tcav` would hand it over."""
    designs = {
        ("concept", "random"): Design(PICTURES, PICTURES),
        ("concept", "relative"): Design(PICTURES, PICTURES),
        ("concept", "paired"): Design(PICTURES, PICTURES, paired=True),
        ("degrees", "continuous"): ContinuousDesign(tuple(np.linspace(0, 1, 2 * PICTURES).tolist())),
    }
    projections = {
        (layer, *key): rng.normal(size=(2 * PICTURES, TARGETS)).astype(np.float32)
        for layer in LAYERS
        for key in designs
    }
    rows = [ROW] * (len(LAYERS) * TARGETS * len(designs))
    settings = {"method": "displacement", "layers": list(LAYERS), "permutations": PERMUTATIONS, "seed": 0}
    settings["targets"] = dict.fromkeys(map(str, range(TARGETS)))
    return ConceptTest(rows, len(rows), settings, 0.05, {}, [], designs, projections)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--looks", type=int, default=50)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    watch, seconds = ConceptWatch(), []
    for look in range(options.looks + 1):
        test = make_test(rng)
        cpu = time.process_time()
        watch.look(test, (look + 1) / (options.looks + 1))
        seconds.append(time.process_time() - cpu)
    tests = len(test.rows)
    each = [1000 * item / tests for item in seconds[1:]]
    print(f"first look, with drawing {PERMUTATIONS:,} relabelings: {1000 * seconds[0]:.0f} ms CPU")
    print(
        f"{tests} tests, medians of {options.looks} looks: {statistics.median(each):.3f} ms CPU a test and look "
        f"[{min(each):.3f} .. {max(each):.3f}]"
    )
    kept = sum(alarm._crossed.nbytes for alarm in watch._alarms.values())
    bits = 8 * kept / tests / (PERMUTATIONS + 1)
    print(f"kept from look to look: {kept:,} bytes, {bits:.2f} bits a test and relabeling")


if __name__ == "__main__":
    main()
