"""The `regularization` section: everything that holds a network back from learning its training rows by heart."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, NonNegativeFloat, PositiveFloat, model_validator

from nntrain.layers.context import Context, NormKind
from nntrain.schema import StrictModel


class AveragingSettings(StrictModel):
    """Exponential moving average of the weights: the averaged network is the one that is measured, kept and used."""

    main: ClassVar[str | None] = "decay"

    decay: Annotated[float, Field(gt=0, lt=1)] = 0.999
    """Share of the old average that stays at each step; averages over about 1 / (1 - decay) steps."""

    @model_validator(mode="before")
    @classmethod
    def _from_number(cls, value: object) -> object:
        return {"decay": value} if isinstance(value, int | float) and not isinstance(value, bool) else value


class Regularization(StrictModel):
    """Everything that holds a network back from learning its training rows by heart; what is absent is off."""

    dropout: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Probability of an activation to be zeroed while training: after each activation of the network."""
    norm: NormKind | None = None
    """Normalisation before each activation: `batch` over the batch; within each row `layer` over its features, `group` over groups of
    channels, `instance` over each channel; `rms` divides by the root mean square of the features."""
    stochastic_depth: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Probability of a row to leave out what the last `residual` adds, while training; it grows evenly from the first residual on."""
    weight_decay: NonNegativeFloat | None = None
    """Pull of the weights towards zero, as the optimizer defines it; biases, norms and embeddings are left out."""
    decay_all: bool | None = None
    """Whether weight decay acts on biases, norms and embeddings too."""
    label_smoothing: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Share of the target that is spread evenly over all classes."""
    clip_norm: PositiveFloat | None = None
    """Largest norm of all gradients together; longer ones are scaled down."""
    ema: AveragingSettings | None = None
    """Averaged weights: a decay such as 0.999, or settings."""

    @property
    def context(self) -> Context:
        """The part that architectures place."""
        return Context(self.dropout, self.norm, self.stochastic_depth)
