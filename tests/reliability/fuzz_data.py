"""Seeded mutations of data files of every kind: of their bytes, and of what is inside of packed ones."""

# ruff: noqa: E501

from __future__ import annotations

import gzip
import io
import random
import zipfile
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any, Final

import numpy as np
import polars as pl
from PIL import Image

ROWS: Final = 40

CONFIG: Final = """
data:
  source: {{path: {file}}}
  target: {target}
  split: {{validation: 0.2, test: 0.2}}
  batch_size: 8
training: {{max_steps: 2}}
"""


def base_files() -> dict[str, bytes]:
    """A sound file of each kind, by name; a workbook only where the extra that reads it is installed."""
    table = "\n".join(["a,b,when,y", *(f'{row * 0.5},"w {row % 3}",2024-01-{row % 28 + 1:02d},{row % 2}' for row in range(ROWS))]) + "\n"
    lines = "\n".join(f'{{"a": {row * 0.5}, "b": "w{row % 3}", "s": [{row}, 1.5], "y": {row % 2}}}' for row in range(ROWS)) + "\n"
    frame = pl.DataFrame(
        {"a": [row * 0.5 for row in range(ROWS)], "b": [f"w{row % 3}" for row in range(ROWS)], "y": [row % 2 for row in range(ROWS)]}
    )
    parquet = io.BytesIO()
    frame.write_parquet(parquet)
    arrays = io.BytesIO()
    np.savez(
        arrays,
        allow_pickle=False,
        x=np.arange(ROWS * 6, dtype=np.float32).reshape(ROWS, 6),
        word=np.array(["u", "v"] * (ROWS // 2)),
        y=np.arange(ROWS) % 2,
    )
    return {
        "rows.csv": table.encode(),
        "semicolons.csv": table.replace(",", ";").replace(".", ",").encode("latin-1"),
        "rows.tsv": table.replace(",", "\t").encode("utf-16"),
        "rows.jsonl": lines.encode(),
        "rows.parquet": parquet.getvalue(),
        "rows.npz": arrays.getvalue(),
        **({"rows.xlsx": _workbook(table)} if find_spec("openpyxl") is not None else {}),
        "rows.csv.gz": gzip.compress(table.encode(), mtime=0),
        "rows.jsonl.gz": gzip.compress(lines.encode(), mtime=0),
        "rows.csv.zip": _zip({"rows.csv": table.encode()}),
        "png.zip": _zip({f"{row % 2}/{row}.png": _picture(row, "PNG") for row in range(ROWS)}),
        "jpeg.zip": _zip({f"{row % 2}/{row}.jpg": _picture(row, "JPEG") for row in range(ROWS)}),
    }


def _workbook(table: str) -> bytes:
    import openpyxl

    book = openpyxl.Workbook()
    sheet: Any = book.active
    for row in table.splitlines():
        sheet.append([_cell(cell) for cell in row.split(",")])
    excel = io.BytesIO()
    book.save(excel)
    return excel.getvalue()


def _cell(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text.strip('"')


def _picture(seed: int, form: str) -> bytes:
    content = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (12, 12, 3), dtype=np.uint8)).save(content, form)
    return content.getvalue()


def _zip(members: Mapping[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, member in members.items():
            archive.writestr(zipfile.ZipInfo(name), member)
    return content.getvalue()


def mutated(name: str, content: bytes, seed: int) -> bytes:
    """A file with some mutations; those inside of a packed one have checksums that fit."""
    draw = random.Random(seed)
    if name.endswith(".gz") and draw.random() < 0.5:
        return gzip.compress(_changed(gzip.decompress(content), draw), mtime=0)
    if name.endswith((".zip", ".xlsx", ".npz")) and draw.random() < 0.6:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {member: archive.read(member) for member in archive.namelist()}
        for _ in range(draw.choice([1, 1, 3])):
            member = draw.choice(list(members))
            members[member] = _changed(members[member], draw)
        if draw.random() < 0.2:
            moved = draw.choice(list(members))
            members[draw.choice(["../x.csv", "/x.png", "a/" * 200 + "x.png", "\U0001f600.png", ".hidden", "x.pkl", ""])] = members.pop(
                moved
            )
        return _zip(members)
    return _changed(content, draw)


def _changed(content: bytes, draw: random.Random) -> bytes:
    for _ in range(draw.choice([1, 1, 2])):
        content = draw.choice(CHANGES)(content, draw)
    return content


def _flip(content: bytes, draw: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(draw.choice([1, 1, 4, 40]) if changed else 0):
        changed[draw.randrange(len(changed))] = draw.randrange(256)
    return bytes(changed)


def _flip_head(content: bytes, draw: random.Random) -> bytes:
    return _flip(content[:100], draw) + content[100:]


def _flip_tail(content: bytes, draw: random.Random) -> bytes:
    return content[:-100] + _flip(content[-100:], draw)


def _cut(content: bytes, draw: random.Random) -> bytes:
    return content[: draw.randrange(len(content) + 1)]


def _zeroed(content: bytes, draw: random.Random) -> bytes:
    start = draw.randrange(len(content) + 1)
    length = draw.choice([1, 8, 100, 4096])
    return content[:start] + b"\0" * min(length, len(content) - start) + content[start + length :]


def _doubled(content: bytes, draw: random.Random) -> bytes:
    start = draw.randrange(len(content) + 1)
    return content[:start] + content[start : start + draw.choice([1, 50, 1000])] * 2 + content[start + 50 :]


def _put_in(content: bytes, draw: random.Random) -> bytes:
    pieces = [b"\0", b"\xff" * 8, b'"', b",", b"\n", b"\r", b"1e999", b"nan", b"9" * 400, b"[" * 3000, b"{", b"\xef\xbb\xbf", b"\x80", b",,,,\n", b"\n\n\n",
              b"y", b"A" * 200_000, "\U0001f600".encode(), b"\x00\x01\x02\x03", b"-1", b"=cmd|' /C calc'!A0", b'{"a": {}}\n', b"NaN", b"Infinity"]  # fmt: skip
    start = draw.randrange(len(content) + 1)
    return content[:start] + draw.choice(pieces) + content[start:]


def _of_lines(content: bytes, draw: random.Random) -> bytes:
    lines = content.splitlines(keepends=True) or [b""]
    draw.shuffle(lines)
    return b"".join(lines[: draw.randint(1, len(lines))])


CHANGES: Final[tuple[Callable[[bytes, random.Random], bytes], ...]] = (
    _flip, _flip_head, _flip_head, _flip_tail, _cut, _zeroed, _doubled, _put_in, _put_in, _of_lines,
)  # fmt: skip


def target_of(name: str) -> str:
    """The column that is predicted from a file."""
    return "label" if name in ("png.zip", "jpeg.zip") else "y"


def config_of(name: str) -> str:
    """A config that reads a file."""
    if name in ("png.zip", "jpeg.zip"):
        return CONFIG.format(file=name, target="label").replace("{path:", "{type: image_folder, path:")
    return CONFIG.format(file=name, target="y")
