"""A config as it was read: a plain tree, and where each of its keys and values stands in which text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from nntrain.config.experiment import Experiment
from nntrain.config.structure import Model, child, has, is_main, is_mapping, rest_at, root_spot, short_tag, step
from nntrain.errors import YamlPath


@dataclass(frozen=True, eq=False)
class Source:
    """A text that settings were read from: a config file, or one override of the command line."""

    name: str
    """As people know it: `rents.yaml`, `override "optimizer.lr=fast"`."""
    text: str
    layer: int = 0
    """Where two sources set one knob, the one of the higher layer counts: bases are negative, overrides positive."""
    is_file: bool = True
    is_quoted: bool = True
    """Whether messages may quote its lines: not those of a base outside of the config's folder, which may be any file."""

    @property
    def is_resolved(self) -> bool:
        """Whether it is named as the resolved config of a run, which nntrain writes: that may be larger than what people write."""
        return self.name.rpartition("/")[2] == "resolved.yaml"

    @cached_property
    def lines(self) -> list[str]:
        """The text's lines."""
        return self.text.splitlines()

    def line(self, number: int) -> str:
        """One line, counted from 1."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""


@dataclass(frozen=True, slots=True)
class Mark:
    """A stretch of one line; line and column count from 1. Length 0 is a place with nothing to underline."""

    source: Source
    line: int
    column: int
    length: int

    @property
    def file(self) -> str:
        """Name of the text."""
        return self.source.name

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.source.is_file else self.file


@dataclass(frozen=True, slots=True)
class Place:
    """Where a setting stands: its key (`None` for list items and the root) and its value."""

    key: Mark | None
    value: Mark
    is_block: bool = False
    """Whether the value is a collection of several lines, which its key stands for in messages."""

    def mark(self, *, on_key: bool) -> Mark:
        """What to underline."""
        return self.key if self.key is not None and (on_key or self.is_block) else self.value


@dataclass(frozen=True, slots=True)
class Document:
    """A config file (or text), its bases and overrides included."""

    path: Path | None
    text: str
    tree: Any
    """Plain dicts, lists and scalars."""
    marks: Mapping[YamlPath, Place]
    unexpanded: Mapping[YamlPath, str] = field(default_factory=dict[YamlPath, str])
    """Values that came from the environment, as they were written: `${env:DATA}/train.csv`."""
    moved: Mapping[YamlPath, YamlPath] = field(default_factory=dict[YamlPath, YamlPath])
    """Settings that stand elsewhere in the file than in the tree: place in the tree to place in the file."""
    notes: Mapping[YamlPath, str] = field(default_factory=dict[YamlPath, str])
    """Which use of a block or round of a repeat has put a setting into the tree."""
    root: Model = Experiment
    """What the document is read as: tells short forms of components from sections with one key."""

    @property
    def name(self) -> str:
        """Name of the file, for messages."""
        return self.marks[()].value.file

    def find(self, path: YamlPath) -> YamlPath:
        """Follow a path through the tree as far as it goes, through the short forms of components.

        In `- linear: {out_features: 0}` the setting `layers[0].out_features` is found at `layers[0].linear.out_features`,
        in `- linear: 0` at `layers[0].linear`.
        """
        return self._follow(path)[0]

    def _follow(self, path: YamlPath) -> tuple[YamlPath, YamlPath]:
        """Where a path leads in the file, and what of it the file does not have."""
        node: Any = self.tree
        found: list[str | int] = []
        spot = root_spot(self.root, node)
        for index, part in enumerate(path):
            if not has(node, part):
                rest = rest_at(spot, part, node)
                if rest is not None:
                    node, spot = rest, step(spot, part)
                    continue
                tag = short_tag(spot.slot, node)
                if tag is None:
                    return tuple(found), path[index:]
                node = child(node, tag)
                found.append(tag)
                if is_main(spot.slot, tag, part) and not is_mapping(node):
                    spot = step(spot, part)
                    continue
                if not has(node, part):
                    return tuple(found), path[index:]
            node, spot = child(node, part), step(spot, part)
            found.append(part)
        return tuple(found), ()

    def locate(self, path: YamlPath, *, on_key: bool = False) -> Mark:
        """The mark of a setting, or of the deepest one above it that the file has."""
        found = self.find(path)
        exact = found[-1:] == path[-1:]
        while found and found not in self.marks:
            found = found[:-1]
        place = self.marks[found]
        if not found:
            return Mark(place.value.source, place.value.line, place.value.column, 0)
        return place.mark(on_key=on_key or (not exact and isinstance(self.value(found), dict)))

    def value(self, path: YamlPath) -> Any:
        """The value at a path that `find` returned."""
        node = self.tree
        for part in path:
            node = node[part]
        return node

    def shown(self, path: YamlPath) -> YamlPath:
        """The path as the file has it, for messages: tags of short forms included, moved settings at their place."""
        found, rest = self._follow(path)
        whole = (*found, *rest)
        for length in range(len(whole), 0, -1) if self.moved else ():
            if whole[:length] in self.moved:
                return (*self.moved[whole[:length]], *whole[length:])
        return whole

    def note(self, path: YamlPath) -> str | None:
        """Which use of a block or round of a repeat a setting comes from."""
        found = self.find(path) if self.notes else ()
        return next((self.notes[found[:length]] for length in range(len(found), 0, -1) if found[:length] in self.notes), None)
