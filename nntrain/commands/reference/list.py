"""`nntrain list`: components that may stand in a config, and the examples that come with nntrain.

What is told of an example stands in the comment that its config begins with: its first sentence, and a line for programs, which
`nntrain.commands.reference.examples.Example` describes: `# task: … data: … time: … score: …`. Parts that are missing are left blank.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

from nntrain.architectures.settings import FAMILIES
from nntrain.commands.reference.examples import Example, example_configs, examples_table, read_example
from nntrain.config.documentation.wording import first_sentence
from nntrain.config.documentation.wrapping import wrapped
from nntrain.data.audio.settings import AUDIO_AUGMENTATIONS, AUDIO_FEATURES
from nntrain.data.augmentation.settings import AUGMENTATIONS
from nntrain.data.settings import FIELDS, SOURCES
from nntrain.data.tokenizing.settings import TOKENIZERS
from nntrain.errors import UsageError
from nntrain.exporting.settings import FORMATS
from nntrain.layers.encoding import ENCODINGS
from nntrain.layers.initializer import INITIALIZERS
from nntrain.layers.settings import LAYERS
from nntrain.losses.settings import LOSSES
from nntrain.metrics.settings import METRICS
from nntrain.nearest import nearest
from nntrain.optimizers.settings import OPTIMIZERS
from nntrain.protocols.settings import PROTOCOLS
from nntrain.schedules.settings import SCHEDULES
from nntrain.schema import load_class
from nntrain.tasks.settings import TASKS
from nntrain.tracking.settings import TRACKERS

KINDS: Final[Mapping[str, Mapping[str, str]]] = {
    "layers": LAYERS,
    "families": FAMILIES,
    "losses": LOSSES,
    "optimizers": OPTIMIZERS,
    "schedules": SCHEDULES,
    "metrics": METRICS,
    "tasks": TASKS,
    "protocols": PROTOCOLS,
    "fields": FIELDS,
    "tokenizers": TOKENIZERS,
    "augmentations": AUGMENTATIONS,
    "audio_features": AUDIO_FEATURES,
    "audio_augmentations": AUDIO_AUGMENTATIONS,
    "sources": SOURCES,
    "encodings": ENCODINGS,
    "initializers": INITIALIZERS,
    "trackers": TRACKERS,
    "export_formats": FORMATS,
}
"""Word of the command line to the table of what it lists."""

_EXAMPLES: Final = "examples"
_WIDTH: Final = 22


def run(kind: str | None, *, as_json: bool = False) -> str:
    """List the components of a kind, the examples, or the kinds.

    Raises:
        UsageError: There is no such kind.
    """
    if kind is None:
        return json.dumps(_counts(), indent=1) if as_json else _kinds()
    name = _plural(kind)
    if name == _EXAMPLES:
        examples = [read_example(path) for path in example_configs()]
        return json.dumps({_EXAMPLES: list(map(_as_json, examples))}, indent=1) if as_json else _examples(examples)
    if name not in KINDS:
        near = nearest(kind, [*KINDS, _EXAMPLES])
        raise UsageError(f"nothing to list under {kind!r}", f"nearest: {near[0]}" if near else f"kinds: {', '.join([*KINDS, _EXAMPLES])}")
    told = {tag: first_sentence(load_class(target).__doc__ or "") for tag, target in KINDS[name].items()}
    if as_json:
        return json.dumps({name: [{"name": tag, "about": about} for tag, about in told.items()]}, indent=1)
    return wrapped("\n".join(f"{tag:<{_WIDTH}} {about}" for tag, about in told.items()), _WIDTH + 1)


def _plural(kind: str) -> str:
    if kind in (*KINDS, _EXAMPLES):
        return kind
    return {"loss": "losses", "family": "families", "scheduler": "schedules", "schedulers": "schedules"}.get(kind, f"{kind}s")


def _kinds() -> str:
    lines = [f"{kind:<{_WIDTH}} {count:>3}   {_some(kind)}" for kind, count in _counts().items()]
    return "\n".join([*(wrapped(line, _WIDTH + 7) for line in lines), "", "nntrain list KIND lists them, nntrain help NAME explains one"])


def _counts() -> dict[str, int]:
    return {**{kind: len(table) for kind, table in KINDS.items()}, _EXAMPLES: len(example_configs())}


def _some(kind: str) -> str:
    names = [path.stem for path in example_configs()] if kind == _EXAMPLES else list(KINDS[kind])
    return ", ".join(names[:4]) + (", …" if len(names) > 4 else "")


def _examples(examples: Sequence[Example]) -> str:
    if not examples:
        return "no examples are installed"
    return f"{examples_table(examples)}\n\nnntrain init --example NAME copies one; they are in {examples[0].path.parent}"


def _as_json(example: Example) -> dict[str, str | None]:
    """What a config does not say is null."""
    found = {"task": example.task, "data": example.data, "time": example.time, "score": example.score}
    return {"name": example.name, **{key: value or None for key, value in found.items()}, "path": example.path.as_posix()}
