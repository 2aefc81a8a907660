from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nntrain.commands.stored.opening import check_resolved, write_resolved
from nntrain.errors import CheckpointError
from nntrain.runs import Run

RECORD: dict[str, Any] = {"fingerprints": {}, "rows": {}, "folder": ".", "environment": {}}


def test_a_run_that_goes_on_again_and_again_keeps_one_digest_of_each_config(tmp_path: Path) -> None:
    run = Run(tmp_path)
    write_resolved(run, "seed: 0\n", dict(RECORD))
    for _ in range(3):
        write_resolved(run, "seed: 1\n", run.read_json("data.json"))
        check_resolved(run)
    assert len(run.read_json("data.json")["resolved"]) == 2
    (tmp_path / "resolved.yaml").write_text("seed: 0\n")  # as it once was
    check_resolved(run)
    (tmp_path / "resolved.yaml").write_text("seed: 2\n")
    with pytest.raises(CheckpointError, match="not as it was written"):
        check_resolved(run)
