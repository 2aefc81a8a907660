"""Every bar is shown by a test, and tests show only bars that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from bars import BARS

SHOWN = {
    name for file in Path(__file__).parents[1].rglob("test_*.py") for name in re.findall(r'mark\.bar\("(\w+)"\)', file.read_text("utf-8"))
}


@pytest.mark.parametrize("bar", BARS)
def test_bar_is_shown(bar: str) -> None:
    assert bar in SHOWN, f"no test is marked bar({bar!r})"


def test_no_other_bar_is_claimed() -> None:
    assert SHOWN - set(BARS) == set()
