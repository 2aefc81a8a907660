"""Words of other tools for settings of ours, wherever they stand, and what to do where nothing of ours is meant."""

from __future__ import annotations

from dataclasses import dataclass
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
    "variables": "vars constants placeholders",
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
    "data.split.column": "split_column split_col",
    "data.streaming": "lazy lazy_loading stream stream_data",
    "data.window": "windowing sliding_window time_window window_generator",
    "data.window.past": "lookback lookback_window seq_len block_size n_ctx context_length bptt history history_size input_chunk_length"
    " max_encoder_length n_lags num_lags past_history",
    "data.window.horizon": "pred_len prediction_length forecast_horizon output_chunk_length max_prediction_length steps_ahead n_ahead",
    "data.window.gap": "forecast_gap lead_time label_offset",
    "data.window.known": "future_covariates feat_dynamic_real known_reals time_varying_known_reals known_covariates known_future"
    " known_inputs futr_exog_list future_regressors dynamic_real exogenous exog",
    "data.window.step": "sampling_interval row_step",
    "data.window.stride": "sequence_stride window_stride window_shift",
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
    " clip_gradients grad_clip_norm clipping",
    "regularization.ema": "ema_decay use_ema model_ema weight_averaging ema_rate",
    "regularization.swa": "stochastic_weight_averaging use_swa swa_start",
    "regularization.l1": "l1_reg l1_regularization l1_penalty l1_lambda",
    "regularization.clip_value": "clipvalue clip_grad_value grad_clip_value gradient_clip_value",
    "regularization.max_norm": "max_norm_constraint weight_constraint kernel_constraint",
    "regularization.noise": "input_noise gaussian_noise noise_std noise_level",
    "regularization.gradient_noise": "grad_noise gradient_noise_scale",
    "regularization.norm": "norm_type normalization_type norm_layer batchnorm use_batchnorm use_bn",
    "seed": "random_seed random_state manual_seed seed_everything rng_seed torch_seed",
    "name": "run_name experiment_name experiment exp_name project_name model_save_name",
    "training": "trainer train fit training_args training_arguments train_config train_params hyp",
    "training.soup": "model_soup greedy_soup model_soups checkpoint_averaging average_checkpoints top_k_average_method",
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
    "training.device": "torch_device",
    "training.compile": "torch_compile compile_model use_compile",
    "training.precision": "dtype torch_dtype mixed_precision_dtype",
    "tracking": "logger loggers tracker trackers report_to log_with experiment_tracking experiment_tracker integrations",
}
"""Path of ours to the words of others that stand for it anywhere."""

VALUES: Final[dict[str, Word]] = {
    **dict.fromkeys(
        ("gpu", "use_gpu", "use_cuda", "cuda", "gpu_id", "accelerator"),
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
    **dict.fromkeys(("wandb", "use_wandb", "wandb_project", "weights_and_biases"), Word("tracking", "wandb")),
    **dict.fromkeys(("tensorboard", "use_tensorboard", "tensorboard_dir", "summary_writer"), Word("tracking", "tensorboard")),
    **dict.fromkeys(("mlflow", "use_mlflow", "mlflow_tracking_uri"), Word("tracking", "mlflow")),
    **dict.fromkeys(("memory_format", "channels_last_format", "use_channels_last"), Word("training.channels_last", value=True)),
    **dict.fromkeys(("fsdp", "fully_sharded", "zero_stage", "shard_model"), Word("training.shard", value=True)),
}

NOTES: Final[dict[str, str]] = {
    "num_workers n_workers workers pin_memory persistent_workers prefetch_factor dataloader_num_workers": "remove it: rows are"
    " kept in memory and need no workers; where images are too many for that:  data: {streaming: true, workers: 2}",
    "shuffle shuffle_train shuffle_data": "remove it: training rows are shuffled in every epoch, in an order that seed decides",
    "verbose verbosity logging logging_steps log_every_n_steps log_interval progress_bar"
    " enable_progress_bar": "remove it: progress is printed, and the run folder keeps every measurement",
    "callbacks": "remove it: rules that end or save a run are settings of training; other places for its reports:  tracking: tensorboard",
    "resume resume_from_checkpoint checkpoint_path ckpt_path resume_from": "a run is resumed by the command:  nntrain fit CONFIG"
    " --resume RUN",
    "output_dir save_dir log_dir default_root_dir out_dir output_path model_dir logs save_path": "the folder of the runs is given"
    " by the command:  nntrain fit CONFIG --runs FOLDER",
    "return_sequences reduce_output return_state": "recurrent layers return all steps; the line after makes one vector of them:  -"
    " pool: last   (an option of the families: pool: last, or null for all steps)",
    "pool pooling": "a layer of its own, behind the one that gives steps:  - pool: last",
    "t_max t_0 total_iters decay_steps num_training_steps max_decay_steps": "remove it: the schedule ends where the run does"
    " (training.max_epochs or max_steps)",
    "in_features in_channels input_size input_dim input_shape n_inputs num_features n_features input_channels"
    " input_features_size": "remove it: input sizes follow from the data and the layer before",
    "num_classes n_classes num_labels n_labels nc output_dim out_dim n_outputs num_outputs output_size": "remove it: the output"
    " layer is sized by the target",
    "mode direction greater_is_better monitor_mode": "remove it: the metric knows whether lower or higher is better",
    "restore_best_weights save_best_only load_best_model_at_end save_best": "remove it: the best state is always kept and restored",
    "drop_last": "remove it: no training row is left out",
    "loss_weights class_weight class_weights pos_weight": "an option of the loss:  loss: {type: cross_entropy, class_weights: balanced}",
    "milestones": "the schedule multi_step falls at given times:  scheduler: {type: multi_step, at_epochs: [30, 60]}",
    "num_layers n_layers num_hidden_layers n_hidden depth": "a list gives one width per layer:  hidden: [256, 256]",
    "from_logits": "remove it: losses read logits, and a network needs no softmax at its end",
    "imports import custom_objects": "a component of your own:  plugins: [my_module], {type: my_module:Name}, and --plugin my_module",
    "pretrained weights_path init_from": "an option of resnet, vit and transformers; a run or a file:  architecture.init: {from: PATH}",
    "devices gpus n_gpu num_gpus gpu_ids num_devices strategy distribution_strategy num_nodes world_size nproc_per_node num_processes"
    " ddp distributed data_parallel": "remove it: one process trains, on training.device; several, each on a device of its own:"
    "  nntrain fit CONFIG --processes N   (each with a piece of the weights: training.shard=true)",
    "hooks": "remove it: what runs in between is a component of your own, a layer or a loss:  plugins: [my_module]",
}
