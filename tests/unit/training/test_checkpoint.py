import random
from pathlib import Path

import pytest
import torch
from forging import forge_meta, forge_text, meta_of
from hypothesis import given
from hypothesis import strategies as st

from nntrain.errors import CheckpointError, ResourceError
from nntrain.training import checkpoint
from nntrain.training.meta import Needed, sealed

PARTS = {
    "weights": {"head.weight": torch.arange(12.0).reshape(3, 4), "head.bias": torch.zeros(3)},
    "state": {"epoch": 2, "best": float("nan"), "window": (1.5, None)},
    "rng": {"torch": torch.get_rng_state()},
    "ema": {"weights": {"head.weight": torch.ones(3, 4)}},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "checkpoints"


def test_what_is_saved_comes_back(folder: Path) -> None:
    path = checkpoint.save(folder, 500, PARTS, points=("last", "best"))
    assert path == folder / "step-0000500"
    assert sorted(file.name for file in path.iterdir()) == ["ema.safetensors", "meta.json", "state.safetensors", "weights.safetensors"]
    found = checkpoint.load(path)
    assert list(found) == list(PARTS)
    assert torch.equal(found["weights"]["head.weight"], PARTS["weights"]["head.weight"])
    assert found["state"]["window"] == (1.5, None)
    assert torch.equal(found["rng"]["torch"], PARTS["rng"]["torch"])
    assert torch.equal(found["ema"]["weights"]["head.weight"], torch.ones(3, 4))
    assert checkpoint.newest(folder) == checkpoint.Newest(path, ())
    assert checkpoint.pointed(folder, "last") == checkpoint.pointed(folder, "best") == path


def test_weights_can_be_read_by_any_safetensors_reader(folder: Path) -> None:
    from safetensors.torch import load_file

    found = load_file(checkpoint.save(folder, 1, PARTS) / "weights.safetensors")
    assert set(found) == {"head.weight", "head.bias"}


def test_loaded_tensors_can_be_changed_and_outlive_the_file(folder: Path) -> None:
    path = checkpoint.save(folder, 1, PARTS)
    weight = checkpoint.load(path)["weights"]["head.weight"]
    for file in path.iterdir():
        file.write_bytes(b"")
    weight += 1
    assert torch.equal(weight, PARTS["weights"]["head.weight"] + 1)


def test_nothing_there_has_no_newest_and_no_pointer(folder: Path) -> None:
    assert checkpoint.newest(folder) == checkpoint.Newest(None, ())
    assert checkpoint.pointed(folder, "best") is None
    with pytest.raises(CheckpointError, match="there is no such checkpoint"):
        checkpoint.load(folder / "step-0000001")


def test_newest_goes_by_the_step_not_by_the_clock(folder: Path) -> None:
    for step in (10_000_000, 9_999_999, 5):
        checkpoint.save(folder, step, PARTS)
    assert checkpoint.newest(folder).path == folder / "step-10000000"


def test_pointers_move(folder: Path) -> None:
    checkpoint.save(folder, 1, PARTS, points=("best", "last"))
    checkpoint.save(folder, 2, PARTS, points=("last",))
    assert (folder / "best").read_text() == "step-0000001\n"
    checkpoint.point(folder, "best", 2)
    assert (folder / "best").read_text() == "step-0000002\n"


def test_averaged_weights_are_no_state_to_go_on_from_and_go_where_the_run_goes_on(folder: Path) -> None:
    checkpoint.save(folder, 1, PARTS, points=("best", "last"))
    path = checkpoint.save_soup(folder, 7, PARTS, None)
    assert checkpoint.pointed(folder, "best") == path == folder / "soup-0000007"
    assert list(checkpoint.load(path)) == list(PARTS)
    assert checkpoint.newest(folder).path == folder / "step-0000001"
    checkpoint.prune(folder, 1)
    assert path.is_dir()
    checkpoint.remove_soups(folder)
    assert [found.name for found in folder.iterdir() if found.is_dir()] == ["step-0000001"]


def test_states_that_are_spared_stay_however_old(folder: Path) -> None:
    for step in range(1, 6):
        checkpoint.save(folder, step, PARTS)
    checkpoint.prune(folder, 1, {2, 3})
    assert {path.name for path in folder.glob("step-*")} == {"step-0000002", "step-0000003", "step-0000005"}


@pytest.mark.parametrize("content", ["step-0000007\n", "soup-0000007\n", "../soup-0000001\n", "", "../../etc\n", "\xff"])
def test_a_pointer_to_nothing_is_named(folder: Path, content: str) -> None:
    checkpoint.save(folder, 1, PARTS)
    (folder / "best").write_text(content, encoding="latin-1")
    with pytest.raises(CheckpointError, match="best names"):
        checkpoint.pointed(folder, "best")


def test_prune_keeps_the_newest_and_what_is_pointed_at(folder: Path) -> None:
    for step in range(1, 7):
        checkpoint.save(folder, step, PARTS, points=("last",))
    checkpoint.point(folder, "best", 2)
    checkpoint.prune(folder, keep=2)
    assert sorted(path.name for path in folder.iterdir()) == ["best", "last", "step-0000002", "step-0000005", "step-0000006"]


def test_a_whole_checkpoint_of_the_step_is_kept(folder: Path) -> None:
    path = checkpoint.save(folder, 1, PARTS)
    before = (path / "meta.json").stat().st_mtime_ns
    checkpoint.save(folder, 1, PARTS, points=("last",))
    assert (path / "meta.json").stat().st_mtime_ns == before
    assert checkpoint.pointed(folder, "last") == path


def test_a_damaged_checkpoint_of_the_step_is_replaced(folder: Path) -> None:
    path = checkpoint.save(folder, 1, PARTS)
    (path / "state.safetensors").unlink()
    checkpoint.save(folder, 1, PARTS)
    assert checkpoint.newest(folder) == checkpoint.Newest(path, ())


def damage(path: Path, how: str, chance: random.Random) -> None:
    content = bytearray(path.read_bytes())
    position = chance.randrange(len(content))
    if how == "truncate":
        content = content[:position]
    elif how == "flip":
        content[position] ^= 1 << chance.randrange(8)
    elif how == "zeros":
        content[position : position + 4096] = bytes(len(content[position : position + 4096]))
    elif how == "grow":
        content += b"\0"
    path.write_bytes(content)


@given(st.sampled_from(["truncate", "flip", "zeros", "grow"]), st.integers(0, 2**32), st.sampled_from(range(4)))
def test_damage_is_named_and_the_one_before_is_used(tmp_path_factory: pytest.TempPathFactory, how: str, seed: int, number: int) -> None:
    folder = tmp_path_factory.mktemp("damage")
    before, path = checkpoint.save(folder, 1, PARTS), checkpoint.save(folder, 2, PARTS)
    file = sorted(path.iterdir())[number]
    whole = file.read_bytes()
    damage(file, how, random.Random(seed))
    if file.read_bytes() == whole:  # zeros over zeros
        return
    found = checkpoint.newest(folder)
    assert found.path == before
    assert f"step-0000002/{file.name}" in found.damaged[0]
    with pytest.raises(CheckpointError, match=r"damaged|newer|missing"):
        checkpoint.load(path)


def test_files_of_two_checkpoints_do_not_mix(folder: Path) -> None:
    one = checkpoint.save(folder, 1, PARTS)
    other = checkpoint.save(folder, 2, {**PARTS, "rng": {"torch": torch.zeros(5056, dtype=torch.uint8)}})
    for name, told in (("state.safetensors", r"state\.safetensors: damaged"), ("meta.json", "does not describe step-0000001")):
        whole = (one / name).read_bytes()
        (one / name).write_bytes((other / name).read_bytes())
        with pytest.raises(CheckpointError, match=told):
            checkpoint.load(one)
        (one / name).write_bytes(whole)


def test_a_renamed_folder_is_no_checkpoint(folder: Path) -> None:
    checkpoint.save(folder, 1, PARTS).rename(folder / "step-0000009")
    found = checkpoint.newest(folder)
    assert found.path is None
    assert "step-0000009" in found.damaged[0]


def test_a_newer_format_is_refused(folder: Path) -> None:
    path = checkpoint.save(folder, 1, PARTS)
    forge_meta(path, lambda meta: {**meta, "format": 3})
    with pytest.raises(CheckpointError, match="newer than this nntrain reads"):
        checkpoint.load(path)


def test_an_earlier_format_is_refused_with_what_to_do(folder: Path) -> None:
    path = checkpoint.save(folder, 1, PARTS)
    (path / "meta.json").write_text('{"format": 1, "step": 1, "run": null, "files": {}}\n')
    told = r"format 1 is of an earlier nntrain, and this one reads 2 only: go on with the one that wrote it, or train again"
    with pytest.raises(CheckpointError, match=told):
        checkpoint.load(path)
    assert "format 1 is of an earlier nntrain" in checkpoint.newest(folder).damaged[0]


@pytest.mark.parametrize("change", [("step", 2), ("run", "another"), ("parts", {}), ("files", {})])
def test_what_a_checkpoint_says_of_itself_has_a_digest_too(folder: Path, change: tuple[str, object]) -> None:
    path = checkpoint.save(folder, 1, PARTS)
    seal = (path / "meta.json").read_bytes()[-80:]
    (path / "meta.json").write_bytes(sealed({**meta_of(path), change[0]: change[1]})[:-80] + seal)
    with pytest.raises(CheckpointError, match=r"meta\.json: damaged \(its content is not what was written\)"):
        checkpoint.load(path)


@pytest.mark.parametrize("name", ["../state.safetensors", "/etc/passwd", "weights.pt", "a/b.safetensors", "state.json"])
def test_files_outside_the_folder_are_never_read(folder: Path, name: str) -> None:
    path = checkpoint.save(folder, 1, PARTS)
    forge_meta(path, lambda meta: {**meta, "files": {**meta["files"], name: {"bytes": 0, "sha256": ""}}})
    with pytest.raises(CheckpointError, match=r"damaged \(does not describe"):
        checkpoint.load(path)


@pytest.mark.parametrize("skeleton", ['{"@tensor": "missing"}', '{"@new": 1}', "[" * 100_000, '{"@float": "x"}'])
def test_a_forged_skeleton_is_a_clear_error(folder: Path, skeleton: str) -> None:
    path = checkpoint.save(folder, 1, PARTS)
    forge_text(path, "state", skeleton)
    with pytest.raises(CheckpointError, match=r"meta\.json: damaged \((state: |RecursionError|JSONDecodeError)"):
        checkpoint.load(path)


def test_a_folder_that_cannot_be_made_is_a_resource_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError, match="cannot save"):
        checkpoint.save(tmp_path / "file" / "checkpoints", 1, PARTS)


def test_leftovers_are_swept_by_the_next_save(folder: Path) -> None:
    (folder / ".partial-step-0000003").mkdir(parents=True)
    (folder / ".partial-step-0000003" / "weights.safetensors").write_text("{")
    (folder / ".last.tmp").write_text("")
    checkpoint.save(folder, 4, PARTS)
    assert [path.name for path in folder.iterdir()] == ["step-0000004"]


def test_a_checkpoint_without_a_needed_part_is_passed_over_and_replaced(folder: Path) -> None:
    before = checkpoint.save(folder, 1, {**PARTS, "fields": []})
    path = checkpoint.save(folder, 2, PARTS)
    needed = ("weights", "fields", "task")
    assert checkpoint.newest(folder, Needed(needed[:2])) == checkpoint.Newest(before, (f"{path / 'meta.json'}: damaged (has no fields)",))
    with pytest.raises(CheckpointError, match=r"step-0000002/meta\.json: damaged \(has no fields, task\)"):
        checkpoint.load(path, Needed(needed))
    checkpoint.save(folder, 2, {**PARTS, "fields": []})
    assert checkpoint.newest(folder, Needed(needed[:2])) == checkpoint.Newest(path, ())
    assert checkpoint.newest(folder, before=path).path == before
    assert checkpoint.newest(folder, before=before).path is None


def test_a_pointer_that_is_a_folder_is_told(folder: Path) -> None:
    checkpoint.save(folder, 1, PARTS)
    (folder / "best").mkdir()
    with pytest.raises(CheckpointError, match=r"best: cannot be read"):
        checkpoint.pointed(folder, "best")


def test_only_plain_digits_name_a_step(folder: Path) -> None:
    checkpoint.save(folder, 1, PARTS).rename(folder / "step-000000\u0661")
    assert checkpoint.newest(folder) == checkpoint.Newest(None, ())


def test_a_failed_save_tells_what_it_needs_and_what_is_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    big = {"weights": {"weight": torch.zeros(2**19)}}
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", fail)
        with pytest.raises(ResourceError, match="cannot save") as error:
            checkpoint.save(folder, 1, big)
    assert error.value.hint is not None
    assert error.value.hint.startswith("2.0 MiB are needed, ")
    assert error.value.hint.endswith("nothing was saved before")
    checkpoint.save(folder, 1, PARTS)
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", fail)
        with pytest.raises(ResourceError, match="what was saved before is whole"):
            checkpoint.save(folder, 2, big)
