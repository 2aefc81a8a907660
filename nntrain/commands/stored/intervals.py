"""`intervals.json` of a run: what the best state misses on the validation rows, from which `predict --interval` makes its limits."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nntrain.errors import CheckpointError, UsageError
from nntrain.losses.links import Interval
from nntrain.training.conformal import Scores
from nntrain.training.evaluation import Predicted, predict
from nntrain.training.objective import TargetObjective

if TYPE_CHECKING:
    from torch import Tensor

    from nntrain.commands.stored.opening import Stored
    from nntrain.data.batches import TensorData
    from nntrain.runs import Run
    from nntrain.training.objective import Objective
    from nntrain.training.session import Session

FILE: Final = "intervals.json"
PART: Final = "intervals"
"""Part of the state of an export that holds the same."""
MAX_FEATURES: Final = 16
"""Values of a target whose scores are kept: of a longer vector, or an image, the file would be larger than the network."""
NO_ROWS: Final = "had no validation rows"


def keep_scores(run: Run, checkpoint: Path, session: Session, objective: Objective) -> None:
    """Measure what the network misses on the validation rows, and write it beside the checkpoint's name and digest.

    Raises:
        ResourceError: It can't be written.
    """
    found: dict[str, Predicted] = {}
    validation = session.splits.validation
    if validation is not None and any(_why_none(target) is None for target in objective.targets.values()):
        found = predict(session.network, objective, validation, session.precision, most=session.portions.evaluation_rows)
    _keep(run, checkpoint, objective, found, validation)


def keep_predicted(run: Run, checkpoint: Path, objective: Objective, predictions: Mapping[str, Tensor], data: TensorData) -> None:
    """The same of predictions of rows that are there already, as `Predicted.values` has them. Raises `ResourceError`."""
    _keep(run, checkpoint, objective, {name: Predicted(values.cpu(), None) for name, values in predictions.items()}, data)


def _keep(run: Run, checkpoint: Path, objective: Objective, found: Mapping[str, Predicted], validation: TensorData | None) -> None:
    targets: dict[str, Any] = {}
    for name, target in objective.targets.items():
        why = _why_none(target) or (None if validation is not None else NO_ROWS)
        if why is None and validation is not None:
            try:
                truth = target.read(validation.target(name).cpu())
                targets[name] = Scores.of(found[name].values, found[name].interval, truth).state()
                continue
            except ValueError:
                why = "misses some validation rows by more than a number can say"
        targets[name] = {"none": why}
    content = {"checkpoint": checkpoint.name, "meta": _digest_of(checkpoint), "targets": targets}
    run.write_text(FILE, json.dumps({**content, "sha256": _digest(content)}, allow_nan=False) + "\n")


def check_level(level: float | None) -> None:
    """Raises `UsageError` for what is no share."""
    if level is not None and not 0 < level < 1:
        raise UsageError(f"--interval is a share between 0 and 1, got {level:g}", "--interval 0.9")


def limits(stored: Stored, level: float, found: Mapping[str, Predicted]) -> dict[str, Interval]:
    """The intervals of a level of all targets that are numbers.

    Raises:
        UsageError: No target has one; it says why.
        CheckpointError: The file is missing, damaged, or that of another state.
    """
    check_level(level)
    scores = _read(stored)
    intervals: dict[str, Interval] = {}
    for name, score in scores.items():
        if isinstance(score, str):
            continue
        try:
            low, high = score.interval(level, found[name].values, found[name].interval)
            hold = stored.objective.targets[name].hold
            intervals[name] = Interval(hold(low), hold(high))
        except ValueError:
            raise UsageError(
                f"--interval {level:g} needs {score.least_rows(level):,} validation rows, and {stored.run.name} had {score.rows:,}",
                f"a smaller share: --interval {_largest(score.rows):g}"
                if score.rows > 1
                else "more validation rows: data.split.validation",
            ) from None
    if not intervals:
        name, why = next((name, str(why)) for name, why in scores.items())
        is_untold = why == NO_ROWS
        told = f"{stored.run.name} {why}, which tell how far off it is" if is_untold else f"{name} {why}"
        raise UsageError(f"--interval: {told}", "train with some: data.split.validation=0.1" if is_untold else "leave --interval out")
    return intervals


def _why_none(target: TargetObjective) -> str | None:
    """Why a target has no scores, but for want of rows."""
    if not target.task.predicts:
        return "has no prediction of each row"
    if target.task.kind(target.target) != "values" or target.target.classes:
        return "has classes: its probabilities stand beside the prediction"
    sizes = [size for size in target.target.spec.sizes if isinstance(size, int)]
    if len(sizes) > 1 or any(size > MAX_FEATURES for size in sizes):
        return f"has more than {MAX_FEATURES} values a row: intervals are kept of fewer"
    return None


def _read(stored: Stored) -> dict[str, Scores | str]:
    """Scores by target, or why there are none. Raises `CheckpointError`."""
    if stored.run.is_export:
        return _read_exported(stored)
    path = stored.run.path / FILE
    again = f"measure it again: nntrain fit --resume {stored.run.name}"
    if not path.is_file():
        raise CheckpointError(f"{stored.run.name} has no {FILE}: it was not finished, or by an older nntrain", again)
    content = stored.run.read_json(FILE)
    written = content.pop("sha256", None)
    if written != _digest(content):
        raise CheckpointError(f"{path.as_posix()}: damaged (its content is not what was written)", again)
    try:
        if (content["checkpoint"], content["meta"]) != (stored.checkpoint.name, _digest_of(stored.checkpoint)):
            raise CheckpointError(
                f"{path.as_posix()} is of {content['checkpoint']}, and the state that predicts is {stored.checkpoint.name}", again
            )
        return _restored(stored, content["targets"])
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise CheckpointError(f"{path.as_posix()}: damaged ({type(error).__name__}: {error})", again) from None


def _read_exported(stored: Stored) -> dict[str, Scores | str]:
    """The same of an export, which has them beside its state. Raises `CheckpointError`."""
    from nntrain.exporting import STATE_FILE
    from nntrain.exporting.state_file import read_content

    content = read_content(stored.run.path)
    if PART not in content:
        raise CheckpointError(f"{stored.run.name} has no {PART}: its run had none when it was exported")
    try:
        return _restored(stored, content[PART])
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise CheckpointError(f"{(stored.run.path / STATE_FILE).as_posix()}: damaged ({type(error).__name__}: {error})") from None


def exported(stored: Stored) -> dict[str, Any]:
    """What an export keeps: the scores by target as plain values, or why there are none. Raises `CheckpointError`."""
    return {name: {"none": found} if isinstance(found, str) else found.state() for name, found in _read(stored).items()}


def _restored(stored: Stored, targets: Mapping[str, Any]) -> dict[str, Scores | str]:
    """Raises `ValueError` and its like for what is not of these targets."""
    found: dict[str, Scores | str] = {}
    for name, target in stored.objective.targets.items():
        tree = targets[name]
        found[name] = str(tree["none"]) if "none" in tree else Scores.restore(tree)
        score, sizes = found[name], target.target.spec.sizes
        if isinstance(score, Scores) and score.values.shape[1] != (sizes[0] if sizes else 1):
            raise ValueError("scores of other values")
    return found


def _largest(rows: int) -> float:
    """The largest level of two digits that some rows can tell."""
    return int(100 * rows / (rows + 1)) / 100


def _digest_of(checkpoint: Path) -> str:
    """Of the list of a checkpoint's files, which has the digest of each."""
    return hashlib.sha256((checkpoint / "meta.json").read_bytes()).hexdigest()


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
