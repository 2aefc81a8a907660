"""Running texts: split by place, cut into windows, each token predicted once, nothing learned from the parts that test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from nntrain.config.reading import Config, read_mapping
from nntrain.data.orders import shown_order
from nntrain.data.preparing import Prepared, prepare
from nntrain.data.token_windows import TokenWindows, cut_text
from nntrain.errors import ConfigError, DataError

TEXT = "".join(f"line {row} of a text\n" for row in range(60))


def config(folder: Path, **data: Any) -> Config:
    (folder / "input.txt").write_text(TEXT + "Z" * 9)
    tree = {"name": "t", "data": {"source": {"type": "text", "path": "input.txt"}, "window": 16, **data}}
    return read_mapping(tree, (), folder)


def prepared(folder: Path, **data: Any) -> Prepared:
    return prepare(config(folder, **data).experiment.data, folder, seed=0)


def decoded(found: Prepared, indices: torch.Tensor) -> str:
    field = found.fields.fields[0]
    return field.plan.field.encoder(field.state).decode(indices[indices >= 0].tolist())  # type: ignore[attr-defined]


def test_parts_follow_one_another_and_only_the_first_teaches(tmp_path: Path) -> None:
    found = prepared(tmp_path, split={"validation": 0.2, "test": 100})
    whole = TEXT + "Z" * 9
    end = len(whole) - 100
    middle = end - round(0.2 * len(whole))
    parts = {part: data.stored["text"] for part, data in found.splits.items()}
    texts: list[str] = []
    for part, windows in parts.items():
        assert isinstance(windows, TokenWindows)
        texts.append(decoded(found, windows.tokens))
        assert part in found.splits
    assert texts[0] == whole[:middle]
    assert texts[1] == whole[middle:end]
    assert texts[2] == whole[end:].replace("Z", "�")
    numbers = torch.cat([data.rows for data in found.splits.values()])
    assert bool((numbers.sort().values.diff() > 0).all())


def test_each_token_of_a_test_is_predicted_once_from_those_before(tmp_path: Path) -> None:
    found = prepared(tmp_path, split={"validation": 107, "test": None})
    data = found.validation
    assert data is not None
    batch = data.batch(0, len(data))
    inputs, targets = batch.inputs["text"], batch.targets["text"]
    assert inputs.shape == targets.shape == (7, 16)
    assert int((targets >= 0).sum()) == 106
    whole = (TEXT + "Z" * 9)[-107:]
    assert decoded(found, targets.flatten()) == whole[1:].replace("Z", "�")
    assert torch.equal(inputs[:, 1:], targets[:, :-1].clamp(min=0))


def test_an_epoch_is_one_pass_from_a_place_of_its_own() -> None:
    data = cut_text(torch.arange(2, 202), 8, "text", 300, first=0, stride=1)
    assert len(data) == 192
    assert data.shown == 24
    starts: set[int] = set()
    for epoch in range(6):
        order = shown_order(data, seed=3, epoch=epoch)
        assert len(order) == 24
        first = data.take(order).batch(0, 24).inputs["text"][:, 0].sort().values
        assert bool((first.diff() == 8).all())
        starts.add(int(first[0]))
        assert torch.equal(order, shown_order(data, seed=3, epoch=epoch))
    assert len(starts) > 2
    assert len(data.once()) == 24


def test_windows_start_every_stride_tokens(tmp_path: Path) -> None:
    train = prepared(tmp_path, window={"past": 16, "stride": 4}).train
    assert bool((train.rows.diff() == 4).all())
    assert train.overlap == 4


def test_a_short_text_is_one_window() -> None:
    data = cut_text(torch.tensor([2, 3, 4]), 8, "text", 5, first=0, stride=1)
    batch = data.batch(0, 1)
    assert batch.inputs["text"].tolist() == [[2, 3, 4, 0, 0, 0, 0, 0]]
    assert batch.targets["text"].tolist() == [[3, 4, -1, -1, -1, -1, -1, -1]]


def test_given_files_are_their_parts(tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_text("line 1 of a text\n")
    source = {"type": "text", "path": "input.txt", "validation": "v.txt"}
    found = prepared(tmp_path, source=source, split={"test": None})
    assert found.validation is not None
    assert decoded(found, found.validation.stored["text"].tokens) == "line 1 of a text\n"  # type: ignore[attr-defined]
    assert found.fingerprints.keys() == {"source", "source.validation"}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"window": None}, "a running text needs windows"),
        ({"window": {"past": 16, "horizon": 2}}, "has no effect: a window of a text"),
        ({"window": {"past": 16, "stride": 20}}, "20 tokens leave some out"),
        ({"split": {"by": "random"}}, "a running text is split by place"),
        ({"fields": {"text": {"type": "text", "max_length": 5}}}, "has no effect: data.window"),
        ({"fields": {"text": {"type": "text", "role": "target"}}}, "is a target and no input"),
        ({"fields": {"text": "category"}}, "a running text has one field"),
    ],
)
def test_what_does_not_go_together_is_told_before_the_text_is_read(data: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        prepared(tmp_path, **data)


def test_texts_that_are_too_short_are_told(tmp_path: Path) -> None:
    made = config(tmp_path, split={"validation": 2000, "test": None})
    with pytest.raises(DataError, match="leave nothing to train on"):
        prepare(made.experiment.data, tmp_path, seed=0)
    (tmp_path / "input.txt").write_text(" \n")
    with pytest.raises(DataError, match="holds no text"):
        prepare(made.experiment.data, tmp_path, seed=0)


def test_words_of_a_text_are_its_field(tmp_path: Path) -> None:
    found = prepared(tmp_path, fields={"text": {"tokenizer": "word", "max_vocab": 5}})
    assert found.layout.inputs["text"].sizes == (16,)
    assert found.layout.inputs["text"].classes == 7
    assert found.fields.fields[1].plan.role == "target"
