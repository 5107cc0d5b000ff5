"""Groups of rows that do not fit into memory: peak memory and CPU time, and beside the fit in memory.

python tests/benchmarks/groups_streaming.py [--rows 1000000] [--channels 512] [--k 10] [--shard 10000] [--cache DIR]
"""

import argparse
import resource
import time

import numpy as np

from tf_interp.groups.methods.choice import choose
from tf_interp.groups.rounds.shards import Shard
from tf_interp.groups.rounds.streamed_fit import fit_shards

PARTS = 30


def begin(options):
    """Yield shards of sparse sums of planted parts, with noise; the same ones each time."""
    vectors = np.random.default_rng(0).gamma(0.3, 1, (PARTS, options.channels)).astype(np.float32)
    for number, start in enumerate(range(0, options.rows, options.shard)):
        rng = np.random.default_rng((1, number))
        count = min(options.shard, options.rows - start)
        weights = rng.standard_gamma(0.3, (count, PARTS), np.float32)
        noise = rng.standard_normal((count, options.channels), np.float32)
        yield Shard(f"shard {number}", np.maximum(weights @ vectors + noise, 0))


def main():
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in (("rows", 1_000_000), ("channels", 512), ("k", 10), ("shard", 10_000), ("iterations", 200)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--method", default="nmf")
    parser.add_argument("--cache", help="folder for all rows, so that they are made only once")
    parser.add_argument("--beside", action="store_true", help="also fit all rows in memory, and compare")
    options = parser.parse_args()
    options.channels = max(options.channels, 2)
    before = _peak()
    wall, cpu = time.time(), time.process_time()
    made = 0.0
    for _ in begin(options):
        made = time.process_time() - cpu
    wall, cpu = time.time(), time.process_time()
    method = choose(options.method)
    found = fit_shards(
        lambda: begin(options), options.k, method, iterations=options.iterations, keep=64, cache=options.cache
    )
    cpu, wall = time.process_time() - cpu, time.time() - wall
    peak = _peak()
    bare = cpu - found.passes * made
    print(
        f"{options.method}, {options.rows} x {options.channels} ({4e-9 * options.rows * options.channels:.2f} GB), "
        f"k={options.k}: {found.found.rounds} rounds, error {found.found.error:.4f}\n"
        f"peak memory {peak:.0f} MB [2000], before {before:.0f} MB\n"
        f"CPU {cpu:.1f} s, wall {wall:.1f} s; of it {found.passes} times making the rows, {made:.1f} s each: "
        f"{bare:.1f} s without, {bare / max(found.found.rounds, 1):.2f} s a round"
    )
    if options.beside:
        rows = np.concatenate([shard.rows for shard in begin(options)])
        cpu = time.process_time()
        whole = method.fit(rows, options.k, seed=0, init=None, iterations=options.iterations)
        cpu = time.process_time() - cpu
        print(
            f"in memory: CPU {cpu:.1f} s, peak memory {_peak():.0f} MB; largest difference of vectors "
            f"{np.abs(whole.vectors - found.found.vectors).max():.1e}, of errors "
            f"{abs(whole.error - found.found.error):.1e} [1e-4]"
        )


def _peak():
    """Return the most memory that this process had so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


if __name__ == "__main__":
    main()
