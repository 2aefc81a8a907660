"""What programs read of `fit` on stdout, while people read stderr.

`--json` is the result as one object. `--json-lines` is one object a line: `start`, each `evaluation`, and `end` with the result; each has
`event` and `run`. A line is whole as soon as it is there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nntrain.commands.display import Display
from nntrain.commands.output import emit, tell
from nntrain.errors import ResourceError

if TYPE_CHECKING:
    from nntrain.commands.jobs import Options, Outcome


@dataclass(slots=True)
class LinesDisplay(Display):
    """A display that tells programs too."""

    is_lost: bool = False
    """Whether a line could not be written: no more are tried, and training goes on."""

    def event(self, kind: str, facts: Mapping[str, Any]) -> None:
        if self.is_lost:
            return
        try:
            emit(json.dumps({"event": kind, **facts}))
        except ResourceError as error:
            self.is_lost = True
            tell(f"{error}\n   no further lines are written; the run goes on")


def display_of(options: Options) -> Display:
    """What shows a run."""
    return LinesDisplay(quiet=False) if options.json_lines else Display(quiet=False)


def result_text(outcome: Outcome, options: Options) -> str:
    """The result as it is printed: for people, as one object, or as the last line of several."""
    if options.json_lines:
        return json.dumps({"event": "end", **outcome.summary})
    return json.dumps(outcome.summary, indent=1) if options.as_json else outcome.screen
