"""Settings that act on images, beside targets that are images or masks. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator

from nntrain.config.experiment import Experiment
from nntrain.data.fields.mask import Mask
from nntrain.errors import Problem
from nntrain.layers.program import Program
from nntrain.specs import IMAGE


def map_problems(experiment: Experiment, program: Program) -> Iterator[Problem]:
    """What a target with a value or a class for each pixel can't be combined with."""
    maps = [name for name, value in program.outputs.items() if value.spec.axes == IMAGE]
    if not maps:
        return
    what = "a mask" if isinstance(experiment.data.fields.get(maps[0]), Mask) else "an image"
    if what == "a mask" and experiment.baselines:
        message = f"needs an answer for each row, and {maps[0]} has one for each pixel"
        yield Problem(("baselines",), message, "leave baselines out", on_key=True)
    elif "boosted_trees" in (experiment.baselines or ()):
        message = f"boosted_trees fits a model for each value of a target, and {maps[0]} is {what}"
        yield Problem(("baselines", (experiment.baselines or ()).index("boosted_trees")), message, "fix:  baselines: [linear]")
    if experiment.regularization.cutmix is not None:
        message = f"cuts rectangles out of inputs, and the target {maps[0]} is {what} that stays whole"
        yield Problem(("regularization", "cutmix"), message, "fix:  mixup: 0.2, which mixes inputs and targets alike", on_key=True)


def augmentation_warnings(experiment: Experiment, program: Program) -> Iterator[str]:
    """Changes of an image that a target is not part of, and those that are hardly any; a mask moves with its image."""
    outputs = [name for name, value in program.outputs.items() if value.spec.axes == IMAGE]
    images = [name for name in outputs if not isinstance(experiment.data.fields.get(name), Mask)]
    for name, field in experiment.data.fields.items():
        for augmentation in field.augmentations:
            where = f"data.fields.{name}.augment {augmentation.type}"
            if augmentation.doubt is not None:
                yield f"{where} {augmentation.doubt}"
            if augmentation.moves and images:
                yield f"{where} moves the input and leaves the target {images[0]} where it is: their pixels no longer belong together"
