"""Words of other tools for what nntrain calls otherwise: asked before the nearest name, when a config has a name that is none here.

Words are compared without case and signs, so that `CrossEntropyLoss`, `cross_entropy_loss` and `cross-entropy loss` are one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Container, Iterable, Mapping
from functools import cache, lru_cache
from typing import Final

from nntrain.config.synonyms.components import CHOICES, COMPONENTS
from nntrain.config.synonyms.options import OPTIONS
from nntrain.config.synonyms.settings import NOTES, SETTINGS, VALUES, Word

METRICS_OF_SPLIT: Final = {
    "val": "validation",
    "valid": "validation",
    "eval": "validation",
    "dev": "validation",
    "train": "train",
    "test": "test",
}


def setting(word: str) -> Word | None:
    """What a setting of another tool is here, wherever it stands."""
    return _settings().get(plain(word))


def option(word: str, options: Iterable[str]) -> str | None:
    """Which of some options a word stands for."""
    written = plain(word)
    found = (ours for ours in options if written == plain(ours) or written in _words(OPTIONS.get(ours, "")))
    return next((ours for ours in found if ours != word), None)


def component(kind: str, word: str, table: Collection[str]) -> str | None:
    """The tag of ours that a component of another tool has, if `table` has it."""
    written = plain(word)
    return next((tag for tag in table if plain(tag) == written), None) or _tag(COMPONENTS.get(kind, {}), word, table)


def choice(key: str, word: str) -> str | None:
    """The value of a setting that stands for a word of another tool."""
    return _tag(CHOICES.get(key, {}), word, CHOICES.get(key, {}))


def metric_name(word: str, names: Iterable[str] = ()) -> str | None:
    """`val_loss`, `val/acc`, `eval_f1`, `accuracy` as nntrain names them: `validation.loss`; `None` for what is none of them.

    Args:
        word: As it was written.
        names: Metrics that training can watch, without their split: a test metric, which it cannot, means that of validation.
            All of all splits if none are given.
    """
    parts = [part for part in re.split(r"[_/.\s-]+", word.lower()) if part]
    split = METRICS_OF_SPLIT.get(parts[0]) if parts else None
    if parts[:1] == ["validation"]:
        split = "validation"
    rest = "_".join(parts[1:] if split else parts)
    watched = [*names]
    known = watched or ["loss", *COMPONENTS["metric"]]
    split = "validation" if watched and split == "test" else split
    metric = next((name for name in known if plain(name) == plain(rest)), None) or _tag(COMPONENTS["metric"], rest, known)
    return f"{split or 'validation'}.{metric}" if metric else None


def path(word: str) -> str | None:
    """The setting or metric that a word stands for, for `nntrain help`."""
    found = setting(word)
    return found.ours if found is not None and found.ours is not None else metric_name(word)


def components(word: str, tables: Mapping[str, Collection[str]]) -> list[tuple[str, str]]:
    """Kinds and tags of the components that a word stands for, for `nntrain help`; a layer, which most words mean, comes first.

    Args:
        word: As it was written.
        tables: The tags of each kind.
    """
    kinds = sorted(tables, key="layer".__ne__)
    return [(kind, tag) for kind in kinds if (tag := component(kind, word, tables[kind])) is not None]


@lru_cache(maxsize=10_000)
def plain(word: str) -> str:
    """A word without case and signs."""
    return re.sub(r"[^a-z0-9]", "", word.lower())


def _tag(table: Mapping[str, str], word: str, known: Container[str]) -> str | None:
    written = plain(word)
    return next((tag for tag, words in table.items() if tag in known and (written == plain(tag) or written in _words(words))), None)


@cache
def _words(words: str) -> frozenset[str]:
    return frozenset(plain(word) for word in words.split())


@cache
def _settings() -> dict[str, Word]:
    found = {plain(word): Word(ours) for ours, words in SETTINGS.items() for word in words.split()}
    found |= {plain(word): value for word, value in VALUES.items()}
    for words, note in NOTES.items():
        found |= {plain(word): Word(None, note=note) for word in words.split() if plain(word) not in found}
    return found


__all__ = [
    "CHOICES",
    "COMPONENTS",
    "METRICS_OF_SPLIT",
    "OPTIONS",
    "SETTINGS",
    "Word",
    "choice",
    "component",
    "components",
    "metric_name",
    "option",
    "path",
    "plain",
    "setting",
]
