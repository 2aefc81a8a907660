"""RealMLP and TabM beside the programs of their authors, on the same rows: `python -m tests.benchmarks.agreement --data FOLDER`.

Both sides train on 4,096 rows of `california_housing/housing.csv` below `FOLDER`, keep the epoch that is best on 1,024 others and are
tested on 2,048 more; the rows are drawn once, and a seed decides the rest. RealMLP is pytabkit's, TabM the layers of `tabm` and
`rtdl_num_embeddings` in a plain loop. Printed are mean, standard deviation and standard error of the test RMSE of each side, and how far
apart the means are, in standard errors of their difference: about two of three such figures are below 1 where both do the same.

`pip install nntrain[test] pandas scikit-learn`; for RealMLP besides `pip install pytabkit` (it brings pytorch-lightning, torchmetrics and
psutil). What is not installed is left out, and said.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.util
import json
import math
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, Final

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from tests.benchmarks.machine import REPOSITORY, facts, line

TARGET: Final = "median_house_value"
PARTS: Final = {"train": 4096, "validation": 1024, "test": 2048}
"""Rows of each part; 4,096 are 16 whole batches, as pytabkit leaves out the rest of an epoch and nntrain does not."""
BATCH: Final = 256
MEMBERS: Final = 16
WIDTH: Final = 64
BINS: Final = 48
HEAD: Final = "| | mean | standard deviation | standard error | seeds |\n|---|---:|---:|---:|---|"


def drawn(path: Path) -> pl.DataFrame:
    """Rows of the table with the column `part`; a missing number is the mean of the training rows."""
    table = pl.read_csv(path)
    places = np.random.default_rng(0).permutation(len(table))[: sum(PARTS.values())]
    rows = table[places.tolist()].with_columns(part=pl.Series(np.repeat(list(PARTS), list(PARTS.values()))))
    train = rows.filter(part="train")
    numbers = [name for name, kind in rows.schema.items() if kind.is_numeric() and name != TARGET]
    return rows.with_columns(pl.col(name).cast(pl.Float64).fill_null(fmean(train[name].drop_nulls())) for name in numbers)


def parts_of(rows: pl.DataFrame) -> dict[str, tuple[pl.DataFrame, np.ndarray[Any, Any]]]:
    """Inputs and target of each part."""
    return {name: (part.drop("part", TARGET), part[TARGET].to_numpy()) for name in PARTS for part in (rows.filter(part=name),)}


def numbers_of(rows: pl.DataFrame) -> list[str]:
    """Names of the inputs that are numbers."""
    return [name for name, kind in rows.schema.items() if kind.is_numeric() and name != TARGET]


def rmse(predicted: np.ndarray[Any, Any], truth: np.ndarray[Any, Any]) -> float:
    """Root mean squared error of `[N]` and `[N]`."""
    return float(np.sqrt(np.mean((predicted - truth) ** 2)))


# --------------------------------------------------------------------------------------------------------------------------- nntrain


def config(epochs: int, numbers: dict[str, Any], **sections: Any) -> dict[str, Any]:
    """What all of ours have in common."""
    return {
        "name": "agreement",
        "data": {
            "source": "rows.csv",
            "fields": {**numbers, "part": {"role": "split"}, TARGET: {"role": "target", "normalize": "standard"}},
            "batch_size": BATCH,
        },
        "training": {"max_epochs": epochs, "threads": 1, "device": "cpu"},
        **sections,
    }


def realmlp(variant: str, epochs: int, names: list[str]) -> dict[str, Any]:
    """RealMLP's defaults for a target of numbers, all of them. In pytabkit a factor on the rate acts twice on weight decay: so here."""
    of_bias = {"match": "*.bias", "lr_factor": 0.1, "weight_decay": 0}
    scale: dict[str, Any] = {"match": "*.scale", "lr_factor": 6}
    numbers = {name: {"type": "number", "normalize": "robust", "smooth_clip": 3} for name in names}
    if variant == "td_s":
        return config(
            epochs,
            numbers,
            architecture={"type": "realmlp", "variant": "td_s"},
            optimizer={"type": "adam", "lr": 0.07, "betas": [0.9, 0.95], "groups": [scale, {"match": "*.bias", "lr_factor": 0.1}]},
            scheduler="coslog",
        )
    slow = {"lr_factor": 0.1, "weight_decay": 0.002}
    groups = [{**scale, "weight_decay": 0.12}, {"match": "inputs.periodic_1", **slow}, {"match": "*.amount", **slow}, of_bias]
    return config(
        epochs,
        numbers,
        architecture={"type": "realmlp"},
        task={"type": "regression", "clamp": True},
        optimizer={"type": "adamw", "lr": 0.2, "betas": [0.9, 0.95], "groups": groups},
        scheduler="coslog",
        regularization={
            "dropout": 0.15,
            "weight_decay": 0.02,
            "decay_all": True,
            "scheduler": {"type": "wsd", "decay_fraction": 0.5, "shape": "cosine"},
        },
    )


def tabm(epochs: int, names: list[str]) -> dict[str, Any]:
    """TabM-mini, smaller than its authors' so that it takes minutes."""
    numbers = {name: {"type": "number", "normalize": "quantile"} for name in names}
    return config(
        epochs,
        numbers,
        architecture={"type": "tabm", "hidden": [WIDTH, WIDTH], "k": MEMBERS, "inputs": {"*": {"type": "ple", "bins": BINS, "dim": 16}}},
        optimizer={"type": "adamw", "lr": 2e-3},
        regularization={"dropout": 0.1, "weight_decay": 3e-4, "decay_all": True},
    )


def ours(tree: dict[str, Any], rows: pl.DataFrame, seed: int) -> float:
    """Test RMSE of one run."""
    import nntrain

    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        rows.write_csv("rows.csv")
        return float(nntrain.fit({**tree, "seed": seed}).summary["test"]["rmse"])


# ---------------------------------------------------------------------------------------------------------------------- the authors'


def _package(name: str) -> Any:
    """One that may not be installed."""
    return importlib.import_module(name)


def pytabkit_rmse(variant: str, epochs: int, rows: pl.DataFrame, seed: int) -> float:
    """Test RMSE of pytabkit's RealMLP with its defaults."""
    pandas, pytabkit = _package("pandas"), _package("pytabkit")
    kind = pytabkit.RealMLP_TD_Regressor if variant == "td" else pytabkit.RealMLP_TD_S_Regressor
    parts = {name: (pandas.DataFrame(x.to_dict(as_series=False)), y) for name, (x, y) in parts_of(rows).items()}
    model = kind(random_state=seed, device="cpu", n_threads=1, n_epochs=epochs)
    model.fit(*parts["train"], *parts["validation"])
    return rmse(model.predict(parts["test"][0]).reshape(-1), parts["test"][1])


def tabm_rmse(epochs: int, rows: pl.DataFrame, seed: int) -> float:
    """Test RMSE of TabM-mini, trained as its authors' example does: each member by itself, the best epoch kept."""
    x, y, mean, spread = _tensors(rows, seed)
    torch.manual_seed(seed)
    model = _tabm(x["train"])
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=3e-4)
    best, found = math.inf, math.nan
    for _ in range(epochs):
        model.train()
        for batch in torch.randperm(len(x["train"])).split(BATCH):
            optimizer.zero_grad()
            members = model(x["train"][batch]).squeeze(-1)
            ((members - (y["train"][batch, None] - mean) / spread) ** 2).mean().backward()
            optimizer.step()
        model.eval()
        with torch.inference_mode():
            errors = {name: (model(x[name]).squeeze(-1).mean(1) * spread + mean - y[name]) for name in ("validation", "test")}
        score = float(errors["validation"].square().mean().sqrt())
        if score < best:
            best, found = score, float(errors["test"].square().mean().sqrt())
    return found


def _tensors(rows: pl.DataFrame, seed: int) -> tuple[dict[str, Tensor], dict[str, Tensor], float, float]:
    """Numbers with the quantiles of a normal distribution, prices, and mean and spread of those that are trained on.

    As in the authors' example, a little noise parts equal numbers before their quantiles are taken.
    """
    parts = parts_of(rows.select(*numbers_of(rows), "part", TARGET))
    arrays = {name: x.to_numpy().astype(np.float32) for name, (x, _) in parts.items()}
    noise = np.random.default_rng(seed).normal(0.0, 1e-5, arrays["train"].shape).astype(np.float32)
    quantiles = max(min(len(noise) // 30, 1000), 10)
    transformer = _package("sklearn.preprocessing").QuantileTransformer
    scaler = transformer(n_quantiles=quantiles, output_distribution="normal", subsample=10**9)
    scaler.fit(arrays["train"] + noise)
    x = {name: torch.from_numpy(np.asarray(scaler.transform(values), dtype=np.float32)) for name, values in arrays.items()}
    y = {name: torch.from_numpy(values).float() for name, (_, values) in parts.items()}
    return x, y, float(y["train"].mean()), float(y["train"].std(correction=0))


def _tabm(train: Tensor) -> nn.Module:
    """The authors' layers."""
    embeddings = _package("rtdl_num_embeddings")
    bins = embeddings.compute_bins(train, n_bins=BINS)
    numbers = embeddings.PiecewiseLinearEmbeddings(bins, 16, activation=False, version="B")
    sizes = {"n_blocks": 2, "d_block": WIDTH, "dropout": 0.1, "k": MEMBERS, "arch_type": "tabm-mini"}
    return _package("tabm").TabM.make(n_num_features=train.shape[1], num_embeddings=numbers, d_out=1, **sizes)


# ------------------------------------------------------------------------------------------------------------------------ both


@dataclass(frozen=True)
class Pair:
    """A network of ours and its authors'."""

    needs: tuple[str, ...]
    """Packages of theirs."""
    epochs: int
    tree: Callable[[int, list[str]], dict[str, Any]]
    theirs: Callable[[int, pl.DataFrame, int], float]


def _pair(variant: str) -> Pair:
    def theirs(epochs: int, rows: pl.DataFrame, seed: int) -> float:
        return pytabkit_rmse(variant, epochs, rows, seed)

    return Pair(("pytabkit", "pandas"), 64, lambda epochs, names: realmlp(variant, epochs, names), theirs)


PAIRS: Final = {
    "realmlp_td": _pair("td"),
    "realmlp_td_s": _pair("td_s"),
    "tabm": Pair(("tabm", "rtdl_num_embeddings", "sklearn"), 40, tabm, tabm_rmse),
}


def told(name: str, scores: list[float]) -> str:
    """Mean, spread and standard error of a side."""
    error = stdev(scores) / math.sqrt(len(scores))
    return f"| {name} | {fmean(scores):,.0f} | {stdev(scores):,.0f} | {error:,.0f} | {', '.join(f'{score:,.0f}' for score in scores)} |"


def apart(ours: list[float], theirs: list[float]) -> float:
    """Difference of the means, ours less theirs, in standard errors of it."""
    return (fmean(ours) - fmean(theirs)) / math.sqrt(stdev(ours) ** 2 / len(ours) + stdev(theirs) ** 2 / len(theirs))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without what other programs print."""
    with Path(os.devnull).open("w") as nothing, contextlib.redirect_stdout(nothing), contextlib.redirect_stderr(nothing):
        yield


def main() -> None:
    """Train both sides, seed by seed, and print a table for each pair."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=REPOSITORY.parent / "shared" / "data")
    parser.add_argument("--pairs", nargs="+", default=list(PAIRS), choices=list(PAIRS))
    parser.add_argument("--seeds", type=int, default=5, help="2 or more")
    parser.add_argument("--epochs", type=int, help="default: 64 of RealMLP, 40 of TabM")
    parser.add_argument("--categories", action="store_true", help="with the column of a category too")
    parser.add_argument("--json", type=Path, help="write all scores there too")
    options = parser.parse_args()
    path = options.data / "california_housing" / "housing.csv"
    if not path.is_file():
        print(f"{path} is not there")
        return
    torch.set_num_threads(1)
    print(line(facts()))
    rows = drawn(path)
    rows = rows if options.categories else rows.select(*numbers_of(rows), TARGET, "part")
    found: dict[str, dict[str, list[float]]] = {}
    for name in options.pairs:
        pair = PAIRS[name]
        missing = [package for package in pair.needs if importlib.util.find_spec(package) is None]
        if missing:
            print(f"\n{name}: {', '.join(missing)} not installed")
            continue
        epochs = options.epochs or pair.epochs
        scores: dict[str, list[float]] = {"nntrain": [], "the authors'": []}
        for seed in range(options.seeds):
            with _quiet():
                scores["nntrain"].append(ours(pair.tree(epochs, numbers_of(rows)), rows, seed))
                scores["the authors'"].append(pair.theirs(epochs, rows, seed))
            sys.stderr.write(f"{name}, seed {seed}: {', '.join(f'{side} {each[-1]:,.0f}' for side, each in scores.items())}\n")
        found[name] = scores
        print(f"\n**{name}**, {epochs} epochs, test RMSE\n\n{HEAD}")
        print("\n".join(told(side, each) for side, each in scores.items()))
        print(f"\n{apart(*scores.values()):+.2f} standard errors apart", flush=True)
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
