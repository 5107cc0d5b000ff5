"""All 256 subsets of 8 groups on 16 pictures, beside as many full forward passes; and how much the groups account for.

python tests/benchmarks/group_subsets.py --photos PHOTOS [--layers block6c_add] [--count 16] [--repeats 5] [--predict]
"""

import argparse
import time

import numpy as np
from concept_pictures import add_network_options, crop_photos, open_network

import tf_interp as ti

PASSES = 8  # full forward passes in a repeat


def measure(function):
    """Return CPU and wall seconds of a call."""
    cpu, wall = time.process_time(), time.time()
    function()
    return np.array([time.process_time() - cpu, time.time() - wall])


def main():
    """Measure all."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_network_options(parser, ["block6c_add"])
    parser.add_argument("--count", type=int, default=16)
    parser.add_argument("--k", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--predict", action="store_true", help="how much of the logits the groups account for, too")
    parser.add_argument("--effects", default="gradient")
    options = parser.parse_args()
    model = open_network(options)
    images, _ = crop_photos(options.photos, options.count, options.size, 0)
    subsets = 1 << options.k
    for layer in options.layers:
        groups = ti.find_groups(model, images, layer, options.k, method="semi_nmf")

        def switch(groups=groups):
            ti.ablate_groups(model, images, groups, [0], draws=1)

        def forward():
            for _ in range(PASSES):
                model.run(images, ["output"])

        ti.ablate_groups(model, images, groups[:1], [0], draws=1)  # compiles what is measured
        forward()
        rows = []
        for _ in range(options.repeats):
            rows.append([measure(switch) / subsets, measure(forward) / PASSES])
        ours, full = np.moveaxis(np.array(rows), 1, 0)  # [repeats, (cpu, wall)]
        ratio = ours / full
        for column, name in enumerate(("CPU", "wall")):
            part = ratio[:, column]
            one, other = (np.median(item[:, column]) * 1e3 for item in (ours, full))
            print(
                f"{layer}, {subsets} subsets of {options.count} pictures, {name}: {one:.1f} ms a subset, "
                f"a full forward pass {other:.1f} ms: {np.median(part):.2f} times "
                f"[{part.min():.2f} .. {part.max():.2f}], bar 3"
            )
        if not options.predict:
            continue
        found = ti.predict_from_groups(model, images, groups, effects=options.effects)
        print(found.sentence())
        print(found.to_dataframe().round(3).to_string(index=False))


if __name__ == "__main__":
    main()
