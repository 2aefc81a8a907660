"""A list of pieces of words is read line by line, whatever a piece has in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from nntrain.errors import CheckpointError
from nntrain.weights.hub_folder import TokenizerFile


def test_a_line_ends_with_a_line_feed_alone(tmp_path: Path) -> None:
    path = tmp_path / "vocab.txt"
    path.write_text("[PAD]\n[UNK]\n\u2028\nx\n\x85\ny\n", encoding="utf-8")
    assert dict(TokenizerFile(path, {}).indices) == {"[PAD]": 0, "[UNK]": 1, "\u2028": 2, "x": 3, "\x85": 4, "y": 5}


def test_what_is_no_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "vocab.txt"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(CheckpointError, match=r"vocab\.txt is no text in UTF-8"):
        _ = TokenizerFile(path, {}).indices
