"""What `nntrain export` has made of a run, as the run itself is read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nntrain.runs import Run


def exported_state(run: Run) -> tuple[Path, dict[str, Any]]:
    """The state of an export, which lies in its own folder, as parts of a checkpoint. Raises `CheckpointError`."""
    from nntrain.exporting.state_file import read_state
    from nntrain.training.checkpoint import told_as_damage
    from nntrain.training.snapshot import predicting_weights

    parts = read_state(run.path)
    with told_as_damage(run.path):
        predicting_weights(parts)
    return run.path, parts


def exported_fields(run: Run) -> list[Any]:
    """What is stored of its fields, without tensors. Raises `CheckpointError`."""
    from nntrain.exporting.state_file import read_content

    return read_content(run.path)["fields"]
