"""Tables of real rows: nntrain's presets beside scikit-learn's models: `python -m tests.benchmarks.tabular --data FOLDER`.

Each preset is what a newcomer does: `nntrain init DATA --target COLUMN --preset NAME`, then `nntrain fit`, nothing touched but which rows
are test rows. Others are fitted on the same training and validation rows with scikit-learn's defaults, on standardised numbers and
one-hot categories (trees: codes). Printed are the mean over folds or seeds and its 95 % interval (Student's t), and CPU seconds of one
fit, all of it.

`FOLDER` holds `adult/{train,test}.csv`, `california_housing/housing.csv`, `titanic/titanic.csv`, `penguins/penguins.csv`; sets that are not
there are left out. breast_cancer, wine and diabetes come with scikit-learn.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np

from tests.benchmarks.machine import REPOSITORY, THREADS, facts, line

PRESETS = ("fast", "good", "best")


@dataclass(frozen=True)
class Set:
    """A table, and which rows of it are test rows, fit by fit."""

    name: str
    target: str
    path: str
    """Below the folder of data, or the name of scikit-learn's set."""
    changes: tuple[tuple[str, ...], ...]
    """Overrides of each fit: its test rows, its seed."""
    metric: str = "accuracy"
    is_sklearn: bool = False

    @property
    def is_class(self) -> bool:
        return self.metric == "accuracy"


FOLDS = tuple((f"data.split={{folds: 5, fold: {fold}}}",) for fold in range(1, 6))
SEEDS = tuple((f"seed={seed}",) for seed in range(3))
HOLDOUTS = tuple((f"seed={seed}", "data.split={test: 0.2}") for seed in range(5))

SETS = (
    Set("adult", "income", "adult/train.csv", SEEDS),
    Set("california_housing", "median_house_value", "california_housing/housing.csv", HOLDOUTS, "rmse"),
    Set("titanic", "Survived", "titanic/titanic.csv", FOLDS),
    Set("penguins", "species", "penguins/penguins.csv", FOLDS),
    Set("breast_cancer", "target", "breast_cancer", FOLDS, is_sklearn=True),
    Set("wine", "target", "wine", FOLDS, is_sklearn=True),
    Set("diabetes", "target", "diabetes", FOLDS, "rmse", is_sklearn=True),
)


@dataclass
class Found:
    """What a model scored, fit by fit."""

    scores: list[float] = field(default_factory=list[float])
    aurocs: list[float] = field(default_factory=list[float])
    cpu_s: list[float] = field(default_factory=list[float])


def write_sklearn(name: str, path: Path) -> None:
    """One of scikit-learn's sets as a table."""
    import sklearn.datasets

    found: Any = getattr(sklearn.datasets, f"load_{name}")()
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*(str(column).replace(" ", "_") for column in found.feature_names), "target"])
        for row, target in zip(found.data.tolist(), found.target.tolist(), strict=True):
            writer.writerow([*row, found.target_names[int(target)] if hasattr(found, "target_names") and name != "diabetes" else target])


def command(folder: Path, *arguments: str) -> tuple[str, float]:
    """What `nntrain` prints, and its CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, **THREADS, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run([sys.executable, "-m", "nntrain", *arguments], cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"nntrain {' '.join(arguments)}: {done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def ours(preset: str, data: Path, table: Set, folder: Path, fits: int) -> Found:
    """What a preset scores."""
    config = f"{table.name}_{preset}.yaml"
    command(folder, "init", str(data), "--target", table.target, "--preset", preset, "-o", config)
    found = Found()
    for changes in table.changes[:fits]:
        out, seconds = command(folder, "fit", config, "--json", *changes)
        test = json.loads(out)["test"]
        found.scores.append(test[table.metric])
        found.aurocs += [test["auroc"]] if table.name == "adult" else []
        found.cpu_s.append(seconds)
    return found


def models(table: Set, is_category: Sequence[bool]) -> dict[str, Callable[[], Any]]:
    """scikit-learn's, ready to be fitted on columns of which some are codes."""
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler
    from sklearn.svm import SVC, SVR

    codes = [place for place, is_code in enumerate(is_category) if is_code]
    numbers = [place for place, is_code in enumerate(is_category) if not is_code]

    def encoded(model: Any) -> Any:
        columns = [("numbers", StandardScaler(), numbers), ("codes", OneHotEncoder(handle_unknown="ignore", sparse_output=False), codes)]
        return make_pipeline(ColumnTransformer(columns), model)

    if table.is_class:
        return {
            "logistic": lambda: encoded(LogisticRegression(max_iter=2000)),
            "RBF SVM": lambda: encoded(SVC()),
            "boosted trees": lambda: HistGradientBoostingClassifier(random_state=0, categorical_features=list(is_category)),
            "MLPClassifier": lambda: encoded(MLPClassifier(random_state=0, max_iter=1000)),
        }
    return {
        "ridge": lambda: encoded(Ridge()),
        "RBF SVM": lambda: encoded(SVR()),
        "boosted trees": lambda: HistGradientBoostingRegressor(random_state=0, categorical_features=list(is_category)),
        "MLPRegressor": lambda: encoded(MLPRegressor(random_state=0, max_iter=1000)),
    }


def rows_of(config: Path, changes: Sequence[str]) -> tuple[Any, ...]:
    """Training and test columns and targets as nntrain splits them, which columns are codes, and the scale of the target."""
    from nntrain.commands.preparing.from_config import prepare_data
    from nntrain.config.reading import read_config
    from nntrain.training.baselines import _features  # pyright: ignore[reportPrivateUsage]

    read = read_config(config, (*changes, "training.bag=null"))
    prepared = prepare_data(read)
    parts = [data for data in (prepared.train, prepared.validation) if data is not None]
    columns = [_features(part)[0] for part in parts]
    is_category = _features(prepared.train)[1]
    name = next(iter(prepared.fields.targets))
    target = prepared.fields.targets[name]
    goals = [part.target(name) for part in (*parts, prepared.test)]
    raw = [np.asarray(goal.numpy() if goal.dtype.is_floating_point is False else target.to_raw(goal).numpy()) for goal in goals]
    return np.concatenate(columns), np.concatenate(raw[:-1]), _features(prepared.test)[0], raw[-1], is_category


def theirs(table: Set, config: Path, fits: int) -> dict[str, Found]:
    """What scikit-learn's models score on the same rows."""
    found: dict[str, Found] = {}
    for changes in table.changes[:fits]:
        x, y, shown, truth, is_category = rows_of(config, changes)
        for name, make in models(table, is_category).items():
            if name == "RBF SVM" and len(x) > 10_000:  # hours
                continue
            started = time.process_time()
            model = make().fit(x, y)
            said = model.predict(shown)
            each = found.setdefault(name, Found())
            each.cpu_s.append(time.process_time() - started)
            each.scores.append(float((said == truth).mean()) if table.is_class else float(np.sqrt(((said - truth) ** 2).mean())))
            if table.name == "adult":
                from sklearn.metrics import roc_auc_score

                each.aurocs.append(float(roc_auc_score(truth, model.predict_proba(shown)[:, 1])))
    return found


def interval(values: Sequence[float]) -> float:
    """Half of the 95 % interval of a mean, by Student's t."""
    quantiles = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}
    return quantiles[len(values)] * stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan


def shown(table: Set, found: Found) -> str:
    """Mean, interval, and CPU seconds of a fit."""
    digits = 4 if table.is_class else 0 if fmean(found.scores) > 1000 else 2
    mean, half = f"{fmean(found.scores):,.{digits}f}", interval(found.scores)
    area = f", AUC {fmean(found.aurocs):.4f}" if found.aurocs else ""
    spread = "" if math.isnan(half) or half == 0 else f" ± {half:,.{digits}f}"
    return f"{mean}{spread}{area} ({fmean(found.cpu_s):,.1f} s)"


def main() -> None:
    """Measure, and print a row for each table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=REPOSITORY.parent / "shared" / "data")
    parser.add_argument("--sets", nargs="+", default=[each.name for each in SETS])
    parser.add_argument("--presets", nargs="+", default=["fast", "good"], choices=PRESETS)
    parser.add_argument("--fits", type=int, default=5, help="folds or seeds of each, at most")
    parser.add_argument("--no-others", action="store_true", help="nntrain alone")
    parser.add_argument("--json", type=Path, help="write all scores there too")
    options = parser.parse_args()
    print(line(facts()))
    everything: dict[str, Any] = {}
    for table in SETS:
        if table.name not in options.sets:
            continue
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            if table.is_sklearn:
                data = folder / f"{table.name}.csv"
                write_sklearn(table.path, data)
            else:
                data = (options.data / table.path).resolve()
                if not data.is_file():
                    print(f"\n{table.name}: {data} is not there")
                    continue
            results = {preset: ours(preset, data, table, folder, options.fits) for preset in options.presets}
            if not options.no_others:
                results |= theirs(table, folder / f"{table.name}_{options.presets[0]}.yaml", options.fits)
        rows = [f"| {model} | {shown(table, found)} |" for model, found in results.items()]
        word = "accuracy" if table.is_class else "RMSE"
        print(
            f"\n**{table.name}**, {word} over {len(next(iter(results.values())).scores)} fits\n\n| model | {word} (CPU) |\n| --- | ---: |"
        )
        print("\n".join(rows), flush=True)
        everything[table.name] = {model: vars(found) for model, found in results.items()}
    if options.json is not None:
        options.json.write_text(json.dumps(everything, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
