"""What `nntrain init --preset` writes for a table: a network by rows and columns, and what it costs. Everything stands in the config.

The rules were compared on validation rows; where test rows made us look again, configs/README.md says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from nntrain.commands.screens.figures import format_seconds
from nntrain.layers.inputs import default_dim
from nntrain.specs import NUMBER_BLOCK, VECTOR, blocks

if TYPE_CHECKING:
    from nntrain.commands.preparing.jobs import Job

Preset = Literal["fast", "good", "best"]
PRESETS: Final[tuple[Preset, ...]] = get_args(Preset)

FEW: Final = 2_000
"""Rows below which a single split says little, so that several networks are trained on parts of the rows."""
MANY: Final = 100_000
"""Rows from which steps are larger."""
WIDE: Final = 200
"""Columns of numbers above which each is encoded by less."""
SIGMA: Final = 1.0
"""Standard deviation of the frequencies that numbers are encoded by where classes are told apart: the log loss on validation rows of adult
was 0.285, with 0.1 it was 0.294, with bins 0.301. Numbers are as well told by bins (RMSE on california_housing 44,791 and 44,867), and
few rows are better seen in bins, by rows that their networks have not seen: the log loss of breast_cancer was 0.072, with waves of 0.3 it
was 0.089, that of titanic 0.419 and 0.420, the RMSE of diabetes 53.2 and 54.9."""
RATE: Final = 2e-3
"""Learning rate, of few rows too: by rows that their networks have not seen it is better than 1e-3 on each of five small tables (log loss
of titanic 0.416 and 0.419, of breast_cancer 0.071 and 0.072), and on titanic 20 epochs in place of 60 are too few (0.446)."""
STEP_S: Final = 4e-4
"""Seconds of a step beside its products."""
ROW_S: Final = 6e-6
"""Seconds of a row of a step beside its products: it is gathered, encoded, put through activations. Measured on tables of 16,000 and 96,000
rows and ten columns, where a step of 256 rows of `fast` takes 2.5 to 3.4 ms."""
NETWORK_S: Final = 2.0
"""Seconds to read the rows, build a network and measure it in the end."""
CLASS_VISITS: Final = 750_000
"""Rows that training looks at, epoch after epoch, where classes are told apart: 15 to 60 epochs."""
NUMBER_VISITS: Final = 1_700_000
"""The same where numbers are told: 15 to 100 epochs."""
MOST_ONE_HOT: Final = 100
"""Values of a category above which it is embedded."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """The parts of a config that a preset decides, and why."""

    preset: Preset
    batch_size: int
    architecture: dict[str, Any]
    optimizer: dict[str, Any]
    regularization: dict[str, Any]
    max_epochs: int
    patience: int
    monitor: str | None = None
    """What decides which state is the best; `None`: the first metric."""
    scheduler: dict[str, Any] | None = None
    bag: int | None = None
    baselines: tuple[str, ...] = ()
    reasons: tuple[str, ...] = field(default_factory=tuple[str, ...])
    """What was decided by rows and columns, a phrase each."""
    work: float = 0.0
    """Multiplications of a training row in an epoch, of all members together."""

    def epochs_seconds(self, rows: int, rate: float) -> tuple[float, float]:
        """About how many CPU seconds a run takes that stops early, and one that does not, at a rate of multiplications a second."""
        networks = self.bag or 1
        visits = networks * self.max_epochs * rows
        whole = 3 * self.work * rows * self.max_epochs / rate + STEP_S * visits / self.batch_size + ROW_S * visits
        return NETWORK_S * networks + whole / 3, NETWORK_S * networks + whole


def is_plain_table(job: Job) -> bool:
    """Whether rows are single values and rows of numbers, and there is one target that is a class or a number."""
    layout = job.blueprint.layout
    plans = list(job.blueprint.targets.values())
    inputs = [plan for plan in layout.fields if plan.role == "input"]
    are_plain = all(plan.spec.rank == 0 or plan.spec.axes == VECTOR for plan in inputs) and job.prepared.fields.window is None
    return are_plain and len(plans) == 1 and plans[0].task.type in ("classification", "regression") and plans[0].target.spec.rank == 0


def recipe_of(preset: Preset, job: Job) -> Recipe:
    """What a preset makes of a table that is plain."""
    table = _Table.of(job)
    return _fast(table) if preset == "fast" else _tabm(preset, table)


@dataclass(frozen=True, slots=True)
class _Table:
    """What the rules look at."""

    rows: int
    numbers: int
    """Columns of numbers."""
    values: Mapping[str, int]
    """Of each category."""
    is_class: bool
    """Whether classes are told apart."""

    @classmethod
    def of(cls, job: Job) -> _Table:
        inputs = job.prepared.fields.inputs
        values = {name: spec.classes - 1 for name, spec in inputs.items() if spec.kind == "index" and isinstance(spec.classes, int)}
        [plan] = job.blueprint.targets.values()
        return cls(job.prepared.train.shown, len(blocks(inputs).get(NUMBER_BLOCK, ())), values, plan.task.type == "classification")

    @property
    def dim(self) -> int:
        """Numbers that each number is encoded by."""
        return 16 if self.numbers <= WIDE else 4

    @property
    def is_small(self) -> bool:
        return self.rows < FEW

    @property
    def batch_size(self) -> int:
        return 32 if self.rows < 1_000 else 64 if self.rows < 4_000 else 256 if self.rows < MANY else 1024

    @property
    def embedded(self) -> dict[str, int]:
        """Categories of so many values that they are embedded, and the lengths of their vectors."""
        return {name: default_dim(count + 1) for name, count in self.values.items() if count > MOST_ONE_HOT}

    def inputs(self, of_numbers: Mapping[str, Any] | None) -> dict[str, Any]:
        """How fields are encoded, as far as the family's own way is another."""
        own = {name: {"embedding": dim} for name, dim in self.embedded.items()}
        return {**own, **({"*": dict(of_numbers)} if of_numbers is not None and self.numbers else {})}

    def features(self, dim: int) -> int:
        """Numbers that a row becomes where each number is encoded by `dim`."""
        one_hot = sum(count for name, count in self.values.items() if name not in self.embedded)
        return self.numbers * dim + one_hot + sum(self.embedded.values())

    def reasons(self) -> list[str]:
        told = [f"{self.rows:,} training rows", f"{self.numbers + len(self.values):,} columns"]
        if self.embedded:
            told.append(f"{len(self.embedded)} of more than {MOST_ONE_HOT} values, embedded")
        return told


def _fast(table: _Table) -> Recipe:
    """A small perceptron over numbers in bins."""
    hidden, dim = [128, 128], min(table.dim, 8)
    bins = 48 if not table.is_small else max(4, min(48, table.rows // 20))
    epochs = 100 if table.is_small else 40 if table.rows < 20_000 else 15
    return Recipe(
        preset="fast",
        batch_size=table.batch_size,
        architecture={"type": "mlp", "hidden": hidden, "inputs": table.inputs({"type": "ple", "bins": bins, "dim": dim})},
        optimizer={"type": "adamw", "lr": RATE},
        scheduler={"type": "cosine", "warmup_fraction": 0.05},
        regularization={"dropout": 0.1, "weight_decay": 0.01},
        max_epochs=epochs,
        patience=max(5, epochs // 5),
        reasons=tuple(table.reasons()),
        work=_products(table.features(dim), hidden),
    )


def _tabm(preset: Preset, table: _Table) -> Recipe:
    """TabM, or several of them on parts of the rows: numbers in bins, for classes of many rows as waves."""
    hidden, members = ([128, 128], 16) if table.is_small else ([256, 256], 16)
    bins = None if table.dim == 16 else {"type": "ple", "dim": table.dim}  # None is the way of the family itself: bins of 16
    has_waves = table.is_class and not table.is_small
    inputs = table.inputs({"type": "periodic", "dim": table.dim, "sigma": SIGMA} if has_waves else bins)
    falls = table.is_class or table.is_small
    most, visits = (60, CLASS_VISITS) if falls else (100, NUMBER_VISITS)
    epochs = max(15, min(most, round(visits / table.rows)))
    bag = (5 if preset == "good" else 10) if table.is_small else 5 if preset == "best" else None
    reasons = table.reasons()
    if bag is not None:
        reasons.append(f"{bag} networks, each on {bag - 1} of {bag} parts of the rows" + (", as rows are few" if table.is_small else ""))
    return Recipe(
        preset=preset,
        batch_size=table.batch_size,
        architecture={"type": "tabm", "hidden": hidden, "k": members, **({"inputs": inputs} if inputs else {})},
        optimizer={"type": "adamw", "lr": RATE},
        scheduler={"type": "cosine"} if falls else None,
        regularization={"dropout": 0.1, "weight_decay": 3e-4},
        max_epochs=epochs,
        patience=max(10, epochs // 3) if falls else 16,
        monitor="validation.loss" if table.is_small and table.is_class else None,  # of few rows all are soon right, long before it is sure
        bag=bag,
        baselines=("linear", "boosted_trees") if find_spec("sklearn") is not None else (),
        reasons=tuple(reasons),
        work=(bag or 1) * members * _products(table.features(table.dim), hidden),
    )


def _products(features: int, hidden: list[int]) -> float:
    """Multiplications of a row in the linear layers of a network."""
    return float(sum(one * other for one, other in zip([features, *hidden], [*hidden, 1], strict=True)))


def told_cost(recipe: Recipe, rows: int) -> str:
    """What a run costs about, in words, on one core of this machine: products of the sizes of the network are timed."""
    low, high = recipe.epochs_seconds(rows, _rate(recipe))
    told = dict.fromkeys((format_seconds(low), format_seconds(high)))
    return f"about {' to '.join(told)} on one core here"


def _rate(recipe: Recipe) -> float:
    """Multiplications a second of a matrix product of the network's size on this machine, in one thread; half of them, for the rest.

    Seconds are those in which the thread has a core: others on this machine make a run longer, and say nothing of what it costs.
    """
    import time

    import torch

    width = recipe.architecture["hidden"][0]
    members = recipe.architecture.get("k", 1)
    one, other = torch.ones(recipe.batch_size * members, width), torch.ones(width, width)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        best = math.inf
        for _ in range(5):
            started = time.thread_time()
            torch.mm(one, other)
            best = min(best, time.thread_time() - started)
    finally:
        torch.set_num_threads(threads)
    return one.numel() * width / max(best, 1e-9) / 2
