"""Names that other tools have for components, and for the values of settings."""

from __future__ import annotations

from typing import Final

COMPONENTS: Final[dict[str, dict[str, str]]] = {
    "architecture": {
        "mlp": "dense feedforward feed_forward ffn fc fcn dnn perceptron multilayer_perceptron multi_layer_perceptron tabular"
        " fully_connected simple",
        "cnn": "convnet conv convolutional conv_net stacked_cnn lenet simple_cnn vgg",
        "layers": "sequential keras_sequential list custom",
        "nodes": "graph functional dag parallel",
    },
    "layer": {
        "linear": "dense fc fully_connected affine inner_product lin projection",
        "conv2d": "conv convolution convolution2d cnn2d",
        "conv1d": "convolution1d cnn1d",
        "max_pool2d": "max_pooling2d maxpool max_pool max_pooling mp",
        "max_pool1d": "max_pooling1d",
        "avg_pool2d": "average_pooling2d avgpool avg_pool average_pooling mean_pool2d",
        "avg_pool1d": "average_pooling1d",
        "global_avg_pool": "global_average_pooling2d global_average_pooling1d adaptive_avg_pool2d adaptive_avg_pool1d gap"
        " global_average_pooling",
        "global_max_pool": "global_max_pooling2d global_max_pooling1d adaptive_max_pool2d",
        "batch_norm": "batch_norm1d batch_norm2d batch_normalization bn batchnormalization",
        "layer_norm": "layer_normalization ln",
        "embedding": "embed lookup token_embedding",
        "lstm": "bilstm lstm_cell bidirectional_lstm",
        "dropout": "dropout1d dropout2d spatial_dropout2d alpha_dropout",
        "unflatten": "view",
        "rearrange": "permute transpose einops patchify patches space_to_depth swapaxes movedim",
        "branches": "parallel inception fork",
        "residual": "skip shortcut residual_block skip_connection",
        "concat": "concatenate cat merge",
        "add": "sum plus",
        "subtract": "sub minus difference",
        "multiply": "mul product hadamard gate",
        "mean": "average avg averaging",
        "max": "maximum",
        "dot": "dot_product inner",
        "cosine": "cosine_similarity",
        "distance": "euclidean euclidean_distance pairwise_distance",
        "silu": "swish",
        "relu": "rectifier",
        "leaky_relu": "lrelu",
    },
    "activation": {"silu": "swish", "relu": "rectifier", "leaky_relu": "lrelu", "sigmoid": "logistic"},
    "loss": {
        "cross_entropy": "cross_entropy_loss ce nll nll_loss categorical_crossentropy sparse_categorical_crossentropy softmax_cross_entropy"
        " log_loss softmax categorical_cross_entropy",
        "bce": "bce_loss bce_with_logits bce_with_logits_loss binary_crossentropy binary_cross_entropy sigmoid_cross_entropy"
        " binary_weighted_cross_entropy",
        "mse": "mse_loss mean_squared_error l2 l2_loss squared_error",
        "mae": "l1 l1_loss mae_loss mean_absolute_error absolute_error",
    },
    "optimizer": {
        "adamw": "adamw_torch adamw_hf adamw_8bit decoupled_adam",
        "adam": "adam_keras amsgrad",
        "sgd": "momentum sgdm sgd_momentum gradient_descent nesterov gd",
        "nadam": "nadamw nesterov_adam",
        "radam": "rectified_adam radamw",
        "adamax": "ada_max infinity_adam",
        "adagrad": "ada_grad",
        "adadelta": "ada_delta",
        "rmsprop": "rms_prop_tf rmsprop_keras",
        "adafactor": "ada_factor adafactor_hf",
        "muon": "muon_adamw moonlight",
        "rprop": "resilient_backprop resilient_propagation irprop",
        "lbfgs": "l_bfgs_b bfgs lbfgs_b quasi_newton newton",
        "asgd": "averaged_sgd avg_sgd",
    },
    "scheduler": {
        "cosine": "cosine_annealing_lr cosine_annealing cosine_decay cosine_with_warmup cos",
        "warm_restarts": "cosine_annealing_warm_restarts cosine_warm_restarts cosine_with_restarts cosine_decay_restarts sgdr restarts"
        " cosine_with_hard_restarts",
        "step": "step_lr step_decay staircase",
        "multi_step": "multi_step_lr piecewise piecewise_constant_decay piecewise_constant multistep_decay",
        "exponential": "exponential_lr exponential_decay exp_decay exp",
        "linear": "linear_lr linear_with_warmup linear_decay linear_warmup triangular_decay",
        "polynomial": "polynomial_lr polynomial_decay poly poly_lr",
        "inverse_sqrt": "noam inverse_square_root inv_sqrt rsqrt noam_lr inverse_sqrt_decay transformer",
        "one_cycle": "one_cycle_lr super_convergence 1cycle onecycle_policy",
        "cyclic": "cyclic_lr cyclical clr triangular cyclical_lr",
        "wsd": "warmup_stable_decay trapezoidal warmup_constant_cooldown trapezoid",
        "plateau": "reduce_lr_on_plateau reduce_on_plateau on_plateau reduce_lr",
        "constant": "constant_lr none constant_with_warmup fixed",
    },
    "metric": {
        "accuracy": "acc categorical_accuracy sparse_categorical_accuracy binary_accuracy top1 accuracy_score",
        "balanced_accuracy": "balanced_acc bacc",
        "f1": "f1_score f1_macro f_score fscore macro_f1",
        "log_loss": "cross_entropy nll ce",
        "auroc": "auc roc_auc roc_auc_score auc_roc roc",
        "mae": "mean_absolute_error l1",
        "rmse": "root_mean_squared_error rms",
        "r2": "r2_score r_squared rsquared",
    },
    "task": {
        "classification": "binary multiclass binary_classification multiclass_classification classify classifier image_classification"
        " tabular_classification",
        "regression": "regress regressor tabular_regression forecasting",
    },
    "field type": {
        "number": "numeric numerical float int integer continuous real double float32 int64",
        "category": "categorical class enum string str label discrete factor nominal text_category",
        "boolean": "binary bool flag",
        "ordinal": "ordered rank rating ordered_category grade level",
        "multi_label": "multilabel set bag tags multi_hot labels multi_category",
        "date": "datetime timestamp day time",
        "series": "timeseries time_series sequence",
        "image": "img picture",
        "vector": "array list numbers",
    },
    "source": {
        "csv": "file table tabular dataframe tsv pandas",
        "excel": "xlsx xls spreadsheet workbook",
        "jsonl": "json_lines ndjson json",
        "parquet": "pq arrow pyarrow",
        "arrays": "numpy npz npy array tensors",
        "builtin": "sklearn torchvision dataset example toy",
    },
    "encoding": {"one_hot": "dummy dummies ohe", "embedding": "embed entity_embedding", "none": "identity raw passthrough"},
}
"""Kind of component and tag of ours to words of others."""

CHOICES: Final[dict[str, dict[str, str]]] = {
    "device": {"cuda": "gpu nvidia", "cuda:0": "gpu0", "cpu": "none", "mps": "apple metal", "auto": "default"},
    "precision": {
        "float32": "fp32 32 32_true full single float",
        "float16": "fp16 16 16_mixed half",
        "bfloat16": "bf16 bf16_mixed amp mixed",
    },
    "norm": {"batch": "batchnorm batch_norm bn batch_norm2d", "layer": "layernorm layer_norm ln"},
    "by": {"stratified": "stratify stratified_k_fold", "random": "shuffle rand"},
    "role": {
        "target": "label output y",
        "input": "feature x inputs",
        "ignore": "skip drop exclude none",
        "weight": "weights sample_weight",
    },
    "normalize": {
        "standard": "zscore z_score standardize standard_scaler mean_std",
        "minmax": "min_max minmax_scaler",
        "none": "off identity",
    },
}
"""Setting and value of ours to values of others."""
