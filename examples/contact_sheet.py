"""Draw a contact sheet: what units of a trained network look for, from textures to things.

    pip install "tf-interp[cpu,zoo]"
    python examples/contact_sheet.py

The units are not chosen: the first channels of three layers, and some well-known classes. Each row is one layer of
EfficientNet-Lite0, the early one on top. With --cache a run that was stopped goes on where it was.
"""

import argparse
import pathlib

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tf_interp.features import class_logit, render_many
from tf_interp.models import open_model

LAYERS = ("block3b_add", "block5c_add", "block6c_add")
CLASSES = ("zebra", "goldfish", "fire truck", "volcano", "daisy", "castle", "strawberry", "macaw")
CAPTION, GAP = 22, 4  # pixels


def draw_sheet(rows, names):
    """Return rows of units as one picture with a caption below each."""
    height, width = rows[0][0].images.shape[1:3]
    across, down = width + GAP, height + CAPTION
    sheet = Image.new("RGB", (across * max(map(len, rows)) - GAP, down * len(rows)), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for y, (row, captions) in enumerate(zip(rows, names, strict=True)):
        for x, (unit, caption) in enumerate(zip(row, captions, strict=True)):
            if unit.ok:
                sheet.paste(Image.fromarray(np.uint8(unit.images[0] * 255 + 0.5)), (x * across, y * down))
            text = caption if unit.ok else f"{caption}: {unit.status[0]}"
            pen.text((x * across + 2, (y + 1) * down - CAPTION + 2), text, fill="black", font=font)
    return sheet


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).with_suffix(".jpg"))
    parser.add_argument("--units", type=int, default=len(CLASSES), help="units per layer, 1 to 8")
    parser.add_argument("--steps", type=int, default=256)
    parser.add_argument("--cache", type=pathlib.Path, help="folder that keeps finished units")
    options = parser.parse_args()
    if not 1 <= options.units <= len(CLASSES):
        parser.error(f"--units must be 1 to {len(CLASSES)}, got {options.units}")
    model = open_model("zoo:efficientnet-lite0")
    specs = [[f"{layer}:{n}" for n in range(options.units)] for layer in LAYERS]
    names = [[spec.replace(":", ", channel ") for spec in row] for row in specs]
    specs.append([class_logit(name) for name in CLASSES[: options.units]])
    names.append([f"logit of {name}" for name in CLASSES[: options.units]])
    flat = [spec for row in specs for spec in row]
    units = list(render_many(model, flat, steps=options.steps, cache=options.cache, progress=True))
    rows = [units[start : start + options.units] for start in range(0, len(units), options.units)]
    draw_sheet(rows, names).save(options.out, quality=85, optimize=True)
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.2f} MB, {sum(u.ok for u in units)} of {len(units)} good")
    for unit in units:
        print(f"  {unit.name:28s} {unit.activations.max(initial=0):9.2f}  {', '.join(unit.status)}")


if __name__ == "__main__":
    main()
