"""Memory that ran out, in words: what was asked for, what is free, and what to type."""

from __future__ import annotations

import math
import os
import re
import shlex
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nntrain.commands.preparing.going_on import fit_command
from nntrain.commands.screens.figures import format_bytes
from nntrain.errors import ResourceError
from nntrain.training.exhaustion import is_exhaustion

if TYPE_CHECKING:
    import torch

    from nntrain.commands.preparing.jobs import Job
    from nntrain.runs import Run
    from nntrain.training.memory import ExhaustedError, Portions
    from nntrain.training.session import Session

MOST_PARTS: Final = 8
"""A batch that only more micro-batches than this divide evenly is halved by `on_oom`."""

TOO_MUCH: Final = ("overflow", "can't start new thread")
"""How torch and Python tell what no memory could hold."""


@contextmanager
def memory_errors(doing: str | None = None) -> Generator[None]:
    """Tell an exhausted memory in words; `doing` says what needed it. A fault of ours keeps its traceback."""
    try:
        yield
    except MemoryError:
        raise ResourceError(_where(doing), _hint()) from None
    except RuntimeError as error:
        text = str(error)
        if not is_exhaustion(error) and not any(words in text for words in TOO_MUCH):
            raise
        raise ResourceError(f"{_where(doing)}: {text.splitlines()[0]}", _hint()) from None


def _where(doing: str | None) -> str:
    return "out of memory" if doing is None else f"out of memory {doing}"


def _hint() -> str:
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 0
    machine = f" (this machine has {pages / 1e9:.0f} GB)" if pages else ""
    return f"try a smaller data.batch_size with training.accumulate (same result), or a smaller network{machine}"


def explained_memory(error: ExhaustedError, job: Job, session: Session, run: Run) -> ResourceError:
    """The error as a person reads it: batch size, what is needed and free as far as that is known, and what to type.

    Args:
        error: What the loop knows.
        job: Config and data.
        session: The objects of the run.
        run: Its folder.
    """
    from nntrain.commands.stored.opening import needed_of
    from nntrain.training import checkpoint

    remedies = _remedies(error, job)
    newest = checkpoint.newest(run.checkpoints, needed_of(run)).path
    device = "GPU memory" if session.device.type == "cuda" else "memory"
    message = f"out of {device} in {_place(error)}: {_need(error, job, session)}"
    tried = f"Try {', '.join(remedies[:-1])} or {remedies[-1]}." if len(remedies) > 1 else f"Try {remedies[0]}."
    lines = [tried, "nothing was saved before" if newest is None else f"the last good state is {newest.as_posix()}"]
    override = remedies[0].removesuffix(" (same result)")
    if "=" in override:
        path = job.config.document.path
        anew = shlex.quote(path.as_posix()) if path is not None else "CONFIG"
        given = anew if newest is None else f"--resume {shlex.quote(run.name)}"
        lines.append(f"go on: {fit_command(f'{given} {override}')}")
    return ResourceError(message, "\n   ".join(lines))


def portions_words(portions: Portions, step: int, *, mixes_rows: bool) -> str:
    """What `on_oom: halve` has decided, once it has."""
    told: list[str] = []
    if portions.rows is not None:
        norms = "; batch norms see that many rows, too, which is another computation" if mixes_rows else " (same result up to rounding)"
        told.append(f"at most {portions.rows:,} rows at once in a step{norms}")
    if portions.evaluation_rows is not None:
        told.append(f"at most {portions.evaluation_rows:,} rows at once in an evaluation")
    return f"out of memory before the end of step {step:,}: from here on {', '.join(told)}. The run keeps to this when it is resumed"


def _place(error: ExhaustedError) -> str:
    if error.where == "evaluation":
        return "an evaluation"
    step = error.step or 0
    place = "the first step" if step == 0 else f"step {step + 1:,}"
    return place if error.where == "step" else f"the update of {place}"


def _need(error: ExhaustedError, job: Job, session: Session) -> str:
    """`batch_size 512 needs about 21 GB, 14.6 GB are free`; without numbers that nobody knows."""
    has_size = error.where == "step" and tokens_of(job) is None
    what = f"batch_size {error.rows:,}" if has_size else f"{error.rows:,} rows at once"
    needed = _weights_bytes(session)
    if error.where != "update":
        per_row = row_bytes(job)
        needed = None if per_row is None else needed + per_row * error.rows * (2 if error.where == "step" else 1)
    else:
        what = "the weights, their gradients and the optimizer's state, whatever the batch,"
    free = free_bytes(session.device)
    if needed is not None and error.request is not None:
        needed = max(needed, error.request)  # one request alone says so much
    told = [f"{what} {'needs' if has_size else 'need'} about {format_bytes(needed)}" if needed is not None else f"{what}"]
    if needed is None and error.request is not None:
        told.append(f"{format_bytes(error.request)} could not be had")
    if free is not None:
        told.append(f"{format_bytes(free)} are free")
    return ", ".join(told)


def _weights_bytes(session: Session) -> int:
    """Weights, gradients and the optimizer's state: as it is, or as Adam's and momentum will be."""
    weights = sum(parameter.numel() * parameter.element_size() for parameter in session.network.parameters())
    defaults = session.optimizer.defaults
    return weights * (2 + (2 if "betas" in defaults else 1 if defaults.get("momentum") else 0))


def row_bytes(job: Job) -> int | None:
    """Bytes of what the layers give of one row; `None` where rows differ in length."""
    width = 4 if job.blueprint.training.precision in {"auto", "tf32", "float32"} else 2
    sizes = [step.spec.sizes for step in job.blueprint.program.steps]
    if not all(isinstance(size, int) for found in sizes for size in found):
        return None
    return sum(math.prod(size for size in found if isinstance(size, int)) for found in sizes) * width


def tokens_of(job: Job) -> int | None:
    """Steps of a micro-batch, where those say how large it is."""
    batch = job.blueprint.experiment.data.batch
    return None if batch is None else batch.tokens


def _remedies(error: ExhaustedError, job: Job) -> list[str]:
    training, experiment = job.blueprint.training, job.blueprint.experiment
    found: list[str] = []
    if (tokens := tokens_of(job)) is not None and error.where != "update":
        found.append(f"data.batch.tokens={tokens // 2} training.accumulate={training.accumulate * 2}")
    elif error.where != "update":
        size = job.prepared.train.shown if experiment.data.batch_size == "full" else experiment.data.batch_size
        size = min(size, max(error.rows, 1)) if error.where == "step" else size
        by = next((part for part in range(2, MOST_PARTS + 1) if size % part == 0), None)
        if by is not None and size > 1:
            same = "" if any(step.layer.mixes_rows for step in job.blueprint.program.steps) else " (same result)"
            found.append(f"data.batch_size={size // by} training.accumulate={training.accumulate * by}{same}")
        if training.precision in {"auto", "tf32", "float32"}:
            found.append("training.precision=bfloat16")
        if training.on_oom == "stop" and size > 1:
            found.append("training.on_oom=halve")
    return found or ["a smaller network"]


def free_bytes(device: torch.device) -> int | None:
    """Memory that this process may still take, as far as the system tells."""
    if device.type == "cuda":
        import torch

        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    limits: list[int] = []
    with suppress(OSError, ValueError, AttributeError):
        found = re.search(r"MemAvailable: +(\d+) kB", Path("/proc/meminfo").read_text())
        limits += [int(found[1]) * 1024] if found is not None else []
    with suppress(ImportError, OSError, ValueError, AttributeError):
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_AS)
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        limits += [max(soft - taken, 0)] if soft != resource.RLIM_INFINITY else []
    with suppress(OSError, ValueError):
        group = Path("/sys/fs/cgroup")
        limits.append(int((group / "memory.max").read_text()) - int((group / "memory.current").read_text()))
    return min(limits, default=None)
