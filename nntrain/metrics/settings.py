"""The table of metrics. Torch-free."""

from __future__ import annotations

from typing import Annotated, Final

from nntrain.metrics.metric import Metric
from nntrain.schema import Slot

METRICS: Final = {
    "accuracy": "nntrain.metrics.classification:Accuracy",
    "balanced_accuracy": "nntrain.metrics.classification:BalancedAccuracy",
    "f1": "nntrain.metrics.classification:F1",
    "log_loss": "nntrain.metrics.classification:LogLoss",
    "auroc": "nntrain.metrics.classification:AUROC",
    "confusion_matrix": "nntrain.metrics.classification:ConfusionMatrix",
    "mae": "nntrain.metrics.regression:MAE",
    "rmse": "nntrain.metrics.regression:RMSE",
    "r2": "nntrain.metrics.regression:R2",
}

AnyMetric = Annotated[Metric, Slot("metric", (METRICS,))]
