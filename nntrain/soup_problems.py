"""Where `training.soup` has no effect, or no validation rows to judge by. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator

from nntrain.config.experiment import Experiment
from nntrain.errors import Problem, YamlPath
from nntrain.training.settings import TrainingSettings

_PATH: YamlPath = ("training", "soup")


def soup_problems(experiment: Experiment, training: TrainingSettings, *, has_validation: bool) -> Iterator[Problem]:
    """Why the weights of the best states can't be averaged."""
    stopping = training.early_stopping
    if not has_validation:
        yield Problem(
            _PATH, "is judged by validation rows, and there are none", "fix:  data.split.validation: 0.1, or leave soup out", on_key=True
        )
    elif stopping is not None and stopping.monitor is not None and not stopping.monitor.startswith("validation."):
        message = f"is judged by validation rows, and early stopping watches {stopping.monitor}"
        yield Problem(_PATH, message, "fix:  a monitor such as validation.loss, or leave soup out", on_key=True)
    if experiment.regularization.swa is not None:
        message = "does not go with regularization.swa, whose states are means over almost the same steps"
        yield Problem(_PATH, message, "remove one of the two", on_key=True)
    if training.shard:
        message = "does not go with training.shard: no process has all weights of a state"
        yield Problem(_PATH, message, "remove one of the two", on_key=True)
