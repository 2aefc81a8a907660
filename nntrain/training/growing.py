"""Training images that are small at first and grow: a function of the step and the length of the run. Nothing needs to be saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from torch import Tensor
from torch.nn.functional import interpolate

from nntrain.data.batches import Batch
from nntrain.data.field_plan import FieldPlan
from nntrain.data.fields.image import ProgressiveResizing
from nntrain.specs import MASK


@dataclass(frozen=True, slots=True)
class Growing:
    """What grows."""

    images: Mapping[str, ProgressiveResizing]
    """Images that are read, by field."""
    maps: tuple[str, ...]
    """Targets with something for each pixel of the image."""

    @classmethod
    def of(cls, plans: Sequence[FieldPlan]) -> Growing | None:
        """Those of some fields; `None` where none grows."""
        found = {plan.name: plan.field.resizing for plan in plans if plan.role == "input"}
        images = {name: resizing for name, resizing in found.items() if resizing is not None}
        maps = tuple(plan.name for plan in plans if plan.role == "target" and plan.spec.axes[-2:] == MASK)
        return cls(images, maps) if images else None

    def shown(self, batch: Batch, elapsed: float) -> Batch:
        """A batch as it is trained on once a fraction of the run is over."""
        inputs, targets = dict(batch.inputs), dict(batch.targets)
        for name, resizing in self.images.items():
            height, width = inputs[name].shape[-2:]
            size = resizing.size((height, width), elapsed)
            if size == (height, width):
                continue
            inputs[name] = _resized(inputs[name], size)
            targets |= {target: _resized(targets[target], size) for target in self.maps}
        return replace(batch, inputs=inputs, targets=targets)


def _resized(values: Tensor, size: tuple[int, int]) -> Tensor:
    """Images `[B, C, H, W]`, each pixel a mean of those that it stands for; masks `[B, H, W]`, each pixel the class of the nearest."""
    if values.is_floating_point():
        return interpolate(values, size, mode="bilinear", antialias=True, align_corners=False)
    return interpolate(values.unsqueeze(1).float(), size, mode="nearest-exact").squeeze(1).to(values.dtype)
