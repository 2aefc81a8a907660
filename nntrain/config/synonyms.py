"""Words of other tools for what nntrain calls otherwise: asked before the nearest name, when a config has a name that is none here.

Words are compared without case and signs, so that `CrossEntropyLoss`, `cross_entropy_loss` and `cross-entropy loss` are one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Container, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final


@dataclass(frozen=True, slots=True)
class Word:
    """What a foreign word stands for."""

    ours: str | None
    """Path of the setting; `None` where there is nothing to set."""
    value: object = None
    """The value to write; `None` for the one that is there."""
    note: str | None = None
    """What to do, where no line says it."""


SETTINGS: Final[dict[str, str]] = {
    "data": "dataset datasets datamodule dataloader train_data training_data",
    "data.source": "data_path dataset_path data_dir data_root csv_path csv_file train_path train_file train_csv training_file"
    " filename file_path",
    "data.target": "label labels label_column label_col label_name target_column target_col target_name y y_col y_column"
    " class_column dep_var"
    " output_feature output_features outputs targets response",
    "data.fields": "input_features features columns feature_columns schema dtypes column_types preprocessing field_types",
    "data.split": "splits data_split train_test_split splitting",
    "data.split.validation": "val_split validation_split valid_split val_size valid_size validation_size val_fraction validation_fraction"
    " val_ratio valid_pct val_percent dev_size",
    "data.split.test": "test_split test_size test_fraction test_ratio test_pct",
    "data.split.column": "split_column split_col fold_column",
    "data.batch_size": "batch batchsize train_batch_size per_device_train_batch_size per_gpu_train_batch_size micro_batch_size"
    " minibatch_size bs num_samples_per_batch batch_sz",
    "architecture": "model network net encoder combiner backbone arch nn model_config hyperparameters topology decoder",
    "architecture.type": "model_type model_name network_type architecture_type arch_name",
    "architecture.hidden": "hidden_layer_sizes hidden_sizes hidden_dims fc_layers layer_sizes num_fc_layers",
    "architecture.nodes": "graph dag functional",
    "task": "problem_type problem ml_task task_type objective_type",
    "loss": "criterion loss_fn loss_function loss_func objective loss_type cost cost_function",
    "metrics": "metric eval_metric eval_metrics evaluation_metric validation_metric score scoring",
    "optimizer": "optim optimiser solver opt algorithm",
    "optimizer.lr": "learning_rate lr0 base_lr initial_lr init_lr learning_rate_init start_lr max_lr peak_lr eta alpha step_length",
    "scheduler": "lr_scheduler lr_schedule learning_rate_scheduler learning_rate_schedule schedule lr_scheduler_type sched lr_policy",
    "scheduler.warmup_steps": "num_warmup_steps lr_warmup_steps warmup_iters warmup_iterations",
    "scheduler.warmup_fraction": "warmup_ratio warmup_proportion warmup_percent pct_start",
    "regularization": "regularizer regularizers regularisation",
    "regularization.dropout": "dropout_rate drop_rate dropout_prob dropout_p dropout_probability hidden_dropout_prob embed_dropout"
    " drop_prob",
    "regularization.weight_decay": "l2 l2_reg l2_regularization l2_regularisation regularization_lambda wd weight_decay_rate"
    " l2_penalty reg_lambda",
    "regularization.label_smoothing": "smoothing label_smooth label_smoothing_factor smooth_labels epsilon_ls",
    "regularization.clip_norm": "gradient_clip_val max_grad_norm clip_grad_norm clip_grad grad_clip gradient_clip"
    " gradient_clipping clipnorm"
    " max_norm clip_gradients grad_clip_norm clipping",
    "regularization.ema": "ema_decay use_ema model_ema weight_averaging ema_rate swa",
    "regularization.norm": "norm_type normalization_type norm_layer batchnorm use_batchnorm use_bn",
    "seed": "random_seed random_state manual_seed seed_everything rng_seed torch_seed",
    "name": "run_name experiment_name experiment exp_name project_name model_save_name",
    "training": "trainer train fit training_args training_arguments train_config train_params hyp",
    "training.max_epochs": "epochs epoch num_epochs n_epochs nb_epoch nb_epochs number_of_epochs num_train_epochs max_epoch total_epochs"
    " train_epochs no_epochs max_iter",
    "training.max_steps": "steps num_steps total_steps train_steps num_train_steps max_iters iterations num_iterations n_iter"
    " max_train_steps",
    "training.max_minutes": "max_time time_limit max_runtime time_budget timeout",
    "training.early_stopping": "early_stop earlystopping early_stopping_callback",
    "training.early_stopping.patience": "early_stop_patience early_stopping_patience early_stopping_rounds early_stop_epochs"
    " n_iter_no_change"
    " stop_patience",
    "training.early_stopping.monitor": "early_stopping_metric monitor_metric metric_for_best_model checkpoint_metric"
    " early_stopping_monitor",
    "training.early_stopping.min_delta": "early_stopping_threshold early_stopping_min_delta tol threshold_delta",
    "training.accumulate": "gradient_accumulation_steps accumulate_grad_batches grad_accum gradient_accumulation grad_accum_steps"
    " accumulation_steps num_accumulation_steps",
    "training.checkpoint": "checkpointing model_checkpoint checkpoint_callback save_strategy",
    "training.checkpoint.every_steps": "save_steps save_every save_freq save_interval save_every_n_steps checkpoint_interval"
    " steps_per_checkpoint",
    "training.checkpoint.every_epochs": "save_period save_every_n_epochs checkpoint_every_n_epochs epochs_per_checkpoint",
    "training.checkpoint.keep": "save_total_limit save_top_k keep_checkpoint_max keep_last_n max_to_keep num_checkpoints",
    "training.deterministic": "use_deterministic_algorithms cudnn_deterministic reproducible",
    "training.threads": "num_threads n_jobs nthreads torch_threads cpu_threads",
    "training.device": "devices torch_device",
    "training.precision": "dtype torch_dtype mixed_precision_dtype",
}
"""Path of ours to the words of others that stand for it anywhere."""

_VALUES: Final[dict[str, Word]] = {
    **dict.fromkeys(
        ("gpus", "gpu", "n_gpu", "num_gpus", "use_gpu", "use_cuda", "cuda", "gpu_id", "accelerator", "gpu_ids"),
        Word("training.device", "cuda"),
    ),
    **dict.fromkeys(("no_cuda", "use_cpu", "cpu"), Word("training.device", "cpu")),
    **dict.fromkeys(("fp16", "half", "use_fp16", "float16"), Word("training.precision", "float16")),
    **dict.fromkeys(("bf16", "amp", "mixed_precision", "use_amp", "bfloat16", "autocast"), Word("training.precision", "bfloat16")),
    **dict.fromkeys(("check_val_every_n_epoch", "eval_every_n_epochs", "val_interval"), Word("training.evaluate_every", {"epochs": 1})),
    **dict.fromkeys(
        (
            "val_check_interval",
            "eval_steps",
            "eval_every",
            "eval_interval",
            "validate_every",
            "eval_freq",
            "evaluation_interval",
            "steps_per_eval",
        ),
        Word("training.evaluate_every", {"steps": 500}),
    ),
    **dict.fromkeys(("evaluation_strategy", "eval_strategy"), Word("training.evaluate_every", {"epochs": 1})),
}

_NOTES: Final[dict[str, str]] = {
    "num_workers n_workers workers pin_memory persistent_workers prefetch_factor dataloader_num_workers": "remove it: rows are"
    " kept in memory and need no workers",
    "shuffle shuffle_train shuffle_data": "remove it: training rows are shuffled in every epoch, in an order that seed decides",
    "verbose verbosity logger loggers logging logging_steps log_every_n_steps log_interval report_to wandb tensorboard callbacks"
    " progress_bar"
    " enable_progress_bar": "remove it: progress is printed, and the run folder keeps every measurement",
    "resume resume_from_checkpoint checkpoint_path ckpt_path resume_from": "a run is resumed by the command:  nntrain fit CONFIG"
    " --resume RUN",
    "output_dir save_dir log_dir default_root_dir out_dir output_path model_dir logs save_path": "the folder of the runs is given"
    " by the command:  nntrain fit CONFIG --runs FOLDER",
    "return_sequences reduce_output return_state": "recurrent layers return all steps; the line after makes one vector of them:  -"
    " pool: last",
    "t_max t_0 decay_steps num_training_steps max_decay_steps": "remove it: the schedule ends where the run does"
    " (training.max_epochs or max_steps)",
    "in_features in_channels input_size input_dim input_shape n_inputs num_features n_features input_channels"
    " input_features_size": "remove it: input sizes follow from the data and the layer before",
    "num_classes n_classes num_labels n_labels nc output_dim out_dim n_outputs num_outputs output_size": "remove it: the output"
    " layer is sized by the target",
    "mode direction greater_is_better monitor_mode": "remove it: the metric knows whether lower or higher is better",
    "restore_best_weights save_best_only load_best_model_at_end save_best": "remove it: the best state is always kept and restored",
    "drop_last": "remove it: no training row is left out",
    "loss_weights class_weight class_weights pos_weight": "the loss has no weights by class; a column of row weights has"
    " role: weight in data.fields",
    "milestones": "the schedule step falls every few epochs:  scheduler: {type: step, every_epochs: 30}",
    "num_layers n_layers num_hidden_layers n_hidden depth": "a list gives one width per layer:  hidden: [256, 256]",
    "from_logits": "remove it: losses read logits, and a network needs no softmax at its end",
    "imports plugins import custom_objects": "a config never loads code",
    "pretrained weights_path init_from": "a network starts from new weights",
    "hooks strategy num_nodes world_size ddp distributed": "remove it: a run uses one device, training.device",
}

OPTIONS: Final[dict[str, str]] = {
    "out_features": "units num_units n_units neurons out_dim output_dim output_size num_outputs width nodes size dim features"
    " hidden_size out",
    "out_channels": "filters num_filters n_filters channels out_planes output_channels n_channels depth planes",
    "channels": "filters num_filters n_filters out_channels widths num_channels conv_layers stages",
    "kernel_size": "filter_size kernel kernels kernel_shape ksize window_size pool_size size k",
    "stride": "strides step subsampling",
    "padding": "pad border_mode pad_mode",
    "dilation": "dilation_rate dilations",
    "groups": "n_groups num_groups",
    "bias": "use_bias add_bias has_bias",
    "hidden": "hidden_units hidden_layers hidden_layer_sizes hidden_sizes hidden_dim hidden_dims hidden_size units layers"
    " fc_layers layer_sizes"
    " neurons widths sizes dims",
    "hidden_size": "units state_size hidden_dim hidden num_units hidden_units rnn_units cell_size n_hidden",
    "num_layers": "n_layers layers depth num_recurrent_layers stacks",
    "dim": "embedding_dim output_dim embedding_size embed_dim emb_dim size out_features d_model",
    "p": "rate dropout_rate drop_rate prob probability keep_prob drop_prob",
    "activation": "act activation_fn activation_function act_fn nonlinearity non_linearity activations hidden_act act_layer",
    "lr": "learning_rate lr0 base_lr initial_lr init_lr learning_rate_init eta step_size alpha max_lr",
    "betas": "beta beta1 beta2 beta_1 beta_2 b1 b2",
    "eps": "epsilon adam_epsilon e",
    "momentum": "mom momentum_factor",
    "nesterov": "use_nesterov nesterov_momentum",
    "gamma": "decay_rate lr_decay factor decay lr_gamma decay_factor",
    "min_lr": "eta_min lr_min end_lr final_lr min_learning_rate",
    "every_epochs": "epochs period step_epochs drop_every decay_every",
    "warmup_steps": "warmup warm_up warmup_epochs num_warmup_steps warmup_iters",
    "warmup_fraction": "warmup_ratio warmup_proportion pct_start",
    "initializer": "init kernel_initializer weight_init init_method initialization",
    "delimiter": "sep separator field_separator delim",
    "missing": "na_values missing_values missing_value_strategy nan fillna null_values impute",
    "path": "file filename filepath file_path csv dir url",
    "normalize": "normalization scale scaling scaler standardize normalise",
    "classes": "num_classes n_classes vocab labels values categories categories_order class_names",
    "column": "col source_column column_name",
    "max_epochs": "max_epoch",
    "patience": "wait tolerance_epochs rounds",
    "monitor": "metric watch quantity metric_name",
    "min_delta": "delta threshold tolerance tol",
    "every_steps": "steps save_steps every frequency interval",
    "keep": "save_top_k save_total_limit max_to_keep",
    "validation": "val valid dev val_size",
    "test": "holdout test_size",
    "by": "method strategy kind type mode",
    "seed": "random_state random_seed",
    "decay": "beta momentum rate",
}
"""Option of ours to words of others; counts where the component or section has that option."""

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
        "unflatten": "reshape view",
        "residual": "skip shortcut residual_block skip_connection",
        "concat": "concatenate cat merge",
        "add": "sum plus",
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
    },
    "scheduler": {
        "cosine": "cosine_annealing_lr cosine_annealing cosine_decay cosine_with_warmup cosine_annealing_warm_restarts cos",
        "step": "step_lr step_decay staircase piecewise",
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
        "series": "timeseries time_series sequence",
        "image": "img picture",
        "vector": "array list numbers",
    },
    "source": {
        "csv": "file table tabular dataframe tsv pandas",
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

METRICS_OF_SPLIT: Final = {
    "val": "validation",
    "valid": "validation",
    "eval": "validation",
    "dev": "validation",
    "train": "train",
    "test": "test",
}


def setting(word: str) -> Word | None:
    """What a setting of another tool is here, wherever it stands."""
    return _settings().get(plain(word))


def option(word: str, options: Iterable[str]) -> str | None:
    """Which of some options a word stands for."""
    written = plain(word)
    found = (ours for ours in options if written == plain(ours) or written in _words(OPTIONS.get(ours, "")))
    return next((ours for ours in found if ours != word), None)


def component(kind: str, word: str, table: Collection[str]) -> str | None:
    """The tag of ours that a component of another tool has, if `table` has it."""
    written = plain(word)
    return next((tag for tag in table if plain(tag) == written), None) or _tag(COMPONENTS.get(kind, {}), word, table)


def choice(key: str, word: str) -> str | None:
    """The value of a setting that stands for a word of another tool."""
    return _tag(CHOICES.get(key, {}), word, CHOICES.get(key, {}))


def metric_name(word: str, names: Iterable[str] = ()) -> str | None:
    """`val_loss`, `val/acc`, `eval_f1`, `accuracy` as nntrain names them: `validation.loss`; `None` for what is none of them.

    Args:
        word: As it was written.
        names: Metrics that training can watch, without their split: a test metric, which it cannot, means that of validation.
            All of all splits if none are given.
    """
    parts = [part for part in re.split(r"[_/.\s-]+", word.lower()) if part]
    split = METRICS_OF_SPLIT.get(parts[0]) if parts else None
    if parts[:1] == ["validation"]:
        split = "validation"
    rest = "_".join(parts[1:] if split else parts)
    watched = [*names]
    known = watched or ["loss", *COMPONENTS["metric"]]
    split = "validation" if watched and split == "test" else split
    metric = next((name for name in known if plain(name) == plain(rest)), None) or _tag(COMPONENTS["metric"], rest, known)
    return f"{split or 'validation'}.{metric}" if metric else None


def paths(word: str) -> list[str]:
    """Settings, components and metrics that a word stands for, for `nntrain help`."""
    found = setting(word)
    names = [found.ours] if found is not None and found.ours is not None else []
    for kind in sorted(COMPONENTS, key="layer".__ne__):  # a layer is what most words mean
        table = COMPONENTS[kind]
        names += [tag for tag in table if plain(word) == plain(tag) or plain(word) in _words(table[tag])]
    metric = metric_name(word)
    return list(dict.fromkeys([*names, *([metric] if metric is not None else [])]))


def plain(word: str) -> str:
    """A word without case and signs."""
    return re.sub(r"[^a-z0-9]", "", word.lower())


def _tag(table: Mapping[str, str], word: str, known: Container[str]) -> str | None:
    written = plain(word)
    return next((tag for tag, words in table.items() if tag in known and (written == plain(tag) or written in _words(words))), None)


@cache
def _words(words: str) -> frozenset[str]:
    return frozenset(plain(word) for word in words.split())


@cache
def _settings() -> dict[str, Word]:
    found = {plain(word): Word(ours) for ours, words in SETTINGS.items() for word in words.split()}
    found |= {plain(word): value for word, value in _VALUES.items()}
    for words, note in _NOTES.items():
        found |= {plain(word): Word(None, note=note) for word in words.split() if plain(word) not in found}
    return found
