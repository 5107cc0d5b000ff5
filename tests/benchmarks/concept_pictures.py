"""Pictures and the network of the concept benchmarks: crops of photographs, generated textures."""

import pathlib

import numpy as np
import tensorflow as tf

from tf_interp.images import read_folder, read_image
from tf_interp.models import open_model

ZOO = "zoo:efficientnet-lite0"
TEXTURES = ("striped", "dotted", "zigzag", "checkered")


def add_network_options(parser, layers, needed=True):
    """Add the arguments that `open_network` and `crop_photos` need."""
    parser.add_argument("--photos", type=pathlib.Path, required=needed, help="folder of photographs")
    parser.add_argument("--model", default=ZOO, help="the zoo's network, or a file with logits as output")
    parser.add_argument("--layers", nargs="+", default=layers)
    parser.add_argument("--scale", type=float, default=255 / 128, help="of a file: pictures in [0,1] are multiplied")
    parser.add_argument("--shift", type=float, default=127 / 128, help="of a file: and this is taken away")
    parser.add_argument("--size", type=int, default=224)


def open_network(options):
    """Return the network that was asked for; the zoo's bring their own preprocessing."""
    if options.model.startswith("zoo:"):
        return open_model(options.model)
    return open_model(options.model, preprocess=lambda images: images * options.scale - options.shift)


def crop_photos(folder, count, size, seed):
    """Return random square crops float32 [count,size,size,3] and the photograph of each."""
    random = np.random.default_rng(seed)
    files = read_folder(folder, (8, 8))[1]
    photos = [read_image(file) for file in files]
    crops, sources = [], []
    for number in range(count):
        source = number % len(photos)
        photo = photos[source]
        side = int(random.uniform(0.3, 0.8) * min(photo.shape[:2]))
        top, left = (random.integers(0, edge - side + 1) for edge in photo.shape[:2])
        crop = photo[top : top + side, left : left + side]
        crops.append(tf.image.resize(crop, (size, size), antialias=True).numpy())
        sources.append(source)
    return np.clip(np.stack(crops), 0, 1), np.array(sources)


def draw_texture(kind, count, size, seed):
    """Return pictures float32 [count,size,size,3] of one texture in random colors, scales and angles."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size].astype(np.float32)
    pictures = []
    for _ in range(count):
        angle, period = random.uniform(0, np.pi), random.uniform(14, 40)
        u = (x * np.cos(angle) + y * np.sin(angle)) / period + random.uniform()
        v = (-x * np.sin(angle) + y * np.cos(angle)) / period + random.uniform()
        if kind == "striped":
            mask = np.sin(2 * np.pi * (u + 0.1 * np.sin(v * random.uniform(0.5, 2)))) > 0
        elif kind == "zigzag":
            mask = np.sin(2 * np.pi * (u + 0.6 * np.abs(2 * (v / 2 % 1) - 1))) > 0
        elif kind == "dotted":
            mask = (u % 1 - 0.5) ** 2 + (v % 1 - 0.5) ** 2 < random.uniform(0.05, 0.12)
        else:
            mask = (np.floor(u) + np.floor(v)) % 2 > 0
        first, second = random.uniform(0, 1, (2, 3))
        if np.abs(first - second).sum() < 0.9:
            first, second = np.zeros(3), np.ones(3)
        picture = np.where(mask[..., None], first, second) + random.normal(0, 0.03, (size, size, 3))
        pictures.append(np.clip(picture, 0, 1))
    return np.stack(pictures).astype(np.float32)
