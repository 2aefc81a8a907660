"""Names that were probably meant."""

from __future__ import annotations

from nntrain.nearest import nearest


def test_the_most_alike_come_first_in_their_own_spelling() -> None:
    assert nearest("ACURACY", ["loss", "Accuracy", "balanced_accuracy"]) == ["Accuracy"]
    assert nearest("conv2", ["conv1d", "conv2d", "relu"]) == ["conv2d"]
    assert nearest("conv2", ["conv1d", "conv2d", "relu"], within=1) == ["conv2d", "conv1d"]


def test_what_resembles_nothing_has_none() -> None:
    assert nearest("zzz", ["loss", "accuracy"]) == []
    assert nearest("los", []) == []


def test_of_names_that_differ_by_case_the_first_counts() -> None:
    assert nearest("ag", ["Age", "AGE"]) == ["Age"]


def test_of_names_as_much_alike_what_starts_the_same_comes_first() -> None:
    assert nearest("adamm", ["radam", "nadam", "adamw"]) == ["adamw", "radam", "nadam"]
