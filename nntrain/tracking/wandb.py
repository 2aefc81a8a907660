"""Weights & Biases."""

from __future__ import annotations

import json
import secrets
import shutil
from typing import Any, ClassVar, Final, Literal

from nntrain.tracking.tracker import Ending, Record, Sink, Start, Tracker, scalars


class WandB(Tracker):
    """Tells Weights & Biases. Needs `pip install 'nntrain[wandb]'` and, unless `mode` is offline, `wandb login` or WANDB_API_KEY."""

    type: Literal["wandb"] = "wandb"
    main: ClassVar = "project"
    package: ClassVar = "wandb"
    apart: ClassVar = True
    project: str | None = None
    """Name of the project. Default: the name of the config."""
    entity: str | None = None
    """User or team that the project is of. Default: yours."""
    mode: Literal["online", "offline"] = "online"
    """`offline` writes into `wandb/` beside the run folders alone; `wandb sync` sends it later."""

    @property
    def place(self) -> str:
        return f"{self.entity} {self.project} {self.mode}"

    def open(self, start: Start) -> WandBRun:
        return WandBRun(self, start)


_QUIET: Final[dict[str, object]] = {
    "console": "off",
    "disable_code": True,
    "disable_git": True,
    "init_timeout": 30,
    "silent": True,
    "x_disable_machine_info": True,
    "x_disable_meta": True,
    "x_disable_stats": True,
    "x_save_requirements": False,
}
"""Settings with which the library sends what it is told and nothing else."""


class WandBRun(Sink):
    """One run of a project. Only what is told here is sent: no console, no code, no measurements of the machine."""

    def __init__(self, tracker: WandB, start: Start) -> None:
        import wandb  # pyright: ignore[reportMissingImports]

        library: Any = wandb
        self.run_id = start.run_id or secrets.token_hex(4)
        known = library.Settings.model_fields  # of which versions have more and less
        quiet = library.Settings(**{name: value for name, value in _QUIET.items() if name in known})
        self._run: Any = library.init(
            id=self.run_id,
            resume="allow",
            project=tracker.project or start.project,
            entity=tracker.entity,
            mode=tracker.mode,
            name=start.name,
            group=start.group,
            config={name: _value(text) for name, text in start.params.items()},
            dir=start.beside,  # it makes links
            settings=quiet,
        )
        self._run.define_metric("*", step_metric="step")

    def report(self, record: Record) -> None:
        self._run.log({"step": record["step"], "epoch": record["epoch"], **scalars(record)})

    def end(self, ending: Ending) -> None:
        self._run.summary.update(dict(ending.summary))
        for path in ending.files:
            copied = shutil.copy(path, self._run.dir)  # what lies elsewhere is linked
            self._run.save(copied, base_path=self._run.dir, policy="now")
        self._run.finish(exit_code=0 if ending.status == "finished" else 1)


def _value(text: str) -> object:
    """A setting as a number or a truth value where it is one, so that runs can be drawn by it."""
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return found if isinstance(found, int | float) else text
