"""Settings of two networks that learn against each other. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar, Literal, cast

from pydantic import PositiveInt

from nntrain.data.sources.source import Source
from nntrain.errors import Problem, YamlPath
from nntrain.losses.links import Link
from nntrain.metrics.metric import Direction
from nntrain.protocols.protocol import Protocol
from nntrain.schema import StrictModel
from nntrain.tasks.task import Task

if TYPE_CHECKING:
    from nntrain.optimizers.optimizer import Optimizer
    from nntrain.training.session import Origin, TrainingProtocol
    from nntrain.training.settings import TrainingSettings


class Adversarial(Protocol):
    """A step moves the discriminator, then the generator (Goodfellow et al. 2014, algorithm 1), each by its own gradients alone.

    Gradients are clipped for each by itself; `optimizer` may have one for each node. Noise is a function of seed and step. Reports have,
    of each split in evaluation mode: `neighbor_accuracy`, how often the nearest other row tells a real row from a generated one
    (Lopez-Paz and Oquab 2017; Xu et al. 2018; images as rows of pixels), from 0.5, where both are alike, to 1, where all are told apart:
    the mean over the two sides of max(a, 1 - a), with the share a of a side whose nearest other row is of that side, so that copies of
    the rows and noise with real neighbours alone are told apart too;
    it decides what is the best state, and the noise is the same in each report. Then the losses of both, and the mean scores of real and
    of generated rows, chances with the loss bce. The figures at the end of a run and those of `eval` have `neighbor_floor` beside them:
    the same of one half of the real rows and the other half, which no generator is to beat. By pixels a shifted image is another
    image, and few generated kinds count less than blurred ones: look at the samples.
    """

    main: ClassVar[str | None] = "discriminator_steps"
    has_rivals: ClassVar[bool] = True
    deaf: ClassVar[Mapping[YamlPath, str]] = {
        ("baselines",): "is compared with noise, not with models that predict",
        ("data", "window"): "learns to make single rows",
        ("regularization", "label_smoothing"): "knows real rows from generated ones; no label of the data is learned",
        ("regularization", "mixup"): "has rows that are real or not, which can't be mixed",
        ("regularization", "cutmix"): "has rows that are real or not, which can't be mixed",
        ("regularization", "noise"): "would show the discriminator real rows by their noise",
        ("regularization", "swa"): "has no training rows to set batch norms by; ema averages the weights too",
        ("training", "soup"): "has no rows that it is judged by; ema averages the weights too",
    }

    type: Literal["adversarial"] = "adversarial"
    discriminator_steps: PositiveInt = 1
    """Updates of the discriminator before each one of the generator; each sees rows of its own, `data.batch_size` of them. The last step
    of an epoch has the rows that are left over: fewer updates, of which the last may see fewer rows. An epoch must have rows for one
    whole step of several updates."""

    @property
    def metrics(self) -> Mapping[str, Direction]:
        """How well rows are told apart, the losses and the scores."""
        losses = {"discriminator_loss": "min", "generator_loss": "min"}
        return cast(
            "Mapping[str, Direction]",
            {"neighbor_accuracy": "min", **losses, "real_score": "max", "generated_score": "max"},
        )

    @property
    def baseline_name(self) -> str:
        return "noise"

    def problems(self, source: Source, tasks: Mapping[str, Task], links: Mapping[str, Link], *, has_length: bool) -> Iterator[Problem]:
        path = ("training", "protocol")
        if len(tasks) > 1:
            yield Problem(path, f"adversarial learns to make one field, and there are {len(tasks)} targets: {', '.join(tasks)}")
        for name, task in tasks.items():
            if task.protocol != self.type:
                message = f"adversarial trains two nodes against each other, and the task of {name} is {task.type}"
                yield Problem(path, message, "fix:  task: {type: gan, noise: 100}, or leave protocol out")

    def idle(self, settings: StrictModel) -> Iterator[Problem]:
        yield from super().idle(settings)
        training = cast("TrainingSettings | None", getattr(settings, "training", None))
        optimizer = cast("Optimizer | None", getattr(settings, "optimizer", None))
        if optimizer is not None and optimizer.needs_closure:
            message = f"can't be {optimizer.type}, which asks for one loss again and again, and adversarial has two that are played in turn"
            yield Problem(("optimizer",), message, "fix:  optimizer: {type: adam, lr: 0.0002, betas: [0.5, 0.999]}")
        if training is not None and training.accumulate > 1:
            message = f"has no effect: {self.type} takes data.batch_size rows at once"
            yield Problem(("training", "accumulate"), message, "fix:  a larger data.batch_size", on_key=True)
        if training is not None and training.on_oom == "halve":
            message = f"has no effect: {self.type} takes data.batch_size rows at once, as batch norms see them"
            yield Problem(("training", "on_oom"), message, "fix:  on_oom: stop, and a smaller data.batch_size", on_key=True)

    def build(self, origin: Origin) -> TrainingProtocol:
        from nntrain.protocols.rivals import AdversarialProtocol

        return AdversarialProtocol(self)
