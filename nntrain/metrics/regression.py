"""Metrics of values, in raw units. Rows with several values count each of them alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from nntrain.losses.loss import TargetKind
from nntrain.metrics.metric import VALUES, Direction, Metric, MetricInfo, MetricState

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_MEASURED: frozenset[TargetKind] = frozenset({"values", "ordinal"})


class MAE(Metric):
    """Mean absolute error, in the unit of the target; of classes in order, how many classes the likeliest one is away."""

    direction: ClassVar[Direction] = "min"
    fits: ClassVar[frozenset[TargetKind]] = _MEASURED

    type: Literal["mae"] = "mae"

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        from nntrain.modules.metrics import mean_of

        return mean_of(lambda prediction, target: _errors(prediction, target, info).abs())


class RMSE(Metric):
    """Root of the mean squared error, in the unit of the target; of classes in order, in classes."""

    direction: ClassVar[Direction] = "min"
    fits: ClassVar[frozenset[TargetKind]] = _MEASURED

    type: Literal["rmse"] = "rmse"

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        from nntrain.modules.metrics import mean_of

        return mean_of(lambda prediction, target: _errors(prediction, target, info).square(), lambda means: means.sqrt())


class MSE(Metric):
    """Mean squared error, in the square of the target's unit."""

    direction: ClassVar[Direction] = "min"
    fits: ClassVar[frozenset[TargetKind]] = VALUES

    type: Literal["mse"] = "mse"

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        from nntrain.modules.metrics import differences, mean_of

        return mean_of(lambda prediction, target: differences(prediction, target).square())


class Bias(Metric):
    """Mean of prediction minus target: above 0 where predictions are too high on the whole. Neither more nor less of it is better."""

    fits: ClassVar[frozenset[TargetKind]] = VALUES
    monitored: ClassVar[bool] = False

    type: Literal["bias"] = "bias"

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        from nntrain.modules.metrics import differences, mean_of

        return mean_of(differences)


class MAPE(Metric):
    """Mean absolute error as a share of the target: 0.1 is 10 %. Values that are 0 have no such share and are left out."""

    direction: ClassVar[Direction] = "min"
    fits: ClassVar[frozenset[TargetKind]] = VALUES

    type: Literal["mape"] = "mape"

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        import torch

        from nntrain.modules.metrics import OfSums, as_rows, differences

        def rows(prediction: Tensor, target: Tensor) -> Tensor:
            errors, size = as_rows(differences(prediction, target)).abs(), as_rows(target).abs()
            counts = size > 0
            shares = torch.where(counts, errors / size.to(errors.dtype), 0.0)
            return torch.stack([shares.sum(dim=1), counts.sum(dim=1).to(errors.dtype)], dim=1)

        return OfSums(rows, lambda sums: sums[:, 0] / sums[:, 1])


class SMAPE(Metric):
    """Mean absolute error as a share of the mean size of prediction and target, 0 to 2; 0 where both are 0."""

    direction: ClassVar[Direction] = "min"
    fits: ClassVar[frozenset[TargetKind]] = VALUES

    type: Literal["smape"] = "smape"

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        import torch

        from nntrain.modules.metrics import differences, mean_of

        def rows(prediction: Tensor, target: Tensor) -> Tensor:
            errors = differences(prediction, target).abs()
            size = prediction.reshape(target.shape).to(errors.dtype).abs() + target.to(errors.dtype).abs()
            return torch.where(size > 0, 2 * errors / size, errors)

        return mean_of(rows)


class RMSLE(Metric):
    """Root of the mean squared difference of log(1 + value): how many times too high or low, for targets of many sizes.

    Predictions below 0 count as 0; undefined where a target is below 0.
    """

    direction: ClassVar[Direction] = "min"
    fits: ClassVar[frozenset[TargetKind]] = VALUES

    type: Literal["rmsle"] = "rmsle"

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        import torch

        from nntrain.modules.metrics import accumulator, mean_of

        def rows(prediction: Tensor, target: Tensor) -> Tensor:
            kind = accumulator(target.device)
            truth, guess = target.to(kind), prediction.reshape(target.shape).to(kind).clamp(min=0)
            return torch.where(truth < 0, torch.nan, guess.log1p() - truth.log1p()).square()

        return mean_of(rows, lambda means: means.sqrt())


class Pinball(Metric):
    """Mean pinball loss (Koenker and Bassett 1978): how good a prediction is as the quantile of what is to come."""

    main: ClassVar[str | None] = "quantile"
    direction: ClassVar[Direction] = "min"
    fits: ClassVar[frozenset[TargetKind]] = VALUES

    type: Literal["pinball"] = "pinball"
    quantile: Annotated[float, Field(gt=0, lt=1)]
    """Share of the targets that are to be below the prediction."""

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        import torch

        from nntrain.modules.metrics import differences, mean_of

        def rows(prediction: Tensor, target: Tensor) -> Tensor:
            short = -differences(prediction, target)
            return torch.maximum(self.quantile * short, (self.quantile - 1) * short)

        return mean_of(rows)


class MedAE(Metric):
    """Median absolute error, in the unit of the target: half of the rows are nearer. Keeps all rows of a split."""

    direction: ClassVar[Direction] = "min"
    fits: ClassVar[frozenset[TargetKind]] = VALUES

    type: Literal["medae"] = "medae"

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        import torch

        from nntrain.modules.metrics import OfRows, as_rows, differences
        from nntrain.modules.ranking import median

        def value(prediction: Tensor, target: Tensor, weights: Tensor) -> Tensor:
            errors = as_rows(differences(prediction, target)).abs()
            return torch.stack([median(column, weights) for column in errors.unbind(dim=1)], dim=1).mean(dim=1)

        return OfRows(value)


class MaxError(Metric):
    """Largest absolute error of the rows that count, in the unit of the target. Keeps all rows of a split."""

    direction: ClassVar[Direction] = "min"
    fits: ClassVar[frozenset[TargetKind]] = VALUES

    type: Literal["max_error"] = "max_error"

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        from nntrain.modules.metrics import OfRows, as_rows, differences
        from nntrain.modules.ranking import largest

        return OfRows(lambda prediction, target, weights: largest(as_rows(differences(prediction, target)).abs().amax(dim=1), weights))


class R2(Metric):
    """Share of the target's variance that is explained: 1 is perfect, 0 as good as the mean of these rows, below 0 worse.

    Of several values it is the mean over them; values that are the same in all rows are left out.
    """

    fits: ClassVar[frozenset[TargetKind]] = VALUES

    type: Literal["r2"] = "r2"

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        from nntrain.modules.moments import OfMoments

        return OfMoments(lambda moments: 1 - _ratio(moments.errors, moments.target_spread))


class ExplainedVariance(Metric):
    """Like r2, but for a constant difference of predictions and targets, which it forgives."""

    fits: ClassVar[frozenset[TargetKind]] = VALUES

    type: Literal["explained_variance"] = "explained_variance"

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        from nntrain.modules.moments import OfMoments

        return OfMoments(lambda moments: 1 - _ratio(moments.error_spread, moments.target_spread))


class Pearson(Metric):
    """Correlation of predictions and targets, -1 to 1; of several values the mean over them. Undefined where one never changes."""

    fits: ClassVar[frozenset[TargetKind]] = VALUES

    type: Literal["pearson"] = "pearson"

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        from nntrain.modules.moments import OfMoments

        return OfMoments(lambda moments: _ratio(moments.shared_spread, (moments.target_spread * moments.prediction_spread).sqrt()))


class Spearman(Metric):
    """Correlation of the ranks of predictions and targets, -1 to 1: whether they rise together. Keeps all rows of a split."""

    fits: ClassVar[frozenset[TargetKind]] = VALUES

    type: Literal["spearman"] = "spearman"

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        import torch

        from nntrain.modules.metrics import OfRows, as_rows
        from nntrain.modules.ranking import rank_correlation

        def value(prediction: Tensor, target: Tensor, weights: Tensor) -> Tensor:
            columns = zip(as_rows(prediction.reshape(target.shape)).unbind(1), as_rows(target).unbind(1), strict=True)
            return torch.stack([rank_correlation(guess, truth, weights) for guess, truth in columns], dim=1).nanmean(dim=1)

        return OfRows(value)


def _ratio(part: Tensor, whole: Tensor) -> Tensor:
    """A share, NaN of nothing."""
    import torch

    return torch.where(whole > 0, part / whole, torch.nan)


def _errors(prediction: Tensor, target: Tensor, info: MetricInfo) -> Tensor:
    """Prediction minus target; in classes where they are classes in order."""
    from nntrain.modules.metrics import accumulator, decided, differences

    if info.kind != "ordinal":
        return differences(prediction, target)
    labels, truth = decided(prediction, target)
    return (labels - truth).to(accumulator(target.device))
