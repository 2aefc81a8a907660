"""Rows of the layer table for capsules."""

from __future__ import annotations

from contract_case import PHOTO, Case

from nntrain.specs import CAPSULES, Spec

FEW = Spec(CAPSULES, (6, 4), "capsule")
DRAWN = {"layers": [{"tanh": {}, "name": "seen"}, "sigmoid", {"reconstruction": "seen"}]}

CAPSULE_LAYERS = (
    Case({"primary_capsules": {"num_capsules": 2, "dim": 3, "kernel_size": 3}}, PHOTO),
    Case({"primary_capsules": {"num_capsules": 2, "dim": 3, "kernel_size": [3, 2], "padding": "same"}}, PHOTO),
    Case({"capsules": {"num_capsules": 3, "dim": 5}}, FEW),
    Case({"capsules": {"num_capsules": 3, "routing": "uniform"}}, FEW),
    Case("capsule_length", FEW),
    Case("capsule_mask", FEW),
    Case({"sequential": DRAWN}, PHOTO, stands_for="reconstruction", takes_all=True),
    Case(
        {"capsnet": {"conv": 3, "kernel_size": 3, "primary": [2, 4], "digit": 5, "num_capsules": 3, "decoder": None}},
        PHOTO,
    ),
)
