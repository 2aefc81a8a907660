"""Where names on a page may go on in a new line."""

from __future__ import annotations

from nntrain.insight.report.page import breakable


def test_a_long_name_goes_on_in_a_new_line_behind_a_dot_or_underscore_and_nowhere_else() -> None:
    assert breakable("scheduler.warmup_fraction") == "scheduler.<wbr>warmup_<wbr>fraction"
    assert breakable("0.5 <b>_") == "0.5 &lt;b&gt;_"
