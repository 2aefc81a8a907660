"""The base of what may stand under `architecture`: a family, a list of layers, or named nodes."""

from __future__ import annotations

from nntrain.layers.encoding import AnyEncoding
from nntrain.layers.layer import Layer


class Architecture(Layer):
    """A whole network up to the output layer."""

    inputs: dict[str, AnyEncoding] | None = None
    """How fields reach the first layer: `{color: embedding, "*": one_hot}`; exact names first. Default: by type."""
