"""What a network must be so that a state can be carried over from window to window. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from nntrain.errors import Problem, YamlPath
from nntrain.wording import with_article

if TYPE_CHECKING:
    from nntrain.layers.program import Program


def carried_problems(program: Program, path: YamlPath) -> Iterator[Problem]:
    """Why a network has nothing to carry over, or can't.

    Args:
        program: The network.
        path: The setting that asks for it.
    """
    from nntrain.layers.recurrent import Recurrent

    steps = [step for step in program.steps if "state" in step.layer.needs]
    both = next((step for step in steps if isinstance(step.layer, Recurrent) and step.layer.bidirectional), None)
    other = next((step for step in steps if not isinstance(step.layer, Recurrent)), None)
    if not steps:
        message = "has no effect: it carries what recurrent layers remember, and this network has none"
        yield Problem(path, message, "fix:  architecture: lstm, or remove it", on_key=True)
    elif both is not None:
        message = f"carries a state from window to window, and {both.name} reads each window from its end too"
        yield Problem(path, message, "fix:  bidirectional: false, or remove it", on_key=True)
    elif other is not None:
        message = f"carries what recurrent layers remember, and {other.name} is {with_article(other.layer.type)}"
        yield Problem(path, message, "remove it, or use a recurrent network: lstm, gru", on_key=True)
