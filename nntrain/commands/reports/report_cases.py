"""Sections of a report about answers: drawings by task, the worst and the most unsure rows as what they are, metrics of groups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from nntrain.commands.screens.figures import format_number
from nntrain.data.exhibits import Exhibit, Words
from nntrain.errors import DataError, UsageError
from nntrain.insight.report.content import Block, Cell, Figures, Gallery, Heading, Paragraph, Section, Table
from nntrain.wording import number_of

if TYPE_CHECKING:
    from nntrain.commands.reports.report_rows import Rows
    from nntrain.commands.stored.opening import Stored
    from nntrain.data.fields.field import Decoded
    from nntrain.data.fitted import FittedField
    from nntrain.metrics.metric import Direction
    from nntrain.tasks.drawings import Answers
    from nntrain.tasks.task import Task

CASES: Final = 8
"""Rows that are shown of each kind."""
MOST_FIELDS: Final = 12
"""Fields that a row is shown with."""
LEAST: Final = 10
"""Rows of a group below which its metrics say nothing."""
MOST_VALUES: Final = 20
"""Values of a column by which groups are told apart."""
MOST_COLUMNS: Final = 12
MOST_GROUPS: Final = 15


def answers_section(stored: Stored, answers: Mapping[str, Answers], split: str) -> Section:
    """What the tasks draw of the answers."""
    blocks: list[Block] = []
    for name, plan in stored.blueprint.targets.items():
        drawings = tuple(plan.task.drawings(answers[name])) if name in answers else ()
        blocks += [Heading(name)] if len(stored.blueprint.targets) > 1 else []
        blocks.append(Figures(drawings) if drawings else Paragraph(f"Answers of the task {plan.task.type} are not drawn."))
    return Section("answers", f"Answers for the {split} rows", tuple(blocks))


def cases_section(stored: Stored, rows: Rows, answers: Mapping[str, Answers]) -> Section | None:
    """The rows that are answered worst, and those about which the network is least sure; `None` where rows can't be told apart so."""
    if not (stored.fields.stand_alone or stored.fields.has_nodes):  # windows, which the drawings of the task show
        return None
    blocks: list[Block] = []
    for name, found in answers.items():
        task = stored.blueprint.targets[name].task
        for title, scores in (("The worst", task.misses(found)), ("The most unsure", task.doubts(found))):
            if scores is None or len(scores) != len(rows.numbers) or rows.table is None:
                continue
            order = cast("list[int]", (-scores).argsort(kind="stable")[:CASES].tolist())
            of = f" of {name}" if len(answers) > 1 else ""
            blocks += [Heading(f"{title}{of}"), *_shown(stored, rows, name, found, order)]
    return Section("cases", f"Cases from the {rows.split} rows", tuple(blocks)) if blocks else None


def _shown(stored: Stored, rows: Rows, name: str, found: Answers, order: Sequence[int]) -> Iterator[Block]:
    """Some rows: as a gallery where there is a picture or a sound of each and nothing else, else as a table."""
    assert rows.table is not None
    numbers = [rows.numbers[place] for place in order]
    said, sure = _said(stored, rows, name, found, order)
    true = [true_of(stored.blueprint.targets[name].task, found, place) for place in order]
    inputs = [field for field in stored.fields.fields if field.plan.role == "input"]
    columns = _exhibits(rows, inputs[:MOST_FIELDS], numbers)
    places = [rows.table.place(number) for number in numbers]
    kinds = {exhibit.kind for column in columns.values() for exhibit in column}
    if len(columns) == 1 and kinds <= {"picture", "sound"} and all(isinstance(words, str) for words in said):
        [column] = columns.values()
        told = zip(true, said, sure, places, strict=True)
        captions = [f"true {_plain(one)}, answered {_plain(other)}{chance}, {place}" for one, other, chance, place in told]
        yield Gallery("cases", tuple(zip(column, captions, strict=True)))
        return
    answered = [f"{words}{chance}" if isinstance(words, str) else words for words, chance in zip(said, sure, strict=True)]
    lines = {"row": places, "true": true, "answered": answered, **columns}
    if not any(true):  # masks, of which the answer shows what is wrong
        del lines["true"]
    cells = tuple(cast("tuple[Cell, ...]", row) for row in zip(*lines.values(), strict=True))
    yield Table("What is true, what is answered, and what the network reads", tuple(lines), cells, left=len(lines))
    if len(inputs) > MOST_FIELDS:
        yield Paragraph(f"{number_of(len(inputs) - MOST_FIELDS, 'more field')} of each row are not shown.")


def _plain(cell: Cell) -> str:
    return cell if isinstance(cell, str) else getattr(cell, "text", "")


def _exhibits(rows: Rows, inputs: Sequence[FittedField], numbers: Sequence[int]) -> dict[str, Sequence[Exhibit]]:
    """What some rows hold, by field; a field that can't be shown is left out."""
    assert rows.table is not None
    found: dict[str, Sequence[Exhibit]] = {}
    for field in inputs:
        try:
            found[field.name] = field.plan.field.exhibits(rows.table, field.plan.columns, numbers)
        except (DataError, UsageError):  # a file that is gone, an image of five channels
            continue
    return found


def true_of(task: Task, found: Answers, place: int) -> Cell:
    """What is true of a row; empty where the answers are of units of rows."""
    value = found.truth[place] if found.rows is None else None
    if value is None:
        return ""
    shown = task.truth(value, found.target)
    if isinstance(shown, str | Words):
        return shown
    return _image(shown.float().numpy(), "what is true") if shown.ndim == 3 else _number_words(shown.tolist())


def _number_words(value: Any) -> str:
    """A number, or the first few of several."""
    if isinstance(value, list):
        numbers = cast("list[Any]", value)
        return " ".join(_number_words(number) for number in numbers[:6]) + (" …" if len(numbers) > 6 else "")
    return format_number(value) if isinstance(value, float) else str(value)


def _said(stored: Stored, rows: Rows, name: str, found: Answers, order: Sequence[int]) -> tuple[list[Cell], list[str]]:
    """What is answered for some rows, and of classes how sure that is."""
    import torch

    task = stored.blueprint.targets[name].task
    if found.counts is not None:
        return _over_images(stored, rows, name, order), [""] * len(order)
    decoded = task.decode(found.predicted[torch.tensor(order)], found.target, found.threshold)
    return [_decoded_words(decoded, place) for place in range(len(order))], [_chance(decoded, place) for place in range(len(order))]


def _decoded_words(decoded: Decoded, place: int) -> Cell:
    value = decoded.values[place]
    if decoded.separator is not None:
        return decoded.separator.join(value)
    if len(getattr(value, "shape", ())) == 3:
        return _image(value, "answer of the network")
    return value if isinstance(value, str) else _number_words(value)


def _image(values: Any, alt: str) -> Exhibit:
    """An image `[C, H, W]` in [0, 1]."""
    from nntrain.data.exhibits import picture_of
    from nntrain.data.forms.drawing import shown

    return picture_of(shown(values), alt)


def _chance(decoded: Decoded, place: int) -> str:
    shares = decoded.probabilities.get(str(decoded.values[place])) if isinstance(decoded.values[place], str) else None
    return "" if shares is None else f" ({100 * shares[place]:.0f}\u00a0%)"


def _over_images(stored: Stored, rows: Rows, name: str, order: Sequence[int]) -> list[Cell]:
    """Masks that are answered, drawn over the images that they are of."""
    import torch

    from nntrain.commands.predicting.predict import predict_rows
    from nntrain.data.exhibits import picture_of
    from nntrain.data.forms.form import Beside

    assert rows.data is not None
    assert rows.table is not None
    numbers = [rows.numbers[place] for place in order]
    decoded = predict_rows(stored, rows.data.take(torch.tensor(order)))[name]
    overlay = decoded.form.overlay(name, Beside(stored.fields, rows.table, numbers))
    drawn: list[Cell] = []
    for _, content in overlay.files(decoded, numbers):
        drawn.append(picture_of(_pixels(content), f"answer for the image; {decoded.form.legend}"))
    return drawn


def _pixels(content: bytes) -> Any:
    """Pixels uint8 `[H, W, 3]` of a file that we made."""
    from io import BytesIO

    import numpy as np
    from PIL import Image as Files

    return np.asarray(Files.open(BytesIO(content)).convert("RGB"))


def groups_section(stored: Stored, rows: Rows) -> Section | None:
    """Metrics by class, and by the values of columns that have few, the worst first; `None` where there are no groups."""
    blocks = [*_by_class(stored, rows), *_by_column(stored, rows)]
    return Section("groups", f"Groups of {rows.split} rows", tuple(blocks)) if blocks else None


def _by_class(stored: Stored, rows: Rows) -> Iterator[Block]:
    import torch

    from nntrain.metrics.by_class import PerClass

    judged = rows.judged
    if judged is None:
        return
    table = PerClass()
    for name, target in stored.objective.targets.items():
        if target.metric_info.kind not in table.fits or target.metric_info.to_text is not None:
            continue
        state = table.build(target.metric_info, torch.device("cpu"))
        state.update(judged.predictions[name], judged.targets[name], judged.pixels.get(name))
        found = state.compute()
        if not isinstance(found, dict) or not found:
            continue
        head = tuple(next(iter(found.values())))
        ordered = sorted(found.items(), key=lambda item: item[1].get("f1") or 0.0)
        cells = tuple((label, *(_figure(values.get(column), column) for column in head)) for label, values in ordered)
        of = f" of {name}" if len(stored.objective.targets) > 1 else ""
        yield Table(f"By class{of}, the worst f1 first", ("class", *head), cells)


def _figure(value: float | None, column: str) -> str:
    """A share; the weight of the rows, which is a whole number where all count once."""
    return f"{value:,.6g}" if column == "support" and value is not None else format_number(value)


def _by_column(stored: Stored, rows: Rows) -> Iterator[Block]:
    """The groups of all columns in one table."""
    import torch

    from nntrain.training.resampling import by_group

    if rows.judged is None or rows.table is None or len(rows.numbers) != len(rows.judged.weights):
        return
    monitor = stored.blueprint.best.monitor.partition(".")[2]
    found: list[tuple[float, str, str, int]] = []
    names = [
        field
        for field in stored.fields.fields
        if field.plan.role == "input" and field.plan.field.type in ("category", "boolean", "ordinal")
    ]
    whole: float | None = None
    for field in names[:MOST_COLUMNS]:
        texts = rows.table.texts(field.plan.columns[0])
        cells = [str(texts[number] or "(missing)") for number in rows.numbers]
        values = sorted({*cells})
        if not 1 < len(values) <= MOST_VALUES:
            continue
        index = torch.tensor([values.index(cell) for cell in cells])
        measured = by_group(rows.judged, index, len(values))
        metric = monitor if monitor in measured[0] else next(iter(measured[0]), "")
        whole = by_group(rows.judged, torch.zeros_like(index), 1)[0].get(metric) if whole is None else whole
        for value, scores in zip(values, measured, strict=True):
            score, size = scores.get(metric), cells.count(value)
            if score is not None and size >= LEAST:
                found.append((score, field.name, value, size))
        monitor = metric
    if not found:
        return
    direction = _directions(stored)[monitor]
    found.sort(key=lambda group: group[0] if direction == "max" else -group[0])
    kept = tuple((column, value, f"{size:,}", format_number(score)) for score, column, value, size in found[:MOST_GROUPS])
    caption = f"By column, the worst {monitor} first ({format_number(whole)} for all rows); groups of at least {LEAST} rows"
    yield Table(caption, ("column", "value", "rows", monitor), kept, left=2)


def _directions(stored: Stored) -> dict[str, Direction]:
    """Which way each metric of rows is better, by name as in reports: groups may be told by another one than the monitor."""
    targets = stored.objective.targets
    return {
        key if len(targets) == 1 else f"{name}.{key}": metric.direction
        for name, target in targets.items()
        for key, metric in target.metrics.items()
    }
