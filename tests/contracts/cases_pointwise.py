"""Rows for norms and activations."""

from __future__ import annotations

from contract_case import ATOMS, PHOTO, ROW, SCAN, SERIES, STEPS, Case

from nntrain.specs import MEMBERS, Spec

MEMBER_ROWS = Spec(MEMBERS, (3, 6))

NORMS = (
    Case("batch_norm", ROW),
    Case("batch_norm", PHOTO),
    Case("batch_norm", STEPS),
    Case({"batch_norm": {"eps": 1e-3, "momentum": 0.3}}, SERIES, mixes_rows=True),
    Case("layer_norm", ROW),
    Case("layer_norm", SERIES),
    Case("layer_norm", PHOTO),
    Case("batch_norm", SCAN),
    Case("layer_norm", SCAN),
    *(Case("rms_norm", spec) for spec in (ROW, SERIES, PHOTO)),
    Case({"group_norm": 3}, SERIES),
    Case("group_norm", PHOTO),
    Case({"group_norm": 2}, ROW),
    Case({"group_norm": {"num_groups": 2, "eps": 1e-3}}, SCAN),
    Case("instance_norm", SERIES),
    Case({"instance_norm": {"affine": True}}, SERIES),
    Case({"instance_norm": {"affine": True}}, PHOTO),
    Case("instance_norm", SCAN),
    Case("local_response_norm", PHOTO),
    Case({"local_response_norm": {"size": 3, "alpha": 0.1, "beta": 0.5, "k": 2.0}}, SERIES),
    Case("normalize", ROW),
    *(Case({"cosine_linear": 5}, spec) for spec in (ROW, SERIES, ATOMS)),
    Case({"normalize": 1.0}, SERIES),
    Case("normalize", PHOTO),
    Case({"scale": 0.5}, SERIES, takes_all=True),
    *(Case("layer_scale", spec) for spec in (ROW, SERIES, PHOTO, ATOMS)),
    Case({"layer_scale": 0.1}, SCAN),
    *(Case({"ntk_linear": 5}, spec) for spec in (ROW, SERIES, ATOMS)),
    Case({"ntk_linear": {"out_features": 4, "bias": False, "init": "data"}}, STEPS),
    Case({"periodic": 5}, ROW),
    Case({"periodic": {"dim": 4, "num_frequencies": 3, "sigma": 0.1, "activation": "none", "phase": True, "keep_input": True}}, ROW),
    Case({"periodic": {"dim": 3, "num_frequencies": 2, "lite": True}}, ATOMS),
    Case({"ple": 4}, ROW),
    Case({"ple": {"bins": 3, "dim": 2}}, ATOMS),
    Case({"linear_embedding": 3}, ROW),
    Case({"linear_embedding": {"dim": 2, "activation": "relu"}}, ATOMS),
    Case({"ensemble": 3}, ROW),
    Case({"ensemble": {"k": 2, "init": "normal"}}, ROW),
    Case({"ensemble_linear": 5}, MEMBER_ROWS),
    Case({"ensemble_linear": {"out_features": 4, "scale_inputs": False}}, MEMBER_ROWS),
    Case({"field_tokens": 3}, ROW),
    Case({"squeeze_excite": 2}, PHOTO),
    Case({"squeeze_excite": {"reduction": 1, "gate": "hardsigmoid"}}, SERIES),
    Case({"squeeze_excite": 2}, SCAN),
)

RANDOM = (
    Case({"dropout": 0.3}, SERIES, takes_all=True, is_random=True),
    Case({"alpha_dropout": 0.3}, SERIES, takes_all=True, is_random=True),
    Case({"dropout1d": 0.3}, SERIES, is_random=True),
    Case({"dropout2d": 0.3}, PHOTO, is_random=True),
    Case({"dropout3d": 0.3}, SCAN, is_random=True),
    Case({"stochastic_depth": 0.3}, SERIES, takes_all=True, is_random=True),
    Case({"gaussian_noise": 0.3}, SERIES, takes_all=True, is_random=True),
    Case({"gaussian_latent": 3}, ROW, is_random=True),
)

POINTWISE = (
    "relu",
    "relu6",
    "leaky_relu",
    "prelu",
    "elu",
    "celu",
    "selu",
    "gelu",
    "silu",
    "mish",
    "hardswish",
    "tanh",
    "hardtanh",
    "tanhshrink",
    "softshrink",
    "sigmoid",
    "hardsigmoid",
    "logsigmoid",
    "softplus",
    "softsign",
)

ACTIVATIONS = (
    *(Case(name, SERIES, takes_all=True) for name in POINTWISE),
    Case({"leaky_relu": 0.1}, SERIES, takes_all=True),
    Case({"threshold": {"threshold": 0.1, "value": -1.0}}, SERIES, takes_all=True),
    *(Case({"prelu": {"per_channel": True}}, spec) for spec in (ROW, SERIES, PHOTO)),
    *(Case({"parametric": "mish"}, spec) for spec in (ROW, SERIES, PHOTO)),
    Case({"parametric": {"activation": {"prelu": {"per_channel": True}}, "init": 0.5}}, SERIES),
    Case("softmax", SERIES),
    Case("log_softmax", SERIES),
    *(Case(name, SERIES) for name in ("glu", "reglu", "geglu", "swiglu")),
    Case("glu", PHOTO),
    Case({"maxout": 3}, SERIES),
    Case("maxout", PHOTO),
)
