"""What acts on gradients before a step and on weights after it: penalties, clipping, noise, bounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvTransposeNd  # pyright: ignore[reportPrivateUsage]

from nntrain.data.noise import derive_seed
from nntrain.optimizers.groups import without_decay
from nntrain.regularization import Regularization
from nntrain.training.gradients import gradient_norm


@dataclass(frozen=True, slots=True)
class Weight:
    """A weight that penalties and bounds act on."""

    parameter: nn.Parameter
    axis: int
    """Axis of the output units."""


@dataclass(frozen=True, slots=True)
class Shaping:
    """The settings of one run, and the weights that they act on. Stateless: noise is a function of (seed, step, update)."""

    settings: Regularization
    seed: int
    weights: Sequence[Weight]
    """Those that decay."""

    @classmethod
    def of(cls, settings: Regularization, network: nn.Module, seed: int) -> Shaping:
        """For the weights of a network: all that train, but biases, norms and embeddings unless `decay_all` is set."""
        spared: set[int] = set() if settings.decay_all else without_decay(network)
        axes = {
            id(parameter): 1 if isinstance(module, _ConvTransposeNd) and parameter.ndim > 1 else 0
            for module in network.modules()
            for parameter in module.parameters(recurse=False)
        }
        trained = [parameter for parameter in network.parameters() if parameter.requires_grad and id(parameter) not in spared]
        return cls(settings, seed, [Weight(parameter, axes[id(parameter)]) for parameter in trained])

    @property
    def is_idle(self) -> bool:
        """Whether it changes nothing, gradients or weights, whatever they are."""
        settings = self.settings
        knobs = (settings.l1, settings.clip_value, settings.clip_norm, settings.gradient_noise, settings.max_norm)
        return all(knob is None for knob in knobs)

    def penalize(self) -> bool:
        """Add the gradient of the L1 penalty, `l1 * sum |w|`, to the gradients; whether there is one."""
        if self.settings.l1 is None:
            return False
        with torch.no_grad():  # entered only where there is something to do: each entry is a measurable part of a small step
            for weight in self.weights:
                if weight.parameter.grad is not None:
                    weight.parameter.grad.add_(weight.parameter.sign(), alpha=self.settings.l1)
        return True

    def clip(self, parameters: Sequence[Tensor], norm: Tensor) -> Tensor:
        """Cut each value of the gradients to `clip_value`, then all of them together to `clip_norm`.

        Args:
            parameters: All that are trained.
            norm: Norm of all gradients together as they are now.

        Returns:
            The norm that was compared with `clip_norm`: that of the gradients whose values were cut, where both are set.
        """
        settings = self.settings
        if settings.clip_value is not None:
            nn.utils.clip_grad_value_(parameters, settings.clip_value)
            if settings.clip_norm is not None:
                norm = gradient_norm(parameters)
        if settings.clip_norm is not None:
            nn.utils.clip_grads_with_norm_(parameters, settings.clip_norm, norm)
        return norm

    def add_noise(self, parameters: Sequence[Tensor], step: int, update: int = 0) -> None:
        """Add normal noise of variance `eta / (1 + step) ** gamma` to the gradients (Neelakantan et al., 2015, equation 1), after clipping.

        Args:
            parameters: All that are trained.
            step: Steps taken before this one.
            update: Updates of this step before this one.
        """
        noise = self.settings.gradient_noise
        if noise is None:
            return
        deviation = (noise.eta / (1 + step) ** noise.gamma) ** 0.5
        seed = derive_seed(self.seed, "gradient noise", step, update)
        generators: dict[torch.device, torch.Generator] = {}
        with torch.no_grad():
            for parameter in parameters:
                if parameter.grad is None:
                    continue
                device = parameter.device
                if device not in generators:
                    generators[device] = torch.Generator(device).manual_seed(seed)
                drawn = torch.randn(parameter.shape, generator=generators[device], device=device, dtype=parameter.grad.dtype)
                parameter.grad.add_(drawn, alpha=deviation)

    def bound(self) -> None:
        """Scale down the incoming weights of every output unit whose norm is above `max_norm` (Srivastava et al., 2014, section 5.1)."""
        limit = self.settings.max_norm
        if limit is None:
            return
        with torch.no_grad():
            for weight in self.weights:
                if weight.parameter.ndim > 1 and weight.parameter.requires_grad:
                    weight.parameter.copy_(torch.renorm(weight.parameter, 2, weight.axis, limit))
