"""`nntrain list`: components that may stand in a config, and the examples that come with nntrain."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from nntrain.architectures.settings import FAMILIES
from nntrain.config.documentation.wording import first_sentence
from nntrain.config.documentation.wrapping import wrapped
from nntrain.data.augmentation.settings import AUGMENTATIONS
from nntrain.data.settings import FIELDS, SOURCES
from nntrain.errors import UsageError
from nntrain.layers.encoding import ENCODINGS
from nntrain.layers.initializer import INITIALIZERS
from nntrain.layers.settings import LAYERS
from nntrain.losses.settings import LOSSES
from nntrain.metrics.settings import METRICS
from nntrain.nearest import nearest
from nntrain.optimizers.settings import OPTIMIZERS
from nntrain.schedules.settings import SCHEDULES
from nntrain.schema import load_class
from nntrain.tasks.settings import TASKS

KINDS: Final[Mapping[str, Mapping[str, str]]] = {
    "layers": LAYERS,
    "families": FAMILIES,
    "losses": LOSSES,
    "optimizers": OPTIMIZERS,
    "schedules": SCHEDULES,
    "metrics": METRICS,
    "tasks": TASKS,
    "fields": FIELDS,
    "augmentations": AUGMENTATIONS,
    "sources": SOURCES,
    "encodings": ENCODINGS,
    "initializers": INITIALIZERS,
}
"""Word of the command line to the table of what it lists."""

_EXAMPLES: Final = "examples"
_WIDTH: Final = 22


def run(kind: str | None) -> str:
    """List the components of a kind, the examples, or the kinds.

    Raises:
        UsageError: There is no such kind.
    """
    if kind is None:
        return _kinds()
    if kind == _EXAMPLES:
        return _examples()
    table = KINDS.get(kind) or KINDS.get(_plural(kind))
    if table is None:
        near = nearest(kind, [*KINDS, _EXAMPLES])
        raise UsageError(f"nothing to list under {kind!r}", f"nearest: {near[0]}" if near else f"kinds: {', '.join([*KINDS, _EXAMPLES])}")
    lines = (f"{tag:<{_WIDTH}} {first_sentence(load_class(target).__doc__ or '')}" for tag, target in table.items())
    return wrapped("\n".join(lines), _WIDTH + 1)


def _plural(kind: str) -> str:
    return {"loss": "losses", "family": "families", "scheduler": "schedules", "schedulers": "schedules"}.get(kind, f"{kind}s")


def _kinds() -> str:
    counts = {**{kind: len(table) for kind, table in KINDS.items()}, _EXAMPLES: len(example_configs())}
    lines = [f"{kind:<{_WIDTH}} {count:>3}   {_some(kind)}" for kind, count in counts.items()]
    return "\n".join([*(wrapped(line, _WIDTH + 7) for line in lines), "", "nntrain list KIND lists them, nntrain help NAME explains one"])


def _some(kind: str) -> str:
    names = [path.stem for path in example_configs()] if kind == _EXAMPLES else list(KINDS[kind])
    return ", ".join(names[:4]) + (", …" if len(names) > 4 else "")


def example_configs() -> list[Path]:
    """The configs that come with nntrain: in the installed package, or beside it in its repository."""
    package = Path(__file__).parents[1]
    folder = next((found for found in (package / "configs", package.parent / "configs") if found.is_dir()), package)
    return sorted(folder.glob("*.yaml"))


def _examples() -> str:
    found = example_configs()
    lines = [f"{path.stem:<{_WIDTH}} {_first_comment(path)}" for path in found]
    return "\n".join(
        [*(wrapped(line, _WIDTH + 1) for line in lines), "", f"in {found[0].parent}"] if found else ["no examples are installed"]
    )


def _first_comment(path: Path) -> str:
    """The first sentence of the comment that a config begins with."""
    lines: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#") or line.startswith("#   "):  # an indented line is a command
            break
        lines.append(line.lstrip("# "))
    return first_sentence(" ".join(lines))
