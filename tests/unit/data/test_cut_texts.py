"""What is told of texts that `max_length` cuts."""

from pathlib import Path
from typing import Any

import pytest

from nntrain.commands.preparing.from_config import prepare_job
from nntrain.commands.preparing.jobs import Job
from nntrain.config.reading import read_mapping


def job(folder: Path, max_length: int) -> Job:
    """Rows of 1 to 10 words, ten of each length, all of which train but for a few."""
    rows = "".join(f"{'word ' * (1 + row // 10)},{'yes' if row % 2 else 'no'}\n" for row in range(100))
    (folder / "rows.csv").write_text(f"text,y\n{rows}", encoding="utf-8")
    fields: dict[str, Any] = {"text": {"type": "text", "tokenizer": "space", "max_length": max_length}}
    data = {"source": "rows.csv", "fields": fields, "target": "y", "split": {"validation": None, "test": None}}
    layers = [{"embedding": 2}, {"pool": "mean"}]
    return prepare_job(read_mapping({"name": "rows", "data": data, "architecture": {"layers": layers}}, (), folder))


@pytest.mark.parametrize(
    ("max_length", "note", "warning"),
    [
        (10, None, None),
        (9, "max_length 9 cuts 10 of 100 rows, the longest of 10 tokens", None),
        (4, None, "max_length 4 cuts 60 of 100 rows: the network never reads how these texts go on. max_length: 10 keeps nine"),
    ],
)
def test_how_many_rows_are_cut(max_length: int, note: str | None, warning: str | None, tmp_path: Path) -> None:
    found = job(tmp_path, max_length)
    told = {"note": [text for text in found.prepared.notes if "max_length" in text], "warning": list(found.blueprint.warnings)}
    for kind, wanted in (("note", note), ("warning", warning)):
        cutting = [text for text in told[kind] if "cuts" in text]
        assert len(cutting) == (wanted is not None)
        assert wanted is None or cutting[0].startswith(f"data.fields.text.{wanted}")
