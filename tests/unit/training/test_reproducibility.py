import os
import random

import numpy as np
import pytest
import torch

from nntrain.training.device import use_tf32
from nntrain.training.reproducibility import (
    differing_facts,
    exactness_facts,
    preserved_globals,
    restore_rng,
    rng_state,
    seed_everything,
    use_determinism,
)
from nntrain.training.state import flatten, unflatten


def draw() -> list[float]:
    return [
        random.random(),
        random.gauss(0, 1),
        float(np.random.rand()),
        float(np.random.randn()),
        float(torch.rand(())),
        float(torch.randn(())),
    ]


def test_all_generators_are_seeded() -> None:
    seed_everything(5)
    first = draw()
    seed_everything(5)
    assert draw() == first
    seed_everything(6)
    assert all(one != other for one, other in zip(draw(), first, strict=True))


@pytest.mark.parametrize("seed", [0, 2**32 - 1])
def test_a_state_that_went_through_files_goes_on_exactly(seed: int) -> None:
    seed_everything(seed)
    draw()  # leaves half a pair of normal numbers in two of the generators
    state = unflatten(*flatten(rng_state()))
    wanted = [draw() for _ in range(3)]
    seed_everything(1)
    restore_rng(state)
    assert [draw() for _ in range(3)] == wanted


def test_taking_the_state_draws_nothing() -> None:
    seed_everything(0)
    first = draw()
    seed_everything(0)
    rng_state()
    assert draw() == first


def test_differences_are_named() -> None:
    facts = exactness_facts(torch.device("cpu"))
    assert facts["torch"] == torch.__version__
    assert differing_facts(facts, dict(facts)) == []
    assert differing_facts(facts, {**facts, "threads": 64}) == [f"threads: was {facts['threads']}, is 64"]
    assert differing_facts({"gpu": "A"}, {}) == ["gpu: was A, is None"]


def test_determinism_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    try:
        use_determinism(deterministic=True)
        assert torch.are_deterministic_algorithms_enabled()
        assert exactness_facts(torch.device("cpu"))["deterministic"] is True
    finally:
        use_determinism(deterministic=False)
    assert not torch.are_deterministic_algorithms_enabled()


def test_the_process_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)  # else nothing reads how it rounds
    seed_everything(3)
    draw()
    wanted = rng_state()
    threads = torch.get_num_threads()
    rounding = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32

    @preserved_globals()
    def disturb() -> None:
        seed_everything(4)
        draw()
        use_determinism(deterministic=True)
        use_tf32("tf32", torch.device("cuda"))
        torch.set_num_threads(threads + 1)
        raise ValueError("in the middle")

    with pytest.raises(ValueError, match="in the middle"):
        disturb()
    assert flatten(rng_state())[1] == flatten(wanted)[1]
    assert all(torch.equal(one, other) for one, other in zip(flatten(rng_state())[0].values(), flatten(wanted)[0].values(), strict=True))
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()
    assert (torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32) == rounding
    assert "CUBLAS_WORKSPACE_CONFIG" not in os.environ


def test_rounding_that_was_set_by_newer_settings_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def mixed() -> str:
        raise RuntimeError("a mix of the legacy and the new settings")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "get_float32_matmul_precision", mixed)
    with preserved_globals():
        pass
