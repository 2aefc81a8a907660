"""The command that a run prints to go on with: in as many processes, else the sums are rounded otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nntrain.commands.preparing.going_on import fit_command, resume_command
from nntrain.runs import Run
from nntrain.training import place
from nntrain.training.place import Place, take

RUN = Run(Path("my runs/digits/0001"))


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """This process is alone again afterwards."""
    yield
    place._here.clear()  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize(
    ("of", "told"),
    [
        (None, "nntrain fit --resume 'my runs/digits/0001'"),
        (Place(0, 2, 0, 2, "/tmp/store"), "nntrain fit --resume 'my runs/digits/0001' --processes 2"),
        (Place(0, 4, 0, 4), "torchrun --nproc-per-node 4 -m nntrain fit --resume 'my runs/digits/0001'"),
        (Place(0, 4, 0, 4, address="node1:29500"), "torchrun --nproc-per-node 4 -m nntrain fit --resume 'my runs/digits/0001'"),
        (
            Place(0, 8, 0, 4, address="node1:29500"),
            "torchrun --nnodes 2 --rdzv-backend c10d --rdzv-endpoint node1:29500 --nproc-per-node 4 "
            "-m nntrain fit --resume 'my runs/digits/0001'",
        ),
        (Place(0, 8, 0, 4), "torchrun --nnodes 2 --nproc-per-node 4 -m nntrain fit --resume 'my runs/digits/0001'"),
    ],
)
def test_a_run_goes_on_in_as_many_processes(of: Place | None, told: str) -> None:
    if of is not None:
        take(of)
    assert resume_command(RUN) == told


def test_who_has_started_several_is_none_of_them() -> None:
    assert fit_command("c.yaml optimizer.lr=0.1", 3) == "nntrain fit c.yaml optimizer.lr=0.1 --processes 3"
    assert resume_command(Run(Path("r/a/0001")), 1) == "nntrain fit --resume r/a/0001"
