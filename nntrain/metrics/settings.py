"""The table of metrics. Torch-free."""

from __future__ import annotations

from typing import Annotated, Final

from nntrain.metrics.metric import Metric
from nntrain.schema import Forms, Slot

METRICS: Final = {
    "accuracy": "nntrain.metrics.classification:Accuracy",
    "top_k_accuracy": "nntrain.metrics.classification:TopKAccuracy",
    "errors": "nntrain.metrics.classification:Errors",
    "hamming_loss": "nntrain.metrics.classification:HammingLoss",
    "log_loss": "nntrain.metrics.classification:LogLoss",
    "nll": "nntrain.metrics.classification:NLL",
    "brier": "nntrain.metrics.classification:Brier",
    "ece": "nntrain.metrics.classification:ECE",
    "confusion_matrix": "nntrain.metrics.classification:ConfusionMatrix",
    "balanced_accuracy": "nntrain.metrics.by_class:BalancedAccuracy",
    "precision": "nntrain.metrics.precision_recall:Precision",
    "recall": "nntrain.metrics.precision_recall:Recall",
    "specificity": "nntrain.metrics.precision_recall:Specificity",
    "f1": "nntrain.metrics.by_class:F1",
    "f_beta": "nntrain.metrics.precision_recall:FBeta",
    "jaccard": "nntrain.metrics.precision_recall:Jaccard",
    "iou": "nntrain.metrics.overlap:IoU",
    "dice": "nntrain.metrics.overlap:Dice",
    "mcc": "nntrain.metrics.agreement:MCC",
    "cohen_kappa": "nntrain.metrics.agreement:CohenKappa",
    "per_class": "nntrain.metrics.by_class:PerClass",
    "entity_f1": "nntrain.metrics.entities:EntityF1",
    "entity_precision": "nntrain.metrics.entities:EntityPrecision",
    "entity_recall": "nntrain.metrics.entities:EntityRecall",
    "auroc": "nntrain.metrics.ranking:AUROC",
    "average_precision": "nntrain.metrics.ranking:AveragePrecision",
    "recall_at": "nntrain.metrics.neighbors:RecallAt",
    "map_at_r": "nntrain.metrics.neighbors:MAPAtR",
    "mrr": "nntrain.metrics.neighbors:MRR",
    "pair_auroc": "nntrain.metrics.neighbors:PairAUROC",
    "triplet_accuracy": "nntrain.metrics.neighbors:TripletAccuracy",
    "hits_at": "nntrain.metrics.hits:HitsAt",
    "exact_match": "nntrain.metrics.transcripts:ExactMatch",
    "wer": "nntrain.metrics.transcripts:WER",
    "cer": "nntrain.metrics.transcripts:CER",
    "perplexity": "nntrain.metrics.language:Perplexity",
    "bits_per_char": "nntrain.metrics.language:BitsPerChar",
    "mae": "nntrain.metrics.regression:MAE",
    "rmse": "nntrain.metrics.regression:RMSE",
    "mse": "nntrain.metrics.regression:MSE",
    "bias": "nntrain.metrics.regression:Bias",
    "mape": "nntrain.metrics.regression:MAPE",
    "smape": "nntrain.metrics.regression:SMAPE",
    "rmsle": "nntrain.metrics.regression:RMSLE",
    "pinball": "nntrain.metrics.regression:Pinball",
    "mse_scaled": "nntrain.metrics.forecasting:MSEScaled",
    "mae_scaled": "nntrain.metrics.forecasting:MAEScaled",
    "mase": "nntrain.metrics.forecasting:MASE",
    "medae": "nntrain.metrics.regression:MedAE",
    "max_error": "nntrain.metrics.regression:MaxError",
    "r2": "nntrain.metrics.regression:R2",
    "explained_variance": "nntrain.metrics.regression:ExplainedVariance",
    "pearson": "nntrain.metrics.regression:Pearson",
    "spearman": "nntrain.metrics.regression:Spearman",
}

AnyMetric = Annotated[Metric, Slot("metric", (METRICS,))]

Metrics = Annotated[tuple[AnyMetric, ...] | dict[str, tuple[AnyMetric, ...]] | None, Forms({})]
"""A list for all targets, or one by target."""
