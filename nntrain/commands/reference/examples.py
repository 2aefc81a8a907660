"""The example configs that come with nntrain, and what their first lines say of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nntrain.config.documentation.wording import first_sentence

WIDTH: Final = 80
SHIPPED: Final = "shipped"
"""What `data:` says where the data comes with nntrain."""
_COLUMNS: Final = ("example", "task", "data", "time", "score")
_GAP: Final = 2
_MOST: Final = {"data": 16, "time": 8, "score": 12}
"""Letters of these columns; the task has what is left."""
_PART: Final = re.compile(r"\b(task|data|time|score):")


@dataclass(frozen=True, slots=True)
class Example:
    """An example config, as it is listed.

    All of it stands in the comment that the config begins with, in a line of its own, in which each part may be missing:

        # task: yes or no   data: adult/train.csv, adult/test.csv   time: 8 s   score: accuracy 0.857

    `data` names the files to bring, or is `shipped`. Without `task` the first sentence of the comment stands for it, up to a
    colon. A sentence that starts with `Bring` says where the files go. Comment lines that are indented are commands.
    """

    path: Path
    task: str
    data: str
    time: str
    score: str

    @property
    def name(self) -> str:
        """As in `nntrain init --example NAME`."""
        return self.path.stem


def example_configs() -> list[Path]:
    """The configs that come with nntrain: in the installed package, or beside it in its repository."""
    package = Path(__file__).parents[2]
    folder = next((found for found in (package / "configs", package.parent / "configs") if found.is_dir()), package)
    return sorted(folder.glob("*.yaml"))


def read_example(path: Path) -> Example:
    """What the first lines of a config say."""
    prose, parts = _first_comment(path)
    task = parts.get("task") or first_sentence(prose).partition(":")[0].rstrip(".")
    return Example(path, task, parts.get("data", ""), parts.get("time", ""), parts.get("score", ""))


def what_to_bring(path: Path) -> str | None:
    """The sentence that says which data an example needs; it starts with `Bring`."""
    found = re.search(r"\bBring\b.*?\.(?=\s|$)", _first_comment(path)[0])
    return None if found is None else found[0]


def examples_table(examples: Sequence[Example]) -> str:
    """A row for each example, at most 80 columns wide; what is too long goes on below in its own column."""
    rows = [_COLUMNS, *((example.name, example.task, example.data, example.time, example.score) for example in examples)]
    name = max(len(row[0]) for row in rows)
    data, time, score = _MOST["data"], _MOST["time"], _MOST["score"]
    widths = (name, WIDTH - name - data - time - score - 4 * _GAP, data, time, score)
    return "\n".join(_line(row, widths) for row in rows)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [_wrapped(text, width) for text, width in zip(row, widths, strict=True)]
    height = max(map(len, cells))
    lines = [[cell[line] if line < len(cell) else "" for cell in cells] for line in range(height)]
    joint = " " * _GAP
    return "\n".join(joint.join(f"{text:<{width}}" for text, width in zip(line, widths, strict=True)).rstrip() for line in lines)


def _wrapped(text: str, width: int) -> list[str]:
    """Lines of a cell, broken behind blanks and the `/` of paths."""
    lines = [""]
    for piece in re.findall(rf"[^ /]{{1,{width - 1}}}[ /]?|[ /]", text):
        if len(lines[-1] + piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return [line.rstrip() for line in lines]


def _first_comment(path: Path) -> tuple[str, dict[str, str]]:
    """The sentences of the comment that a config begins with, and the parts of its line for programs."""
    sentences: list[str] = []
    parts: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        if line.startswith("#   "):
            continue
        text = line.lstrip("# ")
        pieces = _PART.split(text)
        if pieces[0]:
            sentences.append(text)
        else:
            parts |= {key: value.strip() for key, value in zip(pieces[1::2], pieces[2::2], strict=True)}
    return " ".join(sentences), parts
