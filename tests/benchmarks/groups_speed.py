"""NMF beside scikit-learn's solvers: CPU time until errors are alike (1.005x), and error where each stops by itself.

python tests/benchmarks/groups_speed.py [--rows 39200] [--channels 512] [--k 10] [--repeats 5]
"""

import argparse
import time
import warnings

import numpy as np
from sklearn.decomposition import NMF
from sklearn.exceptions import ConvergenceWarning

from tf_interp.groups.nmf import nmf

PARTS = 30
ALIKE = 1.005  # errors that count as equal: each ends in a hollow of its own


def make_rows(count, channels):
    """Return sparse sums of planted parts, with noise."""
    rng = np.random.default_rng(0)
    vectors = rng.gamma(0.3, 1, (PARTS, channels)).astype(np.float32)
    noise = 1.2 * rng.standard_normal((count, channels), np.float32)
    return np.maximum(rng.standard_gamma(0.3, (count, PARTS), np.float32) @ vectors + noise, 0)


def run_peer(rows, k, solver):
    """Return the relative error of scikit-learn as people call it, with the start that its solver needs."""
    model = NMF(k, init="nndsvda", solver=solver, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(rows)
    return model.reconstruction_err_ / np.linalg.norm(rows), model.n_iter_


def count_rounds(rows, k, error):
    """Return the fewest rounds with which ours leaves no more over, None if it never gets there."""
    low, high = 0, 1
    while (found := nmf(rows, k, iterations=high)).error > error:
        if found.rounds < high:  # it stopped by itself
            return None
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if nmf(rows, k, iterations=middle).error > error else (low, middle)
    return high


def timed(work):
    """Return CPU seconds."""
    start = time.process_time()
    work()
    return time.process_time() - start


def main():
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in (("rows", 39_200), ("channels", 512), ("k", 10), ("repeats", 5)):
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()
    rows, k = make_rows(options.rows, options.channels), options.k
    found = nmf(rows, k)
    print(f"{options.rows} x {options.channels}, k={k}; ours: error {found.error:.4f}, {found.rounds} rounds")
    for solver, bar in (("cd", 1.3), ("mu", 15)):
        error, iterations = run_peer(rows, k, solver)
        rounds = count_rounds(rows, k, ALIKE * error)
        print(f"{solver}: error {error:.4f}, {iterations} iterations; ours {found.error / error:.4f}x [1.005 of cd]")
        if rounds is None:
            print("ours never gets there")
            continue
        times = []
        for _ in range(options.repeats):
            peer = timed(lambda solver=solver: run_peer(rows, k, solver))
            same = timed(lambda rounds=rounds: nmf(rows, k, iterations=rounds))
            own = timed(lambda: nmf(rows, k))
            times.append((peer, same, own, peer / same, peer / own))
        middle, least, most = np.median(times, 0), np.min(times, 0), np.max(times, 0)
        print(
            f"CPU s: {solver} {middle[0]:.2f}, ours to that error ({rounds} rounds) {middle[1]:.2f}: {middle[3]:.2f}x "
            f"[{least[3]:.2f} .. {most[3]:.2f}; bar {bar}]; ours until it stops by itself {middle[2]:.2f}: "
            f"{middle[4]:.2f}x [{least[4]:.2f} .. {most[4]:.2f}]"
        )


if __name__ == "__main__":
    main()
