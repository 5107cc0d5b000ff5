"""Methods of attribution against each other and against chance, on EfficientNet-Lite0 and a folder of photographs.

    python tests/benchmarks/attribution_faithfulness.py PHOTOS [--pictures 16] [--layer block6c_add]
    python tests/benchmarks/attribution_faithfulness.py PHOTOS --pictures 48 --few

Prints, for the class that each picture is taken for: mean score along deletion (low is good) and insertion (high is
good), by two baselines; mu-fidelity; stability; in how many pictures deletion beats 95 % of random orders; how far
integrated gradients are from complete; how alike maps are when weights are shuffled; and what ablating the strongest
group costs beside random directions, in this layer and in the last ones. `--few` compares the cheapest methods and
integrated gradients only, and prints nothing else, for more pictures.
Needs tf-interp[zoo] and pandas.
"""

import argparse

import numpy as np

import tf_interp as ti

METHODS = (
    "gradient", "gradient_x_input", ("gradient_x_input", {"baseline": "mean"}), "integrated_gradients",
    ("smoothgrad", {"samples": 10}), "grad_cam", "layer_cam",
    "lrp", ("occlusion", {"window": 32, "stride": 16}), ("rise", {"samples": 200}),
)  # fmt: skip


LAST = ("block7a_project_conv_bn", "top_conv_relu6")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos")
    parser.add_argument("--pictures", type=int, default=16)
    parser.add_argument("--layer", default="block6c_add")
    parser.add_argument("--few", action="store_true")
    options = parser.parse_args()
    model = ti.open_model("zoo:efficientnet-lite0")
    probe = ti.Probe.from_folder(options.photos, size=(224, 224), limit=options.pictures)
    images = probe.images
    classes = np.asarray(model.run(images, ["output"])["output"]).argmax(1).tolist()
    for layer in (None, options.layer):
        methods = [m for m in METHODS if layer is not None or m not in ("grad_cam", "layer_cam")]
        methods = [m for m in methods if layer is None or not isinstance(m, tuple) or m[0] != "occlusion"]
        sizes = {"draws": 50, "orders": 20}
        if options.few:
            methods, sizes = METHODS[:4], {"draws": 10, "orders": 5}
        found = ti.faithfulness(model, images, classes, methods=methods, layer=layer, steps=10, **sizes)
        table = found.to_dataframe().drop(columns="picture").groupby("method", sort=False).mean()
        print(f"\n{'input' if layer is None else layer}, {len(images)} pictures, logits")
        print(table.round(3).to_string())
        print(found.explain())
        if options.few:
            _compare_areas(found)
    if options.few:
        return
    for steps in (32, 128):
        complete = ti.attribute(model, images, classes, method="integrated_gradients", steps=steps)
        print(f"integrated gradients, {steps} steps:", complete.notes or "complete within 1 % in all pictures")
    shuffled = [("gradient", {"relu": "guided"}), *METHODS[:2], METHODS[3], "grad_cam", "lrp"]
    print(ti.weight_randomization(model, images, classes, methods=shuffled, stages=3).explain())
    for layer in (options.layer, *LAST):
        _ablate(model, images, classes, layer)


def _compare_areas(found: ti.Faithfulness) -> None:
    """Print in how many pictures one method's area of deletion is below another's, with the mean difference."""
    areas = (found.deletion[..., 1:] + found.deletion[..., :-1]).mean(-1) / 2  # [M,N,B]
    for one, other in ((1, 0), (2, 0), (3, 0), (2, 1), (3, 2), (0, 4), (1, 4), (2, 4), (3, 4)):
        for number, baseline in enumerate(found.baselines):
            gain = areas[other, :, number] - areas[one, :, number]
            error = gain.std(ddof=1) / np.sqrt(len(gain))
            print(
                f"  {found.methods[one]} below {found.methods[other]} ({baseline}): by {gain.mean():.3f} "
                f"+- {error:.3f}, in {(gain > 0).sum()} of {len(gain)} pictures"
            )


def _ablate(model: ti.Model, images: np.ndarray, classes: list[int], layer: str) -> None:
    """Print what the logit loses without the strongest group, and without random directions of equal norm."""
    groups = ti.find_groups(model, images, layer, 6)
    falls = ti.attribute(model, images, classes, along=groups, method="occlusion").values
    strongest = ti.attribute(model, images, classes, along=groups).values.argmax(1)
    cost = falls[np.arange(len(images)), strongest].mean()
    activation = np.asarray(model.run(images, [layer])[layer])
    rows = np.arange(len(images))
    before = np.asarray(model.run(images, ["output"])["output"])[rows, classes]
    random = np.random.default_rng(0)
    lost = []
    for _ in range(20):
        noise = random.normal(size=(len(images), 1, 1, activation.shape[-1]))
        noise /= np.linalg.norm(noise, axis=-1, keepdims=True)
        weight = (
            groups.weights[rows, ..., strongest][..., None]
            * np.linalg.norm(groups.vectors[strongest], axis=1)[:, None, None, None]
        )
        point = (activation - weight * noise).astype(np.float32)
        lost.append(before - np.asarray(model.run(images, ["output"], {layer: point})["output"])[rows, classes])
    size = np.abs(lost).mean()
    print(
        f"{layer}: without its strongest group the logit falls by {cost:.2f} in the mean; a random direction of equal "
        f"norm moves it by {size:.2f}, either way ({cost / size:.1f} times), down by {np.mean(lost):.2f}"
    )


if __name__ == "__main__":
    main()
