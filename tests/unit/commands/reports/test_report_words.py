"""The words of a report's first section, from a summary."""

from __future__ import annotations

from typing import Any

from nntrain.commands.reports.report_words import ReportFacts, advice_of, metric_table, summary_section
from nntrain.insight.report.content import Paragraph, Things


def summary(**changes: Any) -> dict[str, Any]:
    return {
        "stop_reason": "early_stopping",
        "epochs": 44,
        "steps": 4400,
        "seconds": 41.0,
        "parameters": 100,
        "monitor": "validation.rmse",
        "directions": {"rmse": "min", "loss": "min"},
        "best": {"epoch": 34, "step": 3400, "train.rmse": 300.0, "validation.rmse": 371.0, "validation.loss": 0.5},
        "test": {"rmse": 380.0, "loss": 0.6},
        "baseline": {"validation.rmse": 1205.0, "test.rmse": 1198.0},
        "baselines": {"boosted_trees": {"validation.rmse": 365.0, "test.rmse": 369.0, "seconds": 1.0}},
        "test_looks": 4,
        **changes,
    }


def words(found: dict[str, Any], **more: Any) -> str:
    facts = ReportFacts(found, {"rows": {"train": 6705, "validation": 838, "test": 838}}, None, baseline_name="always the mean", **more)
    return "\n".join(block.text for block in summary_section(facts).blocks if isinstance(block, Paragraph))


def test_how_good_it_is_stands_beside_rivals_and_chance() -> None:
    told = words(
        summary(), intervals={"test.rmse": (341.0, 421.0)}, in_words=["is right to within 212 for half of the rows"], split="validation"
    )
    assert "It is right to within 212 for half of the rows (838 validation rows)." in told
    assert "test.rmse 380.0 (95 % interval: 341.0 to 421.0); beside it always the mean: 1,198, boosted trees: 369.0." in told
    assert "Better than this network: boosted trees." in told
    assert "chance may decide" not in told


def test_a_rival_within_the_interval_may_be_worse_by_chance() -> None:
    found = summary(baselines={"linear": {"test.rmse": 390.0}})
    told = words(found, intervals={"test.rmse": (341.0, 421.0)})
    assert "So near that chance may decide: linear." in told
    assert "Better than this network" not in told


def test_why_it_stopped_and_what_is_kept() -> None:
    told = words(summary(), intervals={})
    assert (
        "Stopped after 44 epochs, 4,400 steps, 41 s: validation got no better for as long as the config allows (early_stopping); "
        "the network of epoch 34, step 3,400 is kept."
    ) in told
    assert "Test data of this file have been looked at by 4 runs." in told
    assert "have not been looked at" in words(summary(test={}, test_looks=None), intervals={})


def test_a_metric_that_rivals_lack_gives_way_to_one_that_they_have() -> None:
    told = words(summary(monitor="validation.loss"), intervals={})
    assert "test.rmse 380.0; beside it always the mean: 1,198" in told


def test_a_loss_without_rivals_stands_alone() -> None:
    assert "test.rmse 380.0.\n" in words(summary(baseline={}, baselines={}), intervals={})


def test_all_figures_are_in_the_table_and_the_deciding_one_is_marked() -> None:
    table = metric_table(ReportFacts(summary(), {"rows": {}}, None, {"test.rmse": (341.0, 421.0)}, baseline_name="always the mean"))
    assert table is not None
    assert table.head == ("", "this run", "95 % interval", "boosted trees", "always the mean")
    assert [row[0] for row in table.rows] == ["validation.rmse", "validation.loss", "test.rmse", "test.loss"]
    assert [table.rows[place][0] for place in table.marked] == ["validation.rmse"]
    assert table.rows[2] == ("test.rmse", "380.0", "341.0 to 421.0", "369.0", "1,198")


def test_a_run_whose_network_was_not_looked_at_says_why() -> None:
    lines = [
        block.text
        for block in summary_section(ReportFacts(summary(unseen="for a reason"), {"rows": {}}, None, {})).blocks
        if isinstance(block, Paragraph)
    ]
    assert sum("not looked at while it trained: for a reason." in line for line in lines) == 1


def test_advice_is_shown_with_its_evidence_and_older_runs_have_none() -> None:
    advice = [{"name": "x", "sentence": "It overfits", "evidence": "gap 18 %", "override": None}, {"name": "damaged"}, "damaged"]
    assert advice_of({"advice": advice}) == (("It overfits", "gap 18 %", ""),)
    assert advice_of({}) == advice_of({"advice": None}) == ()
    facts = ReportFacts(summary(advice=advice), {"rows": {}}, None, {})
    assert [block.items for block in summary_section(facts).blocks if isinstance(block, Things)] == [(("It overfits", "gap 18 %", ""),)]


def test_a_bag_has_no_state_that_decided_and_its_rows_are_those_of_a_member() -> None:
    found = summary(kind="bag", best={"epoch": None, "step": None, "validation.mae": 3.0})
    table = metric_table(ReportFacts(found, {"rows": {}}, None, {}))
    assert table is not None
    assert table.caption == "Metrics of all members as one; each validation row is predicted by the members that were not trained on it"
    assert "838 to test in the first member." in words(found, intervals={})


def test_no_rival_is_called_better_where_it_is_not_known_which_way_that_is() -> None:
    told = words(summary(directions={}), intervals={})
    assert "test.rmse 380.0; beside it" in told
    assert "Better than this network" not in told


def test_figures_of_some_rows_are_not_told_as_those_of_all() -> None:
    told = words(summary(), intervals={}, in_words=["is right in 98 % of the rows"], split="validation", shown=419)
    assert "It is right in 98 % of the rows (419 of 838 validation rows)." in told
