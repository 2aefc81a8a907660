"""The only place that reads and writes YAML. A config is read within limits, with the place of every key and value.

YAML 1.2 scalars, no tags, no duplicate keys, aliases are copies; `extends: base.yaml` and `${env:NAME}`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from nntrain.config import composing, environment, faults, merging, scalars
from nntrain.config.composing import Mapping, Node, Scalar
from nntrain.config.document import Document, Mark, Place, Source
from nntrain.config.lengths import check_lengths
from nntrain.config.normalising import normalise
from nntrain.config.rendering import LocatedError, LocatedProblem
from nntrain.config.writing import dump
from nntrain.errors import YamlPath, render_path

MAX_BYTES: Final = 1_000_000
MAX_RESOLVED: Final = 32_000_000
"""Of the resolved config of a run, which has every column of a table written out: some 150 bytes each."""
MAX_BASES: Final = 10

_UNPRINTABLE: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")


def load(path: Path) -> Document:
    """Read a config file and the bases that it extends.

    Raises:
        ConfigError: It cannot be read, is no YAML, or holds what a config may not hold.
    """
    return _load(path, ())


def load_without(path: Path, unneeded: YamlPath) -> Document:
    """Read the resolved config of a run for something that has no use for a section: variables that only it reads may be unset.

    Raises:
        ConfigError: As `load` says.
    """
    source = Source(path.as_posix(), _decode(_read_bytes(path), path.as_posix()))
    tree, marks, unexpanded = read(source, unneeded)
    document = Document(path, source.text, tree, marks, unexpanded)
    check_lengths(document)
    return document


def parse(text: str, name: str, folder: Path | None = None) -> Document:
    """Read a config from a text; `name` stands for the file name in messages, bases are looked for in `folder`.

    Raises:
        ConfigError: As `load` says.
    """
    return _parse(Source(name, text), None, (), folder or Path())


def read(source: Source, unneeded: YamlPath | None = None) -> tuple[Any, dict[YamlPath, Place], dict[YamlPath, str]]:
    """Read one YAML text: its plain tree, the places in it, and the values that came from the environment.

    Args:
        source: The text.
        unneeded: A section that stays as it is written where a variable is not set.

    Raises:
        ConfigError: It is no YAML, or holds what a config may not hold.
    """
    _check_characters(source)
    node = composing.compose(source)
    if node is None:
        raise faults.fault(Mark(source, 1, 1, 0), "is empty")
    return _construct(node, unneeded)


def _load(path: Path, below: tuple[Path, ...]) -> Document:
    name = path.as_posix()
    source = Source(name, _decode(_read_bytes(path), name, is_quoted=(near := _is_near(path, below))), layer=-len(below), is_quoted=near)
    return _parse(source, path, below, path.parent)


def _is_near(path: Path, below: tuple[Path, ...]) -> bool:
    """Whether a file is the config itself or a base in the config's folder or below it."""
    if not below:
        return True
    return path.resolve().is_relative_to(below[0] if below[0].is_dir() else below[0].parent)


def _parse(source: Source, path: Path | None, below: tuple[Path, ...], folder: Path) -> Document:
    tree, marks, unexpanded = read(source)
    if not isinstance(tree, dict):
        raise faults.fault(
            marks[()].value, "must be a mapping of sections", "the shortest config:  data: {source: data.csv, target: COLUMN}"
        )
    document = Document(path, source.text, tree, marks, unexpanded)
    check_lengths(document)
    if "extends" not in tree:
        return document
    base_path = _base(document, folder, below, path)
    base = _load(base_path, (*below, path.resolve() if path else folder.resolve()))
    return merging.lay_over(normalise(base), normalise(merging.without(document, ("extends",))))


def _base(document: Document, folder: Path, below: tuple[Path, ...], path: Path | None) -> Path:
    """The file that `extends` names, if it can be read and is not one of those that extend it."""
    place = document.marks[("extends",)]
    given = document.tree["extends"]
    if not isinstance(given, str):
        raise _at(place.value, "needs the name of one config file", "extends: base.yaml")
    base = folder / given
    if not base.is_file():
        raise _at(place.value, f"no file {base.as_posix()} ({given!r}, counted from the config's folder)")
    if base.resolve() in (*below, path.resolve() if path else None):
        raise _at(place.value, f"{given} extends this file: bases go round in a circle")
    if len(below) >= MAX_BASES:
        raise _at(place.value, f"more than {MAX_BASES} bases on one another")
    return base


def _at(mark: Mark, message: str, hint: str | None = None) -> LocatedError:
    return LocatedError([LocatedProblem(mark, "extends", message, hint)], mark.file)


def _read_bytes(path: Path) -> bytes:
    nowhere = Mark(Source(path.as_posix(), ""), 1, 1, 0)
    most = MAX_RESOLVED if nowhere.source.is_resolved else MAX_BYTES
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise faults.fault(nowhere, f"cannot be read: {error.strerror}") from None
    if len(content) > most:
        raise faults.fault(nowhere, f"is larger than {most // 1_000_000} MB: no config", "data belongs into files that data.source names")
    return content


def _decode(content: bytes, name: str, *, is_quoted: bool = True) -> str:
    if content.startswith(_UTF16):
        raise faults.fault(
            Mark(Source(name, ""), 1, 1, 0), "is UTF-16, not UTF-8", "save it as UTF-8 (in PowerShell: Out-File -Encoding utf8)"
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", errors="replace")
        source = Source(name, content.decode("utf-8", errors="replace"), is_quoted=is_quoted)
        mark = _mark_at(source, len(before))
        message = f"is not UTF-8: byte 0x{content[error.start]:02x}"
        raise faults.fault(mark, message, "save the file as UTF-8; your editor may call this one Latin-1 or Windows-1252") from None


def _check_characters(source: Source) -> None:
    most = MAX_RESOLVED if source.is_resolved else MAX_BYTES
    if len(source.text) > most:
        raise faults.fault(Mark(Source(source.name, ""), 1, 1, 0), f"is larger than {most // 1_000_000} MB: no config")
    found = _UNPRINTABLE.search(source.text)
    if found is None:
        return
    mark = _mark_at(source, found.start())
    code = ord(found[0])
    raise faults.fault(Mark(source, mark.line, mark.column, 0), f"holds the control character U+{code:04X}", "remove it")


def _mark_at(source: Source, index: int) -> Mark:
    before = source.text[:index].splitlines() or [""]
    line = len(before) + (1 if source.text[:index].endswith(("\n", "\r")) else 0)
    column = 1 if line > len(before) else len(before[-1]) + 1
    return Mark(source, line, column, 1)


@dataclass(slots=True)
class _Reader:
    """Turns nodes into a plain tree and collects places; faults of values are told together."""

    unneeded: YamlPath | None
    marks: dict[YamlPath, Place] = field(default_factory=dict[YamlPath, Place])
    unexpanded: dict[YamlPath, str] = field(default_factory=dict[YamlPath, str])
    findings: list[LocatedProblem] = field(default_factory=list[LocatedProblem])

    def read(self, node: Node, path: YamlPath, key: Mark | None) -> Any:
        if isinstance(node, Scalar):
            is_empty = node.is_plain and not node.text
            self.marks[path] = Place(key, node.mark, is_block=is_empty)
            return self.scalar(node, path)
        self.marks[path] = Place(key, node.mark, node.is_block)
        if isinstance(node, Mapping):
            return {name: self.read(item, (*path, name), mark) for name, (mark, item) in node.items.items()}
        return [self.read(item, (*path, index), None) for index, item in enumerate(node.items)]

    def scalar(self, node: Scalar, path: YamlPath) -> scalars.Scalar:
        text = node.text
        try:
            if not environment.REFERENCE.search(text):
                return scalars.resolve(text) if node.is_plain else text
            self.unexpanded[path] = text
            return environment.value(text)
        except environment.UnsetError as error:
            if self.unneeded is not None and path[: len(self.unneeded)] == self.unneeded:
                return text
            self.note(node, path, str(error), f"set it, or write the value here: export {error.name}=…")
        except scalars.TooLongError as error:
            self.note(node, path, f"{error}, which no setting can hold", "a text of digits needs quotes")
        return text

    def note(self, node: Scalar, path: YamlPath, message: str, hint: str) -> None:
        self.findings.append(LocatedProblem(node.mark, render_path(path), message, hint))


def _construct(node: Node, unneeded: YamlPath | None) -> tuple[Any, dict[YamlPath, Place], dict[YamlPath, str]]:
    reader = _Reader(unneeded)
    tree = reader.read(node, (), None)
    if reader.findings:
        raise LocatedError(reader.findings, node.mark.file)
    return tree, reader.marks, reader.unexpanded


__all__ = ["dump", "load", "load_without", "parse", "read"]
