"""Which of several processes this one is, by its environment."""

from __future__ import annotations

import pytest

from nntrain.errors import UsageError
from nntrain.training.place import STORE, Place

TORCHRUN = {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "node1", "MASTER_PORT": "29500"}


def test_what_torchrun_says() -> None:
    assert Place.of(TORCHRUN) == Place(3, 4, 1, 2, address="node1:29500")
    assert Place.of(TORCHRUN | {"MASTER_ADDR": "fe80::1"}) == Place(3, 4, 1, 2, address="[fe80::1]:29500")


def test_what_fit_says_to_its_processes() -> None:
    assert Place.of({"RANK": "0", "WORLD_SIZE": "2", STORE: "/tmp/store"}) == Place(0, 2, 0, 2, "/tmp/store")


@pytest.mark.parametrize("environment", [{}, {"RANK": "0"}, {"RANK": "0", "WORLD_SIZE": "1"}])
def test_alone(environment: dict[str, str]) -> None:
    assert Place.of(environment) is None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"MASTER_PORT": None}, "MASTER_PORT not set"),
        ({"WORLD_SIZE": "two"}, "WORLD_SIZE is 'two'"),
        ({"RANK": "4"}, "RANK is 4 of WORLD_SIZE 4"),
        ({"LOCAL_RANK": "2"}, "LOCAL_RANK 2 of LOCAL_WORLD_SIZE 2"),
    ],
)
def test_what_can_not_be_is_refused(change: dict[str, str | None], told: str) -> None:
    environment = {name: value for name, value in {**TORCHRUN, **change}.items() if value is not None}
    with pytest.raises(UsageError, match=told):
        Place.of(environment)
