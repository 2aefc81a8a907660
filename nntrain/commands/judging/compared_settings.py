"""What runs differ in before they are trained: settings, data, versions. Torch-free."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from nntrain.commands.screens.results import WIDTH, aligned, shortened
from nntrain.config.document import has
from nntrain.config.loading import load_without
from nntrain.config.resolving import differences
from nntrain.errors import CheckpointError, YamlPath, render_path
from nntrain.runs import Run

LONGEST: Final = 40
"""Letters of a value in a table on the screen, at most."""
SHORTEST: Final = 16
"""To which they are cut where the table is too wide for the screen."""
MOST_SHOWN: Final = 40
"""Settings of such a table."""
ABSENT: Final = "-"
MACHINE: Final = ("python", "platform", "device", "threads", "processes")

_FOLDS: Final = ("validation_folds", "validation_fold")


@dataclass(frozen=True, slots=True)
class Differences:
    """What some runs differ in."""

    labels: tuple[str, ...]
    """Short names of the runs."""
    settings: Mapping[str, tuple[Any, ...]]
    """Values by path, one of each run; `None` for what is off or not there."""
    written: Mapping[str, tuple[str, ...]]
    """The same as texts."""
    data: str
    """In a line whether they are of the same files and test rows."""
    versions: str
    """In a line what was installed and where they ran, as far as that differs."""

    def screen(self) -> str:
        """As the table of a terminal."""
        lines = [f"data      {self.data}", f"versions  {self.versions}"]
        if not self.settings:
            return "\n".join(["settings  the same", *lines])
        rest = len(self.written) - MOST_SHOWN
        more = [f"and {rest} more settings: --json and --html FILE have them all"] if rest > 0 else []
        tables = map(self._table, range(LONGEST, SHORTEST, -1))
        table = next((each for each in tables if max(map(len, each.splitlines())) <= WIDTH), self._table(SHORTEST))
        return "\n".join([table, *more, *lines])

    def _table(self, longest: int) -> str:
        """Settings with values of at most so many letters."""
        cells = [[path, *(shortened(value, longest) for value in values)] for path, values in self.written.items()]
        return aligned([["differs in", *self.labels], *cells[:MOST_SHOWN]], gap=3)

    def as_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {"settings": {path: list(values) for path, values in self.settings.items()}, "data": self.data, "versions": self.versions}


def differences_of(runs: Sequence[Run]) -> Differences:
    """What runs differ in. Settings that came from the environment are told by the names of their variables.

    Raises:
        ConfigError: A stored config can't be read.
        CheckpointError: A file of a run is damaged.
    """
    trees = [_tree(run) for run in runs]
    paths = _paths(trees)
    written = {render_path(path): tuple(_written(tree, path) for tree in trees) for path in paths}
    settings = {render_path(path): tuple(_at(tree, path) for tree in trees) for path in paths}
    labels = labels_of(runs)
    return Differences(labels, settings, written, _data(runs, labels), _versions(runs))


def labels_of(runs: Sequence[Run]) -> tuple[str, ...]:
    """The shortest ends of their paths by which runs are told apart; two of the same run stay the same."""
    parts = [run.path.parts for run in runs]
    apart = len({*parts})
    longest = max(map(len, parts), default=1)
    length = next((length for length in range(1, longest + 1) if len({each[-length:] for each in parts}) == apart), longest)
    return tuple("/".join(each[-length:]) for each in parts)


def _tree(run: Run) -> Any:
    """The resolved config, with variables of the environment as they were written: their values are nobody's to see."""
    document = load_without(run.path / "resolved.yaml", ())
    tree = _put_back(document.tree, (), document.unexpanded)
    if _at(tree, ("training", "bag")) is not None:  # which has a fold for each member: its own config names that of the first
        split = {key: value for key, value in tree["data"]["split"].items() if key not in _FOLDS}
        return {**tree, "data": {**tree["data"], "split": split}}
    return tree


def _put_back(value: Any, path: YamlPath, unexpanded: Mapping[YamlPath, str]) -> Any:
    if isinstance(value, dict):
        return {key: _put_back(item, (*path, key), unexpanded) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_put_back(item, (*path, index), unexpanded) for index, item in enumerate(cast("list[Any]", value))]
    return unexpanded.get(path, value)


def _paths(trees: Sequence[Any]) -> list[YamlPath]:
    """Paths at which any of the trees differs from the first; nothing within what differs as a whole."""
    first, *others = trees
    found = list(dict.fromkeys(path for other in others for path, _, _ in differences(first, other)))
    return [path for path in found if not any(path[: len(above)] == above for above in found if len(above) < len(path))]


def _at(tree: Any, path: YamlPath) -> Any:
    for part in path:
        if not has(tree, part):
            return None
        tree = tree[part]
    return tree


def _written(tree: Any, path: YamlPath) -> str:
    """A setting in one line, as JSON has it; of a word the word."""
    if path and not has(_at(tree, path[:-1]), path[-1]):
        return ABSENT
    value = _at(tree, path)
    return value if isinstance(value, str) and value.isprintable() else json.dumps(value, ensure_ascii=False, default=str)


def fingerprints_of(run: Run) -> dict[str, object]:
    """What the data of a run are known by. Raises `CheckpointError`."""
    found: object = run.read_json("data.json").get("fingerprints", {})
    if not isinstance(found, dict):
        raise CheckpointError(f"{run.name}/data.json: damaged (fingerprints are no mapping)")
    return cast("dict[str, object]", found)


def _data(runs: Sequence[Run], labels: Sequence[str]) -> str:
    found = [fingerprints_of(run) for run in runs]
    names = list(dict.fromkeys(name for each in found for name in each))
    other = {name: [label for label, each in zip(labels, found, strict=True) if each.get(name) != found[0].get(name)] for name in names}
    differing = [f"{_data_word(name)} of {', '.join(places)}" for name, places in other.items() if places]
    if not differing:
        return f"the same ({', '.join(map(_data_word, names))})" if names else "not known"
    return f"other than those of {labels[0]}: {'; '.join(differing)}"


def _data_word(name: str) -> str:
    """What a fingerprint is of, in words."""
    return "test rows" if name == "test" else name


def _versions(runs: Sequence[Run]) -> str:
    found = [dict(_facts(run)) for run in runs]
    if not any(found):
        return "not known"
    names = dict.fromkeys(name for each in found for name in each)
    told = [(name, list(dict.fromkeys(each.get(name, ABSENT) for each in found))) for name in names]
    return "; ".join(f"{name} {' / '.join(values)}" for name, values in told if len(values) > 1) or "the same"


def _facts(run: Run) -> Iterator[tuple[str, str]]:
    """Versions and machine of a run, as far as it has kept them."""
    if not (run.path / "environment.json").exists():
        return
    environment = run.read_json("environment.json")
    versions, git = environment.get("versions"), environment.get("git")
    if isinstance(versions, dict):
        yield from ((name, str(version)) for name, version in cast("dict[str, Any]", versions).items())
    yield from ((name, str(environment[name])) for name in MACHINE if name in environment)
    if isinstance(git, dict):
        state = cast("dict[str, Any]", git)
        yield "git", str(state.get("commit"))[:10] + (" and changes" if state.get("diff") else "")
