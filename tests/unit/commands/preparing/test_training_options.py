from pathlib import Path

import pytest

from nntrain.commands.fitting.placing import command_of
from nntrain.commands.preparing.jobs import Options
from nntrain.commands.stored.members_record import Plan
from nntrain.errors import UsageError


@pytest.mark.parametrize("members", [Plan.of(3, None), Plan.of(None, 3)])
def test_a_profile_is_of_one_run(members: Plan) -> None:
    with pytest.raises(UsageError, match=f"--profile looks at the steps of one run, and --{members.kind} trains several"):
        Options(profile=True, members=members)


def test_several_configs_are_not_trained_by_a_launcher_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    launcher = {
        "RANK": "1",
        "WORLD_SIZE": "2",
        "LOCAL_RANK": "1",
        "LOCAL_WORLD_SIZE": "2",
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": "29500",
    }
    for name, value in launcher.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match="--each trains one config after another, and this is process 1 of 2"):
        command_of(Options(), [], smoke=False, each=True)
