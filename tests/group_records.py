"""Records of groups made by hand, to look at the tab with: groups move, die, are born, and fire at known places."""

import pathlib

import fake_run
import numpy as np

from tensorboard_plugin_interp import metadata

CHANNELS = 40
PICTURES = 6
SIDE = 12  # of a map; a thumbnail has four times that
SHARES = {  # step -> identity -> share: 1 dies, 4 is born, and the order changes
    10: {0: 0.40, 1: 0.20, 2: 0.10, 3: 0.05},
    20: {2: 0.12, 0: 0.38, 3: 0.05, 1: 0.21},
    30: {4: 0.15, 2: 0.31, 0: 0.20, 3: 0.055},
}


def make_vector(identity: int, seed: int = 0) -> np.ndarray:
    """Return what a group of a training is made of: no two alike."""
    return np.random.default_rng([seed, identity]).random(CHANNELS) ** 6


def make_maps(place: int) -> np.ndarray:
    """Return where what sits at one of 12 places fires, [N,h,w] in 0..1."""
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    row, column = divmod(place, 4)
    shift = np.arange(PICTURES)[:, None, None] * 0.02
    return np.exp(-(((y - 0.2 - 0.3 * row - shift) ** 2 + (x - 0.15 - 0.23 * column + shift) ** 2) / 0.012))


def make_record(
    step: int, shares: dict[int, float], *, seed: int = 0, layer: str = "conv", variant: str = "", places=None
) -> tuple[str, int, list[bytes]]:
    """Return one event: groups of these identities, in this order, which fire at their own places or others."""
    maps = np.stack([make_maps(identity if places is None else places[identity]) for identity in shares], 1)
    icons = np.stack([fake_run._icon(identity, 8, 1.0) for identity in shares])
    digits = np.clip(np.random.default_rng(7).normal(0.5, 0.15, (PICTURES, 48, 48)), 0, 1)
    sheets = [fake_run._sheet(icons, len(icons)), fake_run._sheet(maps.reshape(-1, SIDE, SIDE), len(shares)),
              fake_run._sheet(digits, 3)]  # fmt: skip
    groups = [
        {
            "name": f"group {identity}",
            "share": share,
            "icon": index,
            "channels": [{"channel": int(make_vector(identity, seed).argmax()), "weight": 1.0}],
            "effects": {"cat": 0.3 * share, "dog": -0.2 * share},
            "identity": identity,
            "vector": metadata.pack_vector(make_vector(identity, seed).tolist()),
        }
        for index, (identity, share) in enumerate(shares.items())
    ]
    data = {
        "groups": groups,
        "error": 0.2,
        "icons": {"image": 0, **sheets[0][1]},
        "maps": {"image": 1, **sheets[1][1]},
        "map_scale": [1.0] * len(groups),
        "probe": {
            "count": PICTURES,
            "ids": [f"p{picture}.png" for picture in range(PICTURES)],
            "labels": None,
            "predictions": None,
            "thumbnails": {"image": 2, **sheets[2][1]},
        },
        "settings": {"k": len(groups)},
        **({"variant": variant} if variant else {}),
    }
    header = {"schema": 1, "kind": "groups", "layer": layer, "step": step, "title": "groups", "data": data}
    pngs = [fake_run._png(picture) for picture, _ in sheets]
    return metadata.make_tag("groups", layer, variant), step, metadata.pack(header, pngs)


def write_runs(folder: pathlib.Path) -> int:
    """Write a run of three steps, another training of the same network, and one with two numbers of groups."""
    fake_run.write_events(folder / "first/interp", [make_record(step, shares) for step, shares in SHARES.items()])
    # group 0 here fires where 2 of the first does, 1 where 0, 3 where 3; 2 at a place of its own
    places = {0: 2, 1: 0, 2: 9, 3: 3}
    other = make_record(30, {0: 0.1, 1: 0.5, 2: 0.07, 3: 0.05}, seed=5, places=places)
    fake_run.write_events(folder / "second/interp", [other])
    several = [
        make_record(step, dict.fromkeys(range(k), 0.6 / k), variant=str(k), layer=layer)
        for step in (10, 20) for layer in ("conv", "conv2") for k in (2, 4, 8)
        if (layer, k) != ("conv2", 8)
    ]  # fmt: skip
    fake_run.write_events(folder / "several/interp", several)
    return 1 + 1 + 5
