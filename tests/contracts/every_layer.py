"""All rows of the layer table, whichever file they stand in."""

from __future__ import annotations

from graph_cases import GRAPH_CASES
from layer_cases import CASES as LAYER_CASES
from node_cases import NODE_CASES

CASES = (*LAYER_CASES, *GRAPH_CASES, *NODE_CASES)
