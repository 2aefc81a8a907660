"""The forward pass of training steps as torch.compile makes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import torch
from torch import Tensor, nn

from nntrain.errors import ConfigError, Problem

Forward = Callable[[Mapping[str, Tensor], Mapping[str, Any] | None], tuple[dict[str, Tensor], dict[str, Any]]]
"""What `Network.forward` is."""

MOST_SHOWN: Final = 200


class CompiledForward:
    """Runs a network as compiled code, made anew for each number of rows.

    For a number of rows always the same code runs, whatever came before it, so that a run that is resumed computes the same bits. Code
    for any number of rows would be there from the second one on only. Nothing falls back to the plain network without a word.
    """

    def __init__(self, network: nn.Module) -> None:
        """Prepare; the compiler works when it is first called."""
        self._run: Callable[..., Any] = torch.compile(network, dynamic=False, fullgraph=True)

    def __call__(self, inputs: Mapping[str, Tensor], state: Mapping[str, Any] | None) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Run it.

        Raises:
            ConfigError: The compiler can't do with the network, or with this machine.
        """
        from torch._dynamo.exc import TorchDynamoException

        try:
            return self._run(dict(inputs), state)
        except TorchDynamoException as error:
            raise _explained(error) from None


def _explained(error: Exception) -> ConfigError:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    found = " ".join(lines[:2]) if lines[0].endswith(":") else lines[0]
    message = f"torch's compiler can't do with this network on this machine: {found[:MOST_SHOWN]}"
    return ConfigError([Problem(("training", "compile"), message, "fix:  compile: false")])
