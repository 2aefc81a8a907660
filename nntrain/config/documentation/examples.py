"""The lines of a config that `nntrain help` shows. What types alone cannot tell stands in tables; a contract test reads every line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

from nntrain.config.documentation.catalogue import Catalogue, Setting
from nntrain.config.documentation.wording import sample, value_in_words
from nntrain.optimizers.settings import OPTIMIZERS

WRITTEN: Final = {
    "variables": "{variables: {dim: 64}, architecture: {layers: [linear: =dim, relu]}}",
    "architecture.blocks": "architecture: {blocks: {dense: {with: {c: null}, layers: [linear: =c, relu]}}, layers: [dense: 64]}",
    "architecture.blocks.*.with": "architecture: {blocks: {dense: {with: {c: 64}, layers: [linear: =c, relu]}}, layers: [dense]}",
    "architecture.blocks.*.layers": "architecture: {blocks: {dense: {layers: [linear: 64, relu]}}, layers: [dense, dense]}",
    "layers.blocks": "architecture: {blocks: {dense: {with: {c: null}, layers: [linear: =c, relu]}}, layers: [dense: 64]}",
    "nodes.blocks": "architecture: {blocks: {dense: [linear: 64, relu]}, nodes: {body: {from: inputs, dense: null}}}",
    "nodes": "architecture: {nodes: {body: {from: inputs, mlp: [64]}}}",
    "layers": "architecture: {layers: [linear: 64, relu]}",
    "architecture.nodes": "architecture: {nodes: {body: {from: inputs, mlp: [64]}}}",
    "architecture.nodes.*.from": "architecture: {nodes: {body: {from: [size, color], mlp: [64]}}}",
    "architecture.nodes.*.layers": "architecture: {nodes: {body: {from: inputs, layers: [linear: 64, relu]}}}",
    "architecture.nodes.*.layer": "architecture: {nodes: {body: {from: inputs, mlp: [64]}}}",
    "architecture.nodes.*.encode": "architecture: {nodes: {body: {from: inputs, encode: one_hot, mlp: [64]}}}",
    "architecture.nodes.*.encode.dim": "architecture: {nodes: {body: {from: inputs, encode: {embedding: 8}, mlp: [64]}}}",
    "architecture.nodes.*.encode.*.dim": "architecture: {nodes: {body: {from: inputs, encode: {color: {embedding: 8}}, mlp: [64]}}}",
    **{
        f"architecture.nodes.*.encode{place}.{option}": (
            f"architecture: {{nodes: {{body: {{from: inputs, encode: {before}{{type: {kind}, {option}: {value}}}{after}, mlp: [64]}}}}}}"
        )
        for place, before, after in (("", "", ""), (".*", "{size: ", "}"))
        for kind, option, value in (
            *(("periodic", "num_frequencies", "16"), ("periodic", "sigma", "0.1"), ("periodic", "activation", "none")),
            *(("periodic", option, "true") for option in ("phase", "lite", "keep_input")),
            *(("ple", "bins", "16"), ("ple", "by", "target")),
        )
    },
    "architecture.heads": "architecture: {nodes: {body: {from: inputs, mlp: [64]}}, heads: {price: body}}",
    "architecture.heads.*.from": "architecture: {nodes: {body: {from: inputs, mlp: [64]}}, heads: {price: {from: body}}}",
    "architecture.heads.*.layers": (
        "architecture: {nodes: {body: {from: inputs, mlp: [64]}}, heads: {price: {from: body, layers: [relu, linear: 1]}}}"
    ),
    "data.fields.*.normalize.mean": "data: {fields: {photo: {type: image, normalize: {mean: [0.5], std: [0.25]}}}}",
    "data.fields.*.normalize.std": "data: {fields: {photo: {type: image, normalize: {mean: [0.5], std: [0.25]}}}}",
    "data.split.folds": "data: {split: {folds: 5, fold: 1}}",
    "data.split.fold": "data: {split: {folds: 5, fold: 1}}",
    "data.split.validation_folds": "data: {split: {validation_folds: 5, validation_fold: 1}}",
    "data.split.validation_fold": "data: {split: {validation_folds: 5, validation_fold: 1}}",
    "training.bag": "training: {bag: 5}",
    "training.bag.folds": "training: {bag: {folds: 5, seeds: 2}}",
    "training.bag.seeds": "training: {bag: {folds: 5, seeds: 2}}",
    "optimizer.groups": "optimizer: {type: adamw, groups: [{match: head, lr: 0.01}]}",
    "optimizer.groups.match": "optimizer: {type: adamw, groups: [{match: head, lr: 0.01}]}",
    "optimizer.groups.lr": "optimizer: {type: adamw, groups: [{match: head, lr: 0.01}]}",
    "optimizer.groups.lr_factor": "optimizer: {type: adamw, groups: [{match: '*.bias', lr_factor: 0.1}]}",
    "optimizer.groups.weight_decay": "optimizer: {type: adamw, groups: [{match: head, weight_decay: 0.1}]}",
    "by_node.lr": "optimizer: {type: by_node, nodes: {generator: {type: adam, lr: 0.001}, discriminator: sgd}}",
    **dict.fromkeys(("by_node.groups", "by_node.layer_decay"), "optimizer: {type: by_node, nodes: {generator: adam, discriminator: sgd}}"),
    "optimizer.layer_decay": "optimizer: {type: adamw, layer_decay: 0.75}",
    **{
        f"{place}.labels": 'data: {source: {path: a.csv, labels: b.csv}, fields: {NAME: {type: series, columns: "x*", by: id}}}'
        for place in ("csv", "parquet", "data.source")
    },
    **{
        f"data.batch.sampler.{option}": "data: {batch: {sampler: {type: pk, classes: 8, per_class: 4}}}"
        for option in ("type", "classes", "per_class")
    },
    "data.batch.sampler.positive_fraction": "data: {batch: {sampler: {type: pairs, positive_fraction: 0.5}}}",
    "data.fields.*.crop_to_aspect_ratio": "data: {fields: {NAME: {type: image, size: 64, crop_to_aspect_ratio: true}}}",
    "image.crop_to_aspect_ratio": "data: {fields: {NAME: {type: image, size: 64, crop_to_aspect_ratio: true}}}",
    "data.streaming": "data: {source: {type: image_folder, path: photos}, streaming: true}",
    "data.workers": "data: {source: {type: image_folder, path: photos}, streaming: true, workers: 2}",
    "training.on_oom": "training: {on_oom: halve}",
    "data.window": "data: {window: {past: 96, horizon: 24}}",
    "data.window.past": "data: {window: {past: 96, horizon: 24}}",
    "data.window.horizon": "data: {window: {past: 96, horizon: 24}}",
    "data.window.gap": "data: {window: {past: 720, step: 6, gap: 72}}",
    "data.window.step": "data: {window: {past: 720, step: 6, gap: 72}}",
    "data.window.stride": "data: {window: {past: 96, horizon: 24, stride: 24}}",
    "data.window.targets": "data: {window: {past: 96, horizon: 24, targets: separate}}",
    "data.window.past_from": "data: {window: {past: 96, horizon: 24, past_from: earlier}}",
    "data.window.known": "data: {window: {past: 168, horizon: 24, known: [date, holiday]}}",
    "data.window.season": "data: {window: {past: 96, horizon: 24, season: 24}}",
    "regularization.scheduler": "regularization: {dropout: 0.15, scheduler: {type: wsd, decay_fraction: 0.5, shape: cosine}}",
    "regularization.gradient_noise.gamma": "regularization: {gradient_noise: {eta: 0.01, gamma: 0.55}}",
    "add": "architecture: {layers: [{linear: 64, name: a}, relu, linear: 64, add: a]}",
    "concat": "architecture: {layers: [{linear: 64, name: a}, relu, linear: 32, concat: a]}",
    "add.points": "architecture: {layers: [{linear: 64, name: a}, relu, linear: 64, add: a]}",
    "concat.points": "architecture: {layers: [{linear: 64, name: a}, relu, linear: 32, concat: a]}",
    "add.from": "architecture: {nodes: {a: {from: size, linear: 64}, b: {from: color, linear: 64}, both: {add: [a, b]}}}",
    "concat.from": "architecture: {nodes: {a: {from: size, linear: 64}, b: {from: color, linear: 64}, both: {concat: [a, b]}}}",
    **{
        f"{merge}{option}": f"architecture: {{layers: [{{linear: 64, name: a}}, relu, linear: 64, {merge}: a]}}"
        for merge in ("subtract", "multiply", "mean", "max", "dot", "cosine", "distance")
        for option in ("", ".points")
    },
    **{
        f"{merge}.from": f"architecture: {{nodes: {{a: {{from: size, linear: 8}}, b: {{from: color, linear: 8}}, c: {{{merge}: [a, b]}}}}}}"
        for merge in ("subtract", "multiply", "mean", "max", "dot", "cosine", "distance")
    },
    **{
        f"stack{option}": "architecture: {layers: [{linear: 64, name: a}, relu, linear: 64, stack: a, pool: mean]}"
        for option in ("", ".points")
    },
    "stack.from": (
        "architecture: {nodes: {a: {from: size, linear: 8}, b: {from: color, linear: 8}, c: {stack: [a, b]}, d: {from: c, pool: mean}}}"
    ),
    "branches": "architecture: {layers: [branches: {merge: add, of: [[linear: 64, relu], [linear: 64]]}]}",
    "branches.of": "architecture: {layers: [branches: [[linear: 64, relu], []]]}",
    "branches.merge": "architecture: {layers: [branches: {merge: add, of: [[linear: 64, relu], [linear: 64]]}]}",
    "rearrange": 'architecture: {layers: [linear: 64, rearrange: "(t 8) -> t 8", pool: mean]}',
    "rearrange.pattern": 'architecture: {layers: [linear: 64, rearrange: "(t 8) -> t 8", pool: mean]}',
    "architecture.tie": "architecture: {layers: [{linear: 64, name: a}, relu, {linear: 64, name: b}, relu], tie: {b.weight: a.weight}}",
    "architecture.freeze": "architecture: {layers: [{linear: 64, name: backbone}, relu], freeze: [backbone]}",
    "architecture.init": "architecture: {type: mlp, init: {from: runs/first}}",
    "architecture.init.from": "architecture: {type: mlp, init: {from: weights.safetensors}}",
    "architecture.init.map": 'architecture: {type: mlp, init: {from: weights.pt, map: {linear_1: fc1, "*": "backbone.*"}}}',
    "architecture.init.fields": "architecture: {type: mlp, init: {from: runs/first, fields: refit}}",
    "architecture.pretrained.fingerprint": (
        "architecture: {type: transformer_encoder, pretrained: {path: minilm, fingerprint: 8f14e45fceea167a}}"
    ),
    "architecture.adapter": "architecture: {type: mlp, adapter: {type: lora, rank: 8}}",
    "architecture.adapter.match": "architecture: {type: mlp, adapter: {match: linear_1}}",
    "training.unfreeze": "{architecture: {type: mlp, freeze: linear_1}, training: {unfreeze: {epoch: 3, match: linear_1}}}",
    "training.unfreeze.epoch": "{architecture: {type: mlp, freeze: linear_1}, training: {unfreeze: {epoch: 3, match: linear_1}}}",
    "training.unfreeze.match": '{architecture: {type: mlp, freeze: linear_1}, training: {unfreeze: {epoch: 3, match: ["linear_1.*"]}}}',
    "architecture.nodes.*.same_as": "architecture: {nodes: {a: {from: size, mlp: [64]}, b: {from: size, same_as: a}, c: {dot: [a, b]}}}",
    "architecture.nodes.*.name": "architecture: {nodes: {body: {from: inputs, layers: [linear: 64, relu], name: code}}}",
    "architecture.nodes.*.freeze": "architecture: {nodes: {body: {from: inputs, layers: [linear: 64, relu], freeze: true}}}",
    "architecture.heads.*.weight": (
        "architecture: {nodes: {a: {from: inputs, mlp: [64]}, b: {from: a, relu: {}}}, heads: {price: [{from: b}, {from: a, weight: 0.3}]}}"
    ),
    "concat.axis": "architecture: {layers: [{lstm: 32, name: a}, lstm: 32, {concat: {points: a, axis: time}}]}",
}
"""Setting, component or option to its example, where it needs something else beside it."""

_VALUES: Final[dict[tuple[str, str], object]] = {
    ("log_mel", "f_max"): 4000.0,
    ("mfcc", "f_max"): 4000.0,
    ("csv", "path"): "train.csv",
    ("arrays", "path"): "train.npz",
    ("builtin", "path"): "mnist",
    ("files", "path"): "photos/{split}/{label}/*.jpg",
    ("csv", "missing"): ["", "NA"],
    ("csv", "columns"): ["size", "price"],
    ("csv", "header"): False,
    ("csv", "thousands"): ",",
    ("csv", "comment"): "#",
    ("csv", "date_format"): "%d.%m.%Y",
    ("excel", "path"): "train.xlsx",
    ("excel", "columns"): ["size", "price"],
    ("excel", "missing"): ["", "NA"],
    ("excel", "date_format"): "%d.%m.%Y",
    ("parquet", "path"): "train.parquet",
    ("parquet", "missing"): ["", "NA"],
    ("jsonl", "path"): "train.jsonl",
    ("jsonl", "missing"): ["", "NA"],
    ("ordinal", "order"): ["low", "mid", "high"],
    ("date", "format"): "%d.%m.%Y",
    ("date", "time_zone"): "Europe/Berlin",
    ("multi_label", "separator"): "|",
    ("multi_label", "classes"): ["crime", "drama"],
    ("mask", "ignore"): 255,
    ("metric", "pairs"): ["question", "answer"],
    ("by_node", "nodes"): {"generator": "adam", "discriminator": "sgd"},
    ("tags", "classes"): ["O", "B-person", "I-person"],
    ("number", "clip"): [0, 100],
    ("number", "smooth_clip"): 3,
    ("boolean", "true"): "yes",
    ("boolean", "false"): "no",
    ("nodes", "nodes"): {"body": {"from": "inputs", "mlp": [64]}},
    ("nodes", "heads"): {"NAME": "body"},
    ("unflatten", "sizes"): [1, 8, 8],
    ("reshape", "sizes"): [1, 8, 8],
    ("rearrange", "pattern"): "c h w -> (h w) c",
    ("branches", "of"): [[{"linear": 64}, "relu"], []],
    **{
        (f"{kind}{rank}d", "kernel_size"): size
        for kind, size in (("conv", 3), ("depthwise_conv", 3), ("separable_conv", 3), ("conv_transpose", 4))
        for rank in (1, 2, 3)
    },
    **{(f"{kind}_pool{rank}d", "kernel_size"): 2 for kind in ("max", "avg", "lp") for rank in (1, 2, 3)},
    **{
        (f"{kind}{rank}d", "padding"): 1
        for kind in ("conv", "depthwise_conv", "separable_conv", "conv_transpose", "max_pool", "avg_pool", "lp_pool")
        for rank in (1, 2, 3)
    },
    **{(f"conv_transpose{rank}d", "output_padding"): 1 for rank in (1, 2, 3)},
    ("pad", "padding"): 1,
    ("upsample", "scale_factor"): 2,
    ("pixel_shuffle", "upscale_factor"): 2,
    ("pixel_unshuffle", "downscale_factor"): 2,
    ("maxout", "pieces"): 2,
    ("group_norm", "num_groups"): 8,
    ("scale", "factor"): 0.5,
    ("scale", "range"): [0.8, 1.2],
    ("stochastic_depth", "p"): 0.1,
    ("gaussian_noise", "std"): 0.1,
    ("sgd", "momentum"): 0.9,
    ("step", "every_epochs"): 30,
    ("step", "every_steps"): 1000,
    ("multi_step", "at_epochs"): [30, 60],
    ("multi_step", "at_steps"): [1000, 2000],
    ("exponential", "gamma"): 0.9,
    ("exponential", "every_steps"): 1000,
    ("warm_restarts", "first_epochs"): 10,
    ("warm_restarts", "first_steps"): 1000,
    ("warm_restarts", "multiply"): 2,
    ("cyclic", "min_lr"): 1e-4,
    ("cyclic", "up_epochs"): 2,
    ("cyclic", "up_steps"): 1000,
    ("cyclic", "down_epochs"): 2,
    ("cyclic", "down_steps"): 1000,
    ("cyclic", "gamma"): 0.999,
    ("one_cycle", "div_factor"): 25,
    ("one_cycle", "final_div_factor"): 1000,
    **{(tag, "groups"): [{"match": "head", "lr": 0.01}] for tag in OPTIMIZERS},
    ("rprop", "etas"): [0.5, 1.2],
    ("rprop", "step_sizes"): [1e-6, 50],
    ("adafactor", "eps"): [None, 1e-3],
    ("adafactor", "beta2_decay"): -0.8,
    ("adafactor", "d"): 1.0,
}
"""Component and option to a value that says more than the type does."""

TRANSFORMERS: Final = ("transformer_encoder", "transformer_decoder", "vit", "encoder_decoder", "gpt")
"""Components that have the options of a transformer."""

_BESIDE: Final[dict[tuple[str, str], dict[str, object]]] = {
    ("builtin", "path"): {"name": "mnist"},
    ("csv", "columns"): {"header": False},
    ("excel", "columns"): {"header": False},
    ("boolean", "true"): {"false": "no"},
    ("boolean", "false"): {"true": "yes"},
    ("series", "values"): {"lengths": "NAME"},
    ("series", "by"): {"columns": "x*"},
    ("series", "order"): {"columns": "x*", "by": "ID"},
    ("series", "lengths"): {"values": "NAME"},
    ("graph", "graphs"): {"graph": "graph"},
    **{(tag, "top_k"): {"num_experts": 4} for tag in TRANSFORMERS},
    **{(tag, "max_length"): {"positions": "learned"} for tag in TRANSFORMERS if tag != "gpt"},
    ("jitter", ""): {"brightness": 0.2},
    **{(tag, "dropout"): {"num_layers": 2} for tag in ("rnn", "lstm", "gru")},
    **{(f"conv_transpose{rank}d", "output_padding"): {"stride": 2} for rank in (1, 2, 3)},
    **{(f"{kind}{rank}d", "padding_mode"): {"padding": 1} for kind in ("conv", "depthwise_conv", "separable_conv") for rank in (1, 2, 3)},
    ("upsample", "align_corners"): {"mode": "bilinear"},
    ("sgd", "nesterov"): {"momentum": 0.9},
    ("step", ""): {"every_epochs": 30},
    ("step", "gamma"): {"every_epochs": 30},
    ("step", "warmup_steps"): {"every_epochs": 30},
    ("step", "warmup_fraction"): {"every_epochs": 30},
    **{("multi_step", option): {"at_epochs": [30, 60]} for option in ("", "gamma", "warmup_steps", "warmup_fraction")},
    **{("exponential", option): {"every_epochs": 1, "gamma": 0.9} for option in ("", "warmup_steps", "warmup_fraction")},
    ("exponential", "gamma"): {"every_epochs": 1},
    ("exponential", "every_epochs"): {"gamma": 0.9},
    ("exponential", "every_steps"): {"gamma": 0.9},
    **{("warm_restarts", option): {"first_epochs": 10} for option in ("", "multiply", "min_lr", "warmup_steps", "warmup_fraction")},
    **{("cyclic", option): {"min_lr": 1e-4, "up_epochs": 2} for option in ("", "down_epochs", "down_steps", "mode")},
    **{("cyclic", option): {"min_lr": 1e-4, "up_epochs": 2} for option in ("cycle_momentum", "base_momentum", "max_momentum")},
    ("cyclic", "min_lr"): {"up_epochs": 2},
    ("cyclic", "up_epochs"): {"min_lr": 1e-4},
    ("cyclic", "up_steps"): {"min_lr": 1e-4},
    ("cyclic", "gamma"): {"min_lr": 1e-4, "up_epochs": 2, "mode": "exp_range"},
}
"""Component and option (empty for the component alone) to options that it must have beside it."""


def of_setting(content: Catalogue, same: Sequence[Setting]) -> list[str]:
    """One line of YAML, and the same on the command line where that is short and needs nothing else in the config.

    Args:
        content: Where the setting is from.
        same: The setting as each of several components has it; the first is shown.
    """
    setting = same[0]
    value = _value(content, setting.tag, setting)
    line = WRITTEN.get(setting.name) or value_in_words(_tree(content, setting, value))[1:-1]
    is_short = isinstance(value, int | float | str) and "*" not in setting.path and setting.name not in WRITTEN
    if not is_short or not any(_applies_alone(content, each) for each in same):
        return [line]
    return [line, f"nntrain fit CONFIG {setting.name}={value_in_words(value)}"]


def of_component(content: Catalogue, kind: str, tag: str) -> str | None:
    """One line of YAML that has a component; `None` where no place holds its kind."""
    written = WRITTEN.get(tag) if kind in {"layer", "architecture"} else None  # `cosine` is a merge, a loss and a schedule
    return written or _placed(content, kind, tag, {})


def of_option(content: Catalogue, kind: str, option: Setting) -> str | None:
    """One line of YAML that has an option of a component; `None` where no place holds the component's kind."""
    tag, key = option.path[0], option.path[-1]
    return WRITTEN.get(option.name) or _placed(content, kind, tag, {key: _value(content, tag, option)})


def _placed(content: Catalogue, kind: str, tag: str, options: dict[str, object]) -> str | None:
    place = content.places.get(kind)
    if place is None:
        return None
    setting, path, is_list = place
    written = _component(content, kind, tag, options)
    value: object = [written] if is_list else written
    for _ in path[len(setting.path) :]:
        value = {"NAME": value}
    return value_in_words(_tree(content, setting, value))[1:-1]


def _component(content: Catalogue, kind: str, tag: str, options: dict[str, object]) -> object:
    """A component in its shortest form with some options, and with those that it needs."""
    found = {**_needed(content, kind, tag, next(iter(options), "")), **options}
    main = content.component(kind, tag).main
    if not found:
        return tag
    if main is not None and list(found) == [main] and not isinstance(found[main], dict):
        return {tag: found[main]}
    return {"type": tag, **found}


def _needed(content: Catalogue, kind: str, tag: str, option: str) -> dict[str, object]:
    """What a component must have beside an option (empty for none)."""
    options = content.options(content.definition(content.component(kind, tag)), (), tag)
    required = {each.path[0]: _value(content, tag, each) for each in options if each.required and each.path[0] != option}
    return {**required, **_BESIDE.get((tag, option), {})}


def _tree(content: Catalogue, setting: Setting, value: object) -> dict[str, Any]:
    """The sections and components around a value."""
    components = {depth: (kind, tag) for depth, kind, tag in setting.components}
    tree: object = value
    for depth, key in reversed(list(enumerate(setting.path))):
        tree = {("NAME" if key == "*" else key): tree}
        if depth in components:
            kind, tag = components[depth]
            options = {**_needed(content, kind, tag, key), **tree}
            infer = content.slots[kind].infer
            tree = options if infer is not None and infer(options) == tag else {"type": tag, **options}
    return cast("dict[str, Any]", tree)


def _value(content: Catalogue, tag: str | None, setting: Setting) -> object:
    written = _VALUES.get((tag or "", setting.path[-1]))
    return sample(content, setting.schema) if written is None else written


def _applies_alone(content: Catalogue, setting: Setting) -> bool:
    """Whether an override may set it in a config that names none of the components around it."""
    return all(content.slots[kind].default == tag for _, kind, tag in setting.components)
