"""Weights that torch saved are read as torch reads them."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from safetensors import torch as safetensors
from torch import Tensor, nn

from nntrain.errors import CheckpointError
from nntrain.weights.reading import read_weights

FORMS: dict[str, dict[str, Any]] = {"zip": {}, "zip_5": {"pickle_protocol": 5}, "legacy": {"_use_new_zipfile_serialization": False}}


def tensors() -> dict[str, Tensor]:
    base = torch.arange(24.0).reshape(4, 6)
    return {
        "plain": torch.randn(3, 4),
        "parameter": nn.Parameter(torch.randn(2, 2)),
        "base": base,
        "part": base[1:3],
        "column": base[:, 2],
        "turned": base.t(),
        "channels_last": torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last),
        "float16": torch.randn(5).half(),
        "bfloat16": torch.randn(5).bfloat16(),
        "float64": torch.randn(5).double(),
        "int64": torch.tensor([-(2**62), 3]),
        "uint8": torch.tensor([0, 255], dtype=torch.uint8),
        "bool": torch.tensor([True, False, True]),
        "scalar": torch.tensor(3.5),
        "count": torch.tensor(7),
        "empty": torch.empty(0, 3),
    }


@pytest.mark.parametrize("form", FORMS)
def test_tensors_are_those_that_torch_reads(tmp_path: Path, form: str) -> None:
    path = tmp_path / "model.pt"
    saved = OrderedDict(tensors())
    torch.save(saved, path, **FORMS[form])
    expected: dict[str, Tensor] = saved if form == "zip_5" else torch.load(path, weights_only=True)  # torch itself reads no 5 safely
    weights = read_weights(path)
    found = weights.tensors()
    assert list(found) == list(expected)
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype, name
        assert found[name].shape == tensor.shape == weights.shapes[name], name
        assert found[name].stride() == tensor.stride(), name
        assert torch.equal(found[name], tensor), name
        assert torch.equal(weights.tensor(name), tensor), name
        assert str(tensor.dtype) == f"torch.{weights.dtypes[name]}"
    found["base"][1, 2] = -1.0
    assert found["part"][0, 2] == found["column"][1] == found["turned"][2, 1] == -1.0, "shared numbers are shared"


def test_safetensors_are_read_without_a_library(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    saved = {name: tensor.detach().clone().contiguous() for name, tensor in tensors().items()}
    safetensors.save_file(saved, path, metadata={"format": "pt"})
    weights = read_weights(path)
    assert {*weights.stored} == {*saved}
    assert all(torch.equal(weights.tensor(name), tensor) and weights.tensor(name).dtype == tensor.dtype for name, tensor in saved.items())


@pytest.mark.parametrize("form", FORMS)
def test_a_module_saves_its_versions_beside_its_weights(tmp_path: Path, form: str) -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(2, 3))
    path = tmp_path / "model.bin"
    torch.save(network.state_dict(), path, **FORMS[form])
    found = read_weights(path)
    assert not found.notes
    assert all(torch.equal(found.tensor(name), tensor) for name, tensor in network.state_dict().items())
    assert found.shapes["1.num_batches_tracked"] == ()


CHECKPOINTS: dict[str, tuple[Any, list[str]]] = {
    "state_dict": ({"state_dict": {"a": 1}, "epoch": 3, "best": 0.5, "name": "x"}, ["under state_dict"]),
    "model": ({"model": {"a": 1}, "optimizer": {"state": {0: {"step": 1}}, "param_groups": [{"lr": 0.1}]}}, ["under model"]),
    "deep": ({"model": {"state_dict": {"a": 1}}}, ["under model > state_dict"]),
    "parallel": ({"module.a": 1}, ["'module.', which DataParallel adds"]),
    "parallel_inside": ({"state_dict": {"module.a": 1}}, ["under state_dict", "DataParallel"]),
    "averaged": ({"model": {"a": 2}, "model_ema": {"a": 1}}, ["under model_ema, which are averaged"]),
    "compiled": ({"_orig_mod.a": 1}, ["torch.compile"]),
}


def _filled(value: Any, name: str = "") -> Any:
    """The same with tensors under the names of weights."""
    if isinstance(value, dict):
        return {key: _filled(inner, str(key)) for key, inner in cast("dict[Any, Any]", value).items()}
    return torch.full((2,), float(value)) if name in {"a", "module.a", "_orig_mod.a", "step"} else value


@pytest.mark.parametrize("kind", CHECKPOINTS)
def test_a_state_dict_inside_a_checkpoint_is_found_and_told(tmp_path: Path, kind: str) -> None:
    content, told = CHECKPOINTS[kind]

    path = tmp_path / "last.pth"
    torch.save(_filled(content), path)
    weights = read_weights(path)
    assert torch.equal(weights.tensor("a"), torch.ones(2))
    assert len(weights.notes) == len(told)
    assert all(words in note for words, note in zip(told, weights.notes, strict=True))


def test_two_networks_in_one_file_keep_their_names(tmp_path: Path) -> None:
    torch.save({"generator": {"a": torch.ones(1)}, "discriminator": {"a": torch.zeros(1)}}, tmp_path / "gan.pt")
    assert {*read_weights(tmp_path / "gan.pt").shapes} == {"generator.a", "discriminator.a"}


@pytest.mark.parametrize("content", [torch.ones(2), {"epoch": 3}, [torch.ones(2)]], ids=["tensor", "numbers", "list"])
def test_a_file_without_names_of_tensors_is_told(tmp_path: Path, content: Any) -> None:
    torch.save(content, tmp_path / "x.pt")
    with pytest.raises(CheckpointError, match=r"x\.pt holds no tensors under names"):
        read_weights(tmp_path / "x.pt")
