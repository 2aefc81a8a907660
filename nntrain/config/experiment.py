"""The root of a config: one section each for data, architecture, task, loss, optimizer, schedule, regularization and training."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from nntrain.architectures.settings import AnyArchitecture
from nntrain.arithmetic import Value
from nntrain.data.settings import FIELD_SLOT, DataSettings
from nntrain.exporting.settings import ExportSettings
from nntrain.generation.settings import GenerateSettings
from nntrain.insight.settings import ExplainSettings
from nntrain.losses.settings import Losses
from nntrain.metrics.settings import Metrics
from nntrain.optimizers.settings import AnyOptimizer
from nntrain.regularization import Regularization
from nntrain.schedules.settings import AnySchedule
from nntrain.schema import StrictModel
from nntrain.tasks.settings import Tasks
from nntrain.tracking.settings import Trackers
from nntrain.training.settings import TrainingSettings


class Experiment(StrictModel):
    """One config file. Only `data` is required; everything that is left out has a default, which `nntrain show` prints."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")] | None = None
    """Name of the runs: they are kept in `runs/<name>/`. Default: the name of the config file."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Decides initial weights, row order, dropout and (unless `data.split.seed` is given) the split."""
    plugins: tuple[str, ...] | None = None
    """Modules of your own components that this config names, `my_package.my_module:Name`; the command that runs it must allow each of
    them with `--plugin`, or an installed package offers it. A config never loads code by itself. Default: none."""
    variables: dict[str, Value] | None = None
    """Values with a name: `=dim` or `=dim//2` stands for one wherever a value is written. Off in a saved config, which has the values."""
    data: DataSettings
    """Where the records come from, what the columns are, and how the rows are split."""
    architecture: AnyArchitecture | None = None
    """The network: a family, a list of layers, or named nodes. Default: mlp for tables, cnn for images and series,
    textcnn for texts, gru for texts with a target a token, gnn for nodes."""
    task: Tasks = None
    """What the network is to do with the target; or a mapping by target. Default: found from the type of the target field."""
    loss: Losses = None
    """What is minimised: a loss; several in a list, whose weighted sum counts; or a mapping by target. Default: the task's."""
    metrics: Metrics = None
    """What is reported beside the loss, or a mapping by target; the first decides which state is the best. Default: the task's."""
    optimizer: AnyOptimizer | None = None
    """How gradients move the weights. Default: adamw with lr 1e-3."""
    scheduler: AnySchedule | None = None
    """How the learning rate changes over the steps. Default: constant."""
    baselines: tuple[Literal["linear", "boosted_trees", "tfidf_logistic"], ...] | None = None
    """Simple models that are fitted on the same rows and shown beside the network: `linear` (ridge or logistic regression),
    `boosted_trees` (histogram gradient boosting) and, for texts, `tfidf_logistic` (logistic regression on the weights of their tokens),
    from scikit-learn: `pip install 'nntrain[baselines]'`. The trivial prediction is always shown. Default: none of them."""
    regularization: Regularization = Regularization()
    """Everything that holds a network back from learning its training rows by heart."""
    generate: GenerateSettings | None = None
    """What `nntrain generate` does, where its flags say nothing, with a network that predicts the next step of a sequence, or that has a
    point whose values can be drawn (`gaussian_latent`)."""
    explain: ExplainSettings | None = None
    """What `nntrain explain` does where its options say nothing: the method, the rows, which answer, compared with what. Default:
    integrated gradients of the likeliest class of the first 3 rows."""
    export: ExportSettings | None = None
    """What `nntrain export` does where its options say nothing: the form, and the license of the network, which the model card of a run
    names too. Default: a folder for a model hub, without a license."""
    training: TrainingSettings | None = None
    """When to stop, evaluate and save. Where nothing in it says when to stop (max_epochs, max_steps, max_minutes, early_stopping,
    converge, stop_at): after 100 epochs or 20,000 steps, or 10 evaluations without a better first metric on the validation rows."""
    tracking: Trackers = None
    """Where reports, settings and results go beside the run folder: `tensorboard`, `jsonl`, `mlflow` or `wandb`; several in a list. It
    changes no bit of a run, and no server that is away stops or slows one. Default: nowhere."""

    def holds(self, name: str) -> bool:
        """Whether the predictions of a target are held within the range of the training rows."""
        if not isinstance(self.task, dict):
            return self.task is not None and self.task.is_held
        if name not in self.task and self.data.window is not None:  # columns that are one target have the name of that
            return any(task.is_held for task in self.task.values())
        return name in self.task and self.task[name].is_held

    @model_validator(mode="after")
    def _with_rows_as_classes(self) -> Self:
        """Let each row be a class of its own, where the task can do with that and nothing says what is to be predicted."""
        name = None if self.task is None or isinstance(self.task, dict) else self.task.own_target
        fields, own = self.data.fields, self.data.source.target
        is_named = self.data.target is not None or any("target" in field.role_set for field in fields.values())
        if name is None or is_named or (own is not None and not (own in fields and "ignore" in fields[own].role_set)):
            return self
        each_row = FIELD_SLOT.validate({"type": "row", "role": "target"})
        return self.model_copy(update={"data": self.data.model_copy(update={"fields": {**fields, name: each_row}})})

    @model_validator(mode="after")
    def _with_own_answer(self) -> Self:
        """Give the field that is its own answer both roles, where its task has one and nothing says what is to be predicted."""
        if self.task is None or isinstance(self.task, dict) or not self.task.is_own_answer or self.data.target is not None:
            return self
        fields = self.data.fields
        fitting = [name for name, field in fields.items() if field.type in self.task.field_types and field.role_set <= {"input"}]
        if any("target" in field.role_set for field in fields.values()) or len(fitting) != 1:
            return self
        both = fields[fitting[0]].model_copy(update={"role": ("input", "target")})
        return self.model_copy(update={"data": self.data.model_copy(update={"fields": {**fields, fitting[0]: both}})})
