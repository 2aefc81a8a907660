"""Every config that the docs show is valid in itself."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from nntrain.config.loading import parse
from nntrain.config.reading import read_document

REPOSITORY = Path(__file__).parents[2]
PAGES = ("README.md", "configs/README.md")
BLOCKS = [
    pytest.param(block, id=f"{page}-{number}")
    for page in PAGES
    for number, block in enumerate(re.findall(r"```yaml\n(.*?)```", (REPOSITORY / page).read_text(encoding="utf-8"), re.DOTALL))
    if "plugins:" not in block  # these are trained: tests/integration/test_plugins.py
]


def whole(block: str, folder: Path) -> str:
    """A fragment as a config: fields belong to data, and data is what no fragment repeats."""
    (folder / "base.yaml").write_text("data: {source: rents.csv, target: rent}\n")
    text = textwrap.dedent(block)
    if text.startswith(("fields:", "split:")):
        text = "data:\n  source: rents.csv\n  target: rent\n" + textwrap.indent(text, "  ")
    return text if re.search("^data:", text, re.MULTILINE) or "extends:" in text else "extends: base.yaml\n" + text


def test_the_pages_show_configs() -> None:
    assert len(BLOCKS) >= 8


@pytest.mark.parametrize("block", BLOCKS)
def test_config_of_the_docs_is_valid(block: str, tmp_path: Path) -> None:
    document = parse(whole(block, tmp_path), "docs.yaml", tmp_path)
    assert read_document(document, (), tmp_path).experiment.data.source is not None
