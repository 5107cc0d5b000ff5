"""What pictures are drawn like: photographs in general, or the probe's pictures (`PicturePrior`).

    python tests/benchmarks/picture_priors.py                 # the demo's digits
    python tests/benchmarks/picture_priors.py --fashion DIR   # clothes, of Debian's dataset-fashion-mnist
    python tests/benchmarks/picture_priors.py --photos DIR --layers block5c_add --units 4 --steps 64   # tf-interp[zoo]

For each layer, objective and prior: the activation reached over the largest in the probe (median and least over units),
how many units stay below 1, how far spectrum (root mean square of log10 of the power, over distances from zero) and
values (mean difference of quantiles) are from the probe's pictures, and CPU time. `--sheets DIR` writes the pictures.
"""

import argparse
import gzip
import pathlib
import time

import keras
import numpy as np
from PIL import Image

import tf_interp as ti
from tf_interp import demo
from tf_interp.directions import to_positions
from tf_interp.features import Maco, PicturePrior, direction, direction_neuron, l1, saturation
from tf_interp.images import make_sheet


def read_digits() -> tuple[ti.Model, np.ndarray]:
    """Return the demo's network, trained as in the demo, and its probe pictures."""
    keras.utils.set_random_seed(0)
    x, y, x_val, y_val = demo.load_data(0)
    network = demo.build_network()
    network.fit(x, y, batch_size=32, epochs=demo.EPOCHS, verbose=0)
    return ti.open_model(network), demo.make_probe(x_val, y_val).images


def read_clothes(folder: pathlib.Path) -> tuple[ti.Model, np.ndarray]:
    """Return a small network after three epochs of a third of Fashion-MNIST, and 200 test pictures."""

    def read(name: str, start: int) -> np.ndarray:
        with gzip.open(folder / name) as file:
            return np.frombuffer(file.read(), np.uint8, offset=start)

    keras.utils.set_random_seed(0)
    x = read("train-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28, 1)[:20000] / np.float32(255)
    y = read("train-labels-idx1-ubyte.gz", 8)[:20000]
    layers = keras.layers
    network = keras.Sequential([keras.Input((28, 28, 1))])
    for number, width in enumerate((32, 64, 64), 1):
        network.add(layers.Conv2D(width, 3, padding="same", activation="relu", name=f"conv{number}"))
        if number < 3:
            network.add(layers.MaxPooling2D())
    for layer in (layers.Flatten(), layers.Dense(64, activation="relu", name="dense"), layers.Dense(10, name="class")):
        network.add(layer)
    network.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    network.fit(x, y, batch_size=64, epochs=3, verbose=0)
    test = read("t10k-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28, 1)[:200] / np.float32(255)
    return ti.open_model(network), test


def read_spectrum(images: np.ndarray) -> np.ndarray:
    """Return log10 of the power of pictures by distance from zero frequency."""
    grey = images.mean(-1)
    power = (np.abs(np.fft.fft2(grey - grey.mean((1, 2), keepdims=True))) ** 2).mean(0) / grey[0].size
    sides = power.shape
    distance = np.hypot(np.fft.fftfreq(sides[0])[:, None], np.fft.fftfreq(sides[1])[None]) * min(sides)
    ring = np.minimum(distance.round().astype(int), min(sides) // 2).ravel()
    return np.log10(np.bincount(ring, power.ravel())[1:] / np.bincount(ring)[1:] + 1e-9)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fashion", type=pathlib.Path)
    parser.add_argument("--photos")
    parser.add_argument("--layers", nargs="+", default=["conv2", "conv3"])
    parser.add_argument("--units", type=int, default=8)
    parser.add_argument("--steps", type=int, default=128)
    parser.add_argument("--sheets", type=pathlib.Path)
    options = parser.parse_args()
    if options.photos:
        model = ti.open_model("zoo:efficientnet-lite0")
        images = ti.Probe.from_folder(options.photos, size=(224, 224), limit=64).images
    else:
        model, images = read_clothes(options.fashion) if options.fashion else read_digits()
    spectrum, shares = read_spectrum(images), np.linspace(0.005, 0.995, 199)
    grounds = np.quantile(images, shares)
    priors = {
        "Fourier": {},
        "0.01 l1 + 8 saturation": {"penalty": 0.01 * l1() + 8 * saturation()},
        "Maco": {"param": Maco()},
        "PicturePrior": {"param": PicturePrior.learn(images)},
        "its bound 1": {"param": PicturePrior.learn(images, bound=1)},
        "without a bound": {"param": PicturePrior.learn(images, bound=np.inf)},
    }
    for layer in options.layers:
        activations = to_positions(ti.read_activations(model, images, [layer])[layer])
        for name, objective in {"channel": direction, "neuron": direction_neuron}.items():
            levels = activations.mean((1, 2)) if name == "channel" else activations.max((1, 2))
            units = np.sort(np.argsort(-levels.std(0))[: options.units])
            most, rows = levels[:, units].max(0), [images[levels[:, units].argmax(0)]]
            for title, settings in priors.items():
                penalty = settings.get("penalty")
                asked = [objective(layer, vector) for vector in np.eye(levels.shape[1], dtype=np.float32)[units]]
                asked = asked if penalty is None else [one - penalty for one in asked]
                ti.render(model, asked, param=settings.get("param"), steps=1)  # compiled here
                started = time.process_time()
                drawn = ti.render(model, asked, param=settings.get("param"), steps=options.steps, retries=0)
                seconds = time.process_time() - started
                ratio = drawn.activations / most
                apart = np.sqrt(np.mean((read_spectrum(drawn.images) - spectrum) ** 2))
                values = np.abs(np.quantile(drawn.images, shares) - grounds).mean()
                print(
                    f"{layer} {name:8}{title:24} reached {np.median(ratio):5.2f} (least {ratio.min():5.2f}, "
                    f"{(ratio < 1).sum()} of {len(units)} below 1)  spectrum {apart:.2f}  values {values:.3f}  "
                    f"CPU {seconds:.1f} s",
                    flush=True,
                )
                rows.append(drawn.images)
            if options.sheets:
                options.sheets.mkdir(parents=True, exist_ok=True)
                sheet, _ = make_sheet(np.concatenate(rows), len(units))
                Image.fromarray(sheet.squeeze()).save(options.sheets / f"{layer} {name}.png")


if __name__ == "__main__":
    main()
