"""Train a neural network well from one YAML file, and trust the result.

The verbs of the command line as functions: `fit`, `load`, `evaluate`, `explain`, `report`, `export`. They raise what
`nntrain.errors` defines.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nntrain.commands.judging.evaluate import Evaluation
    from nntrain.commands.python.frames import Rows
    from nntrain.commands.python.functions import AnyRows, AnyRun, Model, Result
    from nntrain.insight.explanation import Explanation

__all__ = ["evaluate", "explain", "export", "fit", "load", "report"]


def fit(
    config: str | Path | Mapping[str, Any] | None = None,
    *changes: str,
    data: Rows | None = None,
    runs: str | Path | None = None,
    resume: str | Path | None = None,
    quiet: bool = True,
) -> Result:
    """Train a network.

    Args:
        config: A config file, or its content as a mapping; relative paths in a mapping count from where you stand. `None` is the
            only config in the folder, and that of the run for a resumed one.
        changes: Overrides as on the command line: `"optimizer.lr=3e-4"`.
        data: Rows to train on, in the place of `data.source`, which may be left out: a data frame of pandas or polars, a list of
            dictionaries, or a dictionary of columns. The run keeps their fingerprint, not the rows: give them again to resume it.
        runs: The runs folder; default: `$NNTRAIN_RUNS`, else `runs`.
        resume: A run to go on with; `auto`: the one of this config and these data, which is started where there is none.
        quiet: Whether nothing is shown while training.

    Raises:
        NNTrainError: One of its subclasses: the config or data are wrong, the training diverged, memory or disk ran out, or a launcher
            has started several processes, which only the command line joins.
    """
    from nntrain.commands.python.functions import fit_python

    return fit_python(config, changes, data, runs=_path(runs), resume=None if resume is None else str(resume), quiet=quiet)


def load(run: AnyRun | None = None, *, runs: str | Path | None = None) -> Model:
    """Load the network of a run, the latest if none is given, with its best weights.

    Raises:
        UsageError: There is no such run.
        CheckpointError: It is not whole.
    """
    from nntrain.commands.python.functions import load_python

    return load_python(run, runs=_path(runs))


def evaluate(
    run: AnyRun | None = None, *, data: AnyRows | None = None, split: str | None = None, runs: str | Path | None = None
) -> Evaluation:
    """Measure the network of a run, the latest if none is given, on a file or other rows, or on one of its splits (test by default).

    Raises:
        UsageError: There is no such run or split.
        CheckpointError: The run is not whole.
        DataError: The rows can't be read, or the run's data have changed.
    """
    from nntrain.commands.python.functions import evaluate_python

    return evaluate_python(run, data=data, split=split, runs=_path(runs))


def explain(
    run: AnyRun | None = None,
    *,
    data: AnyRows | None = None,
    split: str | None = None,
    runs: str | Path | None = None,
    **options: Any,
) -> Explanation:
    """Tell which columns matter to the network of a run, the latest if none is given, and why rows got their answers. Writes no file.

    Args:
        run: The run.
        data: A file or other rows; default: the validation rows.
        split: One of its splits instead.
        runs: The runs folder; default: `$NNTRAIN_RUNS`, else `runs`.
        options: Of the section `explain`: `method`, `rows`, `target`, `baseline`.

    Raises:
        UsageError: There is no such run, split, row or class; the network gives rows no single answer; or captum is not installed.
        CheckpointError: The run is not whole.
        DataError: The rows can't be read, or the run's data have changed.
    """
    from nntrain.commands.python.functions import explain_python

    return explain_python(run, data=data, split=split, runs=_path(runs), options=options)


def report(run: AnyRun | None = None, *, output: str | Path | None = None, runs: str | Path | None = None) -> Path:
    """Write a run, the latest if none is given, as one page of HTML.

    Args:
        run: The run.
        output: The file; default: `report.html` in the run's folder. Only an earlier report of the same run is replaced.
        runs: The runs folder; default: `$NNTRAIN_RUNS`, else `runs`.

    Returns:
        The file.

    Raises:
        UsageError: There is no such run, or a file of somebody's is in the way.
        CheckpointError: The run is damaged.
        ResourceError: The file can't be written.
    """
    from nntrain.commands.python.functions import report_python

    return report_python(run, output=_path(output), runs=_path(runs))


def export(
    run: AnyRun | None, output: str | Path, *, license: str | None = None, force: bool = False, runs: str | Path | None = None
) -> Path:
    """Write what predicts of a run, the latest for `None`, to a folder of its own, for a model hub. Nothing is uploaded.

    Args:
        run: The run.
        output: The folder; its name is that of the network.
        license: The license that its model card names; default: `export.license` of the config.
        force: Whether an earlier export that is there is replaced.
        runs: The runs folder; default: `$NNTRAIN_RUNS`, else `runs`.

    Returns:
        The folder, from which `load` makes a model like from a run.

    Raises:
        UsageError: There is no such run, something is in the way, or the network is of no use without its training rows.
        CheckpointError: The run is damaged, or is an export itself.
        ResourceError: The folder can't be written.
    """
    from nntrain.commands.python.functions import export_python

    return export_python(run, Path(output), license=license, force=force, runs=_path(runs))


def _path(given: str | Path | None) -> Path | None:
    return None if given is None else Path(given)
