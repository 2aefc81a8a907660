"""`nntrain help WORD`: a setting, component or metric in a few lines, for someone who has never seen it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, cast

from nntrain.config import synonyms
from nntrain.config.documentation import examples
from nntrain.config.documentation.catalogue import Catalogue, Setting, catalogue
from nntrain.config.documentation.topics import TOPICS, Topic, topics
from nntrain.config.documentation.wording import Schema, default_in_words, first_sentence, named, type_in_words
from nntrain.config.documentation.wrapping import paragraphs
from nntrain.errors import UsageError
from nntrain.nearest import nearest
from nntrain.wording import with_article

_SPLITS: Final = {
    "train": "on a fixed sample of the training rows, without dropout: comparable with validation",
    "validation": "during training, on rows that the network does not learn from: what early stopping and `best` look at",
    "test": "once at the end, on rows that nothing was chosen by",
}
_LOSS: Final = "What training minimises, weighted mean over the rows."
_WIDTH: Final = 11


@dataclass(frozen=True, slots=True)
class _Named:
    """A component under its name."""

    kind: str
    tag: str


def explain(word: str) -> str:
    """Explain a setting, component, option or metric of configs, also under a name that other tools have for it.

    Raises:
        UsageError: Nothing has that name; tells the nearest one.
    """
    return help_text(catalogue(), word)


def help_text(content: Catalogue, word: str) -> str:
    """Explain a setting (`optimizer.lr`), a component (`dropout`), an option of one (`linear.bias`) or a metric (`validation.loss`).

    Raises:
        UsageError: Nothing has that name; tells the nearest one.
    """
    parts = tuple(part for part in re.split(r"[.\[\]]+", word.strip()) if part and not part.isdigit())
    told = [_topic(topic) for topic in topics(word)]
    texts = _named_so(content, parts)
    if not texts:
        texts = [*_called_otherwise(content, word), *_same_ending(content, parts)]
    elif len(parts) == 1:
        texts += _also(content, parts[0])
    if not told + texts:
        raise UsageError(f"no setting, component or metric {word!r}", _nearest(content, word))
    return "\n\n".join(dict.fromkeys(told + texts))


def _topic(topic: Topic) -> str:
    return "\n".join([topic.name, f"  {topic.text}", *_rows([("example", topic.example)])])


def _named_so(content: Catalogue, parts: tuple[str, ...]) -> list[str]:
    return [*_metric(content, parts), *_settings(content, parts), *_components(content, parts)]


def _called_otherwise(content: Catalogue, word: str) -> list[str]:
    """What other tools call so, by the name it has here."""
    found = synonyms.setting(word)
    if found is not None and found.note is not None:
        return [f"{word}: {found.note}"]
    path = synonyms.path(word)
    found_so = [(path, _named_so(content, tuple(path.split("."))))] if path is not None else []
    found_so += [
        (tag, [_component(content, _Named(kind, tag))])
        for kind, tag in synonyms.components(word, {kind: slot.table for kind, slot in content.slots.items()})
    ]
    texts: list[str] = []
    for ours, explained in found_so:
        if explained and ours != word and not ours.endswith(f".{word}"):
            texts += [f"nntrain calls it {ours}", *explained]
    return texts


def words(content: Catalogue) -> list[str]:
    """Every word that `help_text` explains, for the nearest one."""
    settings = [setting.name for setting in content.settings]
    components = [named.tag for named in _all(content)]
    metrics = [f"{split}.{metric}" for split in _SPLITS for metric in ("loss", *_metrics(content))]
    return list(dict.fromkeys([*settings, *components, *metrics, *(topic.name for topic in TOPICS)]))


def _settings(content: Catalogue, parts: tuple[str, ...]) -> list[str]:
    found = [setting for setting in content.settings if _matches(setting.path, parts)]
    return [_setting(content, same) for same in _by_meaning(found)]


def _matches(path: tuple[str, ...], parts: tuple[str, ...]) -> bool:
    return len(path) == len(parts) and all(key in ("*", part) for key, part in zip(path, parts, strict=True))


def _by_meaning(settings: Iterable[Setting]) -> list[list[Setting]]:
    """Settings of one path with one description belong together: `lr` of all optimizers."""

    def meaning(setting: Setting) -> tuple[str, str]:
        return setting.name, setting.description

    return [list(group) for _, group in groupby(sorted(settings, key=meaning), key=meaning)]


def _setting(content: Catalogue, same: Sequence[Setting]) -> str:
    """One setting; `same` are its appearances in several components."""
    first = same[0]
    rows = [("type", _joined(same, lambda setting: type_in_words(content.definitions, setting.schema)))]
    rows.append(("default", _joined(same, _default)))
    rows += [("example", line) for line in examples.of_setting(content, same)]
    tags = [setting.tag for setting in same if setting.tag is not None]
    if tags:
        rows.append(("option of", ", ".join(tags)))
    return "\n".join([first.name, *paragraphs(first.description, "  "), *_rows(rows), *_inside(content, first.schema)])


def _joined(same: Sequence[Setting], words_of: Callable[[Setting], str]) -> str:
    """What is the same for all, once; else each with its components: `0.001 (adam, adamw), 0.01 (sgd)`."""
    groups: dict[str, list[str]] = {}
    for setting in same:
        groups.setdefault(words_of(setting), []).append(setting.tag or "")
    if len(groups) == 1:
        return next(iter(groups))
    return ", ".join(f"{text} ({', '.join(tags)})" for text, tags in groups.items())


def _default(setting: Setting) -> str:
    if setting.required:
        return "none: must be given"
    if "default" not in setting.schema:
        return "empty"
    return "null (off, or found by itself)" if setting.default is None else default_in_words(setting.default)


def _inside(content: Catalogue, schema: Schema) -> list[str]:
    """What a section or a slot holds, a line each."""
    lines: list[str] = []
    for member in schema.get("anyOf", [schema]):
        inner: object = member.get("items") or member.get("additionalProperties")
        items = cast("Schema", inner) if isinstance(inner, dict) else member
        if "$ref" in items:
            lines += [_line(content, setting) for setting in content.options(content.definitions[named(items["$ref"])])]
        if "x-slot" in items:
            kind = items["x-slot"]
            lines += [f"  {tag:<22} {first_sentence(_description(content, kind, tag))}" for tag in content.slots[kind].table]
    return ["", *dict.fromkeys(lines)] if lines else []  # one, or a list of the same


def _line(content: Catalogue, setting: Setting) -> str:
    return f"  {setting.path[-1]:<22} {first_sentence(setting.description)}"


def _components(content: Catalogue, parts: tuple[str, ...]) -> list[str]:
    found = [component for component in _all(content) if parts and component.tag == parts[0]]
    unique = {content.component(component.kind, component.tag): component for component in reversed(found)}
    if len(parts) == 1:
        return [_component(content, component) for component in reversed(unique.values())]
    return [
        _option(content, component.kind, option)
        for component in reversed(unique.values())
        for option in content.options(_definition(content, component), (component.tag,), component.tag)
        if option.path == parts
    ]


def _component(content: Catalogue, component: _Named) -> str:
    options = content.within(component.kind, component.tag)
    place = content.places.get(component.kind)
    example = examples.of_component(content, component.kind, component.tag)
    rows = [("is", with_article(component.kind))]
    if place is not None and example is not None:
        rows.append(("stands in", ".".join("NAME" if key == "*" else key for key in place[1])))
        rows.append(("example", example))
    text = [component.tag, *paragraphs(_description(content, component.kind, component.tag), "  ")]
    lines = [line for option in options for line in _option_lines(content, option)]
    return "\n".join([*text, *_rows(rows), *(["", *lines] if lines else [])])


def _option_lines(content: Catalogue, option: Setting) -> list[str]:
    kind, default = type_in_words(content.definitions, option.schema), _default(option).split(" (")[0]
    told = "must be given" if option.required else f"default {default}"
    return [f"  {option.name:<22} {kind}; {told}", *([f"  {'':<22} {first_sentence(option.description)}"] if option.description else [])]


def _option(content: Catalogue, kind: str, option: Setting) -> str:
    rows = [("type", type_in_words(content.definitions, option.schema)), ("default", _default(option))]
    example = examples.of_option(content, kind, option)
    rows += [("example", example)] if example is not None else []
    return "\n".join([option.name, f"  {option.description}", *_rows(rows)])


def _metric(content: Catalogue, parts: tuple[str, ...]) -> list[str]:
    if len(parts) != 2 or parts[0] not in _SPLITS or parts[1] not in {"loss", *_metrics(content)}:
        return []
    split, metric = parts
    meaning = _LOSS if metric == "loss" else _description(content, "metric", metric).split("\n\n")[0]
    component = None if metric == "loss" else content.component("metric", metric)
    watched = component is None or getattr(component, "monitored", False)
    rows = [("measured", _SPLITS[split])]
    if watched:
        rows.append(("better", "lower" if getattr(component, "direction", "min") == "min" else "higher"))
    example = None if component is None else examples.of_component(content, "metric", metric)
    if split == "validation" and watched and (component is None or component.main is None):
        rows.append(("example", f"training: {{early_stopping: {{monitor: {split}.{metric}}}}}"))
    elif example is not None:
        rows.append(("example", example))
    return ["\n".join([".".join(parts), f"  {meaning}", *_rows(rows)])]


def _same_ending(content: Catalogue, parts: tuple[str, ...]) -> list[str]:
    """Settings whose path ends in what was asked: `patience` is `training.early_stopping.patience`."""
    found = [setting for setting in content.settings if parts and setting.path[-len(parts) :] == parts]
    options = [
        _option(content, component.kind, option)
        for component in _all(content)
        for option in content.options(_definition(content, component), (component.tag,), component.tag)
        if len(parts) == 1 and option.path[-1] == parts[0] and not found
    ]
    return [_setting(content, same) for same in _by_meaning(found)] + options


def _also(content: Catalogue, word: str) -> list[str]:
    """Settings of the same name elsewhere, a line each."""
    found = [setting for setting in content.settings if len(setting.path) > 1 and setting.path[-1] == word]
    return ["\n".join(f"see also {same[0].name}: {first_sentence(same[0].description)}" for same in _by_meaning(found))] if found else []


def _all(content: Catalogue) -> list[_Named]:
    return [_Named(kind, tag) for kind, slot in content.slots.items() for tag in slot.table]


def _definition(content: Catalogue, component: _Named) -> Schema:
    return content.definition(content.component(component.kind, component.tag))


def _description(content: Catalogue, kind: str, tag: str) -> str:
    return content.definition(content.component(kind, tag)).get("description", "")


def _metrics(content: Catalogue) -> list[str]:
    return list(content.slots["metric"].table) if "metric" in content.slots else []


def _rows(rows: Sequence[tuple[str, str]]) -> list[str]:
    labels = [label if index == 0 or rows[index - 1][0] != label else "" for index, (label, _) in enumerate(rows)]
    return [f"  {label:<{_WIDTH}}{text}" for label, (_, text) in zip(labels, rows, strict=True)]


def _nearest(content: Catalogue, word: str) -> str:
    near = nearest(word, words(content), cutoff=0.5, within=1)
    return f"nearest: {', '.join(near)}" if near else "nntrain list shows the components, nntrain schema --markdown all settings"
