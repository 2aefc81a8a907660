"""Files as the rows of a table: which there are, what their paths say of them, and a look at a few. Plain Python but for `table`."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from nntrain.data.audio.wave_header import HEADER_BYTES as SOUND_HEADER_BYTES
from nntrain.data.audio.wave_header import SOUND_SUFFIXES, SoundHead, wave_head
from nntrain.data.facts import facts_of_cells, in_order
from nntrain.data.file_store import FileStore
from nntrain.data.header import FileFacts, Header, HeaderColumn
from nntrain.data.image_header import HEADER_BYTES, IMAGE_SUFFIXES, image_size
from nntrain.errors import DataError

if TYPE_CHECKING:
    from nntrain.data.table import Table

MAX_PEEKED: Final = 100
"""Most files whose head is read before training."""
PEEK_ROWS: Final = 1_000
"""Rows whose words are looked at before training; all names of classes are."""
MAX_LISTED: Final = 3


@dataclass(frozen=True, slots=True)
class FileKind:
    """Files that belong together by the endings of their names."""

    column: str
    """The column that their names are in."""
    noun: str
    """One of them, for messages."""
    suffixes: frozenset[str]
    usual: str
    """The commonest ending."""


IMAGES: Final = FileKind("image", "image", IMAGE_SUFFIXES, ".png")
SOUNDS: Final = FileKind("audio", "sound", SOUND_SUFFIXES, ".wav")


@dataclass(frozen=True, slots=True)
class FileRows:
    """Rows that are files, or several files each."""

    store: FileStore
    files: Mapping[str, list[str]]
    """Names in the store by column, one a row."""
    words: Mapping[str, list[str]]
    """What the paths say, by column."""
    classes: frozenset[str] = frozenset()
    """Columns of words that always name classes."""
    notes: tuple[str, ...] = field(default=())
    """What was left out, in words."""

    def __len__(self) -> int:
        return len(next(iter(self.files.values())))

    def header(self, name: str) -> Header:
        """Names of the columns, facts of the words, and the heads of the first file of each class. Raises `DataError`."""
        rows = self._first_rows()
        columns = [
            HeaderColumn(column, (), "file", files=self._look(names, rows), sound=self._first_sound(names))
            for column, names in self.files.items()
        ]
        for column, words in self.words.items():
            if column in self.classes:
                columns.append(HeaderColumn(column, (), "class", facts_of_cells(sorted(set(words))), len(self)))
            else:
                facts = facts_of_cells(words[:PEEK_ROWS], is_complete=len(words) <= PEEK_ROWS)
                columns.append(HeaderColumn(column, (), "text", facts, len(self)))
        return Header(name, tuple(columns), len(self), classes=self.class_names)

    @property
    def class_names(self) -> dict[str, tuple[str, ...]]:
        """Classes of the training rows, by column: numbers by size, else by alphabet."""
        split = self.words.get("split")
        is_train = [True] * len(self) if split is None else [word.lower().startswith("train") for word in split]
        found: dict[str, tuple[str, ...]] = {}
        for column in self.classes & self.words.keys():
            found[column] = in_order({word for word, train in zip(self.words[column], is_train, strict=True) if train})
        return {column: names for column, names in found.items() if len(names) > 1}

    def table(self, name: str) -> Table:
        """All rows; the files themselves are read when a field needs them."""
        import polars as pl

        from nntrain.data.table import Table

        known = {column: HeaderColumn(column, (), "file", files=FileFacts(_suffixes(names))) for column, names in self.files.items()}
        known |= {column: HeaderColumn(column, (), "class") for column in self.classes & self.words.keys()}
        columns = {column: pl.Series(column, words, dtype=pl.String) for column, words in {**self.files, **self.words}.items()}
        return Table(name, columns, len(self), store=self.store, known=known, classes=self.class_names, notes=self.notes)

    def _first_rows(self) -> list[int]:
        """The first row of each class, or of all rows."""
        words = next((self.words[column] for column in self.classes if column in self.words), None)
        first: dict[str, int] = {}
        for row in range(len(self)):
            first.setdefault("" if words is None else words[row], row)
        return list(first.values())[:MAX_PEEKED]

    def _first_sound(self, names: list[str]) -> SoundHead | None:
        """A look at the first file, where all are sounds."""
        if not SOUND_SUFFIXES.issuperset(_suffixes(names)):
            return None
        return wave_head(names[0], self.store.read(names[0], SOUND_HEADER_BYTES))

    def _look(self, names: list[str], rows: list[int]) -> FileFacts:
        suffixes = _suffixes(names)
        sizes: dict[tuple[int, int, int], str] = {}
        if IMAGE_SUFFIXES.issuperset(suffixes):
            for row in rows:
                size = image_size(self.store.read(names[row], HEADER_BYTES))
                if size is not None:
                    sizes.setdefault((size.channels, size.height, size.width), names[row])
        return FileFacts(suffixes, sizes)


def labelled_rows(store: FileStore, shown: str, parts: Mapping[str, str], kind: FileKind) -> FileRows:
    """Files of a kind in folders of classes, `{split}/{label}/*` or `{label}/*`, or none: then there is no `label`.

    A class is the folder that stands first below the split or the root; what is deeper belongs to it. A folder that has nothing
    but one other folder is passed through.

    Args:
        store: The folder or .zip file.
        shown: Its name, for messages.
        parts: Words that name a split, such as `val`, and the split: the first folders are splits where one means `train`.
        kind: Which files count.

    Raises:
        DataError: There is no such file in it.
    """
    names, hidden = store.names()
    suffixes = list(map(_suffix, names))
    found = [name for name, suffix in zip(names, suffixes, strict=True) if suffix in kind.suffixes]
    others = Counter(suffix or name for name, suffix in zip(names, suffixes, strict=True) if suffix not in kind.suffixes)
    if not found:
        instead = f"; it has {_counted(others)}" if others else ""
        raise DataError(f"{shown} has no {kind.noun}s{instead}", f"{kind.noun}s end in {', '.join(sorted(kind.suffixes))}")
    rows = _folders(found)
    top = len(_common(rows))
    if all(len(row) == top for row in rows) and top:  # one folder of files is a class, not a way to classes
        top -= 1 if _is_split(rows, top - 1, parts) else 0
    notes = [f"{_files(sum(others.values()), 'other file')} ({_counted(others)})"] if others else []
    notes += [_files(hidden, "hidden file")] if hidden else []
    words: dict[str, list[str]] = {}
    if _is_split(rows, top, parts):
        strays = [name for name, row in zip(found, rows, strict=True) if len(row) <= top or row[top].lower() not in parts]
        notes += [f"{_files(len(strays), kind.noun)} outside of the splits ({', '.join(strays[:MAX_LISTED])})"] if strays else []
        lost = set(strays)
        found = [name for name in found if name not in lost]
        rows = _folders(found)
        words["split"] = [row[top] for row in rows]
        top += 1
    labels = [row[top] if len(row) > top else "" for row in rows]
    if any(labels):
        strays = [name for name, label in zip(found, labels, strict=True) if not label]
        notes += [f"{_files(len(strays), kind.noun)} outside of the classes ({', '.join(strays[:MAX_LISTED])})"] if strays else []
        keep = [bool(label) for label in labels]
        found = [name for name, kept in zip(found, keep, strict=True) if kept]
        words = {"label": labels, **words}
        words = {column: [word for word, kept in zip(own, keep, strict=True) if kept] for column, own in words.items()}
    told = (f"{shown}: left out {', '.join(notes)}",) if notes else ()
    return FileRows(store, {kind.column: found}, words, frozenset({"label"}), told)


def matching_rows(store: FileStore, patterns: Mapping[str, str], shown: str) -> FileRows:
    """Files whose names fit patterns: what stands for a brace becomes a column, and files of several patterns are paired by it.

    Args:
        store: Where the names count from.
        patterns: By column: `{split}/{label}/*.png`. `*` is any text but `/`, `**` any text.
        shown: The source, for messages.

    Raises:
        DataError: A pattern fits no file, two files of one fit the same, or no files are pairs.
    """
    found = {column: _match(store, pattern, shown) for column, pattern in patterns.items()}
    braces = re.findall(r"\{(\w+)\}", next(iter(patterns.values())))
    if len(patterns) == 1:
        column, (names, said) = next(iter(found.items()))
        words = {brace: [key[place] for key in said] for place, brace in enumerate(dict.fromkeys(braces))}
        return FileRows(store, {column: names}, words, frozenset({"label"}))
    order = list(dict.fromkeys(braces))
    by_key: dict[str, dict[tuple[str, ...], str]] = {}
    for column, (names, said) in found.items():
        own = list(dict.fromkeys(re.findall(r"\{(\w+)\}", patterns[column])))
        keyed: dict[tuple[str, ...], str] = {}
        for name, key in zip(names, said, strict=True):
            sorted_key = tuple(key[own.index(brace)] for brace in order)
            if sorted_key in keyed:
                raise DataError(f"{shown}: {keyed[sorted_key]} and {name} are both {column} of {', '.join(sorted_key)}")
            keyed[sorted_key] = name
        by_key[column] = keyed
    first = next(iter(by_key.values()))
    keys = [key for key in first if all(key in keyed for keyed in by_key.values())]
    alone = [name for keyed in by_key.values() for key, name in keyed.items() if not all(key in other for other in by_key.values())]
    if not keys:
        raise DataError(f"{shown}: no files are pairs: {', '.join(alone[:MAX_LISTED])}", "what stands in braces must be the same")
    more = f" and {len(alone) - MAX_LISTED:,} more" if len(alone) > MAX_LISTED else ""
    told = (f"{shown}: left out {_files(len(alone), 'file')} without a partner ({', '.join(alone[:MAX_LISTED])}{more})",) if alone else ()
    words = {brace: [key[place] for key in keys] for place, brace in enumerate(order)}
    return FileRows(store, {column: [keyed[key] for key in keys] for column, keyed in by_key.items()}, words, frozenset({"label"}), told)


def fixed_part(pattern: str) -> str:
    """The folders that a pattern starts with: `a/b` of `a/b/{label}/*.png`."""
    fixed: list[str] = []
    for part in pattern.split("/")[:-1]:
        if re.search(r"[{*?]", part):
            break
        fixed.append(part)
    return "/".join(fixed)


def _match(store: FileStore, pattern: str, shown: str) -> tuple[list[str], list[tuple[str, ...]]]:
    """Names that fit, and of each what stands for each brace, one object wherever it is the same."""
    prefix = fixed_part(pattern)
    rest = pattern.removeprefix(f"{prefix}/") if prefix else pattern
    names, _ = store.names(prefix, None if "**" in rest else rest.count("/") + 1)
    expression = re.compile(_expression(pattern))
    found: list[str] = []
    said: list[tuple[str, ...]] = []
    known: dict[tuple[str, ...], tuple[str, ...]] = {}
    for name in names:
        match = expression.fullmatch(name)
        if match is not None:
            found.append(name)
            said.append(known.setdefault(match.groups(), match.groups()))
    if not found:
        like = f"; the first of {len(names):,} files there: {names[0]}" if names else ""
        raise DataError(f"{shown}: no file fits {pattern!r}{like}", "{name} and * stand for any text but /, ** for any text")
    return found, said


def _expression(pattern: str) -> str:
    expression = ""
    seen: set[str] = set()
    for part in re.split(r"(\{\w+\}|\*\*/|\*\*|\*|\?)", pattern):
        if part.startswith("{") and part.endswith("}"):
            name = part[1:-1]
            expression += f"(?P={name})" if name in seen else f"(?P<{name}>[^/]+)"
            seen.add(name)
        else:
            expression += {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}.get(part, re.escape(part))
    return expression


def _folders(names: Sequence[str]) -> list[list[str]]:
    """The folders that lead to each file, one object for all files of a folder: there may be millions."""
    known: dict[str, list[str]] = {}
    found: list[list[str]] = []
    for name in names:
        folder = name.rpartition("/")[0]
        own = known.get(folder)
        if own is None:
            own = known[folder] = folder.split("/") if folder else []
        found.append(own)
    return found


def _common(rows: Sequence[Sequence[str]]) -> list[str]:
    """The folders that all names start with."""
    first, last = list(min(rows, key=list)), list(max(rows, key=list))
    common: list[str] = []
    for one, two in zip(first, last, strict=False):
        if one != two:
            break
        common.append(one)
    return common


def _is_split(rows: Sequence[Sequence[str]], place: int, parts: Mapping[str, str]) -> bool:
    """Whether the folders at a place are splits: one of them is the training rows."""
    return any(len(row) > place >= 0 and parts.get(row[place].lower()) == "train" for row in rows)


def _files(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' if count != 1 else ''}"


def _suffix(name: str) -> str:
    stem, point, suffix = name.rpartition(".")
    return sys.intern(f".{suffix.lower()}") if point and stem and not stem.endswith("/") and "/" not in suffix else ""


def _suffixes(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(suffix for suffix, _ in Counter(map(_suffix, names)).most_common())


def _counted(others: Mapping[str, int]) -> str:
    shown = [f"{count} {suffix}" for suffix, count in list(others.items())[:MAX_LISTED]]
    return ", ".join(shown) + (", …" if len(others) > MAX_LISTED else "")
