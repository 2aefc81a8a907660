"""What `nntrain compare` may be asked for, and how it tells which run is better."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nntrain.commands.judging.compare import CompareWish
from nntrain.commands.judging.pairing import Pair, sentence
from nntrain.errors import UsageError
from nntrain.training.resampling import Paired


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        ({"split": "test"}, "no effect without --paired"),
        ({"split": "train", "paired": True}, "not paired on train rows"),
        ({"by": "config", "paired": True}, "one by one"),
        ({"by": "config", "html": Path("a.html")}, "one by one"),
        ({"by": "seed"}, "can't compare by 'seed'"),
        ({"form": "xml"}, "no format 'xml'"),
    ],
)
def test_what_does_not_go_together_is_refused(wish: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        CompareWish(**wish)


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (Paired(0.011, (0.002, 0.02), 0.991, 0.004), "A is 0.011 better (95 % interval 0.002 to 0.02); in 99 % of resamples"),
        (Paired(-0.011, (-0.02, 0.001), 0.04, 0.95), "A is 0.011 worse (95 % interval -0.001 to 0.02); in 95 % of resamples"),
        (Paired(0.5, (0.4, 0.6), 0.9996, 0.0004), "A is 0.5 better (95 % interval 0.4 to 0.6); in 99 % of resamples"),
        (Paired(3290.0, (-2.5, 4081.0), 0.9, 0.1), "A is 3,290 better (95 % interval -2.5 to 4,080); in 90 % of resamples"),
        (Paired(0.0, (-0.1, 0.1), 0.4, 0.45), "no difference (95 % interval -0.1 to 0.1); better in 40 %, worse in 45 % of resamples"),
        (Paired(None, None, 0, 0), "is not defined on these rows, or on too many of the draws"),
    ],
)
def test_the_sentence_says_how_much_better_and_how_sure_that_is(found: Paired, told: str) -> None:
    assert sentence("A", found) == told


def test_less_of_an_error_is_better() -> None:
    pair = Pair("A", "B", "validation", 10, {"rmse": Paired(-2.0, (-3.0, -1.0), 0.0, 1.0), "odd": Paired(1, (1, 1), 1, 0)}, {"rmse": "min"})
    assert pair.sentences() == ["validation.rmse: A is 2 better (95 % interval 1 to 3); in 100 % of resamples"]
    assert pair.cells() == [("validation.rmse", "+2", "+1", "+3", "100 %", "0 %")]
    assert pair.as_json()["metrics"]["rmse"] == {
        "direction": "min",
        "better_by": 2,
        "low": 1,
        "high": 3,
        "share_better": 1,
        "share_worse": 0,
    }
