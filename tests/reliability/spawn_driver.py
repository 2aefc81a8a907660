"""Reads batches by processes that are spawned, as Windows and macOS start them, and by this process: `python spawn_driver.py CONFIG`.

Prints how many batches were equal. The guard at the end is needed: a spawned process reads this file again.
"""

from __future__ import annotations

import multiprocessing
import sys
from dataclasses import replace
from pathlib import Path

import torch

from nntrain.config.reading import read_config
from nntrain.data.batches import epoch_batches
from nntrain.data.preparing import prepare
from nntrain.data.streaming import Reading


def main() -> None:
    multiprocessing.set_start_method("spawn", force=True)
    config = read_config(Path(sys.argv[1]), ())
    rows = prepare(config.experiment.data, config.folder, seed=1).train
    assert rows.streamed is not None
    spawned = replace(rows, streamed=replace(rows.streamed, reading=Reading(1)))
    pairs = zip(epoch_batches(rows, 8, seed=1, epoch=0), epoch_batches(spawned, 8, seed=1, epoch=0), strict=True)
    print(sum(torch.equal(one.inputs["image"], other.inputs["image"]) for one, other in pairs))


if __name__ == "__main__":
    main()
