"""Curves of a run from its reports, and how far apart training and validation are."""

from __future__ import annotations

from nntrain.insight.report.curves import MOST_LAYERS, Course, course_drawings, gap_words, member_drawings, signal_drawings
from nntrain.tasks.drawings import Lines


def record(epoch: int, train: float, validation: float | None, step: int | None = None) -> dict[str, object]:
    metrics = {"train.loss": train, "validation.loss": validation, "validation.accuracy": 0.5}
    return {"epoch": epoch, "step": step or 10 * epoch, "lr": 0.1 / epoch, "metrics": metrics}


def course(*records: dict[str, object], best: tuple[int, int] | None = (2, 20)) -> Course:
    return Course(records, "validation.accuracy", best)


def test_loss_deciding_metric_and_learning_rate_are_drawn_with_the_best_state() -> None:
    found = list(course_drawings(course(record(1, 1.0, 1.1), record(2, 0.8, 0.9), record(3, 0.5, 1.0))))
    assert [drawing.title for drawing in found] == ["Loss", "accuracy", "Learning rate"]
    loss = found[0]
    assert isinstance(loss, Lines)
    assert [line.label for line in loss.lines] == ["training", "validation"]
    assert loss.marks[0].label == "best: epoch 2"
    assert loss.lines[1].y == [1.1, 0.9, 1.0]


def test_a_gap_is_told_at_the_best_state_and_at_the_end_without_a_verdict() -> None:
    words = gap_words(course(record(1, 1.0, 1.1), record(2, 0.8, 0.9), record(3, 0.5, 1.0)))
    assert words.startswith("At the best state validation is +0.1 from training, at the end +0.5. ")
    assert words.endswith("Validation loss was least in epoch 2.")
    assert gap_words(course(record(1, 1.0, 1.1), record(2, 0.8, 0.9))) == "At the best state validation is +0.1 from training."


def test_reports_within_an_epoch_are_drawn_by_step() -> None:
    found = course(record(1, 1.0, 1.0, 5), record(1, 0.9, 0.9, 10), best=(1, 10))
    assert found.axis == "step"
    assert found.marks[0].label == "best: step 10"


def test_metrics_that_were_never_defined_and_runs_without_reports_have_no_curve() -> None:
    assert list(course_drawings(course())) == []
    [loss, *_] = course_drawings(course(record(1, 1.0, None), best=None))
    assert isinstance(loss, Lines)
    assert [line.label for line in loss.lines] == ["training"]
    assert loss.told == ""


def test_the_gap_between_both_losses_is_shaded_from_the_best_state_on() -> None:
    [loss, *_] = course_drawings(course(record(1, 1.0, 1.1), record(2, 0.5, 0.9), record(3, 0.2, 1.2), best=(2, 20)))
    assert isinstance(loss, Lines)
    assert loss.band is not None
    assert (loss.band.x, loss.band.low, loss.band.high) == ([2, 3], [0.5, 0.2], [0.9, 1.2])
    assert "The gap since then is shaded." in loss.told
    for best, last in (((3, 30), 1.2), ((2, 20), 0.1), (None, 1.2)):  # nothing after it, no gap, no best state
        [loss, *_] = course_drawings(course(record(1, 1.0, 1.1), record(2, 0.5, 0.9), record(3, 0.2, last), best=best))
        assert isinstance(loss, Lines)
        assert loss.band is None
        assert "shaded" not in loss.told


def test_members_have_a_line_each() -> None:
    [found] = member_drawings({"seed 0": course(record(1, 1.0, 1.0)), "seed 1": course(record(1, 1.0, 1.0))})
    assert isinstance(found, Lines)
    assert [line.label for line in found.lines] == ["seed 0", "seed 1"]


def look(step: int, *layers: tuple[str, float, float | None]) -> dict[str, object]:
    return {"step": step, "layers": [{"name": name, "gradient": gradient, "update": update} for name, gradient, update in layers]}


def test_gradients_of_layers_are_drawn_over_the_steps() -> None:
    found = list(signal_drawings([look(5, ("a", 0.1, None), ("b", 0.0, 1e-3)), look(10, ("a", 0.2, None), ("b", 0.3, 2e-3))]))
    assert [drawing.title for drawing in found] == ["Gradients by layer", "Updates by layer"]
    gradients, updates = found
    assert isinstance(gradients, Lines)
    assert isinstance(updates, Lines)
    assert [(line.label, line.x, line.y) for line in gradients.lines] == [("a", [5, 10], [0.1, 0.2]), ("b", [10], [0.3])]
    assert [line.label for line in updates.lines] == ["b"]
    assert gradients.is_logarithmic


def test_of_many_layers_some_are_drawn_the_first_and_the_last_among_them() -> None:
    names = [f"l{index}" for index in range(30)]
    [gradients] = signal_drawings([look(step, *((name, 0.1, None) for name in names)) for step in (1, 2)])
    assert isinstance(gradients, Lines)
    labels = [line.label for line in gradients.lines]
    assert (len(labels), labels[0], labels[-1]) == (MOST_LAYERS, "l0", "l29")
    assert "8 of 30 layers" in gradients.told


def test_runs_without_looks_have_no_gradients() -> None:
    assert list(signal_drawings([])) == []
    assert list(signal_drawings([look(1, ("a", 1.0, 1.0))])) == []
