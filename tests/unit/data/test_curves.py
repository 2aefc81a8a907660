"""Numbers made like a normal distribution, by their ranks or by a power: against scikit-learn, there and back, and awkward columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from blockwise_tables import FIELDS, both, frame, prepared, small_blocks
from blockwise_tables import write as write_table
from test_blockwise_learning import assert_states_equal
from test_logarithms import write

import nntrain
from nntrain.data.blockwise import learning
from nntrain.data.curve_fitting import likeliest_exponent
from nntrain.data.curves import OUTERMOST, Power, Ranks, curve_of
from nntrain.data.fields.field import State
from nntrain.data.fields.number import Number
from nntrain.data.preparing import prepare
from nntrain.data.settings import DataSettings
from nntrain.errors import ConfigError, DataError

END = -5.19933758270342
"""Of a normal distribution that is cut off as scikit-learn does it, the lowest value."""

DRAWS = np.random.default_rng(0)
COLUMNS: dict[str, np.ndarray[Any, Any]] = {
    "normal": DRAWS.normal(3, 2, 500),
    "skewed": np.exp(DRAWS.normal(0, 1.5, 2000)),
    "below": -np.exp(DRAWS.normal(2, 0.5, 700)),
    "ties": DRAWS.integers(0, 4, 900).astype(float),
    "zeros": np.where(DRAWS.random(800) < 0.6, 0.0, DRAWS.exponential(50, 800)),
    "mixed": DRAWS.standard_t(3, 1500) * 40 - 5,
    "left": 100 - DRAWS.exponential(8, 600),
    "few": np.array([4.0, 1.0, 7.5, 2.0, 2.5, 9.0, 1.5]),
}


def fitted(values: Sequence[float] | np.ndarray[Any, Any], *, is_target: bool = False, **options: Any) -> tuple[Number, State]:
    field = Number.parse(options)
    return field, field.fit(np.asarray(values, dtype=float), is_target=is_target)


def encoded(values: Sequence[float] | np.ndarray[Any, Any], others: Sequence[float] | None = None, **options: Any) -> list[float]:
    field, state = fitted(values, **options)
    return field.encode(np.asarray(values if others is None else others, dtype=float), state, is_target=False).values.tolist()


def bent(values: np.ndarray[Any, Any], normalize: str) -> np.ndarray[Any, Any]:
    """In float64."""
    _, state = fitted(values, normalize=normalize)
    curve = curve_of(state)
    assert curve is not None
    return (curve.bent(values) - state["offset"].numpy()) / state["scale"].numpy()


# ---------------------------------------------------------------------------------------------------------------- quantiles


def test_ranks_by_hand() -> None:
    third = 0.43072729929545756  # of a normal distribution two thirds are below it
    assert encoded([10, 30, 20, 40], normalize="quantile") == pytest.approx([END, third, -third, -END])
    assert encoded([10, 30, 20, 40], [25, -5, 1e9, 35], normalize="quantile") == pytest.approx([0, END, -END, 0.967421566101701])
    tied = encoded([1, 2, 2, 2, 3], normalize="quantile")  # 2 is from 1/4 to 3/4 of the way
    assert tied == pytest.approx([END, 0, 0, 0, -END], rel=1e-6)
    assert encoded([4, 1, 7.5, 2, 2, 9, 1.5], [2], normalize="quantile") == pytest.approx([-0.21042839424792484])  # 5 of 12


@pytest.mark.parametrize("name", COLUMNS)
def test_ranks_are_those_of_scikit_learn(name: str) -> None:
    sklearn = pytest.importorskip("sklearn.preprocessing")
    values = COLUMNS[name]
    many = min(max(min(len(values) // 30, 1000), 10), len(values))
    reference = sklearn.QuantileTransformer(n_quantiles=many, output_distribution="normal", subsample=None).fit(values[:, None])
    others = np.linspace(values.min() - 5, values.max() + 5, 301)
    field, state = fitted(values, normalize="quantile")
    assert len(state["quantiles"]) == many
    for each in (values, others):
        np.testing.assert_allclose(bent_by(state, each), reference.transform(each[:, None].copy())[:, 0], rtol=1e-12, atol=1e-9)
        assert field.encode(each, state, is_target=False).values.dtype == np.float32


def bent_by(state: State, values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    curve = curve_of(state)
    assert curve is not None
    return curve.bent(values)


@pytest.mark.parametrize(("rows", "many"), [(1, 1), (2, 2), (9, 9), (299, 10), (330, 11), (29_999, 999), (60_000, 1000)])
def test_how_many_quantiles(rows: int, many: int) -> None:
    assert len(fitted(np.arange(rows), normalize="quantile")[1]["quantiles"]) == many


def test_a_missing_value_is_filled_before_it_is_bent() -> None:
    values = [1.0, 2.0, 4.0, 93.0, math.nan]
    for missing, stand_in in (("mean", 25.0), ("median", 3.0), (50.0, 50.0), (-9.0, 1.0)):
        for normalize in ("quantile", "power"):
            if (normalize, missing) != ("power", -9.0):
                found = encoded(values, [math.nan, stand_in], normalize=normalize, missing=missing)
                assert found[0] == pytest.approx(found[1], abs=1e-6)
    with pytest.raises(DataError, match="missing: error allows none"):
        encoded(values, normalize="quantile", missing="error")


# ---------------------------------------------------------------------------------------------------------------- powers


def test_powers_by_hand() -> None:
    values = np.array([-3.0, -1.0, 0.0, 1.0, 3.0])
    for exponent, expected in (
        (1.0, values),
        (2.0, [-math.log(4), -math.log(2), 0, 1.5, 7.5]),
        (0.0, [-7.5, -1.5, 0, math.log(2), math.log(4)]),
        (0.5, [-14 / 3, -(2**1.5 - 1) / 1.5, 0, 2 * (2**0.5 - 1), 2]),
    ):
        assert Power(exponent).bent(values) == pytest.approx(np.array(expected))
        assert Power(exponent).straightened(torch.tensor(np.array(expected))).numpy() == pytest.approx(values)
        for value in values[[0, 1, 3, 4]]:
            rise = np.diff(Power(exponent).bent(np.array([value - 1e-6, value + 1e-6]))).item() / 2e-6
            assert Power(exponent).slope(value) == pytest.approx(rise)


@pytest.mark.parametrize("name", COLUMNS)
def test_powers_are_those_of_scikit_learn(name: str) -> None:
    sklearn = pytest.importorskip("sklearn.preprocessing")
    values = COLUMNS[name]
    reference = sklearn.PowerTransformer().fit(values[:, None])
    _, state = fitted(values, normalize="power")
    assert state["exponent"] == pytest.approx(reference.lambdas_[0], rel=1e-6, abs=1e-6)
    np.testing.assert_allclose(bent(values, "power"), reference.transform(values[:, None])[:, 0], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("factor", [1e-9, 1e-3, 1e5, 1e12])
def test_the_exponent_is_the_likeliest_in_any_unit(factor: float) -> None:
    """Twice as far on either side the likelihood is lower."""
    values = COLUMNS["mixed"] * factor
    exponent = likeliest_exponent(values)

    def likelihood(power: float) -> float:
        moved = (np.sign(values) * np.log1p(np.abs(values))).mean()
        return -0.5 * math.log(Power(power).bent(values).var()) + (power - 1) * moved

    step = 1e-3 * max(1.0, abs(exponent - 1))
    assert likelihood(exponent) > likelihood(exponent + step)
    assert likelihood(exponent) > likelihood(exponent - step)


def test_powers_that_float64_can_not_hold_are_not_taken() -> None:
    """scikit-learn gives all of these years one value."""
    years = np.repeat([2000.0, 2001, 2002, 2003, 2060], [40, 20, 9, 2, 1])
    found = bent(years, "power")
    assert len(np.unique(found.astype(np.float32))) == 5
    assert found.std() == pytest.approx(1)


# ---------------------------------------------------------------------------------------------------------------- both


@pytest.mark.parametrize("normalize", ["quantile", "power"])
def test_awkward_columns(normalize: str) -> None:
    assert encoded([7, 7, 7], normalize=normalize) == [0, 0, 0]
    assert encoded([7], normalize=normalize) == [0]
    assert encoded([math.nan] * 3, normalize=normalize) == [0, 0, 0]
    low, high = encoded([3, 8], normalize=normalize)
    assert low == pytest.approx(-high)
    for unit in (1e-12, 1e30):
        tiny = encoded(np.array([1.0, 2, 3, 4, 50]) * unit, normalize=normalize)
        assert np.all(np.diff(tiny) > 0), "their order is kept in any unit"
        assert np.isfinite(tiny).all()
    with pytest.raises(DataError, match="have no mean and spread in float64"):
        encoded([0, 1e300, -1e300], normalize=normalize)
    if normalize == "quantile":
        assert encoded([7, 7, 7], [5, 1e9], normalize=normalize) == [0, 0], "nothing was learned of it"


@pytest.mark.parametrize("normalize", ["quantile", "power"])
@pytest.mark.parametrize("name", [*COLUMNS, "constant", "wild", "steps"])
def test_targets_come_back_from_float32(normalize: str, name: str) -> None:
    """Those beyond the training rows too, which else would be judged by another value than theirs."""
    more = {"constant": np.full(5, 3.0), "wild": np.append(DRAWS.random(400), 1e7), "steps": np.repeat([0.0, 1, 1e4], [50, 30, 3])}
    values = {**COLUMNS, **more}[name]
    field, state = fitted(values, is_target=True, normalize=normalize)
    width = max(np.ptp(values), 1.0)
    others = np.linspace(values.min() - width, values.max() + width, 10_001)
    curve = curve_of(state)
    for each in (values, others, values + 1e-5 * width):
        inner = field.encode(each, state, is_target=True).values
        raw = torch.from_numpy(inner).double() * state["scale"] + state["offset"]
        back = (raw if curve is None else curve.straightened(raw)).numpy()
        np.testing.assert_allclose(back, each, atol=4e-5 * width, rtol=0)
    assert np.all(np.diff(field.encode(others, state, is_target=True).values) >= 0)


@pytest.mark.parametrize("normalize", ["quantile", "power"])
@pytest.mark.parametrize("name", COLUMNS)
def test_any_prediction_is_a_number(normalize: str, name: str) -> None:
    """Without straight ends the power of a skewed target has a limit, beyond which it is NaN."""
    _, state = fitted(COLUMNS[name], is_target=True, normalize=normalize)
    curve = curve_of(state)
    assert curve is not None
    found = curve.straightened(torch.linspace(-30, 30, 5001).double() * state["scale"] + state["offset"])
    assert torch.isfinite(found).all()
    assert (found.diff() >= 0).all()
    assert found[0] < COLUMNS[name].min()
    assert found[-1] > COLUMNS[name].max()


def test_only_the_outermost_place_of_a_target_differs_from_that_of_an_input() -> None:
    values = COLUMNS["skewed"]
    one, other = (bent_by(fitted(values, is_target=is_target, normalize="quantile")[1], values) for is_target in (False, True))
    is_outer = np.abs(one) > 5.19
    assert is_outer.sum() == 2
    np.testing.assert_array_equal(one[~is_outer], other[~is_outer])
    assert np.abs(one - other).max() < 1e-3


def test_several_columns_come_back_by_a_curve_each() -> None:
    values = {"a": COLUMNS["skewed"][:60], "b": COLUMNS["mixed"][:60]}
    write({name: each.tolist() for name, each in values.items()})
    fields = {name: {"type": "number", "role": ["input", "target"], "normalize": "quantile"} for name in values}
    tree = {"source": "rows.csv", "fields": fields, "window": {"past": 4, "horizon": 2, "targets": "together"}}
    found = prepare(DataSettings.parse({**tree, "split": {"validation": 10, "test": 10}}), Path(), seed=0)
    target = found.fields.targets["forecast"]
    raw = target.to_raw(found.test.target("forecast")).numpy()
    expected = np.stack([np.stack([each[start : start + 2] for each in values.values()], axis=1) for start in range(54, 59)])
    np.testing.assert_allclose(raw, expected, rtol=1e-4, atol=1e-4)
    assert target.raw_scale.numpy() == pytest.approx([each[:40].std() for each in values.values()])


@pytest.mark.parametrize("normalize", ["quantile", "power"])
def test_figures_are_in_the_unit_of_the_target(normalize: str) -> None:
    rows = [(x / 20, round(math.exp(x / 20), 6)) for x in range(120)]
    write({"x": [x for x, _ in rows], "y": [y for _, y in rows]})
    fields = {"x": {"type": "number", "normalize": normalize}, "y": {"type": "number", "role": "target", "normalize": normalize}}
    made = {"optimizer": {"adam": 0.1}, "training": {"max_epochs": 20}, "architecture": {"layers": [{"linear": 1}]}}
    result = nntrain.fit({"name": "growth", "data": {"source": "rows.csv", "fields": fields}, **made})
    found = nntrain.load(result.run).predict("rows.csv")["y"].values
    assert found == pytest.approx([y for _, y in rows], rel=0.25, abs=4)
    off = [one - y for one, (_, y) in zip(found, rows, strict=True)]
    assert nntrain.evaluate(result.run, data="rows.csv").metrics["rmse"] == pytest.approx(math.sqrt(sum(each**2 for each in off) / 120))


@pytest.mark.parametrize("normalize", ["quantile", "power"])
def test_naive_forecasts_are_the_same_in_any_scale(normalize: str) -> None:
    write({"y": [round(100 * math.exp(row / 30 + math.sin(row)), 3) for row in range(80)]})
    found: list[dict[str, float]] = []
    for each in (normalize, "standard"):
        fields = {"y": {"type": "number", "role": ["input", "target"], "normalize": each}}
        data = {"source": "rows.csv", "fields": fields, "window": {"past": 8, "horizon": 2, "season": 6}}
        made = {"data": {**data, "split": {"validation": 15, "test": 15}}, "architecture": "dlinear", "training": {"max_epochs": 1}}
        figures = nntrain.fit({"name": "scaled", **made}).summary["baselines"]["seasonal_naive"]
        found.append({name: value for name, value in figures.items() if name != "seconds"})
    assert found[0] == pytest.approx(found[1], rel=1e-4)


@pytest.mark.parametrize("normalize", ["quantile", "power"])
def test_a_loss_of_counts_takes_no_curves(normalize: str) -> None:
    write({"x": range(40), "y": [1 + row % 7 for row in range(40)]})
    fields = {"y": {"type": "number", "role": "target", "normalize": normalize}}
    with pytest.raises(ConfigError, match="scores the values as they are, and y is scaled"):
        nntrain.fit({"name": "counts", "data": {"source": "rows.csv", "fields": fields}, "loss": "poisson_nll"})


# ---------------------------------------------------------------------------------------------------------------- streamed tables

CURVED = {
    **FIELDS,
    "small": {"type": "number", "normalize": "quantile"},
    "wide": {"type": "number", "normalize": "power"},
    "count": {"type": "number", "normalize": "quantile", "missing": "median"},
    "constant": {"type": "number", "normalize": "quantile"},
    "size": {"role": "ignore"},
}


def test_streamed_curves_are_those_of_all_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_blocks(monkeypatch)
    memory, streamed = both(write_table(tmp_path, "parquet"), fields=CURVED)
    for one, other in zip(memory.fields.fields, streamed.fields.fields, strict=True):
        assert_states_equal(one.state, other.state)
        if one.name in ("small", "wide", "count"):
            assert one.state.keys() > {"curve", "offset", "scale", "fill"}


def test_of_many_rows_a_sample_is_bent_by_and_the_ends_are_exact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_blocks(monkeypatch)
    monkeypatch.setattr(learning, "SAMPLED", 100)
    streamed = prepared(write_table(tmp_path, "parquet"), streaming=True, fields=CURVED)
    states = {field.name: field.state for field in streamed.fields.fields}
    rows = frame()[streamed.train.rows.numpy()]
    count, wide = rows["count"].to_numpy(), rows["wide"].to_numpy()
    quantiles = states["count"]["quantiles"].numpy()
    assert (quantiles[0], quantiles[-1]) == (count.min(), count.max())
    ranks = np.array([(count < each).mean() for each in quantiles])
    assert np.abs(ranks - np.linspace(0, 1, len(quantiles))).max() < 4 * 0.5 / np.sqrt(100)
    assert states["wide"]["exponent"] == pytest.approx(likeliest_exponent(wide), abs=0.3)


# ---------------------------------------------------------------------------------------------------------------- smooth clipping


def test_numbers_are_clipped_smoothly_once_they_are_scaled() -> None:
    """RealMLP's: of 0, 1, …, 4 the median is 2 and the quartiles are 2 apart."""
    options = {"normalize": "robust", "smooth_clip": 3}
    values = np.array([-4.0, 0, 2, 3, 8, 1e6, 1e200])
    scaled = (values[:-1] - 2) / 2
    expected = [*scaled / np.sqrt(1 + (scaled / 3) ** 2), 3.0]
    assert encoded(range(5), values.tolist(), **options) == pytest.approx(expected, rel=1e-6)
    assert encoded(range(5), [math.nan, 5e307 * 3], **options) == pytest.approx([0, 3])
    assert encoded(range(5), [-1, 9], clip=[0, 4], **options) == encoded(range(5), [0, 4], **options), "limits are in the field's unit"


def test_robust_numbers_of_which_half_are_one_have_a_range_of_two() -> None:
    """As RealMLP has it."""
    assert encoded([5, 5, 5, 5, 5, 6, 1], normalize="robust") == pytest.approx([0, 0, 0, 0, 0, 0.4, -1.6])
    assert encoded([5, 5], normalize="robust") == [0, 0]


@pytest.mark.parametrize(("normalize", "later"), [("robust", 0), ("quantile", 0), ("standard", 1e6), ("minmax", 1e6)])
def test_what_never_changed_in_training_is_0_later_where_it_is_scaled_as_realmlp_or_by_places(normalize: str, later: float) -> None:
    """RealMLP's `robust_scale` multiplies such a column by 0."""
    assert encoded([5, 5, 5], [5, 5 + 1e6, math.nan], normalize=normalize) == [0, later, 0]
    assert encoded([5, 5, 5], [5 + 1e6], normalize=normalize, smooth_clip=3) == pytest.approx([min(later, 3)])


def test_a_robust_number_that_never_changed_is_shown_as_it_was_in_training() -> None:
    """In its own unit it is no NaN: all that the network reads of it says the value of the training rows."""
    field, state = fitted([5, 5, 5], normalize="robust")
    assert field.in_own_unit(np.zeros((2, 1), dtype=np.float32), state, None).tolist() == [5, 5]


def test_a_robust_number_that_is_a_target_too_comes_back_although_it_never_changed() -> None:
    assert encoded([5, 5, 5], [7], normalize="robust", role=["input", "target"]) == [2]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (
            {"y": {"type": "number", "role": "target", "smooth_clip": 3}},
            "data.fields.y.smooth_clip    has no effect: it acts on inputs only",
        ),
        ({"w": {"type": "number", "role": "weight", "smooth_clip": 3}, "y": "number"}, "has no effect: it acts on inputs only"),
        ({"y": {"type": "number", "role": ["input", "target"], "smooth_clip": 3}}, "what is a target too must come back"),
        ({"w": {"type": "number", "smooth_clip": 0}, "y": "number"}, "smooth_clip"),
        ({"w": {"type": "vector", "normalize": "quantile"}, "y": "number"}, "normalize"),
        ({"w": {"type": "series", "normalize": "power"}, "y": "number"}, "normalize"),
    ],
)
def test_what_is_refused(fields: dict[str, Any], told: str) -> None:
    write({"x": range(40), "w": range(40), "y": range(40)})
    target = {} if "role" in str(fields["y"]) else {"target": "y"}
    with pytest.raises(ConfigError) as found:
        nntrain.fit({"name": "refused", "data": {"source": "rows.csv", "fields": fields, **target}})
    assert told in str(found.value)


def test_ranks_of_a_curve_that_was_saved(tmp_path: Path) -> None:
    """The middle of the way between the outermost and its neighbour is cut off at one place by both ways."""
    curve = Ranks(np.array([0.0, 1.0, 5.0]), 2.0)
    there = curve.bent(np.array([0.5, 5.0, 9.0]))
    assert curve.straightened(torch.from_numpy(there)).numpy() == pytest.approx([0.5, 5, 9])
    assert there[2] - there[1] == pytest.approx(2)
    assert there[1] + END == pytest.approx(OUTERMOST * 2 * 4 / 2, rel=1e-3)
