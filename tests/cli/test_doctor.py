"""`nntrain doctor`: what is there, and what is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from nntrain.cli import main


def findings(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, str]]:
    return {found["what"]: found for found in json.loads(capsys.readouterr().out)["findings"]}


def test_a_whole_installation_has_no_fault(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    found = findings(capsys)
    assert torch.__version__ in found["torch"]["told"]
    assert {"python", "packages", "threads", "runs"} <= found.keys()
    assert "fault" not in {each["state"] for each in found.values()}


def test_a_runs_folder_that_cannot_be_written_is_a_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "runs").write_text("a file")
    tmp_path.chmod(0o500)
    try:
        (tmp_path / "probe").touch()
    except OSError:
        assert main(["doctor", "--json"]) == 1
        assert findings(capsys)["runs"]["state"] == "fault"
    else:  # a user who may write everywhere: there is no such folder
        (tmp_path / "probe").unlink()
        assert main(["doctor", "--json"]) == 0
    finally:
        tmp_path.chmod(0o700)


def test_a_missing_package_is_a_fault(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def requires(package: str) -> list[str]:
        return ["torch>=2.10", f"no-such-{package}>=1"]

    monkeypatch.setattr("nntrain.commands.reference.doctor.requires", requires)
    assert main(["doctor"]) == 1
    assert "no-such-nntrain" in capsys.readouterr().out
