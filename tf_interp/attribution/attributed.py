"""`Attribution`: what was found, as numbers, a table and a picture."""

import dataclasses
from typing import Any

import numpy as np

from tf_interp.display import (
    color_signs,
    cut,
    fill_rows,
    number_of,
    quote,
    tell,
    write_block,
    write_number,
    write_picture,
    write_range,
    write_table,
)
from tf_interp.images import make_sheet

MOST = 12  # pictures and directions in a notebook


@dataclasses.dataclass(frozen=True, eq=False)
class Attribution:
    """What each part of an image, or of a layer, contributed to a score.

    Args:
        values: float32 [N,H,W,C] for the input, [N,h,w,C] for a layer; C is 1 for methods that give one number a
            position; [N,K] along K directions. In units of the score, but where the method says otherwise. Vectors have
            one position, series [N,T,F] one row of them, the slices of volumes lie below each other.
        layer: path of the layer, None for the input.
        method: name of the method.
        scores: float32 [N]: the target's logit, or what the callable target returned.
        totals: float32 [N]: sum of the attribution over the whole input or layer.
        residual: float32 [N]: what the directions leave out, so that `values.sum(-1) + residual` is `totals`; None
            without directions, and where the method has no total to divide.
        names: names of the directions, or None.
        notes: sentences on what a person should know, such as that a gradient is zero.
    """

    values: np.ndarray
    layer: str | None
    method: str
    scores: np.ndarray
    totals: np.ndarray
    residual: np.ndarray | None = None
    names: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()

    def positions(self) -> np.ndarray:
        """Return the sum over channels at each position.

        Returns:
            float32 array [N,h,w].

        Raises:
            ValueError: if the values are along directions: those have no positions.
        """
        if self.values.ndim != 4:
            raise ValueError(
                f"an attribution along {len(self.names or ())} directions has one number per image and direction, "
                "no positions: call attribute without along"
            )
        return self.values.sum(-1)

    def to_dataframe(self) -> Any:
        """Return a table: a row per picture and direction, or per picture and position.

        Returns:
            pandas `DataFrame` with the columns "picture", "score", and "direction" or "y" and "x", and "value".

        Raises:
            ImportError: if pandas is not installed.
        """
        import pandas as pd

        if self.values.ndim == 2:
            index = np.indices(self.values.shape).reshape(2, -1)
            names = self.names or ()
            what = {"direction": [names[column] for column in index[1]], "value": self.values.ravel()}
        else:
            maps = self.positions()
            index = np.indices(maps.shape).reshape(3, -1)
            what = {"y": index[1], "x": index[2], "value": maps.ravel()}
        return pd.DataFrame({"picture": index[0], "score": self.scores[index[0]], **what})

    def plot(self, images: Any = None) -> Any:
        """Draw the attribution: maps in blue (for the score) and red (against it), or bars along directions.

        Args:
            images: float [N,H,W,C] in [0,1] to lay the maps over, or None.

        Returns:
            matplotlib `Figure`.

        Raises:
            ImportError: if matplotlib is not installed.
        """
        from tf_interp.attribution.attribution_plot import plot_bars, plot_maps

        if self.values.ndim == 2:
            return plot_bars(self.values, list(self.names or ()), self.scores)
        return plot_maps(self.positions(), self.scores, None if images is None else np.asarray(images))

    def __repr__(self) -> str:
        where = "the input" if self.layer is None else f"layer {quote(self.layer, 60)}"
        along = "" if self.names is None else f" along {number_of(len(self.names), 'direction')}"
        what = f"{quote(self.method)} of {number_of(len(self.scores), 'picture')} to {where}{along}"
        return tell(self, what, f"score {write_range(self.scores)}")

    def _repr_html_(self) -> str:
        if self.values.ndim == 2:
            head = ["picture", "score", *(cut(name) for name in (self.names or ())[:MOST])]
            rows = [
                [number + 1, write_number(score), *(write_number(value) for value in row[:MOST])]
                for number, (score, row) in enumerate(zip(self.scores, self.values, strict=True))
            ]
            return write_block(repr(self), write_table(head, rows, MOST), notes=self.notes)
        maps = self.positions()[:MOST]
        gap = max(1, min(maps.shape[1:]) // 16)
        maps = np.pad(maps, ((0, 0), (0, gap), (0, gap)))  # white between them
        sheet, shape = make_sheet(*fill_rows(color_signs(maps)))
        what = "for the score (blue), against it (red), one scale; row by row"
        rows = [
            [number + 1, write_number(score), write_number(total)]
            for number, (score, total) in enumerate(zip(self.scores, self.totals, strict=True))
        ]
        table = write_table(["picture", "score", "total"], rows, MOST)
        return write_block(
            repr(self), write_picture(sheet, what, 120 * shape["columns"]), table, notes=(what, *self.notes)
        )
