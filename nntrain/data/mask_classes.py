"""Classes that masks were found to have: which are told, and which look like damage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, cast

from nntrain.data.fields.mask import Mask, pixel_word
from nntrain.data.masks import LOSSY, classes_fix, in_yaml
from nntrain.data.table import Table, listed
from nntrain.errors import DataError

if TYPE_CHECKING:
    from nntrain.data.fields.field import Array, Values
    from nntrain.data.fitted import FittedFields

STRAY_PIXELS: Final = 1 / 1000
"""Share of all pixels below which a value may be damage."""
STRAY_FILES: Final = 1 / 100
"""Share of the files that it then stands in at most, or in one alone."""
MAX_WRITTEN: Final = 12
"""Classes that a fix writes out."""
_JPEG_START: Final = b"\xff\xd8\xff"


def found_classes(fields: FittedFields, table: Table, values: Mapping[str, Values]) -> Iterator[str]:
    """Which classes masks have whose settings name none, and how many of the pixels.

    Args:
        fields: The fields, fitted.
        table: The rows of the training file.
        values: What was read of all of them, by field.

    Raises:
        DataError: A value stands in so few pixels that it looks like damage, or JPEG files hold more than two.
    """
    for field in fields.fields:
        mask = field.plan.field
        if isinstance(mask, Mask) and mask.values is None and field.plan.role == "target":
            shown = _Shown(field.name, mask, table, field.plan.columns[0], cast("Array", values[field.name]))
            shown.check()
            known = [value for value in shown.pixels if value in field.state["values"]]
            yield f"{field.name}: {len(known):,} classes by the values of the pixels: {listed([shown.share(value) for value in known], 8)}"


class _Shown:
    """Which values the masks of a table hold, and where."""

    def __init__(self, name: str, field: Mask, table: Table, column: str, masks: Array) -> None:
        import numpy as np

        self.name, self.table, self.column, self.masks = name, table, column, masks
        pixels: dict[int, int] = {}
        self.rows: dict[int, list[int]] = {}
        for row, mask in enumerate(masks):
            counts = np.bincount(mask.reshape(-1)) if mask.dtype == np.uint8 else None
            held = np.unique(mask, return_counts=True) if counts is None else (counts.nonzero()[0], counts[counts > 0])
            for value, count in zip(held[0].tolist(), held[1].tolist(), strict=True):
                pixels[value] = pixels.get(value, 0) + count
                self.rows.setdefault(value, []).append(row)
        self.pixels = {value: pixels[value] for value in sorted(pixels) if value not in field.ignored}
        self.total = max(sum(self.pixels.values()), 1)

    def share(self, value: int) -> str:
        """A value and its share of the pixels, in words."""
        return f"{pixel_word(value)} ({100 * self.pixels[value] / self.total:.2g}%)"

    def check(self) -> None:
        """Refuse what looks like damage. Raises `DataError`."""
        jpegs = [] if len(self.pixels) <= 2 else [row for row in range(len(self.masks)) if self._is_jpeg(row)]
        written = classes_fix({value: pixel_word(value) for value in self.pixels})
        named = f"; is each of them a class?  {written}" if len(self.pixels) <= MAX_WRITTEN else ""
        if jpegs:
            held = listed([self.share(value) for value in self.pixels], 8)
            what = f"the masks of {self.name} are JPEG files ({self._files(jpegs)}) that hold {len(self.pixels):,} values"
            raise DataError(f"{self.table.name}: {what}: {held}", f"{LOSSY}{named}")
        most = max(1, int(STRAY_FILES * len(self.masks)))
        stray = [value for value, count in self.pixels.items() if count < STRAY_PIXELS * self.total and len(self.rows[value]) <= most]
        if not stray or len(self.pixels) - len(stray) < 2:
            return
        told = "; ".join(
            f"{pixel_word(value)} in {self.pixels[value]:,} of {self.total:,} pixels ({self._files(self.rows[value])})"
            for value in stray[:5]
        )
        more = f"; and {len(stray) - 5:,} values more" if len(stray) > 5 else ""
        ignored = ", ".join(in_yaml(pixel_word(value)) for value in stray[:MAX_WRITTEN])
        fix = f"fix:  fields: {{{self.name}: {{type: mask, ignore: [{ignored}]}}}}"
        raise DataError(
            f"{self.table.name}: the masks of {self.name} hold values so rarely that they look like damage: {told}{more}",
            f"repair the files, or  {fix}{named}",
        )

    def _files(self, rows: Sequence[int]) -> str:
        import polars as pl

        cells = self.table.columns[self.column]
        has_names = isinstance(cells, pl.Series) and cells.dtype == pl.String
        more = f" and {len(rows) - 3:,} more" if len(rows) > 3 else ""
        return ", ".join(str(cells[row]) if has_names else self.table.place(row) for row in rows[:3]) + more

    def _is_jpeg(self, row: int) -> bool:
        import polars as pl

        cells = self.table.columns[self.column]
        if not isinstance(cells, pl.Series):
            return False
        cell: object = cells[row]
        return cell.startswith(_JPEG_START) if isinstance(cell, bytes) else str(cell).lower().endswith((".jpg", ".jpeg"))
