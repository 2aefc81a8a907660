"""The table of layers. Torch-free; a layer's file is imported when a config names it."""

from __future__ import annotations

from typing import Annotated, Final

from nntrain.layers.layer import Layer
from nntrain.layers.sizing import LayerSlot
from nntrain.schema import Slot

ACTIVATIONS: Final = {
    "relu": "nntrain.layers.activation:ReLU",
    "leaky_relu": "nntrain.layers.activation:LeakyReLU",
    "gelu": "nntrain.layers.activation:GELU",
    "silu": "nntrain.layers.activation:SiLU",
    "elu": "nntrain.layers.activation:ELU",
    "tanh": "nntrain.layers.activation:Tanh",
    "sigmoid": "nntrain.layers.activation:Sigmoid",
    "softplus": "nntrain.layers.activation:Softplus",
    "softmax": "nntrain.layers.activation:Softmax",
    "log_softmax": "nntrain.layers.activation:LogSoftmax",
}

LAYERS: Final = {
    "linear": "nntrain.layers.linear:Linear",
    "conv1d": "nntrain.layers.convolution:Conv1d",
    "conv2d": "nntrain.layers.convolution:Conv2d",
    "conv3d": "nntrain.layers.convolution:Conv3d",
    "depthwise_conv1d": "nntrain.layers.convolution:DepthwiseConv1d",
    "depthwise_conv2d": "nntrain.layers.convolution:DepthwiseConv2d",
    "separable_conv1d": "nntrain.layers.convolution:SeparableConv1d",
    "separable_conv2d": "nntrain.layers.convolution:SeparableConv2d",
    "conv_transpose1d": "nntrain.layers.transposed:ConvTranspose1d",
    "conv_transpose2d": "nntrain.layers.transposed:ConvTranspose2d",
    "conv_transpose3d": "nntrain.layers.transposed:ConvTranspose3d",
    "max_pool1d": "nntrain.layers.pooling:MaxPool1d",
    "max_pool2d": "nntrain.layers.pooling:MaxPool2d",
    "avg_pool1d": "nntrain.layers.pooling:AvgPool1d",
    "avg_pool2d": "nntrain.layers.pooling:AvgPool2d",
    "max_pool3d": "nntrain.layers.pooling:MaxPool3d",
    "avg_pool3d": "nntrain.layers.pooling:AvgPool3d",
    "lp_pool1d": "nntrain.layers.pooling:LPPool1d",
    "lp_pool2d": "nntrain.layers.pooling:LPPool2d",
    "global_avg_pool": "nntrain.layers.global_pooling:GlobalAvgPool",
    "global_max_pool": "nntrain.layers.global_pooling:GlobalMaxPool",
    "pool": "nntrain.layers.global_pooling:Pool",
    "batch_norm": "nntrain.layers.normalization:BatchNorm",
    "layer_norm": "nntrain.layers.normalization:LayerNorm",
    "lstm": "nntrain.layers.recurrent:LSTM",
    "embedding": "nntrain.layers.embedding:Embedding",
    "dropout": "nntrain.layers.dropout:Dropout",
    "flatten": "nntrain.layers.shape:Flatten",
    "unflatten": "nntrain.layers.shape:Unflatten",
    "reshape": "nntrain.layers.shape:Reshape",
    "rearrange": "nntrain.layers.rearranging:Rearrange",
    "residual": "nntrain.layers.composite:Residual",
    "sequential": "nntrain.layers.composite:Sequential",
    "branches": "nntrain.layers.composite:Branches",
    "concat": "nntrain.layers.merging:Concat",
    "add": "nntrain.layers.merging:Add",
    "subtract": "nntrain.layers.merging:Subtract",
    "multiply": "nntrain.layers.merging:Multiply",
    "stack": "nntrain.layers.merging:Stack",
    "mean": "nntrain.layers.merging:Mean",
    "max": "nntrain.layers.merging:Max",
    "dot": "nntrain.layers.merging:Dot",
    "cosine": "nntrain.layers.merging:Cosine",
    "distance": "nntrain.layers.merging:Distance",
    **ACTIVATIONS,
}

AnyLayer = Annotated[Layer, LayerSlot("layer", (LAYERS, "nntrain.architectures.settings:FAMILIES"))]
AnyActivation = Annotated[Layer, Slot("activation", (ACTIVATIONS,))]
