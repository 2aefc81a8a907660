"""From YAML text to nodes with marks, within limits: the only place that meets the YAML parser.

Events are read one by one and never recursively, so that neither depth nor aliases can exhaust anything: a text may have
`MAX_NODES` nodes with its aliases written out, `MAX_DEPTH` levels and no cycles. An alias is a copy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

import yaml

from nntrain.config import faults
from nntrain.config.document import Mark, Source

MAX_DEPTH: Final = 100
MAX_NODES: Final = 100_000
MAX_RESOLVED: Final = 1_000_000
"""Of the resolved config of a run, which has every column of a table written out: some nine values each."""
_LONG: Final = 300_000
"""Characters from which on a text can have far too many values."""

# libyaml where PyYAML was built with it: a text of the largest size is parsed in a tenth of a second instead of ten.
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_STRING: Final = "tag:yaml.org,2002:str"
_ESCAPED_PATH: Final = re.compile(r"(^[A-Za-z]:|\w)\\[0abefnrtvNLP_]\w")


@dataclass(slots=True)
class Scalar:
    """A scalar as it was written."""

    text: str
    mark: Mark
    is_plain: bool
    size: int = 1


@dataclass(slots=True)
class Sequence:
    """A list; `size` counts all nodes below."""

    mark: Mark
    items: list[Node] = field(default_factory=list["Node"])
    size: int = 1
    is_block: bool = False


@dataclass(slots=True)
class Mapping:
    """A mapping; `size` counts all nodes below. `open_key` is a key whose value has not come yet."""

    mark: Mark
    items: dict[str, tuple[Mark, Node]] = field(default_factory=dict[str, "tuple[Mark, Node]"])
    size: int = 1
    is_block: bool = False
    open_key: Scalar | None = None
    merged: dict[str, tuple[Mark, Node]] = field(default_factory=dict[str, "tuple[Mark, Node]"])
    """What `<<` brings in; the mapping's own keys go before."""
    merge_key: Mark | None = None
    """Where `<<` stands."""


Node = Scalar | Sequence | Mapping


def compose(source: Source) -> Node | None:
    """Parse a text into nodes; `None` for an empty one.

    Raises:
        ConfigError: The text is no YAML, or more than a config may hold.
    """
    composer = _Composer(source)
    try:
        if len(source.text) > _LONG:
            _check_number(composer)
        for event in _events(source):
            composer.take(event)
    except yaml.MarkedYAMLError as error:
        raise faults.syntax_error(error, source) from None
    return composer.root


def _check_number(composer: _Composer) -> None:
    """Refuse a text that has too many values even if each has a key: counting takes a fraction of the time of composing."""
    number = 0
    for event in _events(composer.source):
        number += isinstance(event, yaml.NodeEvent)
        if number > 2 * composer.most:
            composer.fail(event, composer.too_many)


def _events(source: Source) -> Iterator[Any]:
    loader = _LOADER(source.text)
    try:
        while loader.check_event():
            yield loader.get_event()
    finally:
        loader.dispose()


class _Composer:
    """Puts events together; `open` holds the collections that are not closed yet, the innermost last."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.most = MAX_RESOLVED if source.is_resolved else MAX_NODES
        self.too_many = f"more than {self.most:,} values; aliases (*name) count as what they repeat"
        self.root: Node | None = None
        self.open: list[tuple[Sequence | Mapping, str | None]] = []
        self.anchors: dict[str, Node] = {}
        self.end: Any = None
        """End of the last scalar or bracket: where a block that is closed by the next line really ends."""

    def take(self, event: Any) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self.end = event.end_mark
            self.put(self.scalar(event), event)
        elif isinstance(event, yaml.SequenceStartEvent):
            self.begin(Sequence(self.mark(event.start_mark, event.end_mark)), event)
        elif isinstance(event, yaml.MappingStartEvent):
            self.begin(Mapping(self.mark(event.start_mark, event.end_mark)), event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self.close(event)
        elif isinstance(event, yaml.AliasEvent):
            self.end = event.end_mark
            self.put(self.alias(event), event)
        elif isinstance(event, yaml.DocumentStartEvent) and self.root is not None:
            self.fail(event, "a second document starts here; a config is one document", "remove the line ---")

    def scalar(self, event: yaml.ScalarEvent) -> Scalar:
        if event.tag not in (None, "!", _STRING):
            self.refuse_tag(event)
        mark = self.mark(event.start_mark, event.end_mark)
        is_plain = event.tag is None and event.style in (None, "")
        if event.style == '"' and _ESCAPED_PATH.search(event_text(self.source, event)):
            raise faults.escaped_path(mark, event_text(self.source, event))
        return Scalar(event.value, mark, is_plain)

    def begin(self, node: Sequence | Mapping, event: Any) -> None:
        if event.tag not in (None, "!"):
            self.refuse_tag(event)
        if len(self.open) >= MAX_DEPTH:
            self.fail(event, f"more than {MAX_DEPTH} levels of nesting")
        if isinstance(self.parent, Mapping) and self.parent.open_key is None:
            self.fail(event, "a key must be text, not a list or a mapping")
        self.open.append((node, event.anchor))

    def close(self, event: Any) -> None:
        node, anchor = self.open.pop()
        flow = event.end_mark.index > event.start_mark.index
        self.end = event.end_mark if flow or self.end is None else self.end
        start = node.mark
        node.is_block = self.end.line + 1 > start.line
        node.mark = self.mark_between(start.line, start.column, self.end)
        if isinstance(node, Mapping) and node.merged:
            node.items = {**node.merged, **node.items}
        self.attach(node, anchor)

    def alias(self, event: yaml.AliasEvent) -> Node:
        if any(anchor == event.anchor for _, anchor in self.open):
            self.fail(event, f"*{event.anchor} stands inside of what it repeats")
        if event.anchor not in self.anchors:
            self.fail(event, f"no &{event.anchor} before this *{event.anchor}", 'a text that starts with * needs quotes: "*"')
        return self.anchors[event.anchor]

    def put(self, node: Node, event: Any) -> None:
        parent = self.parent
        if isinstance(parent, Mapping) and parent.open_key is None:
            self.put_key(parent, node, event)
            return
        self.attach(node, None if isinstance(event, yaml.AliasEvent) else event.anchor)

    def put_key(self, parent: Mapping, node: Node, event: Any) -> None:
        if not isinstance(node, Scalar):
            self.fail(event, "a key must be text, not a list or a mapping")
        if node.text in parent.items:
            first = parent.items[node.text][0]
            raise faults.fault(node.mark, f"{node.text} is given twice, first in line {first.line}", "keep one of the two")
        parent.open_key = node

    def attach(self, node: Node, anchor: str | None) -> None:
        if anchor is not None:
            self.anchors[anchor] = node
        parent = self.parent
        if parent is None:
            self.root = node
            return
        parent.size += node.size
        if parent.size > self.most:
            raise faults.fault(node.mark, self.too_many)
        if isinstance(parent, Sequence):
            parent.items.append(node)
            return
        key = parent.open_key
        assert key is not None
        parent.open_key = None
        if key.text == "<<" and key.is_plain:
            self.merge(parent, key, node)
        else:
            parent.items[key.text] = (key.mark, node)

    def merge(self, parent: Mapping, key: Scalar, node: Node) -> None:
        if not isinstance(node, Mapping):
            raise faults.fault(key.mark, "<< takes one mapping: <<: *name")
        if parent.merge_key is not None:
            first = f"<< is given twice, first in line {parent.merge_key.line}"
            raise faults.fault(key.mark, first, "keep one of the two; a mapping can bring in another one by a << of its own")
        parent.merged, parent.merge_key = node.items, key.mark

    @property
    def parent(self) -> Sequence | Mapping | None:
        return self.open[-1][0] if self.open else None

    def refuse_tag(self, event: Any) -> NoReturn:
        written = event.tag.replace("tag:yaml.org,2002:", "!!")
        self.fail(event, f"the tag {written} is not allowed in a config", "numbers and texts need no tag; a text in quotes stays text")

    def fail(self, event: Any, message: str, hint: str | None = None) -> NoReturn:
        raise faults.fault(self.mark(event.start_mark, event.end_mark), message, hint)

    def mark(self, start: Any, end: Any) -> Mark:
        return self.mark_between(start.line + 1, start.column + 1, end)

    def mark_between(self, line: int, column: int, end: Any) -> Mark:
        if end.line + 1 == line:
            return Mark(self.source, line, column, max(end.column + 1 - column, 1))
        return Mark(self.source, line, column, max(len(self.source.line(line).rstrip()) + 1 - column, 1))


def event_text(source: Source, event: Any) -> str:
    """A scalar as it was written, without its quotes."""
    return source.text[event.start_mark.index + 1 : event.end_mark.index - 1]
