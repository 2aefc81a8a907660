"""`nntrain compare A B --paired`: how far the metrics of runs differ on the same rows, and how much of that chance in the rows may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from nntrain.commands.judging.compared_settings import fingerprints_of
from nntrain.commands.preparing.measured_rows import split_rows
from nntrain.commands.screens.figures import format_spread
from nntrain.commands.screens.output import tell
from nntrain.commands.stored.members_record import has_members
from nntrain.commands.stored.opening import Stored, is_bag, open_run
from nntrain.data.fingerprint import files_name, source_name
from nntrain.errors import CheckpointError, ConfigError, DataError, UsageError
from nntrain.runs import Run

if TYPE_CHECKING:
    from torch import Tensor

    from nntrain.training.resampling import Paired
    from nntrain.training.session import Weighable

Measured = Literal["validation", "test"]
LEVEL: Final = 0.95
SAME: Final = "runs are paired that were measured on the same rows: the same data files and data.split, split.seed too"
CAPTION: Final = (
    "the intervals tell what chance in the rows may do; other seeds move a network too: nntrain fit --seeds N, and compare --by config"
)


@dataclass(frozen=True, slots=True)
class Pair:
    """The first run beside another."""

    first: str
    other: str
    split: Measured
    rows: int
    metrics: Mapping[str, Paired]
    """First less other, by name without the split; the metric that decides comes first."""
    directions: Mapping[str, str]
    """`min` or `max`, by the same names."""

    @property
    def title(self) -> str:
        """What is compared."""
        return f"{self.first} beside {self.other}, on the same {self.rows:,} {self.split} rows"

    def sentences(self) -> list[str]:
        """A sentence for each metric of which it is known which way is better."""
        return [f"{self.split}.{name}: {sentence(self.first, self.signed(name))}" for name in self.metrics if name in self.directions]

    def signed(self, name: str) -> Paired:
        """A difference turned so that more is better."""
        found = self.metrics[name]
        if self.directions[name] == "max":
            return found
        interval = None if found.interval is None else (0.0 - found.interval[1], 0.0 - found.interval[0])
        difference = None if found.difference is None else 0.0 - found.difference
        return replace(found, difference=difference, interval=interval, higher=found.lower, lower=found.higher)

    def cells(self) -> list[tuple[str, ...]]:
        """The same as rows of a table: metric, how much better, low and high end, shares of the draws in which it is better and worse."""
        found = {name: self.signed(name) for name in self.metrics if name in self.directions}
        return [
            (
                f"{self.split}.{name}",
                _figure(each.difference),
                *map(_figure, each.interval or (None, None)),
                _share(each.higher),
                _share(each.lower),
            )
            for name, each in found.items()
        ]

    def as_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        metrics = {
            name: {"direction": self.directions[name], **_plain(self.signed(name))} for name in self.metrics if name in self.directions
        }
        return {"run": self.first, "beside": self.other, "split": self.split, "rows": self.rows, "level": LEVEL, "metrics": metrics}


@dataclass(frozen=True, slots=True)
class Unpaired:
    """Runs that can't be paired."""

    why: str
    hint: str | None = None

    def as_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {"not_paired": self.why}


def _plain(found: Paired) -> dict[str, float | None]:
    low, high = found.interval or (None, None)
    return {"better_by": found.difference, "low": low, "high": high, "share_better": found.higher, "share_worse": found.lower}


def sentence(name: str, found: Paired) -> str:
    """How much better or worse a run is than the one that it stands beside; more is better."""
    if found.difference is None or found.interval is None:
        return "is not defined on these rows, or on too many of the draws"
    low, high = found.interval
    if found.difference == 0:
        shares = f"better in {_share(found.higher)}, worse in {_share(found.lower)} of resamples"
        return f"no difference ({_span(low, high)}); {shares}"
    if found.difference > 0:
        return f"{name} is {format_spread(found.difference, 3)} better ({_span(low, high)}); in {_share(found.higher)} of resamples"
    return f"{name} is {format_spread(-found.difference, 3)} worse ({_span(0.0 - high, 0.0 - low)}); in {_share(found.lower)} of resamples"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{'+' if value >= 0 else ''}{format_spread(value, 3)}"


def _span(low: float, high: float) -> str:
    return f"{100 * LEVEL:.0f} % interval {format_spread(low, 3)} to {format_spread(high, 3)}"


def _share(share: float) -> str:
    """A percentage that is 0 or 100 only where it is."""
    percent = min(max(round(100 * share), 1), 99) if 0 < share < 1 else round(100 * share)
    return f"{percent} %"


@dataclass(frozen=True, slots=True)
class _Judged:
    stored: Stored
    answers: Weighable
    rows: Tensor
    """Numbers in the file, int64 `[N]`."""
    notes: tuple[str, ...]
    truth: Mapping[str, Tensor]
    """What is true, by target; empty for protocols that have no single answer."""


def pairs_of(
    runs: Sequence[Run], labels: Sequence[str], directions: Mapping[str, str], monitor: str, split: Measured
) -> list[Pair | Unpaired]:
    """The first run beside each of the others, by what their best states answer for the rows of a split, as they predict.

    Args:
        runs: Two or more.
        labels: What they are called.
        directions: Which way metrics are better, by name without the split.
        monitor: The metric that comes first, by full name.
        split: Looking at `test` is counted, as `nntrain eval` does.

    Returns:
        What is to be told of each of the others, or of the first where that gives no answers.
    """
    told: set[str] = set()
    found: list[Pair | Unpaired] = []
    first: _Judged | None = None
    for run, label in zip(runs[1:], labels[1:], strict=True):
        try:
            _check_files(runs[0], run, split)
            first = _judged(runs[0], split) if first is None else first
            other = _judged(run, split)
            found.append(_pair(first, other, (labels[0], label), directions, monitor, split))
        except UsageError as error:
            found.append(Unpaired(error.message, error.hint))
            continue
        except (DataError, CheckpointError, ConfigError) as error:
            tell(str(error))  # it may name a folder, which is nothing for a page
            message = f"{runs[0].name} and {run.name} can't be paired: the data of one of them are gone, or it can't be opened"
            found.append(Unpaired(message, "data that have changed since tell nothing of the runs"))
            continue
        for note in dict.fromkeys(note for note in (*first.notes, *other.notes) if note not in told):
            tell(note)
            told.add(note)
    return found


def _check_files(first: Run, other: Run, split: Measured) -> None:
    """Raises `UsageError` where the files are others, before anything is read."""
    ours, theirs = fingerprints_of(first), fingerprints_of(other)
    own = source_name(split) if source_name(split) in {*ours, *theirs} else source_name("train")
    names = [own, files_name(split), files_name("train"), *(["test"] if split == "test" else [])]
    differing = [
        name for name in names if ours.get(name) != theirs.get(name) and (name in (own, "test") or (name in ours and name in theirs))
    ]
    if differing:
        told = "their test rows differ" if differing == ["test"] else f"the data files differ ({', '.join(differing)})"
        raise UsageError(f"{first.name} and {other.name} can't be paired: {told}", SAME)


def _judged(run: Run, split: Measured) -> _Judged:
    from nntrain.training.resampling import Judged

    if has_members(run) and not is_bag(run):
        raise UsageError(
            f"{run.name} has members, each a network of its own, and answers nothing as one", f"name one: {run.name}/members/01"
        )
    stored = open_run(run)
    rows = split_rows(stored, split)
    answers = stored.protocol.judge(stored.subject, rows.data.to(stored.device), rows.part)
    truth: Mapping[str, Tensor] = answers.targets if isinstance(answers, Judged) and not answers.pixels else {}
    return _Judged(stored, answers, rows.data.scored.cpu(), (*stored.notes, *rows.notes), truth)


def _pair(first: _Judged, other: _Judged, labels: tuple[str, str], directions: Mapping[str, str], monitor: str, split: Measured) -> Pair:
    from nntrain.training.resampling import paired

    why = _why_not(first, other, split)
    if why is not None:
        raise UsageError(f"{first.stored.run.name} and {other.stored.run.name} can't be paired: {why}", SAME)
    found = paired(first.answers, other.answers, LEVEL, first.stored.blueprint.experiment.seed)
    names = sorted(found, key=lambda name: f"{split}.{name}" != f"{split}.{monitor.partition('.')[2]}")
    return Pair(*labels, split, len(first.rows), {name: found[name] for name in names}, directions)


def _why_not(first: _Judged, other: _Judged, split: Measured) -> str | None:
    """Why two runs were not measured on the same rows; `None` where they were."""
    import torch

    if not torch.equal(first.rows, other.rows):
        return f"their {split} rows differ ({len(first.rows):,} and {len(other.rows):,} rows)"
    if not torch.equal(first.answers.weights, other.answers.weights):
        return f"their {split} rows count differently"
    ours, theirs = ({name: tuple(target.shape) for name, target in each.truth.items()} for each in (first, other))
    if ours != theirs:
        return f"they predict different things ({', '.join(ours) or 'nothing single'}; {', '.join(theirs) or 'nothing single'})"
    unlike = [name for name in first.truth if not _is_same(first.truth[name].double(), other.truth[name].double())]
    return f"what is true differs ({', '.join(unlike)})" if unlike else None


def _is_same(ours: Tensor, theirs: Tensor) -> bool:
    """Whether two targets are the same but for the rounding of scales that were fitted on other rows."""
    import torch

    largest = float(ours.abs().nan_to_num(0.0).max()) if ours.numel() else 0.0
    return torch.allclose(ours, theirs, rtol=0, atol=1e-5 * largest, equal_nan=True)
