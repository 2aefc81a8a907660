"""The `regularization` section: everything that holds a network back from learning its training rows by heart."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from nntrain.layers.context import Context, NormKind
from nntrain.schedules.settings import AnySchedule
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


class MixingSettings(StrictModel):
    """How rows are mixed with one another."""

    main: ClassVar[str | None] = "alpha"

    alpha: PositiveFloat = 0.2
    """Shares are drawn from Beta(alpha, alpha): small values mix little, 1 makes all shares as likely."""

    @model_validator(mode="before")
    @classmethod
    def _from_number(cls, value: object) -> object:
        return {"alpha": value} if isinstance(value, int | float) and not isinstance(value, bool) else value


class SWASettings(StrictModel):
    """Stochastic weight averaging: the mean of the weights at many times late in the run is what is measured, kept and used."""

    main: ClassVar[str | None] = "start_fraction"

    start_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.75
    """Fraction of the run after which averaging begins."""
    every_epochs: PositiveInt | None = None
    """Epochs from one averaging to the next; 1 where no interval is given."""
    every_steps: PositiveInt | None = None
    """The same in steps (optimizer updates)."""
    lr: PositiveFloat | None = None
    """Learning rate while averaging, in place of the schedule's; rates of parameter groups keep their ratio. Default: the schedule's."""

    @model_validator(mode="before")
    @classmethod
    def _from_number(cls, value: object) -> object:
        return {"start_fraction": value} if isinstance(value, int | float) and not isinstance(value, bool) else value

    @model_validator(mode="after")
    def _has_one_interval(self) -> SWASettings:
        if self.every_epochs is not None and self.every_steps is not None:
            raise PydanticCustomError("interval_of_two_units", "takes either every_epochs or every_steps")
        return self


class GradientNoise(StrictModel):
    """Normal noise on the gradients that fades (Neelakantan et al., 2015): its variance at step t is `eta / (1 + t) ** gamma`."""

    main: ClassVar[str | None] = "eta"

    eta: PositiveFloat
    """Variance at the first step; 0.01, 0.3 and 1 in the paper."""
    gamma: PositiveFloat = 0.55
    """How fast it fades."""

    @model_validator(mode="before")
    @classmethod
    def _from_number(cls, value: object) -> object:
        return {"eta": value} if isinstance(value, int | float) and not isinstance(value, bool) else value


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
    scheduler: AnySchedule | None = None
    """How dropout and weight decay change over the run: a schedule, as `scheduler` has them, of a factor from 0 to 1 on each weight decay
    and on the probability of each dropout, those of attention, recurrent layers and stochastic depth too; `min_lr` is the lowest factor.
    `{type: wsd, decay_fraction: 0.5, shape: cosine}` is flat_cos of RealMLP (Holzmüller, Grinsztajn, Steinwart, 2024)."""
    decay_all: bool | None = None
    """Whether weight decay, l1 and max_norm act on biases, norms and embeddings too."""
    l1: PositiveFloat | None = None
    """Factor of the sum of the absolute values of all weights that decay, whose gradient is added to that of the loss; the loss that is
    reported is without it."""
    max_norm: PositiveFloat | None = None
    """Largest norm of the incoming weights of a unit, for all weights that decay: longer ones are scaled down after each step."""
    label_smoothing: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Share of the target that is spread evenly over all classes."""
    clip_norm: PositiveFloat | None = None
    """Largest norm of all gradients together; longer ones are scaled down."""
    mixup: MixingSettings | None = None
    """Training rows become weighted means of two, their targets likewise: an alpha such as 0.2, or settings. One share a step."""
    cutmix: MixingSettings | None = None
    """A rectangle of each training image comes from another one, and the targets count by area: an alpha such as 1.0, or settings. Beside
    mixup, a step takes one of the two at random."""
    clip_value: PositiveFloat | None = None
    """Largest size of each value of the gradients; larger ones are cut, before `clip_norm`."""
    gradient_noise: GradientNoise | None = None
    """Noise on the gradients that fades, added after clipping: its variance at the first step, or settings."""
    noise: PositiveFloat | None = None
    """Standard deviation of normal noise on all inputs that are numbers, while training, anew in each epoch; in the unit that the network
    gets: standard deviations of a standardised column, parts of the range from 0 to 1 of an image."""
    ema: AveragingSettings | None = None
    """Averaged weights: a decay such as 0.999, or settings."""
    swa: SWASettings | None = None
    """Stochastic weight averaging, in place of ema: the fraction of the run after which it begins, or settings."""

    @model_validator(mode="after")
    def _has_one_average(self) -> Regularization:
        if self.ema is not None and self.swa is not None:
            raise PydanticCustomError("two_averages", "takes either ema or swa: the averaged weights are the model")
        return self

    @property
    def context(self) -> Context:
        """The part that architectures place."""
        return Context(self.dropout, self.norm, self.stochastic_depth)
