"""What holds for every component with a place in training: a run stopped after some step and gone on with ends with the same bytes.

A family of networks consists of layers, each of which has its row.
A new optimizer, schedule, loss, layer, field or augmentation is covered by the row that its own contract asks for; a new protocol,
encoding or kind of regularization needs a row here.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import corridor
import numpy as np
import polars as pl
import pytest
from cases_fields import CASES as FIELD_CASES
from cases_fields import Case as FieldCase
from resumed import Run, differing
from test_optimizers import CASES as OPTIMIZER_CASES
from test_schedules import CASES as SCHEDULE_CASES

from nntrain import plugins
from nntrain.assembly import assemble
from nntrain.commands.preparing.from_config import prepare_job
from nntrain.config.reading import Config, read_mapping
from nntrain.data.augmentation.settings import AUGMENTATIONS
from nntrain.data.sources.rows import Rows
from nntrain.data.table import Table
from nntrain.layers.encoding import ENCODINGS
from nntrain.protocols.settings import PROTOCOLS
from nntrain.regularization import Regularization

STEPS, STOP = 8, 3
"""Steps of a run, and the one after which it is stopped: within an epoch of four."""

BASE: dict[str, Any] = {
    "name": "tiny",
    "seed": 3,
    "data": {"source": "rows.npz", "target": "y", "split": {"validation": 0.25}, "batch_size": 8},
    "architecture": {"type": "mlp", "hidden": [6]},
    "training": {"max_steps": STEPS, "evaluate_every": {"steps": 2}, "device": "cpu"},
}
IMAGES: dict[str, Any] = {**BASE, "data": {**BASE["data"], "source": "images.npz"}, "architecture": {"type": "cnn", "channels": [3]}}
WORDS: dict[str, Any] = {**BASE, "data": {**BASE["data"], "source": "words.npz"}}

BESIDE_OTHERS = {"mask"}
"""Fields that need others of their kind: tests/integration/test_masks_of_images.py resumes these."""

PROTOCOL_ROWS: dict[str, list[Any]] = {
    "adversarial": ["adversarial", {"adversarial": 2}],
    "dqn": [
        {"dqn": {"buffer": 30, "learn_start": 10, "target_every": 3, "epoch_moves": 4}},
        {"dqn": {"double": False, "learn_start": 10, "train_every": 2, "epoch_moves": 8, "epsilon": {"end": 1.0}}},
    ],
    "supervised": ["supervised"],
}
RIVALS: dict[str, Any] = {
    **BASE,
    "data": {**BASE["data"], "source": "images.npz", "target": None, "fields": {"x": {"type": "image"}, "y": {"role": "ignore"}}},
    "architecture": {
        "nodes": {
            "generator": {
                "from": "noise",
                "layers": [{"linear": 16}, "batch_norm", "relu", {"linear": 64}, {"reshape": [1, 8, 8]}, "sigmoid"],
            },
            "discriminator": {"from": "x", "layers": ["flatten", {"linear": 16}, "batch_norm", "relu", {"dropout": 0.2}, {"linear": 1}]},
        }
    },
    "task": {"gan": 4},
    "optimizer": {"generator": {"adam": 1e-3}, "discriminator": {"type": "sgd", "lr": 0.01, "momentum": 0.9}},
    "scheduler": {"type": "step", "every_steps": 3, "gamma": 0.5},
    "loss": "wasserstein",
    "regularization": {"ema": 0.9, "clip_norm": 1.0, "gradient_noise": {"eta": 0.01}},
}
SUBJECTS: dict[str, dict[str, Any]] = {"adversarial": RIVALS}
ACTING: dict[str, Any] = {**BASE, "plugins": [corridor.MODULE], "data": {"source": corridor.SOURCE, "batch_size": 8}, "task": "q_values"}

AUGMENTATION_ROWS: dict[str, list[Any]] = {
    "crop": [{"crop": 1}],
    "erasing": ["erasing"],
    "flip": ["flip"],
    "jitter": [{"jitter": {"brightness": 0.4, "contrast": 0.3}}],
    "noise": [{"noise": 0.1}],
    "random_resized_crop": ["random_resized_crop"],
    "rotate": [{"rotate": 30}],
    "shift": [{"shift": 0.2}],
    "zoom": [{"zoom": [0.7, 1.4]}],
}

ENCODING_ROWS: dict[str, list[Any]] = {
    "embedding": [{"embedding": {"dim": 3}}],
    "none": ["none"],
    "one_hot": ["one_hot"],
    "periodic": [{"periodic": {"dim": 3, "num_frequencies": 2}}],
    "linear_embedding": [{"linear_embedding": 3}],
    "ple": [{"ple": {"bins": 3, "dim": 2}}, {"ple": {"bins": 3, "by": "target"}}],
}

REGULARIZATION_ROWS: dict[str, list[Any]] = {
    "dropout": [0.3],
    "norm": ["batch", "layer"],
    "stochastic_depth": [0.3],
    "weight_decay": [0.1],
    "scheduler": [{"type": "wsd", "decay_fraction": 0.5, "shape": "cosine"}, "coslog", {"type": "linear", "warmup_steps": 2}],
    "decay_all": [True],
    "l1": [1e-3],
    "max_norm": [1.0],
    "label_smoothing": [0.1],
    "clip_norm": [0.5],
    "mixup": [0.4],
    "cutmix": [1.0],
    "clip_value": [0.1],
    "gradient_noise": [{"eta": 0.01}],
    "noise": [0.1],
    "ema": [0.9],
    "swa": [{"start_fraction": 0.2, "every_steps": 2}, {"start_fraction": 0.2, "every_steps": 3, "lr": 1e-3}],
}
OF_IMAGES = {"mixup", "cutmix", "stochastic_depth"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows of four numbers, images and words, with a class each."""
    folder = tmp_path_factory.mktemp("data")
    draw = np.random.default_rng(0)
    kinds = np.array(["a", "b", "c"])[np.arange(44) % 3]
    np.savez(folder / "rows.npz", x=draw.normal(size=(44, 4)).astype(np.float32), y=kinds)
    np.savez(folder / "images.npz", x=draw.integers(0, 256, (44, 8, 8), dtype=np.uint8), y=kinds)
    np.savez(folder / "words.npz", x=np.array(["red", "green", "blue", "grey"])[draw.integers(0, 4, 44)], y=kinds)
    np.savez(folder / "numbers.npz", x=draw.normal(size=44).astype(np.float32), y=kinds)
    return folder


@pytest.fixture(autouse=True)
def _no_wait_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def at_once(descriptor: int) -> None:
        """Nothing is to survive a power cut here."""

    monkeypatch.setattr(os, "fsync", at_once)


def maker(config: Config) -> Callable[[], Run]:
    """Makes the objects of a run from its config, each time from the data on."""

    def make() -> Run:
        job = prepare_job(config)
        return assemble(job.blueprint, job.prepared)

    return make


def of_config(tree: Mapping[str, Any], folder: Path) -> Callable[[], Run]:
    """The same of a config as it is written."""
    return maker(read_mapping(tree, (), folder))


def rows_of(table: Mapping[str, list[Any]]) -> list[Any]:
    """All rows of a table as pytest wants them, each with its tag."""
    return [pytest.param(tag, row, id=f"{tag} {row}" if row != tag else tag) for tag, rows in table.items() for row in rows]


@pytest.mark.parametrize(
    ("tags", "rows"),
    [
        (PROTOCOLS, PROTOCOL_ROWS),
        (AUGMENTATIONS, AUGMENTATION_ROWS),
        (ENCODINGS, ENCODING_ROWS),
        (Regularization.model_fields, REGULARIZATION_ROWS),
    ],
    ids=["protocols", "augmentations", "encodings", "regularization"],
)
def test_every_tag_has_a_row(tags: Mapping[str, Any], rows: Mapping[str, Any]) -> None:
    assert [tag for tag in tags if tag not in rows] == [], f"add rows to {__file__}"


@pytest.mark.parametrize("case", OPTIMIZER_CASES, ids=str)
def test_optimizer(case: dict[str, Any], data: Path, tmp_path: Path) -> None:
    tree = {**BASE, "optimizer": case}
    if case["type"] in {"lbfgs", "rprop"}:
        tree["data"] = {**BASE["data"], "batch_size": "full"}
    assert differing(of_config(tree, data), STOP, tmp_path) == []


@pytest.mark.parametrize("case", SCHEDULE_CASES, ids=str)
def test_schedule(case: dict[str, Any], data: Path, tmp_path: Path) -> None:
    tree = copy.deepcopy({**BASE, "scheduler": {**case, **({"warmup_steps": 2} if "warmup_steps" in case else {})}})
    tree["optimizer"] = {"type": "sgd", "lr": 0.5, "momentum": 0.9}
    for name in ("every_steps", "up_steps", "down_steps", "first_steps", "decay_steps"):
        if name in tree["scheduler"]:
            tree["scheduler"][name] = 2
    if "at_steps" in case:
        tree["scheduler"]["at_steps"] = [2, 5]
    assert differing(of_config(tree, data), STOP, tmp_path) == []


@pytest.mark.parametrize(("tag", "row"), rows_of(PROTOCOL_ROWS))
def test_protocol(tag: str, row: Any, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(plugins._allowed, corridor.MODULE, corridor)  # pyright: ignore[reportPrivateUsage]
    tree = {**(ACTING if tag == "dqn" else SUBJECTS.get(tag, BASE)), "training": {**BASE["training"], "protocol": row}}
    for stop in (1, STOP, 4, STEPS - 1):
        assert differing(of_config(tree, data), stop, tmp_path / f"{tag}-{stop}") == []


@pytest.mark.parametrize("stop", [2, 3, 4, 7])
def test_carried_state(stop: int, tmp_path: Path) -> None:
    """Within an epoch of three steps, whose last is shorter, at its end, and in another one."""
    np.savez(tmp_path / "rows.npz", y=np.sin(np.arange(44) / 3))
    data = {
        "source": "rows.npz",
        "fields": {"y": {"type": "number", "role": ["input", "target"]}},
        "window": {"past": 4, "stride": 4},
        "split": {"validation": 0.25, "test": None},
        "batch": {"carry_state": True},
        "batch_size": 3,
    }
    layers = [{"lstm": {"hidden_size": 3, "num_layers": 2}}, {"pool": "last"}]
    tree = {**BASE, "data": data, "architecture": {"layers": layers}}
    assert differing(of_config(tree, tmp_path), stop, tmp_path / "saved") == []


@pytest.mark.parametrize(
    ("batch", "accumulate"), [({"bucket": True}, 1), ({"bucket": True, "sampler": "balanced"}, 2), ({"tokens": 40}, 1), ({"tokens": 21}, 3)]
)
def test_rows_of_similar_length(batch: dict[str, Any], accumulate: int, tmp_path: Path) -> None:
    """Entered in the middle of an epoch; texts of 1 to 7 words."""
    rows = [
        f"{' '.join('abcdefg'[place % 5] for place in range(row, row + 1 + row * row % 7))},{'yes' if row % 3 else 'no'}"
        for row in range(50)
    ]
    (tmp_path / "rows.csv").write_text("text,y\n" + "\n".join(rows) + "\n", encoding="utf-8")
    data = {**BASE["data"], "source": "rows.csv", "fields": {"text": {"type": "text", "tokenizer": "space"}}, "batch": batch}
    data["batch_size"] = 64 if "tokens" in batch else 6
    tree = {**BASE, "data": data, "architecture": {"layers": [{"embedding": 3}, {"gru": 4}, {"pool": "last"}]}}
    tree["training"] = {**BASE["training"], "accumulate": accumulate}
    for stop in (2, STOP):
        assert differing(of_config(tree, tmp_path), stop, tmp_path / f"saved{stop}") == []


@pytest.mark.parametrize("loss", ["triplet", "nt_xent", "contrastive"])
def test_rows_of_some_classes(loss: str, data: Path, tmp_path: Path) -> None:
    """Each batch has rows of classes that are drawn for it; stopped in the middle of an epoch and at its end."""
    tree = copy.deepcopy(WORDS)
    tree["data"] |= {"batch": {"sampler": {"pk": {"classes": 2, "per_class": 3}}}}
    tree["data"].pop("batch_size", None)
    tree |= {"architecture": {"layers": [{"linear": 3}]}, "task": "metric", "loss": loss}
    for stop in (2, STOP):
        assert differing(of_config(tree, data), stop, tmp_path / str(stop)) == []


@pytest.mark.parametrize(
    ("sampler", "target"), [({"type": "pairs", "positive_fraction": 0.3}, {"y": {"type": "boolean", "role": "target"}}), ("triplets", {})]
)
def test_rows_put_together_by_class(sampler: Any, target: Any, tmp_path: Path) -> None:
    cells = [["true", "false"][row % 2] if target else "abc"[row % 3] for row in range(30)]
    (tmp_path / "rows.csv").write_text("x,y\n" + "".join(f"{row / 9:.3f},{cell}\n" for row, cell in enumerate(cells)), encoding="utf-8")
    data = {**BASE["data"], "source": "rows.csv", "fields": target or {"y": {"type": "category", "role": "target"}}}
    tree = {**BASE, "data": {**data, "batch": {"sampler": sampler}, "batch_size": 6}, "architecture": {"layers": [{"linear": 4}, "relu"]}}
    tree |= {} if target else {"task": "metric"}
    assert differing(of_config(tree, tmp_path), 2, tmp_path / "saved") == []


@pytest.mark.parametrize("stop", [2, STOP])
def test_views_of_a_row(stop: int, data: Path, tmp_path: Path) -> None:
    """What a view shows is a function of (seed, epoch, row, view): nothing is saved for it."""
    tree = copy.deepcopy(IMAGES)
    tree["data"]["fields"] = {"x": {"type": "image", "augment": ["flip", {"shift": 0.3}]}, "y": {"role": "ignore"}}
    del tree["data"]["target"]
    conv = {"conv2d": {"out_channels": 3, "kernel_size": 3}}
    tree |= {"architecture": {"layers": [conv, "batch_norm", "relu", "flatten", {"linear": 4}]}, "task": {"type": "metric", "views": 2}}
    assert differing(of_config(tree, data), stop, tmp_path) == []


@pytest.mark.parametrize(("tag", "row"), rows_of(AUGMENTATION_ROWS))
def test_augmentation(tag: str, row: Any, data: Path, tmp_path: Path) -> None:
    tree = copy.deepcopy(IMAGES)
    tree["data"]["fields"] = {"x": {"type": "image", "augment": [row]}}
    assert differing(of_config(tree, data), STOP, tmp_path) == []


def test_images_that_grow(data: Path, tmp_path: Path) -> None:
    tree = copy.deepcopy(IMAGES)
    resizing = {"delay_fraction": 0.3, "finetune_fraction": 0.3, "size_increment": 1}
    tree["data"]["fields"] = {"x": {"type": "image", "augment": ["flip"], "progressive_resizing": resizing}}
    conv = {"conv2d": {"out_channels": 3, "kernel_size": 3}}
    tree |= {"architecture": {"layers": [conv, "batch_norm", "relu", "global_avg_pool"]}, "regularization": {"mixup": 0.2}}
    assert differing(of_config(tree, data), STOP, tmp_path) == []


@pytest.mark.parametrize(("tag", "row"), rows_of(ENCODING_ROWS))
def test_encoding(tag: str, row: Any, data: Path, tmp_path: Path) -> None:
    tree = copy.deepcopy(WORDS)
    layers = [{"embedding": 3}, "relu"] if row == "none" else [{"linear": 3}, "relu"]
    tree["architecture"] = {"layers": layers, "inputs": {"x": row}}
    if tag in ("periodic", "ple", "linear_embedding"):
        tree["data"]["source"] = "numbers.npz"
    assert differing(of_config(tree, data), STOP, tmp_path) == []


@pytest.mark.parametrize(("tag", "row"), rows_of(REGULARIZATION_ROWS))
def test_regularization(tag: str, row: Any, data: Path, tmp_path: Path) -> None:
    tree = {**(IMAGES if tag in OF_IMAGES else BASE), "regularization": {tag: row}}
    if tag in ("decay_all", "scheduler"):
        tree["regularization"]["weight_decay"] = 0.1
    if tag == "scheduler":
        tree["regularization"]["dropout"] = 0.3
    if tag == "stochastic_depth":
        tree["architecture"] = {"type": "resnet", "depth": 20, "width": 2}
    assert differing(of_config(tree, data), STOP, tmp_path) == []


@pytest.mark.parametrize(
    "case", [case for case in FIELD_CASES if case.tag not in BESIDE_OTHERS], ids=lambda case: f"{case.tag} {case.options}"
)
def test_field(case: FieldCase, tmp_path: Path) -> None:
    table = case.table(*[case.train] * 6)
    columns = table.columns
    field = {"type": case.tag, "role": "input", **case.options}
    if "values" not in case.options:
        field |= {"columns": list(columns)} if len(columns) > 1 else {"column": next(iter(columns))}
    tree = {**BASE, "data": {"source": {"type": "rows"}, "fields": {"f": field, "y": {"role": "target"}}, "batch_size": 8}}
    if "values" in case.options or case.tag == "audio":  # of unequal length
        tree["architecture"] = {"layers": [{"conv1d": {"out_channels": 3, "kernel_size": 1}}, "global_avg_pool"]}
    if case.tag == "text":
        tree["architecture"] = {"layers": [{"embedding": 3}, {"pool": "mean"}]}
    if "of" in case.options:
        words = {"type": "text", "tokenizer": "space", "column": field["column"]}
        tree["data"]["fields"] = {case.options["of"]: words, "f": field, "y": {"role": "target"}}
        nodes = {name: {"from": name_of, "embedding": 3} for name, name_of in (("a", case.options["of"]), ("b", "f"))}
        joined = {"from": ["a", "b"], "layers": [{"linear": 3}, {"pool": "mean"}]}
        tree["architecture"] = {"nodes": {**nodes, "both": joined}}
    if case.tag == "tags":
        tokens = {"type": "text", "tokenizer": "space", "column": field["column"]}
        tree["data"]["fields"] = {"tokens": tokens, "f": {**field, "role": "target"}, "y": {"role": "ignore"}}
        tree["architecture"] = {"layers": [{"embedding": 3}, "relu"]}
    if case.tag == "notes":
        tree["data"]["fields"] = {"f": {**field, "role": ["input", "target"]}, "y": {"role": "ignore"}}
        tree["architecture"] = {"layers": [{"gru": 3}]}
    config = read_mapping(tree)
    source = config.experiment.data.source
    assert isinstance(source, Rows)
    held = source.holding(Table("rows", {**columns, "y": np.arange(36) * 0.5}, 36, store=table.store))
    experiment = config.experiment.model_copy(update={"data": config.experiment.data.model_copy(update={"source": held})})
    assert differing(maker(replace(config, experiment=experiment)), STOP, tmp_path) == []


def test_running_text(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("a text of which the next letter is learned. " * 9)
    tree = {
        **BASE,
        "data": {"source": {"type": "text", "path": "t.txt"}, "window": 10, "split": {"validation": 0.2, "test": None}, "batch_size": 8},
        "architecture": {"layers": [{"embedding": 4}, {"lstm": 4}]},
    }
    for stop in (STOP, STEPS - 1):
        assert differing(of_config(tree, tmp_path), stop, tmp_path / str(stop)) == []


def test_sequence_of_tokens(tmp_path: Path) -> None:
    sounds = next(case for case in FIELD_CASES if case.tag == "audio")
    table = sounds.table(*[sounds.train] * 6)
    texts = pl.Series(["lo hi", "hi", "lo", "mid hi", "hi lo", "mid"] * 6)
    tree = copy.deepcopy(BASE)
    tree["data"] = {
        "source": {"type": "rows"},
        "fields": {"a": {"type": "audio"}, "y": {"type": "text", "role": "target"}},
        "batch_size": 8,
    }
    tree["architecture"] = {"layers": [{"gru": 4}]}
    config = read_mapping({**tree, "task": "ctc"})
    source = config.experiment.data.source
    assert isinstance(source, Rows)
    held = source.holding(replace(table, columns={**table.columns, "y": texts}))
    experiment = config.experiment.model_copy(update={"data": config.experiment.data.model_copy(update={"source": held})})
    assert differing(maker(replace(config, experiment=experiment)), STOP, tmp_path) == []
