"""The first section of a report: what was trained, how good it is, why it stopped, what to do, in words and one table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from nntrain.commands.screens.figures import format_number, format_seconds
from nntrain.insight.report.content import Block, Code, Paragraph, Section, Table, Things
from nntrain.wording import number_of

if TYPE_CHECKING:
    from nntrain.blueprint import Blueprint

WHY: Final = {
    "early_stopping": "validation got no better for as long as the config allows",
    "max_epochs": "the epochs of the config were done",
    "max_steps": "the steps of the config were done",
    "max_minutes": "the time that the config gives was over",
    "converged": "it converged",
    "reached": "it reached the value that the config asks for",
    "interrupted": "it was interrupted, and can go on",
    "diverged": "the loss became NaN or infinite",
    "finished": "all members were done",
}
LEVEL_WORDS: Final = "95 %"


@dataclass(frozen=True, slots=True)
class ReportFacts:
    """What the words are made of."""

    summary: Mapping[str, Any]
    """`summary.json`; empty where the run did not get that far."""
    record: Mapping[str, Any]
    """`data.json`."""
    blueprint: Blueprint | None
    """`None` where the run has no checkpoint yet."""
    intervals: Mapping[str, tuple[float, float] | None]
    """By full name: `test.accuracy`."""
    in_words: Sequence[str] = ()
    """How good it is, by target: `label: is right in 98.9 % of the rows`."""
    split: str | None = None
    """Of which rows that is."""
    baseline_name: str = "trivial"
    shown: int | None = None
    """How many of these rows were answered for, where that is not all."""


def summary_section(facts: ReportFacts) -> Section:
    """The section."""
    return Section("summary", "Summary", tuple(_blocks(facts)))


def _blocks(facts: ReportFacts) -> Iterator[Block]:
    yield Paragraph(_trained(facts))
    where = "" if facts.split is None else f" ({_answered(facts, facts.split)})"
    yield from (Paragraph(f"It {words}{where}.", is_lead=True) for words in facts.in_words)
    summary = facts.summary
    if not summary:
        yield Paragraph("The run has not ended yet: it has no summary.")
        return
    if facts.in_words == () and summary.get("monitor"):
        value = _best(summary).get(summary["monitor"])
        yield Paragraph(f"{summary['monitor']} is {format_number(value)} at its best state.", is_lead=True)
    yield from (Paragraph(line) for line in (*_beside_baselines(facts), _stopped(summary), *_looks(facts)) if line)
    if summary.get("message"):
        yield Code("What happened, and what to try", str(summary["message"]))
    things = advice_of(summary)
    if things:
        yield Paragraph(f"{number_of(len(things), 'thing')} to do:")
        yield Things(things)
    if isinstance(why := summary.get("unseen"), str):
        yield Paragraph(
            f"Gradients, units and the length of steps are not judged, as the network was not looked at while it trained: {why}."
        )
    table = metric_table(facts)
    if table is not None:
        yield table


def _answered(facts: ReportFacts, split: str) -> str:
    told = number_of(facts.record["rows"].get(split, 0), f"{split} row")
    return told if facts.shown is None else f"{facts.shown:,} of {told}"


def _predicted(blueprint: Blueprint, target: str) -> str:
    """A target; where it stands for the columns of a window, these."""
    columns = [plan.name for plan in blueprint.layout.fields if plan.role == "target"]
    return ", ".join(columns) if blueprint.layout.window is not None and target not in columns else target


def _trained(facts: ReportFacts) -> str:
    rows, blueprint, summary = facts.record["rows"], facts.blueprint, facts.summary
    verbs = {"validation": "validate"}
    sizes = ", ".join(f"{count:,} to {verbs.get(part, part)}" for part, count in rows.items())
    if _is_bag(summary):
        sizes += " in the first member"
    if blueprint is None:
        return f"Rows: {sizes}."
    architecture = getattr(blueprint.experiment.architecture, "type", None) or "network"
    tasks = " and ".join(f"{_predicted(blueprint, name)} ({plan.task.type.replace('_', ' ')})" for name, plan in blueprint.targets.items())
    inputs = len([plan for plan in blueprint.layout.fields if plan.role == "input"])
    count = summary.get("parameters")
    size = "" if count is None else f", {count:,} parameters"
    return f"Predicts {tasks} from {number_of(inputs, 'field')} ({architecture}{size}). Rows: {sizes}."


def _is_bag(summary: Mapping[str, Any]) -> bool:
    return summary.get("kind") == "bag"


def _best(summary: Mapping[str, Any]) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", summary.get("best") or {})


def _beside_baselines(facts: ReportFacts) -> Iterator[str]:
    """The deciding metric beside trivial and simple rivals, and how sure it is; on the test rows where they were measured."""
    summary = facts.summary
    name = _compared(summary)
    value = figures_of(summary).get(name)
    if value is None:
        return
    metric = name.partition(".")[2]
    rivals = _rivals(summary, name, facts.baseline_name)
    told = [f"{word}: {format_number(score)}" for word, score in rivals.items() if score is not None]
    span = facts.intervals.get(name)
    interval = "" if span is None else f" ({LEVEL_WORDS} interval: {format_number(span[0])} to {format_number(span[1])})"
    yield f"{name} {format_number(value)}{interval}" + (f"; beside it {', '.join(told)}." if told else ".")
    yield from _judgement(value, span, rivals, summary.get("directions", {}).get(metric))


def _compared(summary: Mapping[str, Any]) -> str:
    """The deciding metric, of the test rows where they were measured; in place of one that rivals don't have the first that they have."""
    monitor: str = summary.get("monitor", "")
    split, _, metric = monitor.partition(".")
    split = "test" if metric in summary.get("test", {}) else split
    others = [name for name in figures_of(summary) if name.startswith(f"{split}.")]
    return next((name for name in (f"{split}.{metric}", *others) if any(_rivals(summary, name, "").values())), f"{split}.{metric}")


def _rivals(summary: Mapping[str, Any], name: str, trivial: str) -> dict[str, float | None]:
    """A metric of the trivial answer and of simple models."""
    simple = {word: found.get(name) for word, found in simple_of(summary).items()}
    return {trivial: summary.get("baseline", {}).get(name), **simple}


def _judgement(value: float, span: tuple[float, float] | None, rivals: Mapping[str, float | None], direction: str | None) -> Iterator[str]:
    """Which rivals are better, or so near that chance may decide; nothing where it is not known which way is better."""
    if direction is None:
        return
    sign = 1 if direction == "max" else -1
    better = [name for name, score in rivals.items() if score is not None and sign * score > sign * value]
    if better:
        yield f"Better than this network: {', '.join(better)}."
    near = [
        name
        for name, score in rivals.items()
        if score is not None and name not in better and span is not None and span[0] <= score <= span[1]
    ]
    if near:
        yield f"So near that chance may decide: {', '.join(near)}."


def _stopped(summary: Mapping[str, Any]) -> str:
    reason = str(summary.get("stop_reason"))
    best = _best(summary)
    kept = ""
    if best.get("epoch") is not None and best.get("step") is not None:
        epoch = f"epoch {best['epoch']}, " if best["epoch"] else ""
        kept = f"; the network of {epoch}step {best['step']:,} is kept"
    epochs = summary.get("epochs")
    length = "" if epochs is None else f" after {number_of(epochs, 'epoch')}, {number_of(summary.get('steps', 0), 'step')}"
    seconds = summary.get("seconds")
    time = "" if seconds is None else f", {format_seconds(seconds)}"
    return f"Stopped{length}{time}: {WHY.get(reason, reason)} ({reason}){kept}."


def _looks(facts: ReportFacts) -> Iterator[str]:
    looks = facts.summary.get("test_looks")
    if looks is not None:
        yield f"Test data of this file have been looked at by {number_of(looks, 'run')}."
    elif "test" in facts.record["rows"] and not facts.summary.get("test"):
        yield "The test rows have not been looked at."


def advice_of(summary: Mapping[str, Any]) -> tuple[tuple[str, str, str], ...]:
    """What the run's diagnosis says: the sentence, what it is read from, the override to write. Nothing of runs without one."""
    found: Any = summary.get("advice")
    items = cast("list[Any]", found) if isinstance(found, list) else []
    known = [cast("dict[str, Any]", item) for item in items if isinstance(item, dict)]
    told = [item for item in known if "sentence" in item]
    return tuple((str(item["sentence"]), _evidence(item.get("evidence")), str(item.get("override") or "")) for item in told)


def _evidence(found: Any) -> str:
    if isinstance(found, dict):
        pairs = cast("dict[str, Any]", found)
        return ", ".join(f"{name} {format_number(value) if isinstance(value, float) else value}" for name, value in pairs.items())
    return "" if found is None else str(found)


def figures_of(summary: Mapping[str, Any]) -> dict[str, float | None]:
    """All metrics of the best state, by full name."""
    own = {name: value for name, value in _best(summary).items() if "." in name}
    return own | {f"test.{name}": value for name, value in summary.get("test", {}).items()}


def simple_of(summary: Mapping[str, Any]) -> dict[str, dict[str, float | None]]:
    """Metrics of simple models and of what learns nothing, by their names."""
    return {name.replace("_", " "): found for name, found in cast("dict[str, Any]", summary.get("baselines") or {}).items()}


def metric_table(facts: ReportFacts) -> Table | None:
    """Every metric of held-out rows beside its interval and those of rivals."""
    figures, simple = figures_of(facts.summary), simple_of(facts.summary)
    names = [name for name in figures if name.startswith(("validation.", "test."))] or list(figures)
    if not names:
        return None
    has_spans = any(facts.intervals.get(name) for name in names)
    head = ("", "this run", *([f"{LEVEL_WORDS} interval"] if has_spans else []), *simple, facts.baseline_name)
    baseline = facts.summary.get("baseline", {})
    rows: list[tuple[str, ...]] = []
    for name in names:
        span = facts.intervals.get(name)
        cells = [f"{format_number(span[0])} to {format_number(span[1])}" if span is not None else ""] if has_spans else []
        rivals = [*(found.get(name) for found in simple.values()), baseline.get(name)]
        rows.append((name, format_number(figures[name]), *cells, *map(format_number, rivals)))
    marked = frozenset(place for place, name in enumerate(names) if name == facts.summary.get("monitor"))
    caption = "Metrics of the best state; the marked one decided which state that is"
    if _is_bag(facts.summary):
        caption = "Metrics of all members as one; each validation row is predicted by the members that were not trained on it"
    return Table(caption, head, tuple(rows), marked=marked)
