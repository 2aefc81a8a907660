"""`nntrain runs tag` and `nntrain runs note`: words that people keep with a run, in its `labels.json`. Torch-free."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from nntrain.errors import CheckpointError, UsageError
from nntrain.runs import Run, find_run, runs_root

FILE: Final = "labels.json"
_TAG: Final = re.compile(r"[\w.:+-]{1,50}")
LONGEST_NOTE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Labels:
    """What somebody wrote to a run."""

    tags: tuple[str, ...] = ()
    note: str = ""


def read_labels(run: Run) -> Labels:
    """The labels of a run; none where it has no file of them.

    Raises:
        CheckpointError: The file is damaged.
    """
    if not (run.path / FILE).exists():
        return Labels()
    found = run.read_json(FILE)
    tags, note = found.get("tags"), found.get("note")
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in cast("list[object]", tags)) or not isinstance(note, str):
        raise CheckpointError(f"{(run.path / FILE).as_posix()}: damaged (needs tags, a list of words, and note, a text)")
    return Labels(tuple(cast("list[str]", tags)), note)


def tag(given: str, words: Sequence[str], *, remove: bool, runs: Path | None) -> str:
    """Give a run tags, or take them away; the line that tells them.

    Raises:
        UsageError: There is no such run, a tag is no word, or one that is to go is not there.
    """
    run = find_run(given, runs_root(runs))
    for word in words:
        if not _TAG.fullmatch(word):
            raise UsageError(f"no tag: {word!r}", "a word of up to 50 letters, digits, and . : + - _")
    labels = read_labels(run)
    missing = [word for word in words if remove and word not in labels.tags]
    if missing:
        raise UsageError(f"{run.name} has no tag {missing[0]!r}", f"its tags: {', '.join(labels.tags) or 'none'}")
    kept = [each for each in labels.tags if each not in words]
    tags = kept if remove else list(dict.fromkeys([*labels.tags, *words]))
    _write(run, Labels(tuple(tags), labels.note))
    return f"{run.name}   tags: {', '.join(tags) or 'none'}"


def note(given: str, text: str, *, runs: Path | None) -> str:
    """Write a note to a run in place of the one it has, an empty text to have none; the line that tells it.

    Raises:
        UsageError: There is no such run, or the text is too long or has several lines.
    """
    run = find_run(given, runs_root(runs))
    if len(text) > LONGEST_NOTE or not text.isprintable():
        raise UsageError(f"a note is one line of up to {LONGEST_NOTE:,} characters")
    _write(run, Labels(read_labels(run).tags, text))
    return f"{run.name}   note: {text or 'none'}"


def _write(run: Run, labels: Labels) -> None:
    run.write_json(FILE, {"tags": list(labels.tags), "note": labels.note})
