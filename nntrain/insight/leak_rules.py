"""What a look at the rows suspects, as findings: what gives the target away comes before all that a training shows. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from nntrain.insight.findings import Finding, Override
from nntrain.insight.suspicion import Kind, Suspicion

NAMES: Final[dict[Kind, str]] = {"tells_target": "leakage", "copies": "copied_rows", "group": "split_groups", "id": "row_numbers"}
"""Of the rules; what is not here is no advice about training."""
FIRST: Final = ("leakage", "copied_rows")
"""Those that make the figures of a run worth nothing."""


def suspected(suspicions: Sequence[Suspicion]) -> Iterator[Finding]:
    """The suspicions of which something is to be done."""
    for each in suspicions:
        if each.kind in NAMES:
            sentence = each.sentence if each.override is None else _short(each)
            overrides: tuple[Override, ...] = () if each.override is None else ((each.override,),)
            evidence = ", ".join(f"{name} {value:.4g}" for name, value in each.evidence.items())
            yield Finding(NAMES[each.kind], sentence, evidence, overrides)


def _short(suspicion: Suspicion) -> str:
    """In a line, as the start of the run has told all of it."""
    if suspicion.kind == "tells_target":
        return f"{suspicion.name} alone tells the target: if it is not known in time, leave it out"
    if suspicion.kind == "group":
        return f"rows of one {suspicion.name} are trained on and measured: keep them apart"
    return f"{suspicion.name} has another value in each row: leave it out"
