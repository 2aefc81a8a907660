from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

from nntrain.commands.screens.results import (
    Confusion,
    Summary,
    aligned,
    better_line,
    confusion_table,
    confusions,
    labelled,
    result_screen,
    result_table,
    spread_text,
)
from nntrain.data.fitted import FittedFields
from nntrain.training.baselines import Baseline

SUMMARY = Summary(
    stop_reason="early_stopping",
    best_at="epoch 34",
    seconds=41.2,
    metrics={"train.loss": 0.1, "validation.rmse": 371.24, "test.rmse": 379.96},
    baseline_name="always the mean",
    baseline={"validation.rmse": 1204.6, "test.rmse": 1198.3},
    next=("nntrain eval", "nntrain predict new.csv -o out.csv"),
)
SPECIES = Confusion("test", ("setosa", "versicolor", "virginica"), [[12, 0, 0], [0, 1011, 2], [0, 1, 13]])


def test_result_screen_shows_why_it_stopped_the_metrics_and_what_is_next() -> None:
    assert result_screen(SUMMARY) == (
        "stopped  early_stopping: best at epoch 34                                   41 s\n"
        "                  this run   always the mean\n"
        "validation.rmse      371.2             1,205\n"
        "test.rmse            380.0             1,198\n"
        "\nnext     nntrain eval\n         nntrain predict new.csv -o out.csv"
    )


def test_result_screen_without_other_rows_says_whose_figures_they_are() -> None:
    summary = replace(SUMMARY, best_at=None, metrics={"train.loss": 1.0}, next=())
    assert result_screen(summary).splitlines()[:2] == [
        "stopped  early_stopping" + "41 s".rjust(57),
        "no rows were held out: these figures are of the rows that it was trained on",
    ]


def test_many_metrics_have_a_column_for_each_split() -> None:
    metrics = {
        f"{split}.{name}": place + index for place, split in enumerate(("validation", "test"), 1) for index, name in enumerate("abcdefgh")
    }
    summary = replace(SUMMARY, metrics=metrics, baseline={"validation.a": 7.0, "test.a": 9.0})
    lines = result_screen(summary).splitlines()
    assert lines[1].split(maxsplit=2) == ["validation", "test", "always the mean"]
    assert lines[2].split() == ["a", "1.000", "2.000", "9.000"]
    assert lines[9].split() == ["h", "8.000", "9.000", "-"]
    assert lines[10] == ""


def test_result_screen_shows_a_confusion_matrix_of_few_classes() -> None:
    assert confusion_table(SPECIES) in result_screen(replace(SUMMARY, confusions=[SPECIES]))


def test_a_confusion_matrix_of_many_classes_is_left_out() -> None:
    few, many = (SimpleNamespace(classes=tuple(map(str, range(count)))) for count in (10, 11))
    tables = {"a.confusion_matrix": [[1] * 10] * 10, "b.confusion_matrix": [[1] * 11] * 11}
    [found] = confusions(cast("FittedFields", SimpleNamespace(targets={"a": few, "b": many, "c": few})), tables, "test")
    assert (found.split, found.classes) == ("test (a)", few.classes)


def test_result_table_marks_what_the_baseline_does_not_have() -> None:
    table = result_table({"validation.accuracy": (0.98123, None), "validation.auroc": (None, 0.5)}, ("this run", "majority"))
    assert table == (
        "                      this run   majority\n"
        "validation.accuracy     0.9812          -\n"
        "validation.auroc             -     0.5000"
    )  # fmt: skip


def test_confusion_table_has_true_classes_down_and_predicted_across() -> None:
    assert confusion_table(SPECIES) == (
        "test rows by true class (down) and predicted class (across)\n"
        "            setosa  versicolor  virginica\n"
        "setosa          12           0          0\n"
        "versicolor       0       1,011          2\n"
        "virginica        0           1         13"
    )


def test_confusion_table_of_ten_long_names_fits_eighty_columns() -> None:
    names = tuple(f"a very long name of class {number}" for number in range(10))
    table = confusion_table(Confusion("validation", names, [[1234] * 10] * 10))
    assert max(map(len, table.splitlines())) <= 80


def test_labelled_puts_each_line_of_a_value_below_the_first() -> None:
    assert labelled([("data", "8,412 rows\ntrain 6,705"), ("model", "mlp")]) == "data     8,412 rows\n         train 6,705\nmodel    mlp"


def test_labelled_breaks_long_lines_between_words() -> None:
    lines = labelled([("stops", "after 100 epochs, or " * 8)]).splitlines()
    assert len(lines) == 3
    assert max(map(len, lines)) <= 80
    assert all(line.startswith(" " * 9) for line in lines[1:])


def test_labelled_keeps_a_long_path_whole() -> None:
    path = "runs/" + "x" * 100
    assert labelled([("run", path)]) == f"run      {path}"


TREES = Baseline({"validation.rmse": 365.0, "validation.r2": 0.9}, 0.81, "boosted trees")
LINE = Baseline({"validation.rmse": 513.0, "validation.r2": 0.7}, 0.02, "linear")


def test_what_a_simple_model_took_stands_below_its_figures() -> None:
    simple = {each.head: each.metrics for each in (LINE, TREES)}
    times = {each.head: each.seconds for each in (LINE, TREES)}
    lines = result_screen(replace(SUMMARY, simple=simple, simple_seconds=times)).splitlines()
    assert lines[1].split(maxsplit=3) == ["this", "run", "linear", "boosted trees   always the mean"]
    assert lines[4].split() == ["time", "41", "s", "0.0", "s", "0.8", "s", "-"]
    assert "time" not in result_screen(SUMMARY)


def test_the_time_of_a_run_with_a_column_for_each_split_is_told_once() -> None:
    metrics = {f"{split}.{name}": 1.0 for split in ("validation", "test") for name in "abcdefgh"}
    summary = replace(SUMMARY, metrics=metrics, simple={"linear": LINE.metrics}, simple_seconds={"linear": 0.02})
    assert result_screen(summary).splitlines()[-4].split() == ["time", "41", "s", "0.0", "s", "-"]


def test_a_better_simple_model_is_told_with_figures_and_times() -> None:
    simple = {"linear": LINE, "boosted_trees": TREES}
    directions = {"rmse": "min", "r2": "max"}
    ours: dict[str, float | None] = {"validation.loss": 0.1, "validation.rmse": 371.24, "validation.r2": 0.95}
    told = better_line(ours, 41.2, simple, ["validation.rmse"], directions)
    assert told == "boosted trees are better than this network on this table: validation.rmse 365.0 against 371.2, in 0.8 s against 41 s"
    assert better_line(ours, None, simple, ["validation.rmse"], directions) == told.partition(", in ")[0]
    assert better_line({"validation.rmse": 300.0}, 41.2, simple, ["validation.rmse"], directions) is None


def test_where_the_loss_decides_simple_models_are_compared_by_the_first_metric() -> None:
    ours: dict[str, float | None] = {"validation.loss": 0.1, "validation.rmse": 400.0, "validation.r2": 0.95}
    names = ["validation.loss", "validation.rmse", "validation.r2"]
    told = better_line(ours, 41.2, {"linear": LINE, "boosted_trees": TREES}, names, {"loss": "min", "rmse": "min", "r2": "max"})
    assert told is not None
    assert "validation.rmse 365.0 against 400.0" in told


def test_heads_have_several_lines_where_the_table_is_too_wide() -> None:
    columns = ("this run", "linear", "boosted trees", "always the commonest")
    rows = {"validation.balanced_accuracy": (0.7986, None, None, 0.5)}
    lines = result_table(rows, columns, ("time", "42 s", "1.9 s", "0.3 s", "-")).splitlines()
    assert [line.split() for line in lines[:3]] == [["always"], ["this", "boosted", "the"], ["run", "linear", "trees", "commonest"]]
    assert max(map(len, lines)) <= 80
    assert len({len(line) for line in lines}) == 1


def test_a_spread_has_no_exponent_where_its_mean_has_none() -> None:
    assert spread_text(52_729.0, 1_234.0) == "52,729 ± 1,200"
    assert spread_text(0.9931, 0.00213) == "0.9931 ± 0.0021"


def test_a_cell_stays_on_its_line() -> None:
    assert aligned([["a\nb", "1"], ["c", "2\r\n3"]], gap=2) == "a b    1\nc    2 3"


def test_labels_that_are_long_move_all_of_a_block_to_the_right() -> None:
    assert labelled([("git", "found"), ("tensorboard", "installed")]) == "git         found\ntensorboard installed"
