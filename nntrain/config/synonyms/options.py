"""Words of other tools for options of components and sections."""

from __future__ import annotations

from typing import Final

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
