"""Settings and texts of a run without the places of the machine that it was on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Final, cast

from nntrain.runs import Run

_NAMING: Final = frozenset({"path", "validation", "test", "labels", "nodes", "edges", "graphs", "from", "options"})
"""Settings that name files and folders: by themselves, or in a mapping."""


@dataclass(frozen=True, slots=True)
class Placeless:
    """Takes absolute paths, and the name of the run, out of what is given away."""

    names: Mapping[str, str]
    """Path to what stands in its place; a path comes before those that it begins with."""

    @classmethod
    def of(cls, run: Run, name: str, folder: str, settings: Any) -> Placeless:
        """What a run is called elsewhere.

        Args:
            run: The run.
            name: What it is called from now on.
            folder: The folder that its config was in.
            settings: All of its settings.
        """
        places = [folder, Path.cwd().as_posix(), Path.home().as_posix(), *_places(settings)]
        names = {place: _last(place) for place in places if _last(place)}
        names |= {run.path.absolute().as_posix(): name, run.name: name}
        return cls(dict(sorted(names.items(), key=lambda item: -len(item[0]))))

    def settings(self, tree: Any) -> Any:
        """Settings whose absolute paths are their last part: what lies there is looked for beside the config."""
        return _renamed(tree, is_naming=False)

    def told(self, value: Any) -> Any:
        """What was told of the run, in texts of a plain tree, without these paths."""
        if isinstance(value, dict):
            return {key: self.told(item) for key, item in cast("dict[str, Any]", value).items()}
        if isinstance(value, list | tuple):
            return [self.told(item) for item in cast("list[Any]", value)]
        if not isinstance(value, str):
            return value
        for place, name in self.names.items():
            value = value.replace(place, name)
        return value


def _renamed(value: Any, *, is_naming: bool) -> Any:
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value).items()
        return {key: _renamed(item, is_naming=is_naming or key in _NAMING) for key, item in items}
    if isinstance(value, list):
        return [_renamed(item, is_naming=False) for item in cast("list[Any]", value)]
    return _last(value) if is_naming and isinstance(value, str) and _is_place(value) else value


def _places(value: Any, *, is_naming: bool = False) -> Iterator[str]:
    """Absolute paths that settings name."""
    if isinstance(value, dict):
        for key, item in cast("dict[str, Any]", value).items():
            yield from _places(item, is_naming=is_naming or key in _NAMING)
    elif isinstance(value, list):
        for item in cast("list[Any]", value):
            yield from _places(item)
    elif is_naming and isinstance(value, str) and _is_place(value):
        yield value


def _is_place(text: str) -> bool:
    """Whether a text is an absolute path, and more than a root."""
    is_absolute = PurePosixPath(text).is_absolute() or PureWindowsPath(text).is_absolute() or text.startswith("~")
    return is_absolute and bool(_last(text)) and len(PureWindowsPath(text).parts) > 1


def _last(place: str) -> str:
    """The last part of a path, whichever system wrote it."""
    return PureWindowsPath(place).name
