"""The course of a run: losses, the metric that decides, learning rate, as drawings of its reports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from nntrain.tasks.drawings import Band, Drawing, Line, Lines, Mark

Axis = Literal["epoch", "step"]

Record = Mapping[str, Any]
"""A line of `history.jsonl`: `epoch`, `step`, `lr`, `metrics`."""

MOST_LAYERS: Final = 8
"""Layers that have a line each."""
NAMES: Final = {"train": "training", "validation": "validation"}


@dataclass(frozen=True, slots=True)
class Course:
    """What is drawn of the reports of a run."""

    records: Sequence[Record]
    monitor: str
    """The metric that decides: `validation.accuracy`."""
    best: tuple[int, int] | None
    """Epoch and step of the best state."""

    @property
    def axis(self) -> Axis:
        """What is counted: epochs, unless several reports fall in one."""
        epochs = [record["epoch"] for record in self.records]
        return "epoch" if len({*epochs}) == len(epochs) else "step"

    @property
    def marks(self) -> tuple[Mark, ...]:
        """Where the best state is."""
        if self.best is None:
            return ()
        place = self.best[0 if self.axis == "epoch" else 1]
        return (Mark(f"best: {self.axis} {place:,}", place),)

    def line(self, label: str, name: str, axis: Axis | None = None) -> Line | None:
        """A metric by its name in reports, over the axis of the course or a given one; `None` where it was never defined."""
        found = [(record[axis or self.axis], record["metrics"].get(name)) for record in self.records]
        known = [(x, y) for x, y in found if isinstance(y, int | float)]
        return Line(label, [x for x, _ in known], [y for _, y in known]) if known else None


def course_drawings(course: Course) -> Iterator[Drawing]:
    """Loss, deciding metric and learning rate, as far as there are reports of them."""
    if not course.records:
        return
    loss = _of_splits(course, "loss")
    if loss:
        yield Lines("Loss", gap_words(course), course.axis, "loss", loss, course.marks, _gap(course))
    metric = course.monitor.partition(".")[2]
    lines = () if metric == "loss" else _of_splits(course, metric)
    if lines:
        yield Lines(metric, f"{course.monitor} decides which state is kept.", course.axis, metric, lines, course.marks)
    rates = [(record[course.axis], record.get("lr")) for record in course.records]
    known = [(x, rate) for x, rate in rates if isinstance(rate, float) and rate > 0]
    if len(known) > 1:
        told = f"From {known[0][1]:.3g} in the first report to {known[-1][1]:.3g} in the last."
        line = Line("learning rate", [x for x, _ in known], [rate for _, rate in known])
        yield Lines("Learning rate", told, course.axis, "learning rate", (line,))


def signal_drawings(signals: Sequence[Record]) -> Iterator[Drawing]:
    """Gradients of the layers, and how far a step moves their weights, as far as a run has looked at them.

    Args:
        signals: Each look: `step`, and of each layer `name`, `gradient` and `update`, from the input to the output.
    """
    if len(signals) < 2:
        return
    names = list(dict.fromkeys(str(layer["name"]) for look in signals for layer in look.get("layers", ())))
    kept = (
        names if len(names) <= MOST_LAYERS else [names[len(names) * place // MOST_LAYERS] for place in range(MOST_LAYERS - 1)] + names[-1:]
    )
    shown = "" if len(kept) == len(names) else f" {len(kept)} of {len(names)} layers are drawn."
    for key, title, told in (
        ("gradient", "Gradients by layer", "Root mean square of the gradient; the first layer is nearest to the input."),
        ("update", "Updates by layer", "How far a step moves the weights, as a part of their size; about 0.001 is usual."),
    ):
        lines = tuple(line for name in kept if (line := _layer_line(signals, name, key)) is not None)
        if lines:
            yield Lines(title, told + shown, "step", key, lines, is_logarithmic=True)


def _layer_line(signals: Sequence[Record], name: str, key: str) -> Line | None:
    """A figure of a layer over the steps; zeros have no place on a logarithmic axis."""
    found = [(look["step"], layer.get(key)) for look in signals for layer in look.get("layers", ()) if layer["name"] == name]
    known = [(step, value) for step, value in found if isinstance(value, int | float) and value > 0]
    return Line(name, [step for step, _ in known], [value for _, value in known]) if known else None


def _of_splits(course: Course, metric: str) -> tuple[Line, ...]:
    lines = (course.line(word, f"{split}.{metric}") for split, word in NAMES.items())
    return tuple(line for line in lines if line is not None)


def _gap(course: Course) -> Band | None:
    """What lies between both losses, from the best state on; `None` where the run ends with it, or validation is not above training."""
    train, validation = course.line("", "train.loss"), course.line("", "validation.loss")
    if train is None or validation is None or not course.marks or [*train.x] != [*validation.x]:
        return None
    kept = [place for place, x in enumerate(train.x) if x >= course.marks[0].x]
    if len(kept) < 2 or validation.y[-1] <= train.y[-1]:
        return None
    return Band([train.x[place] for place in kept], [train.y[place] for place in kept], [validation.y[place] for place in kept])


def gap_words(course: Course) -> str:
    """How far apart training and validation loss are at the best state and at the end; whether that is overfitting, the diagnosis says."""
    train, validation = course.line("", "train.loss"), course.line("", "validation.loss")
    if train is None or validation is None or len(train.y) != len(validation.y):
        return ""
    place = next((index for index, x in enumerate(validation.x) if course.marks and x == course.marks[0].x), len(validation.x) - 1)
    gaps = [validation.y[index] - train.y[index] for index in (place, -1)]
    text = f"At the {'best state' if course.marks else 'end'} validation is {gaps[0]:+.3g} from training"
    is_last = place == len(validation.x) - 1
    low = min(range(len(validation.y)), key=lambda index: validation.y[index])
    text += "." if is_last else f", at the end {gaps[1]:+.3g}."
    text += "" if _gap(course) is None else " The gap since then is shaded."
    if low < len(validation.y) - 1:
        text += f" Validation loss was least in {course.axis} {validation.x[low]:,}."
    return text


def member_drawings(courses: Mapping[str, Course]) -> Iterator[Drawing]:
    """The deciding metric of all members over one axis."""
    found = [(word, course.line(word, course.monitor), course) for word, course in courses.items()]
    lines = tuple(line for _, line, _ in found if line is not None)
    if lines:
        course = found[0][2]
        yield Lines(course.monitor, "One line for each member.", course.axis, course.monitor, lines)


def overlaid_drawings(courses: Mapping[str, Course]) -> Iterator[Drawing]:
    """Losses and deciding metrics of several runs, each over one axis; runs that have no reports of one are named."""
    axis: Axis = "epoch" if all(course.axis == "epoch" for course in courses.values()) else "step"
    names = ["validation.loss", *(course.monitor for course in courses.values()), "train.loss"]
    for name in dict.fromkeys(names):
        found = {label: course.line(label, name, axis) for label, course in courses.items()}
        lines = tuple(line for line in found.values() if line is not None)
        if lines:
            absent = [label for label, line in found.items() if line is None]
            yield Lines(name, f"Without {name}: {', '.join(absent)}." if absent else "", axis, name.partition(".")[2], lines)
