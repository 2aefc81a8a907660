"""The base of all optimizers: options in torch's spelling, and `build()`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, model_validator
from pydantic_core import PydanticCustomError

from nntrain.errors import Problem
from nntrain.schema import Component, StrictModel

if TYPE_CHECKING:
    import torch

    from nntrain.optimizers.groups import ParameterGroup

Beta = Annotated[float, Field(ge=0, lt=1)]


@dataclass(frozen=True, slots=True)
class Beside:
    """What other sections say that an optimizer must fit."""

    weight_decay: float = 0.0
    """`regularization.weight_decay`; 0 is off."""
    whole_epoch: bool = True
    """Whether each step sees all training rows."""


class GroupRule(StrictModel):
    """Another rate, or another weight decay, for some parameters."""

    match: Annotated[str, Field(min_length=1)]
    """Pattern of parameter names, such as `head` or `*.bias`; a name stands for everything below it."""
    lr: PositiveFloat | None = None
    """Learning rate of these parameters; the schedule acts on it too. Default: that of all others."""
    lr_factor: PositiveFloat | None = None
    """What the optimizer's rate is multiplied by for these parameters, in place of `lr`: beside `layer_decay`, that of their layer. The
    schedule acts on it too (RealMLP: Holzmüller, Grinsztajn, Steinwart, 2024: 0.1 for biases, 6 for scales of the inputs)."""
    weight_decay: NonNegativeFloat | None = None
    """Weight decay of those of them that decay; 0 is off. Default: `regularization.weight_decay`."""

    @model_validator(mode="after")
    def _says_something(self) -> GroupRule:
        if self.lr is None and self.lr_factor is None and self.weight_decay is None:
            raise PydanticCustomError("group_without_effect", "changes nothing: give lr, lr_factor or weight_decay")
        if self.lr is not None and self.lr_factor is not None:
            raise PydanticCustomError("two_rates", "takes either lr or lr_factor, which multiplies optimizer.lr")
        return self

    def rate(self, lr: float) -> float:
        """The rate of these parameters, where they would have `lr` without the rule."""
        return self.lr if self.lr is not None else lr * (self.lr_factor or 1.0)


class Optimizer(Component):
    """How gradients move the weights. Weight decay is in `regularization`, for all optimizers alike."""

    kinds: ClassVar[frozenset[str]] = frozenset({"optimizer"})
    main: ClassVar[str | None] = "lr"
    decay: ClassVar[Literal["weights", "gradient", "none"]] = "gradient"
    """What weight decay acts on: the weights themselves, or the gradient (L2); some optimizers have none."""
    full_batch: ClassVar[bool] = False
    """Whether it compares the gradients of one step with those of the step before, so that both should be of the same rows."""
    needs_closure: ClassVar[bool] = False
    """Whether a step evaluates the loss several times (torch's closure)."""
    joins: ClassVar[bool] = False
    """Whether it consists of others, each for a part of the network."""
    splits_matrices: ClassVar[bool] = False
    """Whether it moves the weight matrices of hidden layers in another way than the rest, and wants them in groups of their own."""

    lr: PositiveFloat = 1e-3
    """Learning rate."""
    groups: tuple[GroupRule, ...] = ()
    """Other rates and weight decays by parameter name; the first match wins."""
    layer_decay: Annotated[float, Field(gt=0, lt=1)] | None = None
    """What the rate is multiplied by from each layer to the one below it: the head has `lr`, the layer below it `lr * layer_decay`, and so
    on (ELECTRA, Clark et al. 2020; BEiT, Bao et al. 2021). For fine-tuning; an `lr` in `groups` is taken as it is. The steps of a residual
    block, or of any other item that has steps inside, are one layer."""

    @property
    def parts(self) -> Mapping[str, Optimizer]:
        """The optimizers that it consists of, by the node that each moves; itself under no name where it is one."""
        return {"": self}

    def part_of(self, name: str) -> str:
        """Which of `parts` moves a parameter."""
        return ""

    def unmoved(self, names: Sequence[str]) -> list[Problem]:
        """Rules that act on none of the parameters that are trained, and parameters that nothing moves."""
        from nntrain.optimizers.groups import unused_rules

        return unused_rules(self.groups, names)

    @property
    def decouples(self) -> bool:
        """Whether weight decay shrinks the weights themselves."""
        return self.decay == "weights"

    def problems(self, beside: Beside) -> Iterator[Problem]:
        """Options that have no effect beside the others."""
        if beside.weight_decay and self.decay == "none":
            message = f"has no effect: {self.type} has no weight decay"
            yield Problem(("regularization", "weight_decay"), message, "fix:  optimizer: adamw, or leave weight_decay out", on_key=True)
        if self.decay == "none":
            for index, rule in enumerate(self.groups):
                if rule.weight_decay is not None:
                    path = ("optimizer", "groups", index, "weight_decay")
                    yield Problem(path, f"has no effect: {self.type} has no weight decay", "remove it", on_key=True)

    def warnings(self, beside: Beside) -> Iterator[str]:
        """What is allowed and probably not meant."""
        if beside.weight_decay and not self.decouples and self.decay == "gradient" and self.scales_gradients:
            what = f"weight_decay with {self.type} is L2 regularization, which its scaling weakens unevenly"
            yield f"{what}; adamw decays the weights themselves"
        if self.full_batch and not beside.whole_epoch:
            what = f"{self.type} compares the gradients of one step with those of the step before, and mini-batches have other rows in each"
            yield f"{what}: data.batch_size: full, or training.accumulate up to all rows"

    @property
    def scales_gradients(self) -> bool:
        """Whether each gradient is divided by its running size."""
        return True

    def build(self, groups: list[ParameterGroup]) -> torch.optim.Optimizer:
        """Make the torch optimizer, fused where the parameters allow it. Every group keeps its rate as `initial_lr`."""
        raise NotImplementedError
