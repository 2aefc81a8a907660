"""The tables of architectures, and what is taken where a config names none. Torch-free."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Final, cast

from nntrain.architectures.architecture import Architecture
from nntrain.schema import Slot, load_class
from nntrain.specs import IMAGE, SEQUENCE, TOKENS, Spec

FAMILIES: Final = {
    "perceptron": "nntrain.architectures.perceptron:Perceptron",
    "mlp": "nntrain.architectures.mlp:MLP",
    "realmlp": "nntrain.architectures.realmlp:RealMLP",
    "tab_resnet": "nntrain.architectures.tab_resnet:TabResNet",
    "tabm": "nntrain.architectures.tabm:TabM",
    "ft_transformer": "nntrain.architectures.ft_transformer:FTTransformer",
    "cnn": "nntrain.architectures.cnn:CNN",
    "resnet": "nntrain.architectures.resnet:ResNet",
    "vgg": "nntrain.architectures.vgg:VGG",
    "densenet": "nntrain.architectures.densenet:DenseNet",
    "mobilenet": "nntrain.architectures.mobilenet:MobileNet",
    "efficientnet_lite": "nntrain.architectures.efficientnet:EfficientNetLite",
    "vit": "nntrain.architectures.vit:ViT",
    "capsnet": "nntrain.architectures.capsnet:CapsNet",
    "unet": "nntrain.architectures.unet:UNet",
    "rnn": "nntrain.architectures.recurrent:RNNNetwork",
    "lstm": "nntrain.architectures.recurrent:LSTMNetwork",
    "gru": "nntrain.architectures.recurrent:GRUNetwork",
    "tcn": "nntrain.architectures.temporal:TCN",
    "conv_rnn": "nntrain.architectures.temporal:ConvRNN",
    "textcnn": "nntrain.architectures.temporal:TextCNN",
    "dlinear": "nntrain.architectures.dlinear:DLinear",
    "patchtst": "nntrain.architectures.patchtst:PatchTST",
    "gnn": "nntrain.architectures.gnn:GNN",
    "transformer_encoder": "nntrain.architectures.transformer:TransformerEncoder",
    "gpt": "nntrain.architectures.transformer:GPT",
    "encoder_decoder": "nntrain.architectures.encoder_decoder:EncoderDecoder",
    "transformer_decoder": "nntrain.architectures.encoder_decoder:TransformerDecoder",
}
"""Recipes; they may stand wherever a layer may, but for those with the name of a layer, which is the layer there."""

ARCHITECTURES: Final = {
    **FAMILIES,
    "layers": "nntrain.architectures.layer_list:LayerList",
    "nodes": "nntrain.architectures.node_graph:NodeGraph",
}


def infer_architecture(options: Mapping[str, Any]) -> str | None:
    """`layers:` makes a list of layers, `nodes:` named nodes."""
    return next((key for key in ("nodes", "layers") if key in options), None)


AnyArchitecture = Annotated[Architecture, Slot("architecture", (ARCHITECTURES,), infer=infer_architecture)]


LEAST: Final = 4
"""Pixels or steps that the two stages of a default cnn need."""


def default_architecture(
    inputs: Mapping[str, Spec], targets: Collection[str], *, by_step: bool = False, by_pixel: bool = False, writes: bool = False
) -> Architecture:
    """What a config without `architecture` gets.

    A cnn for one image or series that it can halve twice (a unet where each pixel has a target, `by_pixel`), a textcnn for a text (a gru
    where each token has a target, `by_step`; an encoder_decoder where the target is written, `writes`), a gnn for nodes, else an mlp. Of
    several inputs each that makes no row of numbers by itself has its own network, and an mlp reads what these give together with the
    other inputs.
    """
    if any(spec.has_nodes for spec in inputs.values()):
        return cast("Architecture", load_class(ARCHITECTURES["gnn"]).parse({"type": "gnn"}))
    large = [name for name, spec in inputs.items() if _is_large(spec)]
    if large and len(inputs) > 1 and not by_step and not writes:
        return _joined(inputs, large, targets)
    spec = next(iter(inputs.values())) if len(inputs) == 1 else None
    if spec is not None and spec.axes == TOKENS and spec.kind == "index":
        word = "encoder_decoder" if writes else "gru" if by_step else "textcnn"
        return cast("Architecture", load_class(ARCHITECTURES[word]).parse({"type": word}))
    if spec is not None and spec.axes == IMAGE and by_pixel:
        return cast("Architecture", load_class(ARCHITECTURES["unet"]).parse({"type": "unet", "channels": 32, "num_levels": _levels(spec)}))
    is_wide = spec is not None and all(size >= LEAST for size in _places(spec))
    tag = "cnn" if spec is not None and spec.axes in (IMAGE, SEQUENCE) and is_wide else "mlp"
    return cast("Architecture", load_class(ARCHITECTURES[tag]).parse({"type": tag}))


def _levels(spec: Spec) -> int:
    """How often a unet halves an image: up to four times, as far as its height and width let it."""
    sizes = [size for size in spec.sizes[1:] if isinstance(size, int)]
    return next((levels for levels in (4, 3, 2) if all(size % 2**levels == 0 for size in sizes)), 1)


def _is_large(spec: Spec) -> bool:
    """Whether an input is more than a row of numbers or one category."""
    rank = spec.of_one.rank
    return rank > 1 or (spec.kind == "index" and rank == 1)


def _joined(inputs: Mapping[str, Spec], large: list[str], targets: Collection[str]) -> Architecture:
    """A node for each large input, and one over all."""
    nodes: dict[str, dict[str, Any]] = {}
    for name in large:
        node = _unused(f"{re.sub(r'[^A-Za-z0-9_]', '_', name)}_features", {*inputs, *targets, *nodes})
        nodes[node] = {"from": name, default_architecture({name: inputs[name]}, targets).type: {}}
    joined = _unused("joined", {*inputs, *targets, *nodes})
    others = [name for name in inputs if name not in large]
    all_nodes: dict[str, Any] = {**nodes, joined: {"from": [*nodes, *others], "mlp": {}}}
    tree: dict[str, Any] = {"type": "nodes", "nodes": all_nodes, "heads": dict.fromkeys(targets, joined)}
    return cast("Architecture", load_class(ARCHITECTURES["nodes"]).parse(tree))


def _unused(name: str, taken: Collection[str]) -> str:
    """A name for a node that nothing else has."""
    name = name if not name[0].isdigit() else f"_{name}"
    while name in taken:
        name = f"{name}_"
    return name


def _places(spec: Spec) -> list[int]:
    """Height and width, or steps, as far as they are known."""
    sizes = [size for axis, size in zip(spec.axes, spec.sizes, strict=True) if axis not in {"channel", "feature"}]
    return [size for size in sizes if isinstance(size, int)]
