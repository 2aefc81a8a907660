"""Outputs that have fewer steps than their targets need, told before anything is trained. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from nntrain.data.row_steps import RowSteps, Tokens
from nntrain.errors import Problem
from nntrain.layers.program import Program, Step
from nntrain.targets import TargetPlan

MOST: Final = 0.01
"""Share of the training rows that may be too short: they teach nothing."""


class _Short(NamedTuple):
    """A row whose output is too short."""

    need: int
    tokens: Tokens
    steps: int
    """Of its input."""
    left: int
    """Of its output."""


def short_outputs(program: Program, targets: Mapping[str, TargetPlan], rows: RowSteps) -> tuple[list[Problem], list[str]]:
    """Find targets that need more steps than the network leaves.

    Args:
        program: The network.
        targets: What is done for each target.
        rows: How long rows are. Of one row that stands for all, it must not be too short; of all, at most 1 % may be.

    Returns:
        Problems at the layer that leaves too few steps, and what is to be told of rows that are few enough.
    """
    problems: list[Problem] = []
    told: list[str] = []
    for name, plan in targets.items():
        tokens = rows.targets.get(name, ())
        if not tokens or plan.task.steps_for(1, 0) is None:
            continue
        chain = program.time_steps(program.outputs[name])
        short = [row for row in _left(chain, program, name, plan, rows) if row.left < row.need]
        if not short:
            continue
        what = f"{len(short):,} of {len(tokens):,} training rows have" if rows.is_complete else "the first row has"
        example = f"{short[0].left} of {short[0].steps} steps are left, and {_needed(name, short[0])}"
        if rows.is_complete and len(short) <= MOST * len(tokens):
            told.append(f"{what} too few steps for {name} and teach nothing: of the first of them {example}")
            continue
        first = _first_too_short(chain, short[0])
        more = "" if first is None else f" after {first.layer.type}"
        problems.append(
            Problem(
                ("architecture",) if first is None else first.path,
                f"{what} too few steps for {name}{more}: {example if not rows.is_complete else f'of the first of them {example}'}",
                "fix:  smaller strides, or more steps a second of the input",
            )
        )
    return problems, told


def _needed(name: str, row: _Short) -> str:
    again = f", {row.tokens.repeats} of them like the one before" if row.tokens.repeats else ""
    return f"{name} needs {row.need} for its {row.tokens.number} tokens{again}"


def _left(chain: list[Step], program: Program, name: str, plan: TargetPlan, rows: RowSteps) -> list[_Short]:
    """How many steps each row has at the end, as far as that is known, beside what it needs."""
    output = program.outputs[name]
    tokens = rows.targets[name]
    if output.lengths is None:
        size = output.spec.size("time")
        before = chain[0].inputs[0].spec if chain else output.spec
        steps = before.size("time") if "time" in before.axes else size
        lengths = [steps if isinstance(steps, int) else 0] * len(tokens)
        after = dict.fromkeys(lengths, size) if isinstance(size, int) else {}
    else:
        lengths = rows.inputs.get(output.lengths.field, ())
        after = {length: _after(chain, length)[-1] for length in set(lengths)}
    found: list[_Short] = []
    for length, row in zip(lengths, tokens, strict=False):
        need = plan.task.steps_for(row.number, row.repeats)
        if need is not None and length in after:
            found.append(_Short(need, row, length, after[length]))
    return found


def _after(chain: list[Step], steps: int) -> list[int]:
    """Steps of a row after each step of a program."""
    found = [steps]
    for step in chain:
        size = step.spec.size("time") if "time" in step.spec.axes else found[-1]
        found.append(size if isinstance(size, int) else step.layer.out_lengths(found[-1]))
    return found


def _first_too_short(chain: list[Step], row: _Short) -> Step | None:
    """The step that leaves too few steps."""
    counts = _after(chain, row.steps)
    return next((step for step, count in zip(chain, counts[1:], strict=True) if count < row.need), None)
