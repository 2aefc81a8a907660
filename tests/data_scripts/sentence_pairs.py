"""Makes tables of sentence pairs from Multi30k: `python sentence_pairs.py FOLDER OUT`, with FOLDER/train.en, FOLDER/train.de and so on.

Each row has a sentence in English and the same one in German: OUT/train.csv, OUT/validation.csv, OUT/test.csv.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

PARTS = {"train": "train", "val": "validation", "test": "test"}


def write(folder: Path, out: Path) -> None:
    """Write the three tables."""
    out.mkdir(parents=True, exist_ok=True)
    for part, name in PARTS.items():
        lines = [(folder / f"{part}.{language}").read_text(encoding="utf-8").split("\n") for language in ("en", "de")]
        with (out / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["english", "german"])
            writer.writerows((one.strip(), other.strip()) for one, other in zip(*lines, strict=True) if one.strip())


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]))
