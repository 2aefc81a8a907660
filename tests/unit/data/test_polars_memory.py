"""Polars is told to give memory back soon where rows are streamed, and nowhere else."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from nntrain.data.layout import peek
from nntrain.data.settings import DataSettings
from nntrain.data.streaming_problems import ALLOCATOR, SPARING


@pytest.mark.parametrize(
    ("streaming", "said", "is_loaded", "told"),
    [(True, None, False, SPARING), (False, None, False, None), (True, "narenas:4", False, "narenas:4"), (True, None, True, None)],
    ids=["streamed", "in memory", "said otherwise", "loaded before"],
)
def test_it_is_told_before_it_is_loaded(
    streaming: bool, said: str | None, is_loaded: bool, told: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import polars

    (tmp_path / "t.csv").write_text("x,y\n1,2\n3,5\n")
    monkeypatch.delenv(ALLOCATOR, raising=False)
    monkeypatch.setattr(os, "environ", {**os.environ, **({} if said is None else {ALLOCATOR: said})})
    settings = DataSettings.parse({"source": "t.csv", "target": "y", "streaming": streaming})
    seen: list[str | None] = []

    def files(source: object, folder: Path) -> dict[str, Path]:
        seen.append(os.environ.get(ALLOCATOR))
        return {}

    monkeypatch.setattr(type(settings.source), "files", files)
    monkeypatch.setitem(sys.modules, "polars", polars)
    if not is_loaded:
        monkeypatch.delitem(sys.modules, "polars")
    peek(settings, tmp_path)
    assert seen == [told]
