"""Losses of values whose network tells more than the value: quantiles, a variance, a rate, shares, a direction."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from nntrain.losses.classification import LOGITS
from nntrain.losses.links import Exponential, Identity, Link, Normal, Quantiles, Softmax
from nntrain.losses.loss import Loss, LossFunction, TargetKind
from nntrain.losses.regression import VALUE_KINDS, VALUES
from nntrain.specs import Kind

if TYPE_CHECKING:
    from torch import Tensor

UNSCALED: frozenset[str] = frozenset({"none", "unit"})
Level = Annotated[float, Field(gt=0, lt=1)]


class Quantile(Loss):
    """Pinball loss (Koenker and Bassett 1978): max(q e, (q - 1) e) with e = target - output is least at the quantile q.

    With Q quantiles the network outputs Q numbers for each value, whose losses are averaged. The one nearest to the median is the
    prediction; `nntrain predict` writes the lowest and the highest beside it, `low` and `high`. They are sorted when they are
    read, so that they never cross.
    """

    targets: ClassVar[frozenset[TargetKind]] = VALUES
    input_kinds: ClassVar[frozenset[Kind]] = frozenset({"float"})
    main: ClassVar[str | None] = "quantiles"

    type: Literal["quantile"] = "quantile"
    quantiles: Level | tuple[Level, ...] = (0.05, 0.5, 0.95)
    """One quantile, or several in ascending order."""

    @model_validator(mode="after")
    def _ascending(self) -> Quantile:
        if not self.levels or list(self.levels) != sorted(set(self.levels)):
            raise ValueError("quantiles need an ascending order: [0.05, 0.5, 0.95]")
        return self

    @property
    def levels(self) -> tuple[float, ...]:
        """The quantiles, also where it is one."""
        return self.quantiles if isinstance(self.quantiles, tuple) else (self.quantiles,)

    def link(self, kind: TargetKind) -> Link:
        return Quantiles(self.levels) if len(self.levels) > 1 else Identity()

    def build(self, *, label_smoothing: float = 0.0, class_weights: Tensor | None = None) -> LossFunction:
        from nntrain.modules.losses import pinball, scored

        return self.of_rows(scored(partial(pinball, levels=self.levels)))


class GaussianNLL(Loss):
    """Negative logarithm of a normal density, without its constant: (log v + (target - mean)² / v) / 2 (Nix and Weigend 1994).

    The network outputs two numbers for each value, the mean and log v. `nntrain predict` writes the mean and the limits between which
    95 % of the values lie, `low` and `high`.
    """

    targets: ClassVar[frozenset[TargetKind]] = VALUES
    input_kinds: ClassVar[frozenset[Kind]] = frozenset({"float"})

    type: Literal["gaussian_nll"] = "gaussian_nll"

    def link(self, kind: TargetKind) -> Link:
        return Normal()

    def build(self, *, label_smoothing: float = 0.0, class_weights: Tensor | None = None) -> LossFunction:
        from nntrain.modules.losses import normal_nll, scored

        return self.of_rows(scored(normal_nll))


class PoissonNLL(Loss):
    """Negative logarithm of a Poisson probability, without its constant, for counts: rate - target log rate."""

    targets: ClassVar[frozenset[TargetKind]] = VALUES
    input_kinds: ClassVar[frozenset[Kind]] = frozenset({"float"})
    scalings: ClassVar[frozenset[str] | None] = UNSCALED

    type: Literal["poisson_nll"] = "poisson_nll"
    log_input: bool = True
    """Whether the network outputs the logarithm of the rate; else the rate, and it must end in a layer that is never negative."""

    def link(self, kind: TargetKind) -> Link:
        return Exponential() if self.log_input else Identity()

    def fault(self, target: Tensor, kind: TargetKind) -> str | None:
        return "counts of 0 and more" if bool((target < 0).any()) else None

    def build(self, *, label_smoothing: float = 0.0, class_weights: Tensor | None = None) -> LossFunction:
        from torch.nn.functional import poisson_nll_loss

        return self.of_rows(partial(poisson_nll_loss, log_input=self.log_input), reshapes=True)


class _OfARow(Loss):
    """A loss of the values of a row together."""

    targets: ClassVar[frozenset[TargetKind]] = VALUES
    scalings: ClassVar[frozenset[str] | None] = UNSCALED

    def idle(self, kind: TargetKind) -> Iterator[tuple[str, str]]:
        """`reduction`: a row has one score."""
        if self.reduction == "sum":
            yield "reduction", f"{self.type} scores a row as a whole"
        yield from super().idle(kind)


class KLDivergence(_OfARow):
    """Kullback-Leibler divergence of shares that sum to 1: logits `[B, K]`, targets `[B, K]`; sum of t (log t - log softmax)."""

    input_kinds: ClassVar[frozenset[Kind]] = LOGITS

    type: Literal["kl_div"] = "kl_div"

    def link(self, kind: TargetKind) -> Link:
        return Softmax()

    def fault(self, target: Tensor, kind: TargetKind) -> str | None:
        is_bad = target.ndim < 2 or bool((target < 0).any()) or bool(((target.sum(dim=1) - 1).abs() > 1e-3).any())
        return "shares of 0 and more that sum to 1 in each row" if is_bad else None

    def build(self, *, label_smoothing: float = 0.0, class_weights: Tensor | None = None) -> LossFunction:
        from nntrain.modules.losses import divergence, scored

        return self.of_rows(scored(divergence), by_row=True)


class Cosine(_OfARow):
    """1 - cosine of the angle between output and target, `[B, F]`; their lengths don't count."""

    input_kinds: ClassVar[frozenset[Kind]] = VALUE_KINDS

    type: Literal["cosine"] = "cosine"

    def fault(self, target: Tensor, kind: TargetKind) -> str | None:
        return "vectors of several values" if target.ndim < 2 or target[0].numel() < 2 else None

    def build(self, *, label_smoothing: float = 0.0, class_weights: Tensor | None = None) -> LossFunction:
        from nntrain.modules.losses import angle, scored

        return self.of_rows(scored(angle), by_row=True)
