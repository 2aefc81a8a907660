"""`model_card.md`: what a network was trained on, how good it is beside simpler things, how it is used and where its limits are.

In the format of Hugging Face: YAML for programs, then Markdown. Facts of the run alone; what nobody said (a license) is left out.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from nntrain.commands.screens.figures import format_number, format_seconds
from nntrain.commands.screens.output import spelled_out
from nntrain.commands.screens.results import spread_text
from nntrain.config.loading import dump
from nntrain.config.resolving import written_tree
from nntrain.errors import CheckpointError, ResourceError
from nntrain.runs import Run
from nntrain.wording import number_of

if TYPE_CHECKING:
    from nntrain.blueprint import Blueprint
    from nntrain.config.reading import Config
    from nntrain.data.fitted import FittedField, FittedFields

FILE: Final = "model_card.md"
MOST_COLUMNS: Final = 100
"""Fields that are listed."""
MOST_CLASSES: Final = 20
"""Classes of a field that are listed."""
PROCEDURE: Final = ("architecture", "task", "loss", "optimizer", "scheduler", "regularization", "training")
"""Sections of the config that say how it was trained."""


@dataclass(frozen=True, slots=True)
class CardMembers:
    """What the card of several networks says of them."""

    count: int
    kind: Literal["seeds", "folds"]
    first: Run
    """The first of them: each is used by itself."""

    @property
    def told(self) -> str:
        """`5 networks, each with another seed`."""
        own = "each with another seed" if self.kind == "seeds" else "each tested on another part of the rows"
        return f"{self.count} networks, {own}"


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What is known at the end of a run."""

    config: Config
    blueprint: Blueprint
    fields: FittedFields
    summary: Mapping[str, Any]
    """As in `summary.json`."""
    rows: Mapping[str, int]
    """Rows by split."""
    notes: Sequence[str]
    """What was read and dropped, as on the screen."""
    members: CardMembers | None = None
    """The networks of which the figures are the mean, where it is not one."""


def write_card(run: Run, facts: CardFacts) -> tuple[str, ...]:
    """Write the card of a run; what kept it from being written, which must not cost the result that it describes."""
    try:
        run.write_text(FILE, card(run, facts, run.read_json("environment.json"), run.read_json("data.json")))
    except (CheckpointError, ResourceError) as error:
        return (str(error),)
    return ()


def card(run: Run, facts: CardFacts, environment: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    """The text of a card.

    Args:
        run: The run.
        facts: What is known of it.
        environment: Its `environment.json`.
        data: Its `data.json`.
    """
    sections = {
        "Results": _results(facts),
        "Data": _data(facts, data),
        "Use": _use(run, facts),
        "Limits": _limits(facts),
        "Training": _training(facts),
        "Environment": _environment(environment),
        "Training it again": _again(run, facts, data, environment),
    }
    body = "\n\n".join(f"## {title}\n\n" + "\n\n".join(part for part in parts if part) for title, parts in sections.items())
    return f"---\n{dump(_front(facts))}---\n\n# {text(_name(facts))}\n\n{_what(facts)}\n\n{body}\n"


def text(value: object) -> str:
    """Any text as it is, whatever its signs mean in Markdown."""
    line = spelled_out(" ".join(str(value).split()))
    return re.sub(r"([\\`*_{}\[\]<>#|~&$!])", r"\\\1", line).replace("://", "\\://")


def fence(content: str, language: str) -> str:
    """A block of code, which no line in it can end."""
    ticks = "`" * max(3, 1 + max((len(found) for found in re.findall("`+", content)), default=0))
    return f"{ticks}{language}\n{content.rstrip()}\n{ticks}"


def _name(facts: CardFacts) -> str:
    return facts.config.experiment.name or "network"


def _front(facts: CardFacts) -> dict[str, Any]:
    """What programs read."""
    experiment, summary = facts.blueprint.experiment, facts.summary
    tree = written_tree(experiment, facts.config.document)
    task, architecture = tree["task"], tree["architecture"]
    types = dict.fromkeys([task["type"]] if "type" in task else [each["type"] for each in task.values()])
    measured = {name: value for name, value in summary["best"].items() if name.startswith("validation.")}
    measured |= {f"test.{name}": value for name, value in summary["test"].items()}
    results = [
        {
            "task": {"type": " ".join(types)},
            "dataset": {"name": _source(tree), "type": tree["data"]["source"]["type"], "split": split},
            "metrics": [
                {"type": name.partition(".")[2], "value": value, "name": name}
                for name, value in measured.items()
                if name.startswith(f"{split}.") and value is not None
            ],
        }
        for split in ("test", "validation")
        if any(name.startswith(f"{split}.") for name in measured)
    ]
    export = experiment.export
    return {
        **({} if export is None or export.license is None else {"license": export.license}),
        "library_name": "nntrain",
        "tags": ["nntrain", *types, architecture["type"]],
        **({"model-index": [{"name": _name(facts), "results": results}]} if results else {}),
    }


def _source(tree: Mapping[str, Any]) -> str:
    """What the data is called: the name of its file or folder, or of the set."""
    source = tree["data"]["source"]
    path = source.get("path")
    if isinstance(path, str):
        return path.replace("\\", "/").rstrip("/").rpartition("/")[2] or path
    return str(source.get("name") or source["type"])


def _what(facts: CardFacts) -> str:
    """One sentence."""
    inputs = [field.name for field in facts.fields.fields if field.plan.role == "input"]
    targets = [f"**{text(name)}**" for name in facts.fields.targets]
    architecture = facts.blueprint.experiment.architecture
    kind = architecture.type if architecture is not None else "network"
    members = facts.members
    who = "A network" if members is None else members.told
    what = f"{who} ({text(kind)}, {facts.summary['parameters'] or 0:,} parameters)"
    predicts = f" that predict{'s' if members is None else ''} {', '.join(targets)}" if targets else ""
    named = f" ({', '.join(map(text, inputs))})" if len(inputs) <= 10 else ""
    return f"{what}{predicts} from {number_of(len(inputs), 'field')}{named}, trained by nntrain."


def _results(facts: CardFacts) -> Iterator[str]:
    """The metrics beside those of simpler things, and why it stopped."""
    summary = facts.summary
    ours = _of_all_splits(summary)
    sds = _of_all_splits(summary.get("sd", {"best": {}, "test": {}}))
    title = "this network" if facts.members is None else f"mean ± sd of {facts.members.count} {facts.members.kind}"
    others: dict[str, Mapping[str, float | None]] = dict(summary.get("baselines", {}))
    others[facts.blueprint.baseline_name] = summary["baseline"]
    splits = [split for split in ("test", "validation") if any(name.startswith(f"{split}.") for name in ours)]
    for split in splits or ["train"]:
        names = [name for name in ours if name.startswith(f"{split}.")]
        rows = [
            [name, spread_text(ours[name], sds.get(name)), *(format_number(each.get(name)) for each in others.values())] for name in names
        ]
        yield table(["metric", title, *others], rows)
    if "test" in splits:
        looks = summary.get("test_looks")
        told = f" {looks} runs have looked at these rows so far, this one included." if isinstance(looks, int) and looks > 1 else ""
        yield f"Test rows were used for nothing but these figures.{told}"
    elif splits:
        yield "No test rows were looked at; the validation rows decided which state was kept, so their figures flatter it."
    else:
        yield "No rows were held out: these are figures of the rows that it was trained on."
    stopped = ", ".join(number_of(summary[f"{unit}s"], unit) for unit in ("epoch", "step") if f"{unit}s" in summary)
    after = f" after {stopped}" if stopped else ""
    yield f"Training ended{after} ({format_seconds(summary['seconds'])}): {text(summary['stop_reason'])}.{_kept(summary)}"
    yield bullets(summary.get("found", ()))


def _of_all_splits(found: Mapping[str, Any]) -> dict[str, Any]:
    return {**found["best"], **{f"test.{name}": value for name, value in found["test"].items()}}


def _kept(summary: Mapping[str, Any]) -> str:
    best = summary["best"]
    return (
        ""
        if best.get("epoch") is None
        else f" Kept is the state of epoch {best['epoch']}, step {best['step']:,}, with the best {text(summary['monitor'])}."
    )


def _data(facts: CardFacts, data: Mapping[str, Any]) -> Iterator[str]:
    """What it was trained on."""
    yield bullets(facts.notes)
    yield table(["split", "rows"], [[split, f"{rows:,}"] for split, rows in facts.rows.items()])
    fields = [field for field in facts.fields.fields if field.plan.role in ("input", "target")]
    yield table(["field", "role", "type", "in the training rows", "missing"], [_field(field) for field in fields[:MOST_COLUMNS]])
    if len(fields) > MOST_COLUMNS:
        yield f"and {len(fields) - MOST_COLUMNS:,} fields more."
    fingerprint = data.get("fingerprints", {}).get("source")
    yield "" if fingerprint is None else f"Fingerprint of the data: `{fingerprint}`"


def _field(field: FittedField) -> list[str]:
    ranges = [pair for pair in field.shown.ranges if pair is not None]
    seen = ""
    if ranges:
        seen = f"{format_number(min(low for low, _ in ranges))} to {format_number(max(high for _, high in ranges))}"
    elif field.classes:
        more = f" and {len(field.classes) - MOST_CLASSES:,} more" if len(field.classes) > MOST_CLASSES else ""
        seen = ", ".join(map(str, field.classes[:MOST_CLASSES])) + more
    missing = f"{field.shown.missing:.1%}" if field.plan.role == "input" else ""
    return [field.name, field.plan.role, field.plan.field.type, seen, missing]


def _use(run: Run, facts: CardFacts) -> Iterator[str]:
    """How predictions come of it."""
    if facts.members is not None:
        run = facts.members.first
        yield "Each of them is used by itself, the first one so:"
    name = shlex.quote(run.name)
    if facts.fields.passages is not None or not all(plan.task.predicts for plan in facts.blueprint.targets.values()):
        yield fence(f"nntrain generate {name}", "console")
        yield fence(
            f"from nntrain import load\n\nmodel = load({json.dumps(run.name, ensure_ascii=False)})\nmade = model.generate()", "python"
        )
        return
    yield fence(f"nntrain predict {name} DATA -o predictions.csv", "console")
    yield fence(
        f"from nntrain import load\n\nmodel = load({json.dumps(run.name, ensure_ascii=False)})\npredictions = model.predict(DATA)", "python"
    )
    yield "DATA is a file like that of training, in Python a list of dictionaries or a data frame too; the target need not be there."


def _limits(facts: CardFacts) -> Iterator[str]:
    """What the figures do not say."""
    numbers = any(any(pair is not None for pair in field.shown.ranges) for field in facts.fields.fields)
    classes = any(field.classes for field in facts.fields.fields if field.plan.role == "input")
    seen = [*(["numbers outside of the ranges above"] if numbers else []), *(["classes that are not listed above"] if classes else [])]
    lines = [f"It has not seen {' or '.join(seen)}; `nntrain predict` notes rows that have some."] if seen else []
    for name, plan in facts.blueprint.targets.items():
        lines += plan.task.cautions(text(name))
    is_measured = bool(facts.summary["test"])
    if is_measured and facts.members is not None and facts.members.kind == "folds":
        lines.append("The test figures are those of all rows, each of them predicted by the network that was not trained on it.")
    elif is_measured and "test" in facts.rows:
        rows = number_of(facts.rows["test"], "row")
        lines.append(f"The test figures are those of {rows} of the same data; `nntrain eval --intervals` says how sure they are.")
    since = facts.summary.get("inexact_since")
    if since is not None:
        lines.append(f"Inexact since step {since:,}: it was resumed in a way that does not give the bits of one run without a break.")
    yield "\n".join(f"- {line}" for line in lines)


def _training(facts: CardFacts) -> Iterator[str]:
    """The settings that apply, without those that are off."""
    tree = written_tree(facts.blueprint.experiment, facts.config.document)
    data = {key: tree["data"][key] for key in ("split", "batch_size", "window") if key in tree["data"]}
    chosen = _on({"seed": tree["seed"], "data": data, **{name: tree[name] for name in PROCEDURE}})
    yield fence(dump(chosen), "yaml")


def _on(value: Any) -> Any:
    """A tree without what is off or empty."""
    if not isinstance(value, dict):
        return value
    found = {key: _on(inner) for key, inner in cast("dict[str, Any]", value).items()}
    return {key: inner for key, inner in found.items() if inner is not None and inner != {} and inner != []}


def _environment(environment: Mapping[str, Any]) -> Iterator[str]:
    """Versions and machine."""
    names = {"python": "Python", "platform": "platform", "device": "device", "threads": "threads", "processes": "processes"}
    versions: Mapping[str, Any] = environment.get("versions", {})
    rows = [*versions.items(), *((word, environment[name]) for name, word in names.items() if name in environment)]
    git: Mapping[str, Any] | None = environment.get("git")
    rows += [("git commit", git["commit"])] if git is not None and "commit" in git else []
    yield table(["what", "which"], [[name, str(value)] for name, value in rows])


def _again(run: Run, facts: CardFacts, data: Mapping[str, Any], environment: Mapping[str, Any]) -> Iterator[str]:
    """The command that trains it again, from the same data."""
    processes = environment.get("processes", 1)
    members = "" if facts.members is None else f" --{facts.members.kind} {facts.members.count}"
    several = f" --processes {processes}" if isinstance(processes, int) and processes > 1 else ""
    start = " It started from trained weights, which must be there." if data.get("init") else ""
    yield fence(f"nntrain fit {shlex.quote(f'{run.name}/resolved.yaml')}{members}{several}", "console")
    yield f"With the same data, versions, device and threads every bit is the same.{start}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown; empty without rows."""
    lines = [f"| {' | '.join(map(text, row))} |" for row in rows]
    return "\n".join([f"| {' | '.join(map(text, head))} |", f"|{' --- |' * len(head)}", *lines]) if lines else ""


def bullets(lines: Iterable[str]) -> str:
    """A list of Markdown."""
    return "\n".join("- " + re.sub(r"^(\d*)([-+.)=])", r"\1\\\2", text(line)) for line in lines)
