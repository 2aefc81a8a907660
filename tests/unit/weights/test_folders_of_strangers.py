"""Folders of networks that strangers have written: each lie in them is told in words, at once, and nothing outside them is read."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hub_made
import polars as pl
import pytest
import torch
from hub_made import BERT, GPT2
from safetensors.torch import save_file  # pyright: ignore[reportUnknownVariableType]

from nntrain.config.reading import read_mapping
from nntrain.data.fields.text import Text
from nntrain.errors import CheckpointError, ConfigError, DataError
from nntrain.weights.hub_cache import find_folder
from nntrain.weights.hub_folder import HubFolder, read_hub_folder, read_tokenizer_file
from nntrain.weights.hub_names import options_of
from nntrain.weights.hub_pixels import pixels_of
from nntrain.weights.hub_tensors import check_sizes

HUGE = 10**12
VIT: dict[str, Any] = {"model_type": "vit", "hidden_size": 8, "num_attention_heads": 2}
RESNET: dict[str, Any] = {
    "model_type": "resnet",
    "layer_type": "basic",
    "depths": [2, 2, 2, 2],
    "hidden_sizes": [8, 16, 32, 64],
    "embedding_size": 8,
}
WRONG: list[tuple[dict[str, Any], str]] = [
    *[({**BERT, name: value}, name) for name in ("hidden_size", "num_hidden_layers") for value in (None, "12", -3, 0, 2.5, True, HUGE)],
    *[({**BERT, "layer_norm_eps": value}, "layer_norm_eps") for value in (None, "1e-12", -1.0, float("nan"), float("inf"), [1])],
    ({**BERT, "max_position_embeddings": None}, "max_position_embeddings"),
    ({**BERT, "hidden_act": None}, "hidden_act"),
    ({**BERT, "hidden_act": ["gelu"]}, "hidden_act"),
    ({**BERT, "num_attention_heads": 3}, "3 heads for 8 numbers"),
    ({**BERT, "model_type": {"a": 1}}, "model_type"),
    ({**BERT, "model_type": "\x1b[2J"}, r"\x1b[2J"),
    ({**BERT, "model_type": "roberta", "pad_token_id": "1"}, "pad_token_id"),
    ({**BERT, "model_type": "roberta", "pad_token_id": HUGE}, "pad_token_id"),
    ({"model_type": "gpt2", **GPT2, "n_inner": "x"}, "n_inner"),
    ({**VIT, "patch_size": HUGE}, "patch_size"),
    ({**VIT, "qkv_bias": False}, "qkv_bias False"),
    ({**RESNET, "depths": [2, HUGE, 2, 2]}, "depths"),
    ({**RESNET, "depths": 4}, "depths"),
    ({**RESNET, "hidden_sizes": [8, 16, 32, 65]}, "hidden_sizes"),
    ({**RESNET, "downsample_in_bottleneck": True}, "downsample_in_bottleneck True"),
    ({"architecture": None}, "architecture"),
    ({"architecture": "resnet18", "model_args": {"layers": [9]}}, "model_args 'layers'"),
    ({"architecture": "resnet18", "model_args": 3}, "model_args"),
    ({"architecture": "vit_tiny_patch16_224", "model_args": {"depth": "x"}}, "depth"),
]


@pytest.mark.parametrize(("config", "words"), WRONG)
def test_a_config_of_wrong_values_is_refused_by_name(config: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError) as told:
        options_of(HubFolder(tmp_path, config))
    assert words in str(told.value)
    assert len(str(told.value)) < 400


@pytest.mark.parametrize(
    "change",
    [{"num_hidden_layers": 2**31 - 1}, {"intermediate_size": 2**31 - 1}, {"hidden_size": 2**31 - 2}, {"max_position_embeddings": 2**30}],
)
def test_sizes_that_the_tensors_have_not_are_refused_before_anything_of_them_is_made(change: dict[str, Any]) -> None:
    hub_made.folder(Path("hub"), {**BERT, **change})
    began = time.process_time()
    fields = {"t": {"type": "text"}, "y": {"type": "category", "role": "target"}}
    tree = {"data": {"source": {"type": "csv", "path": "x.csv"}, "fields": fields}}
    with pytest.raises(ConfigError, match=r"has another shape|tensors, and config\.json says 2,147,483,647 blocks"):
        read_mapping({**tree, "architecture": {"type": "transformer_encoder", "pretrained": "hub"}}, folder=Path.cwd())
    assert time.process_time() - began < 1


def test_a_last_block_alone_stands_for_no_others(tmp_path: Path) -> None:
    path = hub_made.folder(Path("hub"))
    for blocks, words in ((3_000_000, "tensors, and config.json says 3,000,000 blocks"), (9, "has no tensor encoder.layer.0.attention")):
        names = {name.replace("layer.1.", f"layer.{blocks - 1}."): shape for name, shape in hub_made.bert_names().items()}
        last = {name: shape for name, shape in names.items() if "layer.0." not in name}
        hub_made.folder(path, {**BERT, "num_hidden_layers": blocks}, hub_made.drawn(last))
        folder = read_hub_folder(path)
        with pytest.raises(CheckpointError) as told:
            check_sizes(folder, "transformer_encoder", options_of(folder))
        assert words in str(told.value)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({**VIT, "image_size": 10**6}, "image_size is 1000000, and a whole number from 1 to 4,096 is needed"),
        ({**RESNET, "num_channels": 2**30}, "num_channels"),
        ({"architecture": "resnet18", "pretrained_cfg": {"input_size": [3, 5000, 5000]}}, "input_size"),
        ({"architecture": "resnet18", "pretrained_cfg": {"input_size": [100, 8, 8]}}, "at most 64 channels"),
    ],
)
def test_images_beyond_all_use_are_refused(config: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError) as told:
        pixels_of(HubFolder(tmp_path, config))
    assert words in str(told.value)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"image_mean": [float("nan")] * 3, "image_std": [1, 1, 1]}, "image_mean"),
        ({"image_mean": [0.5], "image_std": [0.0]}, "image_std"),
        ({"image_mean": "0.5", "image_std": [1]}, "image_mean"),
        ({"size": {"height": HUGE, "width": 2}}, "height"),
        ({"size": {"shortest_edge": None}}, "shortest_edge"),
        ({"do_center_crop": True, "crop_size": 100_000}, "crop_size"),
        ({"size": "large"}, "size"),
        ({"rescale_factor": 1.0}, "do_rescale"),
        ({"rescale_factor": "x"}, "rescale_factor"),
    ],
)
def test_images_of_wrong_sizes_or_values_are_refused(told: dict[str, Any], words: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(RESNET))
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(told))
    with pytest.raises(CheckpointError, match=words):
        pixels_of(read_hub_folder(tmp_path))


@pytest.mark.parametrize("text", ["[1]", "{", "[" * 100_000, '{"a": ' + "9" * 5000 + "}", "\ud800"])
def test_a_config_that_is_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(CheckpointError, match=r"config\.json"):
        read_hub_folder(tmp_path)


@pytest.mark.parametrize(
    "name", ["a\0b", "/etc/passwd", "../w.safetensors", "..", "", "a/b.safetensors", ".hidden.safetensors", 7, None, "w.py"]
)
def test_a_list_of_files_that_names_no_file_of_the_folder(name: Any, tmp_path: Path) -> None:
    home = hub_made.folder(tmp_path / "hub")
    (home / "model.safetensors").rename(tmp_path / "w.safetensors")
    (home / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"w": name}}))
    with pytest.raises(CheckpointError, match="only files in its folder are read"):
        _ = read_hub_folder(home).weights


@pytest.mark.parametrize(
    ("listed", "words"),
    [({}, "names no files"), ([1], "weight_map is"), ({"w": "gone.safetensors"}, "names gone.safetensors, which is not there")],
)
def test_a_list_that_is_none_or_names_what_is_not_there(listed: object, words: str, tmp_path: Path) -> None:
    home = hub_made.folder(tmp_path / "hub")
    (home / "model.safetensors").unlink()
    (home / "model.safetensors.index.json").write_text(json.dumps({"weight_map": listed}))
    with pytest.raises(CheckpointError, match=words):
        _ = read_hub_folder(home).weights


def test_a_tensor_that_stands_in_two_files(tmp_path: Path) -> None:
    home = hub_made.folder(tmp_path / "hub")
    (home / "model.safetensors").unlink()
    for file in ("a.safetensors", "b.safetensors"):
        save_file({"w": torch.zeros(2), file[0]: torch.zeros(1)}, home / file)
    listed = {"weight_map": {"w": "a.safetensors", "b": "b.safetensors"}}
    (home / "model.safetensors.index.json").write_text(json.dumps(listed))
    with pytest.raises(CheckpointError, match=r"has the tensor 'w' twice, in a\.safetensors and in b\.safetensors"):
        _ = read_hub_folder(home).weights


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json"])
def test_a_link_out_of_the_folder_is_not_followed(name: str, tmp_path: Path) -> None:
    home = hub_made.folder(tmp_path / "hub")
    (home / name).rename(tmp_path / "elsewhere")
    (home / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CheckpointError, match="is a link out of its folder"):
        _ = read_hub_folder(home).weights, read_tokenizer_file(home)


def test_the_links_of_the_hubs_own_cache_are_followed_and_its_names_lead_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    kept = tmp_path / "hf" / "hub" / "models--a--b"
    made = hub_made.folder(kept / "snapshots" / "0123456")
    (kept / "blobs").mkdir()
    (made / "model.safetensors").rename(kept / "blobs" / "f00")
    (made / "model.safetensors").symlink_to("../../blobs/f00")
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text("../../../..")  # leads out: the newest snapshot is taken
    assert find_folder(tmp_path, "a/b") == made
    assert read_hub_folder(made).weights
    for name in ("../hf", "a/../b", "/etc/none", "a/b/c", "a//b", "none/here", "~"):
        with pytest.raises(CheckpointError, match="there is no folder"):
            find_folder(tmp_path, name)
    with pytest.raises(CheckpointError, match="is no path"):
        find_folder(tmp_path, "a\0b")


def linked(home: Path, target: Path) -> HubFolder:
    """A folder whose weights lie elsewhere."""
    made = hub_made.folder(home)
    target.parent.mkdir(parents=True, exist_ok=True)
    (made / "model.safetensors").rename(target)
    (made / "model.safetensors").symlink_to(target)
    return read_hub_folder(made)


def test_a_folder_links_to_its_own_blobs_in_the_cache_and_to_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tmp_path / "kept"
    monkeypatch.setenv("HF_HUB_CACHE", str(kept))
    own, private = kept / "models--a--b", kept / "models--me--private" / "blobs" / "f00"
    moved = tmp_path / "disk" / "models--c--d"
    moved.mkdir(parents=True)
    kept.mkdir()
    (kept / "models--c--d").symlink_to(moved)
    assert linked(own / "snapshots" / "abcdef0", own / "blobs" / "f00").weights
    assert linked(kept / "models--c--d" / "snapshots" / "abcdef0", moved / "blobs" / "f00").weights
    for home, target in (
        (tmp_path / "hub", private),
        (own / "snapshots" / "abcdef1", private),
        (own / "snapshots" / "abcdef2", own / "refs" / "f00"),
        (kept / "other" / "snapshots" / "abcdef0", kept / "other" / "blobs" / "f00"),
        (tmp_path / "snapshots" / "hub", tmp_path / "blobs" / "f00"),
        (kept / "models--a--b" / "snapshots" / ".." / ".." / ".." / "hub2", own / "blobs" / "f01"),
    ):
        with pytest.raises(CheckpointError, match="is a link out of its folder"):
            _ = linked(home, target).weights


def changed(*path: str | int, to: Any) -> Callable[[dict[str, Any]], None]:
    def change(tree: Any) -> None:
        for key in path[:-1]:
            tree = tree[key]
        tree[path[-1]] = to

    return change


TOKENIZERS: list[tuple[Callable[[dict[str, Any]], None], str]] = [
    (changed("model", "vocab", "the", to=-1), "the index -1, which is none"),
    (changed("model", "vocab", "the", to=None), "the index null, which is none"),
    (changed("model", "vocab", "the", to="4"), "the index '4', which is none"),
    (changed("model", "vocab", "the", to=HUGE), "which is none"),
    (changed("model", "vocab", "the", to=10**8), "indices up to 100,000,000"),
    (changed("model", "vocab", to=None), "no model.vocab"),
    (changed("model", "vocab", to=[None, 3]), "among its tokens, which is none"),
    (changed("model", to=[]), "model is"),
    (changed("added_tokens", 0, "id", to=-5), "the index -5, which is none"),
    (changed("added_tokens", 0, "content", to=None), "an added token without content"),
    (changed("added_tokens", to={"a": 1}), "added_tokens is"),
    (changed("added_tokens", to=[None]), "an added token without content"),
    (changed("post_processor", "special_tokens", "[CLS]", "ids", to=[999]), "a token of the index 999, and its table ends at 13"),
    (changed("model", "type", to="Nothing"), "can't be read as a tokenizer"),
    (changed("normalizer", to={"type": "Nothing"}), "can't be read as a tokenizer"),
    # The library's own code breaks on these: where it reads them, or where it cuts the first text.
    (changed("normalizer", to={"type": "Precompiled", "precompiled_charsmap": "AAAA"}), "Cannot parse precompiled_charsmap"),
    (changed("model", to={"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": [["a", "b"]]}), "can't be read as a tokenizer"),
    (changed("pre_tokenizer", to={"type": "FixedLength", "length": 0}), "chunk size must be non-zero"),
    (changed("post_processor", "single", to=[{"Sequence": {"id": "B", "type_id": 0}}]), "index out of bounds"),
]


def encode(field: Text) -> None:
    text = field.model_copy(update={"tokenizer": field.tokenizer.located(Path())})
    _ = text.tokenizer.known_size
    text.encoder(text.fit(pl.Series("t", ["the film"]), is_target=False))


@pytest.mark.extra("text")
@pytest.mark.parametrize(("change", "words"), TOKENIZERS)
def test_a_tokenizer_with_wrong_indices_is_refused(change: Callable[[dict[str, Any]], None], words: str) -> None:
    path = hub_made.folder(Path("hub"))
    tree = hub_made.tokenizer()
    change(tree)
    (path / "tokenizer.json").write_text(json.dumps(tree))
    field = Text.parse({"tokenizer": {"pretrained": "hub"}})
    with pytest.raises((CheckpointError, DataError)) as told:
        encode(field)
    assert words in str(told.value)
