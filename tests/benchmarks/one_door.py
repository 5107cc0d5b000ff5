"""Every layer through every door: numbers against a direct Keras computation, and how many layers are found.

    python tests/benchmarks/one_door.py                       # all; the large families take minutes each
    python tests/benchmarks/one_door.py unet 'keras.*' --doors saved

For each fixture, as live model, `.keras` file and SavedModel: the largest relative error of all activations and logits,
the same of gradients of a class's logit with respect to some activations over the depth and to the inputs, how many
gradients that is, and the share of layers that leave an operation which are found by path. Exit status 1 on a miss.
"""

import argparse
import fnmatch
import gc
import importlib
import pathlib
import sys
import tempfile

import keras

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

from door_check import DOORS, check, compare_with_submodel, compute, print_row


def collect():
    """Return name of each fixture -> function that makes it."""
    found = {}
    for module, name in (
        ("door_networks", "PICTURES"),
        ("door_series", "SERIES"),
        ("door_applications", "APPLICATIONS"),
        ("door_examples", "EXAMPLES"),
        ("door_example_attention", "EXAMPLE_ATTENTION"),
        ("door_example_series", "EXAMPLE_SERIES"),
    ):
        found |= getattr(importlib.import_module(module), name)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=["*"], help="fixtures; * stands for anything")
    parser.add_argument("--doors", nargs="+", default=DOORS, choices=DOORS)
    parser.add_argument("--depths", type=int, default=5, help="of how many layers gradients are taken")
    parser.add_argument("--list", action="store_true", help="only list the fixtures")
    options = parser.parse_args()
    found = collect()
    chosen = [name for name in found if any(fnmatch.fnmatch(name, pattern) for pattern in options.names)]
    if not chosen:
        parser.error(f"no fixture fits {options.names}; there are {', '.join(found)}")
    if options.list:
        print("\n".join(chosen))
        return 0
    print(
        f"{'fixture':28s} {'door':6s} {'activation':>9s} {'gradient':>8s} {'of':>3s} {'found':>9s} {'':6s} {'CPU':>6s}"
    )
    rows, missed, known = [], 0, 0
    for name in chosen:
        gc.collect()
        fixture = found[name]()
        direct = compute(fixture.model, fixture.inputs)
        if isinstance(fixture.model, keras.Function):
            error = compare_with_submodel(fixture.model, fixture.inputs, direct)
            if error > fixture.tolerance:
                print(f"{name}: what was seen differs from keras.Model(inputs, layer.output) by {error:.1e}")
                missed += 1
        for door in options.doors:
            with tempfile.TemporaryDirectory() as folder:
                row = check(fixture, door, pathlib.Path(folder), direct, options.depths)
            gc.collect()  # networks here are large
            print_row(name, door, fixture, row)
            if row.meets(fixture.tolerance):
                rows.append((row, fixture.tolerance))
            elif door in fixture.known:
                known += 1
            else:
                missed += 1
    exact = [row for row, tolerance in rows if tolerance <= 1e-5]
    print(
        f"{len(chosen)} fixtures, {len(options.doors)} doors, "
        f"worst activation error {max((row.activation[0] for row in exact), default=0):.1e}, "
        f"worst gradient error {max((row.gradient[0] for row in exact), default=0):.1e} (float32), "
        f"lowest share of layers found {100 * min((row.share for row, _ in rows), default=1):.1f} %; "
        f"{len(rows)} cells meet the bars, {known} are known not to, {missed} miss them"
    )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
