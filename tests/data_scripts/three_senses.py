"""Puts photos, sentences and measurements together to rows of which each part tells one third of the class.

    python tests/data_scripts/three_senses.py CIFAR10_SMALL_ZIP SST2 PENGUINS_CSV FOLDER

The first is a .zip file with folders `train/CLASS` and `test/CLASS` of photos, the second a folder with `train.tsv` and `test.tsv`
(columns `sentence`, `label`), the third a table with a column `species`. The class of a row is whether its photo shows an animal or a
vehicle, whether its sentence praises or not, and whether its penguin is an Adelie or not: eight classes, `animal praise adelie` and so on.
FOLDER gets `train.csv`, `test.csv` (columns `photo`, `sentence`, four measurements, `label`) and the photos; what a test row is made of is
in no training row.
"""

from __future__ import annotations

import argparse
import csv
import random
import zipfile
from pathlib import Path

VEHICLES = frozenset({"airplane", "automobile", "ship", "truck"})
MEASUREMENTS = ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g")
TEST_SHARE = 4
"""One of so many penguins is for the test rows."""


def main() -> None:
    """Read the arguments and write the rows."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("photos", type=Path, help="a .zip file of photos")
    parser.add_argument("sentences", type=Path, help="a folder with train.tsv and test.tsv")
    parser.add_argument("penguins", type=Path, help="a table of penguins")
    parser.add_argument("folder", type=Path, help="where the rows are written")
    parser.add_argument("--train", type=int, default=6000, help="rows for training and validation")
    parser.add_argument("--test", type=int, default=1000, help="rows for test")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    write(given.photos, given.sentences, given.penguins, given.folder, train=given.train, test=given.test, seed=given.seed)


def write(photos: Path, sentences: Path, penguins: Path, folder: Path, *, train: int, test: int, seed: int = 0) -> None:
    """Write the rows of both files. The same seed gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    measured = [row for row in _rows(penguins, ",") if all(row[name] not in ("", "NA") for name in MEASUREMENTS)]
    with zipfile.ZipFile(photos) as archive:
        for part, count in (("train", train), ("test", test)):
            draw = random.Random(f"{seed} {part}")
            images = sorted(name for name in archive.namelist() if name.startswith(f"{part}/") and not name.endswith("/"))
            texts = _rows(sentences / f"{part}.tsv", "\t")
            birds = [row for place, row in enumerate(measured) if (place % TEST_SHARE == 0) == (part == "test")]
            (folder / part).mkdir(exist_ok=True)
            with (folder / f"{part}.csv").open("w", newline="", encoding="utf-8") as file:
                table = csv.writer(file, lineterminator="\n")
                table.writerow(["photo", "sentence", *MEASUREMENTS, "label"])
                shown, told = draw.sample(images, len(images)), draw.sample(texts, len(texts))
                for row in range(count):
                    image, text, bird = shown[row % len(images)], told[row % len(texts)], draw.choice(birds)
                    name = f"{part}/{row:05d}{Path(image).suffix}"
                    (folder / name).write_bytes(archive.read(image))
                    table.writerow([name, text["sentence"], *(bird[column] for column in MEASUREMENTS), _label(image, text, bird)])


def _rows(path: Path, separator: str) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter=separator, quoting=csv.QUOTE_NONE if separator == "\t" else csv.QUOTE_MINIMAL))


def _label(image: str, text: dict[str, str], bird: dict[str, str]) -> str:
    seen = "vehicle" if image.split("/")[1] in VEHICLES else "animal"
    return " ".join((seen, "praise" if text["label"] == "1" else "blame", "adelie" if bird["species"] == "Adelie" else "other"))


if __name__ == "__main__":
    main()
