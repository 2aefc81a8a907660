"""Progressive resizing: what the network reads step by step, and what is refused before any data is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nntrain.assembly import assemble
from nntrain.cli import main
from nntrain.commands.preparing.from_config import prepare_job
from nntrain.config.reading import read_mapping
from nntrain.training.loop import fit as train

CONV: dict[str, Any] = {"conv2d": {"out_channels": 3, "kernel_size": 3, "padding": "same"}}


def write_rows(folder: Path) -> None:
    draw = np.random.default_rng(0)
    images = draw.integers(0, 256, (24, 16, 16), dtype=np.uint8)
    kinds = np.array(["a", "b"])[np.arange(24) % 2]
    np.savez(folder / "rows.npz", x=images, kind=kinds, mask=(images > 120).astype(np.uint8))


def config(target: str, layers: list[Any], resizing: Any = 0.5, **changes: Any) -> dict[str, Any]:
    fields = {"x": {"type": "image", "progressive_resizing": resizing}, "kind": {"role": "ignore"}, "mask": {"role": "ignore"}}
    fields[target] = {"role": "target", **({"type": "mask", "classes": 2} if target == "mask" else {})}
    split = {"validation": 4, "test": 4, "seed": 0}
    return {
        "name": target,
        "data": {"source": "rows.npz", "fields": fields, "batch_size": 8, "split": split},
        "architecture": {"layers": layers},
        "training": {"max_epochs": 10, "device": "cpu"},
        **changes,
    }


@pytest.mark.parametrize("target", ["kind", "mask"])
def test_the_network_reads_small_images_first_and_is_measured_on_full_ones(target: str, tmp_path: Path) -> None:
    write_rows(tmp_path)
    tree = config(target, [CONV, "batch_norm", "relu", *(["global_avg_pool"] if target == "kind" else [])])
    job = prepare_job(read_mapping(tree, (), tmp_path))
    run = assemble(job.blueprint, job.prepared)
    sizes: dict[bool, list[int]] = {True: [], False: []}
    run.session.network.register_forward_pre_hook(lambda network, given: sizes[network.training].append(given[0]["x"].shape[-1]))
    for _ in train(run.session, run.protocol, run.plan, run.progress, lambda step: False):
        pass
    # of 20 steps half are at half the size, the last fifth at the full one
    assert sizes[True] == [8] * 13 + [12] * 3 + [16] * 4
    assert set(sizes[False]) == {16}


def test_sizes_hang_on_the_length_of_the_run_so_that_a_longer_one_is_another_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_rows(tmp_path)
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(json.dumps(config("kind", [CONV, "relu", "global_avg_pool"], training={"max_epochs": 1, "device": "cpu"})))
    for more in ([], ["training.max_epochs=2"]):
        assert main(["fit", "c.yaml", "--resume", "auto", *more]) == 0
    assert sorted(path.name for path in Path("runs/kind").iterdir() if path.is_dir()) == ["0001", "0002"]
    capsys.readouterr()
    assert main(["fit", "--resume", "runs/kind/0001", "training.max_epochs=2"]) == 0  # asked for by name
    assert "images grow towards the new limit" in capsys.readouterr().err


VIT = {"type": "vit", "patch_size": 4, "dim": 8, "num_heads": 2, "num_layers": 1}
POOLED = [CONV, "relu", "global_avg_pool"]


@pytest.mark.parametrize(
    ("tree", "place", "message"),
    [
        (
            config("kind", [CONV, "relu", "flatten", {"linear": 4}, "relu"]),
            "c.yaml:35",
            "linear gets [192] of images of 8 x 8 (progressive_resizing) and [768] of those of 16 x 16, and its weights fit one of them",
        ),
        (config("kind", [{"rearrange": "c (h 16) w -> c h (16 w)"}, "global_avg_pool"]), "layers[0]", "with images of 8 x 8"),
        (config("kind", [], architecture=VIT), "architecture", "position_embedding gets [5, 8] of images of 8 x 8"),
        (config("mask", [], architecture={"type": "unet", "channels": 4, "num_levels": 3}), "architecture", "with images of 12 x 12"),
        (config("mask", [CONV, {"max_pool2d": 2}, "relu", {"upsample": 2}], {"size_increment": 1}), "layers", "with images of 9 x 9"),
        (config("kind", POOLED, {"size_increment": 16}), "progressive_resizing", "no smaller size in steps of 16"),
        (config("kind", POOLED, training={"max_minutes": 1}), "progressive_resizing", "max_minutes alone gives no number of steps"),
        (config("kind", POOLED, {"finetune_fraction": 0.6}), "progressive_resizing", "more than the run"),
    ],
)
def test_what_has_one_size_is_refused(
    tree: dict[str, Any], place: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_rows(tmp_path)
    (tmp_path / "c.yaml").write_text(json.dumps(tree, indent=1))
    assert main(["check", str(tmp_path / "c.yaml")]) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert place in told
    assert message in told
