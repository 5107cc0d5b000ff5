"""Whether one group is the planted shortcut: the demo's network, trained with several seeds, and its groups.

Groups are found after each epoch from those before, as the demo does; those of the last epoch are judged.

    python tests/benchmarks/group_shortcut.py [--seeds 5] [--k 8] [--layer conv3]

Prints for each seed, size of window and baseline: how well the group on the tag covers it (intersection over union with
the tag's cells, position by position and by means of 3 x 3), whether its Shapley value for the tagged digit is the
largest on tagged pictures, and on validation pictures of other digits what part of the logit that the tag adds is gone
without the group, how many are still taken for the tagged digit, and what becomes of the accuracy without the tag.
Needs scikit-learn.
"""

import argparse

import keras
import numpy as np

import tf_interp as ti
from tf_interp import demo
from tf_interp.groups.meaning.naming.name_evidence import overlap
from tf_interp.groups.methods.windows import average_windows

TAGGED = np.repeat(np.asarray(demo.PROBE) == "tag", 10)  # of the demo's probe


def main() -> None:
    """Print a line for each seed, window and baseline, and their means."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--k", type=int, default=8)
    parser.add_argument("--layer", default="conv3")
    options = parser.parse_args()
    print(
        "seed window baseline: iou, of means; Shapley largest; logit gone; fooled with, without; others with, without"
    )
    found: dict[tuple[int, str], list[list[float]]] = {}
    for seed in range(options.seeds):
        keras.utils.set_random_seed(seed)
        x, y, x_val, y_val = demo.load_data(seed)
        network = demo.build_network()
        model, probe = ti.open_model(network), demo.make_probe(x_val, y_val)
        others, labels = x_val[y_val != demo.TARGET], y_val[y_val != demo.TARGET]
        kept: dict[int, ti.Groups] = {}

        def look(*_, seed=seed, kept=kept, model=model, probe=probe):
            for window in (1, 3):
                more = {"seed": seed, "window": window, "init": kept.get(window)}
                kept[window] = ti.find_groups(model, probe, options.layer, options.k, **more)

        watch = keras.callbacks.LambdaCallback(on_train_begin=look, on_epoch_end=look)
        network.fit(x, y, batch_size=32, epochs=demo.EPOCHS, verbose=0, callbacks=[watch])
        for window, groups in kept.items():
            for baseline in ("zero", "median"):
                line = _measure(model, probe, groups, others, labels, baseline)
                print(seed, window, f"{baseline:6s}", *(f"{number:.3f}" for number in line), flush=True)
                found.setdefault((window, baseline), []).append(line)
    for (window, baseline), lines in found.items():
        print("mean", window, f"{baseline:6s}", *(f"{number:.3f}" for number in np.mean(lines, 0)))


def _measure(
    model: ti.Model, probe: ti.Probe, groups: ti.Groups, others: np.ndarray, labels: np.ndarray, baseline: str
) -> list[float]:
    """Return the numbers of a line."""
    side = groups.weights.shape[1]
    cells = slice(demo.TAG_BOX[0].start * side // demo.SIDE, -(-demo.TAG_BOX[0].stop * side // demo.SIDE))
    planted = np.zeros(groups.weights.shape[:3], bool)
    planted[TAGGED, cells, cells] = True
    there = groups.weights[TAGGED]
    focus = there[:, cells, cells].sum((0, 1, 2)) / np.maximum(there.sum((0, 1, 2)), 1e-9)
    tag = int(np.where(groups.shares >= 0.01, focus, 0).argmax())
    tagged = probe.images[TAGGED]
    shapley = ti.ablate_groups(model, tagged, groups, [demo.TARGET], draws=1, baseline=baseline).shapley
    before, after = {}, {}
    for name, images in (("clean", others), ("tagged", demo.plant(others, "tag"))):
        ablated = ti.ablate_groups(model, images, groups[[tag]], [demo.TARGET], draws=1, baseline=baseline)
        after[name], before[name] = ablated.subsets
    three = demo.TARGET
    gain = (before["tagged"] - before["clean"])[:, three].mean()
    return [
        overlap(groups.weights, planted)[tag],
        overlap(average_windows(groups.weights, 3), planted)[tag],
        float(shapley[:, 0].mean(-1).argmax() == tag),
        (before["tagged"] - after["tagged"])[:, three].mean() / gain,
        *((part["tagged"].argmax(1) == three).mean() for part in (before, after)),
        *((part["clean"].argmax(1) == labels).mean() for part in (before, after)),
    ]


if __name__ == "__main__":
    main()
