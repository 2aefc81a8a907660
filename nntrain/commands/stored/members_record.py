"""`members.json` of a run: what its members are, and what varies between them. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast

from nntrain.errors import CheckpointError, UsageError
from nntrain.runs import NUMBER, Run

Kind = Literal["seeds", "folds", "bag"]

RECORD = "members.json"


@dataclass(frozen=True, slots=True)
class Plan:
    """What varies between the members."""

    kind: Kind
    count: int

    @staticmethod
    def of(seeds: int | None, folds: int | None) -> Plan | None:
        """What the two options ask for; `None` for a single run.

        Raises:
            UsageError: Both are given, or one asks for less than two members.
        """
        if seeds is not None and folds is not None:
            raise UsageError("--seeds and --folds exclude each other", "the folds differ in their rows, the seeds in everything else")
        kind: Kind = "seeds" if seeds is not None else "folds"
        count = seeds if seeds is not None else folds
        if count is None:
            return None
        if count < 2:
            raise UsageError(f"--{kind} {count}: needs two or more", f"--{kind} 5")
        return Plan(kind, count)

    @property
    def noun(self) -> str:
        """What they are: `seeds`, `folds`, `members of a bag`."""
        return "members of a bag" if self.kind == "bag" else self.kind


def has_members(run: Run) -> bool:
    """Whether a run consists of members."""
    return (run.path / RECORD).is_file()


def plan_of(run: Run) -> Plan | None:
    """What varies between the members of a run; `None` for a single run."""
    if not has_members(run):
        return None
    record = members_record(run)
    return Plan(record["kind"], record["count"])


def members_record(run: Run) -> dict[str, Any]:
    """What the members of a run are. Raises `CheckpointError` for what no run writes, a name that leads elsewhere above all."""
    record = run.read_json(RECORD)
    members: Any = record.get("members")
    is_right = record.get("kind") in ("seeds", "folds", "bag") and isinstance(record.get("count"), int) and isinstance(members, list)
    if not is_right or not all(map(_is_member, cast("list[Any]", members))):
        raise CheckpointError(f"{run.name}/{RECORD}: damaged: not what nntrain writes")
    return record


def _is_member(member: Any) -> bool:
    if not isinstance(member, dict):
        return False
    given = cast("dict[str, Any]", member)
    name, word, changes = given.get("name"), given.get("word"), given.get("changes")
    is_list = isinstance(changes, list) and all(isinstance(change, str) for change in cast("list[Any]", changes))
    return isinstance(name, str) and NUMBER.fullmatch(name) is not None and isinstance(word, str) and is_list
