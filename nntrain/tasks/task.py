"""What a task is: what the network must output for a target, how that is scored, read and judged.

A task reads no files and knows no model. One target has one task; a network with several targets has several.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Protocol, cast

from nntrain.data.fields.field import Decoded
from nntrain.errors import Problem, YamlPath
from nntrain.losses.links import Interval, Link
from nntrain.losses.loss import TargetKind
from nntrain.schema import Component
from nntrain.specs import VECTOR, Size, Spec
from nntrain.tasks.judging import Reading, Tuning

if TYPE_CHECKING:
    import torch
    from torch import Generator, Tensor

    from nntrain.data.exhibits import Words
    from nntrain.data.fields.field import Array
    from nntrain.tasks.drawings import Answers, Drawing
    from nntrain.tasks.sampling import Sampling


UnitAxis = Literal["time", "node", "pair", "pixel"]
"""What each row of a target with several values has one for."""


@dataclass(frozen=True, slots=True)
class Target:
    """A target as its task sees it, before or after the data is fitted."""

    name: str
    field_type: str
    """`category`, `boolean`, `multi_label`, `ordinal`, `number`, `vector`, `image`, `mask`."""
    spec: Spec
    classes: tuple[str, ...] = ()
    """Names of classes or labels in the order of the outputs; empty where there are none or they are not known yet."""
    separator: str = "|"
    """What stands between two labels in a cell."""
    to_text: Callable[[Sequence[int]], str] | None = field(default=None, repr=False, compare=False)
    """The text of some tokens, once the data is fitted; `None` for what is no text."""


@dataclass(frozen=True, slots=True)
class NodeUse:
    """What a task has of a node that it asks for by name, which is an output as it is, without a layer of the task."""

    gives: Spec
    """What must come out."""
    reads: tuple[str, ...]
    """What it must be made of, and of nothing else: fields, and what the task has drawn."""
    is_answer: bool = False
    """Whether its output is that of the target; the output of another node is `<target>.<node>`. One of the nodes is."""
    is_scored: bool = False
    """Whether losses read it."""

    def output(self, target: str, node: str) -> str:
        """What the output of a node of this use is called."""
        return target if self.is_answer else f"{target}.{node}"


class Lesson(NamedTuple):
    """What a network is told of a target while it is trained, and what it is to answer."""

    told: Tensor
    """What it reads under its teacher port, int64 `[B, T]`."""
    lengths: Tensor
    """Steps of each row of it, int64 `[B]`."""
    target: Tensor
    """What it is scored by, `[B, T]`."""


class Asked(Protocol):
    """A network that has read its fields, and is asked again and again what follows."""

    @property
    def rows(self) -> int:
        """Number of rows, B."""
        ...

    @property
    def device(self) -> torch.device:
        """Where they are."""
        ...

    def __call__(self, rows: Tensor, told: Tensor, parents: Tensor | None) -> Tensor:
        """What it says at the last step.

        Args:
            rows: Rows of the batch, int64 `[N]`.
            told: What they are told so far, `[N, T]`.
            parents: Which of what was asked in the call before each of them makes longer by a step, int64 `[N]`; `None` where all begin.

        Returns:
            `[N, …]`.
        """
        ...


class Task(Component):
    """One target's task."""

    kinds: ClassVar[frozenset[str]] = frozenset({"task"})
    field_types: ClassVar[frozenset[str]]
    """Field types that a target of this task may have."""
    wanted: ClassVar[str | None] = None
    """What the config must say for there to be such a target, where that is not the type of a column."""
    supervised: ClassVar[bool] = True
    """Whether the rows say what the network should output; else a protocol of its own finds that out."""
    protocol: ClassVar[str | None] = None
    """The protocol that alone trains it, where the rows don't say what the network should output."""
    why_not_by_rows: ClassVar[str] = "has no right answers in rows: it is learned by acting, and supervised does not act"
    """The same in words."""
    reported: ClassVar[str] = "what the actions bring"
    """What is measured of it in place of metrics."""
    predicts: ClassVar[bool] = True
    """Whether each row has an answer, which losses score by the target; else the protocol asks network and losses in its own way."""
    is_own_answer: ClassVar[bool] = False
    """Whether its only field is input and target, where the config says nothing of its role."""
    forecasts: ClassVar[bool] = False
    """Whether its targets are the rows that follow a window, which `data.window` cuts."""

    readers: ClassVar[str] = ""
    """Networks that read its port, for messages, with a comma and a blank behind each."""

    takes_strangers: ClassVar[bool] = False
    """Whether rows of classes that training never showed can be answered."""

    looks_back: ClassVar[bool] = False
    """Whether the network must make no step of later ones, as they hold the answer."""

    generates: ClassVar[bool] = False
    """Whether what is predicted of a step can be drawn and read as the next step, so that a sequence goes on."""

    unaveraged: ClassVar[str | None] = None
    """Why predictions for several views of a row have no mean; `None` where they have one."""

    references: ClassVar[tuple[str, ...]] = ()
    """Rivals that learn nothing, or only count, which stand beside the network where they fit the rows: names of `training.references`,
    or `"module:function"` of a plug-in's."""

    undrawn: ClassVar[frozenset[str]] = frozenset()
    """Options of `Sampling` that don't change how a step is drawn."""

    def kind(self, target: Target) -> TargetKind:
        """How the target reads."""
        raise NotImplementedError

    def unit_axis(self, target: Target) -> UnitAxis | None:
        """What of a row is scored and judged by itself, as a row is: its steps, nodes or pairs; `None` where a row is one whole.

        Pixels are judged by themselves, and scored as maps: laid side by side they would have to be copied at every step.
        """
        return None

    @property
    def drawn(self) -> Mapping[str, Spec]:
        """Numbers that nodes may read beside the fields, by name: the protocol draws them for each row."""
        return {}

    def needs(self, target: Target, link: Link) -> Spec:
        """What the network must output, where a loss reads it through `link`."""
        raise NotImplementedError

    def nodes(self, target: Target) -> Mapping[str, NodeUse]:
        """Nodes that must be there, and what each is for: they are the outputs, without a layer of the task.

        Empty where the architecture says which node a target hangs on.
        """
        return {}

    def steps_for(self, tokens: int, repeats: int) -> int | None:
        """Steps that a row of the output must have at least, for a target of so many tokens, of which some repeat the one before.

        `None` where any number will do.
        """
        return None

    @property
    def own_target(self) -> str | None:
        """Name of the target that a config gets which names none: each row is a class of its own; `None` for a task that needs one."""
        return None

    @property
    def times_shown(self) -> int:
        """How often a batch has each of its rows, changed at random each time."""
        return 1

    def joined(self, target: Target) -> tuple[str, ...]:
        """Nodes whose rows of numbers, side by side, are the output; empty for a single one, wherever the target hangs."""
        return ()

    def point(self, target: Target) -> str | None:
        """The named point that predictions are read from, where that is not the output."""
        return None

    def scored_kind(self, target: Target) -> TargetKind:
        """How what losses score reads, where that is not the target itself."""
        return self.kind(target)

    def port(self, target: Target) -> Spec | None:
        """What the network may read under `teacher.<target>`; `None` for a task that tells it nothing."""
        return None

    def most_told(self) -> int | None:
        """Steps under `teacher.<target>` that it reads at most when it writes by itself; `None` where nothing limits them."""
        return None

    def hint(self, target: Target) -> Spec | None:
        """What of the target itself the network may read under `teacher.<target>` where targets are known, beside its output.

        It is scored and read as ever. `None` for a task that lets it read nothing.
        """
        return None

    def teach(self, target: Tensor) -> Lesson:
        """What a network with a port is told of targets `[B, …]`, and scored by."""
        raise NotImplementedError

    def search(self, asked: Asked, target: Target) -> Tensor:
        """Predict by asking a network with a port, in place of `predict`: int64 `[B, L]` with -1 behind the end."""
        raise NotImplementedError

    def losses(self, target: Target) -> tuple[str, ...]:
        """Tags of the losses that fit; the first is the default."""
        raise NotImplementedError

    def loss_options(self, target: Target) -> Mapping[str, Any]:
        """Options of the default loss."""
        return {}

    def metrics(self, target: Target) -> tuple[str, ...]:
        """Tags of the metrics that are reported by default; the first decides which state is the best."""
        raise NotImplementedError

    def metric_options(self, target: Target) -> Mapping[str, Mapping[str, Any]]:
        """Options of metrics that are reported by default, by tag."""
        return {}

    def predict(self, output: Tensor, target: Target, link: Link, lengths: Tensor | None = None) -> Tensor:
        """Read the network's output.

        Args:
            output: What the network gives, `[B, …]` as `needs` says; units one after another, `[S, …]`, of a target that has them.
            target: The target.
            link: How the loss reads the output.
            lengths: Steps of each row of the output, int64 `[B]`, where rows differ and are no units.

        Returns:
            Probabilities `[B, K]` of classes or labels, `[B]` of the second of two; values in the unit of training; of a sequence the
            indices of its tokens, int64 `[B, L]` with -1 behind the end.
        """
        raise NotImplementedError

    def of_mean(self, mean: Tensor, link: Link) -> Tensor:
        """What is predicted where the predictions for several views of the same rows have a mean, `[B, …]` as `predict` gives it."""
        return mean

    def draw(self, output: Tensor, seen: Tensor, sampling: Sampling, generator: Generator) -> Tensor:
        """Draw the next step of a sequence, for a task that generates.

        Args:
            output: What the network gives at the last step, `[B, …]`.
            seen: The steps before as they were read, `[B, T, …]`.
            sampling: How to draw.
            generator: Where the random numbers come from, on the CPU.

        Returns:
            The step as the network reads it, `[B, …]`.
        """
        raise NotImplementedError

    def interval(self, output: Tensor, target: Target, link: Link) -> Interval | None:
        """Where the values probably lie, in the unit of training; `None` where the loss doesn't tell. Arguments as of `predict`."""
        return None

    def decode(self, prediction: Tensor, target: Target, threshold: float | None = None) -> Decoded:
        """Put predictions into words.

        Args:
            prediction: What `predict` gives, values in raw units.
            target: The target, with the names of its classes.
            threshold: Probability above which the second of two classes, or a label, is taken; `None`: the likelier, 0.5.
        """
        raise NotImplementedError

    @property
    def fields_named(self) -> Mapping[YamlPath, tuple[str, ...]]:
        """Input fields that its settings name, by where: paths count from the task."""
        return {}

    @property
    def is_held(self) -> bool:
        """Whether predictions are held within the range of the training targets."""
        return False

    def reading(self) -> Reading:
        """How logits become probabilities, and those become classes, as far as the settings say."""
        return Reading()

    def tuning(self) -> Tuning:
        """What of that is found on the validation rows."""
        return Tuning()

    def reading_problems(self, target: Target, *, has_validation: bool) -> Iterator[Problem]:
        """Settings of the reading that don't fit the target; paths count from the task."""
        return iter(())

    def baseline(self, encoded: Tensor, target: Target, weights: Tensor | None) -> Tensor:
        """The trivial prediction, fitted on the training rows.

        Args:
            encoded: The training targets `[N, …]`, on the CPU.
            target: The target.
            weights: How much each row counts, `[N]`; `None` where all count once.

        Returns:
            Float64, one row `[1, …]` of the shape that `predict` gives.
        """
        raise NotImplementedError

    def baseline_name(self) -> str:
        """What the trivial prediction does, for the table: `always the mean`."""
        raise NotImplementedError

    def in_words(self, answers: Answers) -> str | None:
        """How good answers are, behind the name of the target: `is right in 85.6 % of the rows`; `None` for what metrics tell as well."""
        return None

    def cautions(self, name: str) -> Iterator[str]:
        """What answers do not say by themselves, a sentence each, for the model card.

        Args:
            name: What the target is called there.
        """
        return iter(())

    def truth(self, value: Tensor, target: Target) -> str | Words | Tensor:
        """What is true of a row, as a report shows it: the name of a class, the text of tokens; of anything else the values themselves.

        Args:
            value: The target of the row, in raw units, `[…]`; -1 behind the end of a sequence.
            target: The target, with the names of its classes.
        """
        from nntrain.data.exhibits import Words

        if target.to_text is not None:
            return Words(target.to_text([int(token) for token in cast("list[float]", value.tolist()) if token >= 0]), is_long=True)
        return target.classes[int(value)] if target.classes and value.ndim == 0 else value

    def drawings(self, answers: Answers) -> Iterator[Drawing]:
        """What is drawn of answers in a report; nothing where there is nothing to be seen."""
        return iter(())

    def misses(self, answers: Answers) -> Array | None:
        """How far each answer is from the truth, float64 `[N]`, more being worse; `None` where rows can't be compared so."""
        return None

    def doubts(self, answers: Answers) -> Array | None:
        """How unsure each answer is, float64 `[N]`; `None` where the network doesn't tell."""
        return None


def axis_of_units(target: Target) -> UnitAxis | None:
    """The axis of steps, nodes or pairs that the tensor of a target begins with."""
    return cast("UnitAxis", target.spec.axes[0]) if target.spec.axes[:1] in (("time",), ("node",), ("pair",)) else None


def by_unit(target: Target, need: Spec) -> Spec:
    """What is needed for each unit of a target, where what a row needs is known: `[K]` to `[T, K]`."""
    return replace(need, axes=(target.spec.axes[0], *need.axes), sizes=(target.spec.sizes[0], *need.sizes))


def with_size(target: Target, axis_size: Callable[[Size], Size]) -> Spec:
    """The tensor of a target of values with another size of its value or channel axis; a single value is a row of them."""
    if target.spec.rank == 0:
        return Spec(VECTOR, (axis_size(1),))
    axis = "channel" if "channel" in target.spec.axes else target.spec.axes[-1]
    return target.spec.with_sizes(**{axis: axis_size(target.spec.size(axis))})


def weighted_mean(encoded: Tensor, weights: Tensor | None) -> Tensor:
    """Mean of rows `[N, …]` with weights `[N]` (`None`: all count once): float64 `[1, …]`."""
    import torch

    if weights is None:
        return encoded.mean(dim=0, keepdim=True, dtype=torch.float64)
    encoded = encoded.double()
    shares = weights.double() / weights.double().sum()
    return (shares.reshape(-1, *[1] * (encoded.ndim - 1)) * encoded).sum(dim=0, keepdim=True)
