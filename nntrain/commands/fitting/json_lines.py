"""What programs read of `fit` on stdout, while people read stderr.

`--json` is the result as one object. `--json-lines` is one object a line: `start`, each `evaluation`, and `end` with the result, or with
`stop_reason: failed`, `exit_code` and `message` where a run that has started fails; each has `event` and `run`. A line is whole as soon as
it is there.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nntrain.commands.screens.display import Display
from nntrain.commands.screens.output import emit, tell
from nntrain.errors import NNTrainError, ResourceError

if TYPE_CHECKING:
    from nntrain.commands.preparing.jobs import Options, Outcome


@dataclass(slots=True)
class LinesDisplay(Display):
    """A display that tells programs too."""

    is_lost: bool = False
    """Whether a line could not be written: no more are tried, and training goes on."""
    run: str | None = None
    """The run that was started last."""

    def event(self, kind: str, facts: Mapping[str, Any]) -> None:
        if self.is_lost:
            return
        if kind == "start":
            self.run = facts["run"]
        try:
            emit(json.dumps({"event": kind, **facts}))
        except ResourceError as error:
            self.is_lost = True
            tell(f"{error}\n   no further lines are written; the run goes on")


def display_of(options: Options) -> Display:
    """What shows a run."""
    return LinesDisplay(quiet=False) if options.json_lines else Display(quiet=False)


@contextmanager
def failure_told(display: Display) -> Generator[None]:
    """Context of a training whose end is told to programs too where it is an error. Raises what is raised in it."""
    try:
        yield
    except NNTrainError as error:
        if isinstance(display, LinesDisplay) and display.run is not None:
            told = {"stop_reason": "failed", "exit_code": error.exit_code, "message": str(error)}
            display.event("end", {"run": display.run, **told})
        raise


def result_text(outcome: Outcome, options: Options) -> str:
    """The result as it is printed: for people, as one object, or as the last line of several."""
    if options.json_lines:
        return json.dumps({"event": "end", **outcome.summary})
    return json.dumps(outcome.summary, indent=1) if options.as_json else outcome.screen
