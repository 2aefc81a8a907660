"""The `training` section: when to stop, evaluate and save, and on what machine. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from nntrain.errors import YamlPath, render_path
from nntrain.schema import Component, Slot, StrictModel

PrecisionName = Literal["auto", "tf32", "float32", "bfloat16", "float16"]
MatmulName = Literal["auto", "blas", "onednn"]

DEFAULT_MAX_EPOCHS = 100
DEFAULT_MAX_STEPS = 20_000
DEFAULT_PATIENCE = 10
MAX_THREADS = 1024
"""More than any machine has; so many that they can't be started would end the process without a word."""

DECIDED = ("precision", "compile", "channels_last", "matmul")
"""Settings whose `auto` is settled when a run starts, by the machine that starts it, and stays so."""

LIMITS = ("max_epochs", "max_steps", "max_minutes")
"""Settings that end a run however it goes; each is the stop reason too."""

STOPPING = {*LIMITS, "early_stopping", "converge", "stop_at"}
"""Settings that say when a run ends."""


class EarlyStoppingSettings(StrictModel):
    """Stop when a metric has not improved for some evaluations; the best state is kept."""

    monitor: str | None = None
    """Metric to watch, such as `validation.accuracy`; default: the first metric of the task, on the validation rows."""
    patience: PositiveInt = DEFAULT_PATIENCE
    """Evaluations without an improvement after which training stops."""
    min_delta: NonNegativeFloat = 0.0
    """Smallest change that counts as an improvement, in the unit of the metric."""
    warmup_epochs: NonNegativeInt = 0
    """Epochs at the start that can't stop the run."""
    ties: Literal["first", "last"] = "first"
    """Which of equal values is the best state: `last` is that of RealMLP (Holzmüller, Grinsztajn, Steinwart, 2024), which has trained
    longer. An equal value is no improvement either way: the patience counts it. For the best state of a run that never stops early, give
    a patience of `max_epochs`."""


class ConvergeSettings(StrictModel):
    """Stop when a metric no longer moves: the classic 'until convergence'."""

    monitor: str = "train.loss"
    """Metric to watch."""
    tolerance: PositiveFloat = 1e-6
    """Largest change over `patience` evaluations that counts as standing still, in the unit of the metric."""
    patience: PositiveInt = 5
    """Evaluations over which the change is measured."""


class Interval(StrictModel):
    """A period in epochs or in steps."""

    epochs: PositiveInt | None = None
    """Every this many epochs."""
    steps: PositiveInt | None = None
    """Every this many steps (optimizer updates)."""

    @model_validator(mode="before")
    @classmethod
    def _needs_a_unit(cls, value: object) -> object:
        if isinstance(value, int | float) and not isinstance(value, bool):
            raise PydanticCustomError("interval_without_unit", "needs a unit: {epochs: {value}} or {steps: {value}}", {"value": int(value)})
        return value

    @model_validator(mode="after")
    def _is_one(self) -> Interval:
        if (self.epochs is None) == (self.steps is None):
            raise PydanticCustomError("interval_of_two_units", "takes either epochs or steps")
        return self


class CheckpointSettings(StrictModel):
    """When the whole state is written to disk. A new best state is always written, at the latest with the next save."""

    every_steps: PositiveInt | None = None
    """Save every this many steps."""
    every_epochs: PositiveInt | None = 1
    """Save every this many epochs, as far as `time_fraction` allows."""
    every_minutes: PositiveFloat | None = 10.0
    """Save when this many minutes have passed since the last save."""
    time_fraction: Annotated[float, Field(gt=0, le=1)] | None = 0.01
    """Share of the run's time that saving every epoch and every new best state may take; what comes sooner is put off.

    Until then a new best state is held in memory, and a run that is killed has the steps since the last save to do again: with
    0.01 at most a hundred times what a save takes. `every_steps`, `every_minutes`, signals and the end save at once; `null`: all do.
    """
    keep: PositiveInt = 2
    """How many checkpoints to keep beside the best one."""


class Unfreeze(StrictModel):
    """Train from some epoch on what is frozen until then."""

    epoch: Annotated[int, Field(ge=2)]
    """The first epoch in which it is trained, counted from 1."""
    match: str | Annotated[tuple[str, ...], Field(min_length=1)]
    """Patterns of parameter names, one or a list, such as `stage4.*`; a name stands for everything below it."""


class BagSettings(StrictModel):
    """Several networks that are trained on parts of the rows, and predict as one: bagging (Breiman, 1996)."""

    main: ClassVar[str | None] = "folds"

    folds: Annotated[int, Field(ge=2)] | None = None
    """Parts into which the rows beside the test rows are cut: each member validates on another one and trains on the rest. Default: all
    members have the same rows."""
    seeds: PositiveInt = 1
    """Members for each part, with other weights to begin with, another order of rows and other dropout."""

    @model_validator(mode="before")
    @classmethod
    def _from_number(cls, value: object) -> object:
        return {"folds": value} if isinstance(value, int) and not isinstance(value, bool) else value

    @model_validator(mode="after")
    def _has_several(self) -> BagSettings:
        if self.count < 2:
            raise PydanticCustomError("bag_of_one", "has one member: give folds, or seeds of 2 or more")
        return self

    @property
    def count(self) -> int:
        """Members."""
        return (self.folds or 1) * self.seeds


class TrainingSettings(StrictModel):
    """How long to train, when to evaluate and save, and on what machine."""

    max_epochs: PositiveInt | None = None
    """Stop after this many passes over the training rows; 100 if no limit is given."""
    max_steps: PositiveInt | None = None
    """Stop after this many steps (optimizer updates)."""
    max_minutes: PositiveFloat | None = None
    """Stop after this many minutes of training, resumed parts added up."""
    early_stopping: EarlyStoppingSettings | None = None
    """Stop when the validation metric gets no better."""
    converge: ConvergeSettings | None = None
    """Stop when a metric stands still."""
    stop_at: dict[str, float] | None = None
    """Stop when a metric reaches a value: `{validation.accuracy: 0.99}`; the reason is then `reached`."""
    evaluate_every: Interval = Interval(epochs=1)
    """When the metrics are measured."""
    checkpoint: CheckpointSettings = CheckpointSettings()
    """When the state is saved."""
    accumulate: PositiveInt = 1
    """Micro-batches of `data.batch_size` rows that make one step; equal to one batch of all their rows."""
    device: Annotated[str, Field(pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")] = "auto"
    """`auto` (cuda where there is one, else cpu), `cpu`, `cuda`, `cuda:1` or `mps`."""
    precision: PrecisionName = "auto"
    """Number format of the forward and backward pass. `bfloat16` and `float16` multiply in 16 bits, weights stay float32; `tf32` (CUDA)
    rounds the factors of matrix products to 10 bits. `auto` is float32 on a CPU and tf32 on a GPU that has it; `fit --tune` measures
    whether bfloat16 is faster here."""
    compile: Literal["auto"] | bool = "auto"
    """Whether training steps run the network as torch.compile makes it, which takes a minute or more before the first step. `auto` is no:
    on a CPU little is gained; `fit --tune` measures it where a run is long enough to repay it."""
    channels_last: Literal["auto"] | bool = "auto"
    """Whether images lie in memory pixel by pixel, not channel by channel: faster for many 2-d convolutions. `auto` goes by their channels
    and the number format."""
    matmul: MatmulName = "auto"
    """What computes large products of linear layers in float32 on a CPU: the BLAS that torch was built with, or oneDNN. `auto` is `onednn`
    on AMD processors with AVX-512, where that BLAS (MKL) leaves half of their speed unused, else `blas`."""
    data_on_device: Literal["auto"] | bool = "auto"
    """Whether all training and validation rows lie in the memory of a CUDA device. Else they stay on the host, and are moved some batches
    at a time while the device computes. `auto` is yes where they take at most a quarter of the memory that is free there."""
    on_oom: Literal["stop", "halve"] = "stop"
    """What happens when memory runs out in a step or an evaluation: `stop` tells what would fit; `halve` computes half as many rows at
    once from there on and adds up twice as many micro-batches: the same steps, up to rounding, dropout and what batch norms see."""
    shard: bool = False
    """Whether several processes share out parameters, gradients and the optimizer's state (torch's FSDP2), for networks that don't fit
    into one; each has a copy otherwise. With sgd, adam and adamw. Needs `--processes`, or torchrun."""
    threads: Annotated[int, Field(gt=0, le=MAX_THREADS)] | None = None
    """CPU threads; default: torch's own choice."""
    deterministic: bool = False
    """Only use algorithms that give the same bits each time, where a device has several."""
    bag: BagSettings | None = None
    """Train several networks, whose predictions are averaged: a number of folds, or settings. Default: one network."""
    soup: Annotated[int, Field(ge=2)] | None = None
    """Average weights in the end: of so many of the best states, by the metric that decides which is the best. It begins with the best; of
    the others, the best first, each is averaged with those that were taken where validation rows say that this is at least as good: a
    greedy soup (Wortsman et al., 2022). Default: the best state alone."""
    unfreeze: Unfreeze | Annotated[tuple[Unfreeze, ...], Field(min_length=1)] | None = None
    """Frozen parameters that are trained from an epoch on, and batch norms that follow then: `{epoch: 3, match: stage4}`, or several in
    a list. Default: what is frozen stays so."""
    protocol: Annotated[Component, Slot("protocol", ("nntrain.protocols.settings:PROTOCOLS",))] | None = None
    """In which order batches come and what one step is; default: supervised."""

    def unfreezing(self) -> Iterator[tuple[YamlPath, int, str]]:
        """Each pattern of `unfreeze`: its place, its epoch, itself."""
        rules = self.unfreeze if isinstance(self.unfreeze, tuple) else () if self.unfreeze is None else (self.unfreeze,)
        for index, rule in enumerate(rules):
            path: YamlPath = ("training", "unfreeze", *((index,) if isinstance(self.unfreeze, tuple) else ()), "match")
            if isinstance(rule.match, str):
                yield path, rule.epoch, rule.match
            else:
                yield from (((*path, place), rule.epoch, pattern) for place, pattern in enumerate(rule.match))

    def late_thaws(self) -> Iterator[str]:
        """What is never unfrozen, as the run is over by then: a warning each."""
        for path, epoch, pattern in self.unfreezing():
            if self.max_epochs is not None and epoch > self.max_epochs:
                yield f"{render_path(path)}: {pattern} is never unfrozen: that is in epoch {epoch}, and max_epochs is {self.max_epochs}"

    def with_defaults(self, *, has_validation: bool) -> TrainingSettings:
        """Add what ends a run where the config says nothing about it, and a limit where it gives none.

        Without any of `max_epochs`, `max_steps`, `max_minutes`, `early_stopping`, `converge`, `stop_at`: 100 epochs, 20,000 steps,
        and early stopping where there are validation rows. With one of them only what it says, and 100 epochs if that is no limit.
        """
        if not self.model_fields_set & STOPPING:
            stopping = EarlyStoppingSettings() if has_validation else None
            limits = {"max_epochs": DEFAULT_MAX_EPOCHS, "max_steps": DEFAULT_MAX_STEPS, "early_stopping": stopping}
            return self.model_copy(update=limits)
        if self.max_epochs is None and self.max_steps is None and self.max_minutes is None:
            return self.model_copy(update={"max_epochs": DEFAULT_MAX_EPOCHS})
        return self
