"""Time of one optimization step of feature visualization against the bare network, for any network of Keras.

    python tests/benchmarks/other_networks.py ConvNeXtTiny convnext_tiny_stage_2_block_2_identity

Random weights (no download). Bare is one compiled forward and backward pass of the network as Keras builds it, cut off
behind the layer; both take turns. Where ours takes less, it is what we leave out: batch norms that fold, zero padding,
and XLA, to which Keras leaves convolutions in groups.
"""

import argparse

import keras
from render_speed import Ours, compare, describe, make_bare


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", help="a name of keras.applications")
    parser.add_argument("layer")
    parser.add_argument("--steps", type=int, default=4, help="steps of a repeat")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    if options.steps < 2:
        parser.error("--steps must be 2 or more: the first one is left out")
    keras.utils.set_random_seed(0)
    network = getattr(keras.applications, options.network)(weights=None)
    bare, _ = make_bare(network, options.layer, 1)
    ours = Ours(network, options.layer)
    ours.open()
    ours(1)
    times = {"bare": [], "ours": []}
    for _ in range(options.repeats):
        times["bare"].append(bare(options.steps))
        times["ours"].append(ours(options.steps))
    print(f"{options.network}, {options.layer}, medians [least .. most] of {options.repeats} repeats")
    for name, pairs in times.items():
        describe(f"step: {name}", pairs)
    compare("step: bare / ours", times["ours"], times["bare"], (None, None))


if __name__ == "__main__":
    main()
