"""The folder of a new run, where it has an id that the user gave."""

from __future__ import annotations

import shlex
from pathlib import Path

from nntrain.commands.stored.members_record import RECORD
from nntrain.errors import CheckpointError
from nntrain.runs import MEMBERS, Run, claim_run


def take_over(root: Path, name: str, run_id: str) -> Run:
    """The folder of a new run with this id: a new one, or one that a kill has left before there was a run in it.

    Whoever has locked it looks again with `check_free`.

    Raises:
        UsageError: The id is no name for a folder.
        CheckpointError: There is a run of that id, or what is left of one.
        ResourceError: The folder cannot be made.
    """
    claimed = claim_run(root, name, run_id)
    _refuse_run(claimed)
    return claimed


def check_free(claimed: Run) -> None:
    """Refuse a locked folder that has a run, or what is left of one. Raises `CheckpointError`."""
    _refuse_run(claimed)
    clear(claimed)


def _refuse_run(claimed: Run) -> None:
    if (claimed.path / "resolved.yaml").is_file():
        raise CheckpointError(f"run {claimed.name} exists already", f"go on with it: --resume {shlex.quote(claimed.name)}")


def clear(claimed: Run) -> None:
    """Make sure that a folder without a config holds nothing of a run but what was written before the config. Raises `CheckpointError`."""
    if claimed.checkpoints.exists() or (claimed.path / MEMBERS).exists():
        raise CheckpointError(f"{claimed.name} has lost its resolved.yaml", "remove the folder, or name another --run-id")
    (claimed.path / RECORD).unlink(missing_ok=True)  # of a command that was killed, and maybe asked for other members
