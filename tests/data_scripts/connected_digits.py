"""Joins spoken digits to rows of two to five, each row of one speaker, with the words beside them.

    python tests/data_scripts/connected_digits.py FSDD FOLDER

FSDD is a copy of the Free Spoken Digit Dataset (its folder `recordings`, or the folder above it). Takes 0 to 4 of each digit and speaker
are for the test rows alone, takes 5 to 49 for training and validation, as the set itself splits them. FOLDER gets `train.csv`, `test.csv`
(columns `wav`, `text`, `speaker`) and the sounds, 16 bits at 8 kHz.
"""

from __future__ import annotations

import argparse
import csv
import random
import wave
from array import array
from pathlib import Path

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TEST_TAKES = 5
RATE = 8000
FEWEST, MOST = 2, 5
LONGEST_PAUSE = RATE // 5
"""Samples of silence between two digits, at most."""


def main() -> None:
    """Read the arguments and write the rows."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("fsdd", type=Path, help="the Free Spoken Digit Dataset")
    parser.add_argument("folder", type=Path, help="where the rows are written")
    parser.add_argument("--train", type=int, default=2000, help="rows for training and validation")
    parser.add_argument("--test", type=int, default=300, help="rows for test")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    write(given.fsdd, given.folder, train=given.train, test=given.test, seed=given.seed)


def write(fsdd: Path, folder: Path, *, train: int, test: int, seed: int = 0) -> None:
    """Write the rows of both files. The same seed gives the same bytes."""
    recordings = fsdd / "recordings" if (fsdd / "recordings").is_dir() else fsdd
    takes = _by_speaker(sorted(recordings.glob("*.wav")))
    for part, rows, is_test in (("train", train, False), ("test", test, True)):
        draw = random.Random(f"{seed} {part}")
        (folder / part).mkdir(parents=True, exist_ok=True)
        with (folder / f"{part}.csv").open("w", newline="") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(["wav", "text", "speaker"])
            for row in range(rows):
                speaker = draw.choice(sorted(takes))
                digits = [draw.randrange(10) for _ in range(draw.randint(FEWEST, MOST))]
                files = [draw.choice(_takes(takes[speaker][digit], is_test=is_test)) for digit in digits]
                name = f"{part}/{row:05d}.wav"
                _write_sound(folder / name, _joined(files, draw))
                table.writerow([name, " ".join(WORDS[digit] for digit in digits), speaker])


def _by_speaker(files: list[Path]) -> dict[str, dict[int, dict[int, Path]]]:
    """Files by speaker, digit and take, from names like `7_jackson_32.wav`."""
    found: dict[str, dict[int, dict[int, Path]]] = {}
    for file in files:
        digit, speaker, take = file.stem.split("_")
        found.setdefault(speaker, {}).setdefault(int(digit), {})[int(take)] = file
    return found


def _takes(takes: dict[int, Path], *, is_test: bool) -> list[Path]:
    return [file for take, file in sorted(takes.items()) if (take < TEST_TAKES) == is_test]


def _joined(files: list[Path], draw: random.Random) -> array[int]:
    samples = array("h")
    for place, file in enumerate(files):
        if place:
            samples.extend([0] * draw.randint(0, LONGEST_PAUSE))
        with wave.open(str(file), "rb") as sound:
            samples.frombytes(sound.readframes(sound.getnframes()))
    return samples


def _write_sound(path: Path, samples: array[int]) -> None:
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, RATE, 0, "NONE", ""))
        sound.writeframes(samples.tobytes())


if __name__ == "__main__":
    main()
