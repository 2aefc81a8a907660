"""Room on the disk: asked for before data is read (can the runs folder be written?) and before the first step (do checkpoints fit?)."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nntrain.errors import ResourceError
from nntrain.runs import Run

if TYPE_CHECKING:
    from torch import Tensor

    from nntrain.optimizers.optimizer import Optimizer
    from nntrain.training.session import Session

ELSEWHERE: Final = "another place: --runs DIR"
_SIDE: Final = 64
"""Rows and columns of the matrix on which an optimizer shows how much it keeps."""
_FEW_STEPS: Final = 2


def check_writable(folder: Path) -> None:
    """Make a file in a folder, and let it go; where it is not there, in one of its name, beside its place, that goes with it.

    Raises:
        ResourceError: The folder can't be written, or its disk is full; something on the way is no folder, or has too long a name.
    """
    try:
        missing: list[str] = []
        while not folder.exists() and not folder.is_symlink() and folder != folder.parent:
            missing.append(folder.name)
            folder = folder.parent
        with tempfile.TemporaryDirectory(prefix=".nntrain-", dir=folder) as place:
            probe = Path(place, *reversed(missing))
            probe.mkdir(parents=True, exist_ok=True)
            (probe / "probe").write_bytes(b"\0")
    except OSError as error:
        raise ResourceError(f"cannot write in {folder.as_posix()}: {error.strerror or error}", ELSEWHERE) from None


def check_space(run: Run, session: Session, optimizer: Optimizer, keep: int) -> str | None:
    """Compare the room on the disk with what the checkpoints of a run will take.

    Args:
        run: The run; checkpoints that it has count as room that is there already.
        session: Its objects, before the first step.
        optimizer: Settings of its optimizer.
        keep: Checkpoints that are kept beside the best one.

    Returns:
        What is to be told where it may get tight; `None` where there is room.

    Raises:
        ResourceError: There is no room for two: the one that is whole, and the one that is being written.
    """
    size = checkpoint_bytes(session, optimizer)
    there = sum(path.is_dir() for path in run.checkpoints.glob("step-*"))
    try:
        free = shutil.disk_usage(run.path).free
    except OSError as error:
        raise ResourceError(f"cannot look at the disk of {run.name}: {error.strerror}", ELSEWHERE) from None
    found = f"each takes about {_mib(size)}, and {_mib(free)} are free there"
    if free < (2 - min(there, 1)) * size:
        hint = f"free some space, or {ELSEWHERE}"
        raise ResourceError(f"no room for the checkpoints of {run.name}: {found}; two are needed, one whole and one being written", hint)
    most = keep + 2
    if free < (most - there) * size:
        hint = "training.checkpoint.keep=1 needs less; " if keep > 1 else ""
        return f"the disk may get full: up to {most} checkpoints lie in {run.name} at once, {found}; {hint}{ELSEWHERE}"
    return None


def checkpoint_bytes(session: Session, optimizer: Optimizer) -> int:
    """About how many bytes of tensors a checkpoint has, before there is one: weights, what the optimizer keeps, averages."""
    weights: dict[str, Tensor] = session.network.state_dict()
    network = sum(tensor.nbytes for tensor in {tensor.data_ptr(): tensor for tensor in weights.values()}.values())
    parts = {node: kept_per_weight(part) for node, part in optimizer.parts.items()}
    moved = [
        parameter.nbytes * parts[optimizer.part_of(name)]
        for group in session.optimizer.param_groups
        for name, parameter in zip(group["param_names"], group["params"], strict=True)
    ]
    return round(network * (1 if session.ema is None else 2) + sum(moved))


def kept_per_weight(optimizer: Optimizer) -> float:
    """Numbers that an optimizer keeps for each weight: it shows it on a small matrix."""
    import torch
    from torch import nn

    from nntrain.optimizers.groups import parameter_groups
    from nntrain.training.state import flatten, optimizer_state

    matrix = nn.ParameterDict({"matrix": torch.zeros(_SIDE, _SIDE)})
    built = optimizer.model_copy(update={"groups": (), "layer_decay": None}).build(
        parameter_groups(matrix, matrices=("matrix",) if optimizer.splits_matrices else ())
    )
    matrix["matrix"].grad = torch.ones(_SIDE, _SIDE)
    for _ in range(_FEW_STEPS):
        built.step(*((lambda: 0.0,) if optimizer.needs_closure else ()))
    tensors, _ = flatten(optimizer_state(built))
    history = 2 * built.defaults.get("history_size", 0)  # torch's L-BFGS: directions and changes of gradients, filled little by little
    return sum(tensor.numel() for tensor in tensors.values()) / _SIDE**2 + history


def _mib(size: int) -> str:
    return f"{size / 2**20:,.1f} MiB"
