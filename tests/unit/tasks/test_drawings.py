"""What is drawn of answers: known answers by hand, and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nntrain.losses.links import Interval
from nntrain.specs import Spec
from nntrain.tasks.class_drawings import class_doubts, class_drawings, class_misses, confusion, label_drawings, reliability
from nntrain.tasks.classification import Classification
from nntrain.tasks.drawings import Answers, Band, Bars, Counts, Histogram, Lines, Points, Samples
from nntrain.tasks.forecasting import Forecasting
from nntrain.tasks.regression import Regression
from nntrain.tasks.segmentation import Segmentation
from nntrain.tasks.seq2seq import Seq2Seq
from nntrain.tasks.task import Target
from nntrain.tasks.value_drawings import MOST_POINTS, forecast_drawings, next_token_drawings, value_drawings


def answers(predicted: object, truth: object, classes: tuple[str, ...] = (), **more: object) -> Answers:
    target = Target("y", str(more.pop("field_type", "category")), Spec((), (), "index"), classes, **more.pop("target", {}))  # type: ignore[arg-type]
    told, true = torch.tensor(predicted), torch.tensor(truth)
    return Answers(target, told, true, len(true), **more)  # type: ignore[arg-type]


def two() -> Answers:
    return answers([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1], ("no", "yes"), field_type="boolean")


def test_confusion_counts_true_classes_down_and_predicted_ones_across() -> None:
    found = confusion(answers([[0.9, 0.1, 0.0], [0.2, 0.7, 0.1], [0.6, 0.4, 0.0]], [0, 1, 1], ("a", "b", "c")))
    assert isinstance(found, Counts)
    assert found.counts == ((1, 0, 0), (1, 1, 0), (0, 0, 0))
    assert found.told == "2 of 3 rows are right. Most often b is taken for a: 1 time."


def test_a_threshold_decides_what_two_classes_are_taken_for() -> None:
    found = confusion(answers([0.4, 0.2], [1, 0], ("no", "yes"), threshold=0.3))
    assert isinstance(found, Counts)
    assert found.counts == ((1, 0), (0, 1))


def test_of_very_many_classes_the_commonest_confusions_are_told() -> None:
    names = tuple(f"c{index}" for index in range(40))
    found = confusion(answers(np.eye(40)[[1, 1, 2]].tolist(), [0, 0, 2], names))
    assert isinstance(found, Bars)
    assert (found.labels, found.values) == (("c0 taken for c1",), (2.0,))


def test_areas_under_curves_are_those_of_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(3)
    truth = random.integers(0, 2, 500)
    share = np.round((truth + random.normal(0, 1, 500)).clip(-1, 2), 1)  # with many ties
    share = (share - share.min()) / np.ptp(share)
    found = {drawing.title: drawing for drawing in class_drawings(answers(share.tolist(), truth.tolist(), ("no", "yes")))}
    assert list(found) == ["Confusion matrix", "ROC of yes", "Precision and recall of yes", "Reliability"]
    assert f"{metrics.roc_auc_score(truth, share):.3f}" in found["ROC of yes"].told
    assert f"{metrics.average_precision_score(truth, share):.3f}" in found["Precision and recall of yes"].told


def test_roc_of_a_few_rows_by_hand() -> None:
    roc = next(drawing for drawing in class_drawings(two()) if drawing.title.startswith("ROC"))
    assert isinstance(roc, Lines)
    assert (roc.lines[0].x, roc.lines[0].y) == ([0, 0, 0.5, 0.5, 1], [0, 0.5, 0.5, 1, 1])
    assert roc.lines[0].label == "yes (0.750)"


def test_long_curves_are_thinned_and_keep_their_ends() -> None:
    random = np.random.default_rng(0)
    truth = random.integers(0, 2, 5000)
    roc = next(
        drawing for drawing in class_drawings(answers(random.random(5000).tolist(), truth.tolist())) if drawing.title.startswith("ROC")
    )
    assert isinstance(roc, Lines)
    assert len(roc.lines[0].x) <= 200
    assert (roc.lines[0].x[0], roc.lines[0].x[-1]) == (0, 1)


def test_a_class_without_rows_has_no_curve() -> None:
    shares = [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]]
    roc = next(drawing for drawing in class_drawings(answers(shares, [0, 1], ("a", "b", "c"))) if drawing.title == "ROC")
    assert isinstance(roc, Lines)
    assert [line.label for line in roc.lines] == ["a (1.000)", "b (1.000)"]


def test_reliability_compares_what_is_said_with_what_is_true() -> None:
    shares = np.array([[0.75, 0.25]] * 4 + [[0.05, 0.95]] * 2)
    found = reliability(np.array([1, 0, 0, 0, 1, 0]), shares)
    assert found.lines[0].x == pytest.approx([0.25, 0.95])
    assert found.lines[0].y == pytest.approx([0.25, 0.5])
    assert "15 percentage points" in found.told  # (4 * 0 + 2 * 0.45) / 6


def test_worst_and_most_unsure_rows() -> None:
    assert class_misses(two()) == pytest.approx([0.1, 0.4, 0.65, 0.2])
    assert class_doubts(two()) == pytest.approx([0.2, 0.8, 0.7, 0.4])


def test_labels_have_a_curve_each() -> None:
    found = list(label_drawings(answers([[0.9, 0.2], [0.3, 0.1]], [[1.0, 0.0], [0.0, 1.0]], ("x", "y"), field_type="multi_label")))
    assert [drawing.title for drawing in found] == ["ROC", "Precision and recall"]


def test_words_of_classes_and_numbers() -> None:
    assert Classification().in_words(two()) == "is right in 75.0 % of the rows"
    assert (
        Regression().in_words(answers([1.0, 2.0, 30000.0], [1.0, 4.0, 4.0], field_type="number"))
        == "is right to within 2 for half of the rows"
    )


def test_numbers_are_drawn_against_the_truth() -> None:
    truth = np.arange(3000.0)
    found = list(value_drawings(answers((truth + 1).tolist(), truth.tolist(), field_type="number")))
    assert [type(drawing) for drawing in found] == [Points, Points]  # errors that are all alike have no histogram
    assert isinstance(found[0], Points)
    assert len(found[0].x) == MOST_POINTS
    assert "too high" in found[1].told
    noisy = truth + np.random.default_rng(0).normal(size=3000)
    last = list(value_drawings(answers(noisy.tolist(), truth.tolist(), field_type="number")))[-1]
    assert isinstance(last, Histogram)
    assert sum(last.counts) == 3000
    assert "no more than chance" in list(value_drawings(answers(noisy.tolist(), truth.tolist(), field_type="number")))[1].told


def test_forecasts_show_a_window_in_the_middle_and_the_worst() -> None:
    truth = np.zeros((5, 3))
    truth[:, 1] = 1
    said = truth + np.array([[0.0], [0.1], [0.2], [0.3], [9.0]])
    found = list(forecast_drawings(answers(said.tolist(), truth.tolist(), field_type="number")))
    assert [drawing.title for drawing in found] == ["Error by step ahead", "A window in the middle: y", "The worst window: y"]
    middle, worst = found[1:]
    assert isinstance(middle, Lines)
    assert isinstance(worst, Lines)
    assert middle.lines[1].y == pytest.approx([0.2, 1.2, 0.2])
    assert worst.lines[1].y == pytest.approx([9.0, 10.0, 9.0])
    assert Forecasting().misses(answers(said.tolist(), truth.tolist())) == pytest.approx([0, 0.1, 0.2, 0.3, 9])


def test_texts_stand_beside_the_true_ones() -> None:
    to_text = lambda tokens: " ".join(map(str, tokens))  # noqa: E731
    given = answers([[5, 6, -1], [7, -1, -1]], [[5, 6, 7], [7, -1, -1]], field_type="text", target={"to_text": to_text})
    [found] = Seq2Seq().drawings(given)
    assert isinstance(found, Samples)
    assert [[cell.text for cell in row] for row in found.rows] == [["5 6 7", "5 6"], ["7", "7"]]  # type: ignore[union-attr]


def test_next_tokens_stand_beside_the_likeliest() -> None:
    to_text = "".join
    given = answers(
        np.eye(3)[[0, 1, 2, 2]].tolist(),
        [0, 2, 2, 1],
        rows=torch.tensor([0, 0, 4, 4]),
        target={"to_text": lambda t: to_text("abc"[i] for i in t)},
    )
    [found] = next_token_drawings(given)
    assert isinstance(found, Samples)
    assert [[cell.text for cell in row] for row in found.rows] == [["ac", "ab"], ["cb", "cc"]]  # type: ignore[union-attr]


def test_of_pixels_the_share_that_is_wrong_makes_a_row_bad() -> None:
    shares = np.eye(2)[[0, 1, 0]].tolist()
    given = Answers(
        Target("m", "mask", Spec((), (), "index"), ("a", "b")),
        torch.tensor(shares),
        torch.tensor([0, 0, 1]),
        3,
        counts=torch.tensor([3.0, 1.0, 4.0], dtype=torch.float64),
        rows=torch.tensor([0, 0, 1]),
    )
    assert Segmentation().misses(given) == pytest.approx([0.25, 1, 0])
    [matrix] = Segmentation().drawings(given)
    assert isinstance(matrix, Counts)
    assert matrix.counts == ((3, 1), (4, 0))
    assert Segmentation().in_words(given) == "is right about 37.5 % of the pixels"


def test_limits_of_a_forecast_are_a_band_and_say_how_much_they_hold() -> None:
    truth = [[1.0, 2.0, 3.0]]
    limits = Interval(torch.tensor([[0.0, 0.0, 3.5]]), torch.tensor([[2.0, 2.5, 4.0]]))
    given = answers([[1.0, 1.0, 1.0]], truth, field_type="number", interval=limits)
    window = list(forecast_drawings(given))[-1]
    assert isinstance(window, Lines)
    assert window.band == Band([1, 2, 3], [0.0, 0.0, 3.5], [2.0, 2.5, 4.0])
    assert "2 of 3 true values lie in the band" in window.told


def test_the_wider_the_limits_the_less_sure_is_a_number() -> None:
    limits = Interval(torch.tensor([0.0, 0.0]), torch.tensor([1.0, 3.0]))
    given = answers([0.5, 1.0], [0.5, 5.0], field_type="number", interval=limits)
    assert Regression().doubts(given) == pytest.approx([1, 3])
    assert Regression().doubts(answers([0.5], [0.5], field_type="number")) is None
    assert "50.0 % of the true values lie between" in next(iter(value_drawings(given))).told
