"""Rows of the layer table for what joins, branches and rearranges; see `layer_cases.py`."""

from __future__ import annotations

from layer_cases import PHOTO, ROW, SERIES, STEPS, Case

SE = [[], ["global_avg_pool", {"linear": 2}, "relu", {"linear": 4}, "sigmoid"]]


def _joined(merge: str, width: int, second: int, **options: object) -> dict[str, object]:
    """A merge of the stream with a point of its own."""
    return {"sequential": [{"linear": width, "name": "a"}, {"linear": second}, {merge: {"points": "a", **options}}]}


ELEMENTWISE = ("subtract", "multiply", "mean", "max", "dot", "cosine", "distance")
MAPS = {"conv2d": {"out_channels": 3, "kernel_size": 1, "name": "a"}}

GRAPH_CASES = (
    Case({"rearrange": "c (h 3) w -> (h w) (3 c)"}, PHOTO),
    Case({"rearrange": "t (a 2) -> t (2 a)"}, SERIES),
    Case({"rearrange": "t f -> f t"}, STEPS),
    Case({"reshape": [3, 1, 2]}, ROW),
    *(Case(_joined(merge, 4, 4), SERIES, stands_for=merge) for merge in ELEMENTWISE),
    *(Case(_joined(merge, 4, 4), ROW, stands_for=merge) for merge in ELEMENTWISE),
    *(Case(_joined("stack", 4, 4), spec, stands_for="stack") for spec in (ROW, STEPS)),
    Case(
        {"sequential": [MAPS, "global_avg_pool", {"cosine": "a"}]},
        PHOTO,
        "cosine",
    ),
    Case({"branches": [[{"linear": 3}, "relu"], [{"linear": 2}], []]}, SERIES),
    Case({"branches": {"merge": "multiply", "of": SE}}, PHOTO),
    Case({"branches": {"merge": "max", "of": [[{"linear": 6}], [{"linear": 6}, "relu"]]}}, ROW),
    Case(
        {"branches": [[{"conv1d": {"out_channels": 2, "kernel_size": k, "padding": "same", "stride": 2}}] for k in (1, 3)]},
        SERIES,
    ),
)
