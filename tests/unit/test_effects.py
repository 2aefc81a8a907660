"""Settings without effect, and limits that another one reaches first. The digits have 1,437 training rows: 23 steps of 64 an epoch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nntrain.blueprint import Blueprint, draw
from nntrain.config.reading import read_mapping
from nntrain.data.layout import plan_layout
from nntrain.errors import ConfigError

DIGITS = {"source": {"type": "builtin", "name": "digits"}}


def drawn(train_rows: int | None = None, **sections: Any) -> Blueprint:
    config = read_mapping({"data": DIGITS, "architecture": {"layers": ["flatten", {"linear": 10}]}, **sections})
    layout, found = plan_layout(config.experiment.data, Path(), look=True)
    return draw(config, layout, found, train_rows)


WARNED: list[tuple[dict[str, Any], str]] = [
    (
        {"training": {"max_epochs": 50, "max_steps": 1000}},
        "training.max_epochs 50 (1,150 steps) is never reached: training.max_steps 1,000 comes first",
    ),
    (
        {"training": {"max_epochs": 3, "max_steps": 1000}},
        "training.max_steps 1,000 is never reached: training.max_epochs 3 (69 steps) comes first",
    ),
    (
        {"training": {"max_epochs": 5, "early_stopping": {"patience": 5}}},
        "training.early_stopping.patience 5 never ends a run of 5 evaluations (max_epochs 5): max_epochs comes first",
    ),
    (
        {"training": {"max_steps": 100, "early_stopping": {"patience": 5}}},
        "training.early_stopping.patience 5 never ends a run of 4 evaluations (max_steps 100): max_steps comes first",
    ),
    (
        {"training": {"max_epochs": 5, "evaluate_every": {"steps": 100}, "converge": {"patience": 1}}},
        "training.converge.patience 1 never ends a run of 1 evaluation (max_epochs 5): max_epochs comes first",
    ),
    (
        {"training": {"max_epochs": 5, "evaluate_every": {"epochs": 6}}},
        "training.evaluate_every {epochs: 6} is longer than the run (max_epochs 5): the metrics are measured once, at its end",
    ),
    (
        {"training": {"max_epochs": 100, "max_steps": 20_000, "evaluate_every": {"epochs": 200}}},
        "training.evaluate_every {epochs: 200} is longer than the run (max_epochs 100): the metrics are measured once, at its end",
    ),
    (
        {"training": {"max_epochs": 5, "early_stopping": {"patience": 2, "warmup_epochs": 5}}},
        "training.early_stopping.warmup_epochs 5 is not below max_epochs 5: early stopping can't act",
    ),
    (
        {"training": {"max_epochs": 2}, "scheduler": {"type": "constant", "warmup_steps": 46}},
        "scheduler.warmup_steps 46 is not below the 46 steps of the run: it ends while it warms up",
    ),
    (
        {"training": {"max_epochs": 2}, "scheduler": {"type": "cosine", "warmup_fraction": 0.01}},
        "scheduler.warmup_fraction 0.01 of 46 steps is less than half a step: there is no warm-up",
    ),
    (
        {"training": {"max_epochs": 2}, "scheduler": {"type": "step", "every_steps": 50}},
        "scheduler.every_steps 50 is not below the 46 steps of the run: the rate never falls",
    ),
    (
        {"training": {"max_epochs": 2}, "regularization": {"weight_decay": 0.1, "scheduler": {"type": "step", "every_steps": 50}}},
        "regularization.scheduler.every_steps 50 is not below the 46 steps of the run: the factor never falls",
    ),
    (
        {"training": {"max_epochs": 2}, "scheduler": {"type": "step", "every_epochs": 3}},
        "scheduler.every_epochs 3 is not below training.max_epochs 2: the rate never falls",
    ),
    (
        {"training": {"max_steps": 60}, "scheduler": {"type": "step", "every_epochs": 3}},
        "scheduler.every_epochs 3 (69 steps) is not below the 60 steps of the run: the rate never falls",
    ),
    (
        {"optimizer": "adam", "regularization": {"weight_decay": 0.1}},
        "weight_decay with adam is L2 regularization, which its scaling weakens unevenly; adamw decays the weights themselves",
    ),
    (
        {"optimizer": "rmsprop", "regularization": {"weight_decay": 0.1}},
        "weight_decay with rmsprop is L2 regularization, which its scaling weakens unevenly; adamw decays the weights themselves",
    ),
    (
        {"optimizer": "lbfgs"},
        "lbfgs compares the gradients of one step with those of the step before, and mini-batches have other rows in each: "
        "data.batch_size: full, or training.accumulate up to all rows",
    ),
    (
        {"training": {"max_epochs": 2}, "scheduler": {"type": "multi_step", "at_epochs": [1, 2]}},
        "scheduler.at_epochs 2 is not below training.max_epochs 2: the last fall never comes",
    ),
    (
        {"training": {"max_epochs": 2}, "scheduler": {"type": "warm_restarts", "first_epochs": 2}},
        "scheduler.first_epochs (46 steps) is not below the 46 steps of the run: the rate never restarts",
    ),
    (
        {"training": {"max_epochs": 2}, "scheduler": {"type": "cyclic", "min_lr": 1e-4, "up_steps": 50}},
        "scheduler.up_steps (50 steps) is not below the 46 steps of the run: the rate never reaches optimizer.lr",
    ),
    (
        {"training": {"max_epochs": 2}, "scheduler": {"type": "wsd", "warmup_steps": 20, "decay_steps": 30}},
        "scheduler.wsd: its warm-up (20 steps) and decay (30 steps) overlap in a run of 46 steps",
    ),
    (
        {"training": {"max_epochs": 4}, "scheduler": {"type": "plateau", "patience": 3}},
        "scheduler.patience 3 needs 5 evaluations, and the run has 4 evaluations (max_epochs 4): the rate never falls",
    ),
    (
        {"training": {"max_epochs": 4}, "regularization": {"swa": 0.8}},
        "regularization.swa takes a single step, which is no average: it begins after 74 of 92 steps and takes one every 23 steps",
    ),
]


@pytest.mark.parametrize(("sections", "warning"), WARNED)
def test_what_another_setting_makes_idle_is_a_warning_with_both_numbers(sections: dict[str, Any], warning: str) -> None:
    assert drawn(**sections).warnings == (warning,)


@pytest.mark.parametrize(
    "sections",
    [
        {},
        {"training": {"max_epochs": 50}},
        {"training": {"max_epochs": 10, "max_steps": 230}},
        {"training": {"max_epochs": 20, "early_stopping": {"patience": 5, "warmup_epochs": 3}}},
        {"training": {"max_epochs": 5, "early_stopping": {"patience": 5, "ties": "last"}}},
        {"training": {"max_epochs": 3, "evaluate_every": {"steps": 69}}},
        {"training": {"max_epochs": 3}, "scheduler": {"type": "step", "every_steps": 68}},
        {"training": {"max_epochs": 3}, "scheduler": {"type": "cosine", "warmup_fraction": 0.05}},
        {"training": {"max_minutes": 3}, "scheduler": {"type": "constant", "warmup_steps": 1000}},
        {"optimizer": "adamw", "regularization": {"weight_decay": 0.1}},
        {"optimizer": {"type": "nadam", "decoupled_weight_decay": True}, "regularization": {"weight_decay": 0.1}},
        {"optimizer": "asgd", "regularization": {"weight_decay": 0.1}},
        {"optimizer": "lbfgs", "training": {"max_epochs": 5, "accumulate": 23}},
        {"optimizer": {"type": "sgd"}, "regularization": {"l1": 0.1, "decay_all": True}},
        {"training": {"max_epochs": 4}, "regularization": {"swa": 0.5}},
        {"training": {"max_epochs": 5}, "scheduler": {"type": "plateau", "patience": 3}},
        {
            "training": {"max_epochs": 4},
            "architecture": {"mlp": [8]},
            "regularization": {"dropout": 0.1, "scheduler": {"type": "wsd", "decay_fraction": 0.5, "shape": "cosine"}},
        },
        {
            "training": {"max_epochs": 4},
            "optimizer": {"type": "adamw", "groups": [{"match": "linear_1", "weight_decay": 0.1}]},
            "regularization": {"scheduler": {"type": "one_cycle", "cycle_momentum": False}},
        },
        {
            "training": {"max_epochs": 4},
            "architecture": {"layers": ["flatten", {"linear": 10}, {"dropout": 0.2}]},
            "regularization": {"scheduler": {"type": "constant", "warmup_steps": 5}},
        },
    ],
)
def test_what_goes_together_is_not_warned_of(sections: dict[str, Any]) -> None:
    assert drawn(**sections).warnings == ()


def test_the_rows_that_were_read_count_and_a_last_step_of_one_row_is_none() -> None:
    training = {"max_epochs": 3, "max_steps": 7}
    assert drawn(train_rows=129, training=training).warnings == (
        "training.max_steps 7 is never reached: training.max_epochs 3 (6 steps) comes first",
    )
    assert drawn(train_rows=130, training=training | {"max_steps": 9}).warnings == ()
    assert drawn(train_rows=130, training=training | {"max_steps": 6, "accumulate": 2}).warnings == ()


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"optimizer": {"sgd": {"dampening": 0.1}}}, "optimizer.sgd.dampening    has no effect without momentum"),
    ({"optimizer": {"sgd": {"nesterov": True}}}, "nesterov needs a momentum above 0 and no dampening"),
    (
        {"optimizer": "rprop", "regularization": {"weight_decay": 0.1}},
        "regularization.weight_decay    has no effect: rprop has no weight decay",
    ),
    ({"optimizer": "lbfgs", "regularization": {"clip_norm": 1.0}}, "regularization.clip_norm    does not go with lbfgs"),
    ({"optimizer": "lbfgs", "training": {"precision": "float16"}}, "training.precision    does not go with lbfgs"),
    ({"optimizer": {"lbfgs": {"layer_decay": 0.5}}, "architecture": {"mlp": [8]}}, "lbfgs moves all parameters together"),
    ({"optimizer": "muon"}, "this network has none"),
    ({"optimizer": {"adamw": {"layer_decay": 0.5}}}, "optimizer.adamw.layer_decay    has no effect: the network has a single layer"),
    ({"optimizer": "adagrad", "scheduler": "one_cycle"}, "can't move the momentum, which adagrad doesn't have"),
    ({"scheduler": {"plateau": {"monitor": "val_loss"}}}, "fix:  validation.loss"),
    ({"scheduler": "one_cycle", "training": {"max_minutes": 3}}, "max_minutes alone gives no number of steps"),
    ({"regularization": {"swa": 0.5}, "training": {"max_minutes": 3}}, "max_minutes alone gives no number of steps"),
    ({"regularization": {"swa": 0.5, "ema": 0.9}}, "takes either ema or swa"),
    ({"regularization": {"decay_all": True}}, "has no effect without regularization.weight_decay, l1 or max_norm"),
    (
        {"regularization": {"scheduler": "linear"}},
        "regularization.scheduler    has no effect: there is neither dropout nor weight decay",
    ),
    (
        {"regularization": {"weight_decay": 0.1, "scheduler": "plateau"}},
        "regularization.scheduler    plateau follows a metric, and what acts in a step must be a function of the step",
    ),
    ({"regularization": {"weight_decay": 0.1, "scheduler": "one_cycle"}}, "fix:  cycle_momentum: false"),
    ({"regularization": {"weight_decay": 0.1, "scheduler": "constant"}}, "has no effect: constant leaves dropout and weight decay"),
    (
        {"regularization": {"weight_decay": 0.1, "scheduler": {"cosine": {"min_lr": 1}}}},
        "min_lr    is 1 and not below 1: it is a factor here, which would not fall",
    ),
    (
        {"regularization": {"weight_decay": 0.1, "scheduler": "linear"}, "training": {"max_minutes": 3}},
        "regularization.scheduler    linear counts towards the end of the run, and max_minutes alone gives no number of steps",
    ),
    (
        {"architecture": {"mlp": [8]}, "regularization": {"dropout": 0.1, "scheduler": "linear"}, "training": {"compile": True}},
        "training.compile    would compile each step anew, as regularization.scheduler changes dropout from step to step",
    ),
    ({"metrics": ["accuracy", "f1", "accuracy"]}, "metrics[2]    accuracy is reported already"),
    ({"training": {"stop_at": {}}}, "training.stop_at    has no effect: it names no metric"),
    (
        {"optimizer": {"lr": 0.01}, "scheduler": {"cosine": {"min_lr": 0.1}}},
        "scheduler.cosine.min_lr    is 0.1 and not below optimizer.lr 0.01: the rate would not fall",
    ),
]


@pytest.mark.parametrize(("sections", "told"), WRONG)
def test_what_has_no_effect_is_a_problem(sections: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        drawn(**sections)
    assert told in str(caught.value)
    assert "1 problem " in str(caught.value)
