"""R11: of several processes that want to write to one run exactly one does, by flock and without; what a dead one left blocks nobody."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nntrain import cli, locking
from nntrain.errors import CheckpointError
from nntrain.locking import HEARTBEAT_S, check_held, hold, in_turn

WRITER = """
import sys, time
from pathlib import Path
from nntrain import cli, locking
from nntrain.errors import NNTrainError
if sys.argv[2] == "claims":
    locking.fcntl = None
print("ready", flush=True)
for line in sys.stdin:
    try:
        with locking.hold(Path(sys.argv[1])):
            print("won", flush=True)
            sys.stdin.readline()
    except NNTrainError as error:
        print("refused" if error.exit_code == 4 else repr(error), flush=True)
"""
"""A process that takes a folder whenever a line comes, and holds it until the next."""

WAYS = [pytest.param("flock", marks=pytest.mark.skipif(locking.fcntl is None, reason="needs flock")), "claims"]


class Writer:
    """A process that wants to write."""

    def __init__(self, folder: Path, way: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder), way], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def tell(self) -> None:
        """Say that it is to take the folder, or to let go of it."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def answer(self) -> str:
        """What it says next."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def end(self) -> None:
        """Kill it, and forget it."""
        self.process.kill()
        self.process.communicate()


@contextmanager
def writers(folder: Path, way: str, count: int) -> Generator[list[Writer]]:
    """Processes that are ready to write."""
    found = [Writer(folder, way) for _ in range(count)]
    try:
        for each in found:
            assert each.answer() == "ready"
        yield found
    finally:
        for each in found:
            each.end()


@pytest.fixture
def claims(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where there is no flock."""
    monkeypatch.setattr(locking, "fcntl", None)


@pytest.mark.bar("R11")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("rounds", [10, pytest.param(300, marks=pytest.mark.slow)])
def test_of_ten_at_once_one_wins(rounds: int, way: str, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    with writers(tmp_path, way, 10) as ten:
        for _ in range(rounds):
            for each in ten:
                each.tell()
            answers = [each.answer() for each in ten]
            assert sorted(answers) == ["refused"] * 9 + ["won"]
            winner = ten[answers.index("won")]
            winner.tell()
            _until_free(tmp_path, way)
    record_property("figure", f"{way}: {rounds} x 10 processes at once, 1 won and 9 were refused each time")


def _until_free(folder: Path, way: str) -> None:
    """Wait until the winner has let go."""
    if way == "flock":
        while (folder / "lock").read_text(encoding="utf-8"):
            time.sleep(0.001)
        return
    while json.loads(max(folder.glob("lock.*")).read_text(encoding="utf-8") or "{}").get("state") != "released":
        time.sleep(0.001)


@pytest.mark.bar("R11")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("rounds", [3, pytest.param(30, marks=pytest.mark.slow)])
def test_of_ten_that_find_the_lock_of_a_dead_process_one_wins(
    rounds: int, way: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with writers(tmp_path, way, 10) as ten:
        for _ in range(rounds):
            with writers(tmp_path, way, 1) as [dying]:
                dying.tell()
                assert dying.answer() == "won"
            assert max(tmp_path.glob("lock*")).read_text(encoding="utf-8")
            for each in ten:
                each.tell()
            answers = [each.answer() for each in ten]
            assert sorted(answers) == ["refused"] * 9 + ["won"]
            ten[answers.index("won")].tell()
            _until_free(tmp_path, way)
    record_property("figure", f"{way}: {rounds} x 10 processes at the lock of a killed one, 1 won each time")


@pytest.mark.bar("R11")
@pytest.mark.parametrize("way", WAYS)
def test_second_run_in_a_folder_is_refused_and_the_first_unharmed(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    rows = "\n".join(["x,y", *(f"{row % 7},{row % 5}" for row in range(60))]) + "\n"
    (tmp_path / "table.csv").write_text(rows, encoding="utf-8")
    (tmp_path / "two.yaml").write_text(
        "name: two\ndata: {source: table.csv, target: y}\narchitecture: {type: mlp, hidden: [4]}\ntraining: {max_epochs: 2}\n",
        encoding="utf-8",
    )
    program = (
        "import sys; from nntrain import cli, locking\n"
        "if sys.argv[1] == 'claims': locking.fcntl = None\n"
        "code = cli.main(sys.argv[2:]); print('torch' in sys.modules); sys.exit(code)"
    )
    if way == "claims":
        monkeypatch.setattr(locking, "fcntl", None)
    assert cli.main(["fit", "two.yaml"]) == 0
    run = tmp_path / "runs" / "two" / "0001"
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file() and not path.name.startswith("lock")}
    again = ["fit", "--resume", str(run), "training.max_epochs=3"]
    with writers(run, way, 1) as [first]:
        first.tell()
        assert first.answer() == "won"
        done = subprocess.run([sys.executable, "-c", program, way, *again], capture_output=True, text=True, check=False)
        assert (done.returncode, "another process writes to" in done.stderr) == (4, True), done.stderr
        assert f"process {first.process.pid} on " in done.stderr
        assert done.stdout == "False\n"
        assert {path: path.read_bytes() for path in before} == before
    assert cli.main(again) == 0
    record_property("figure", f"{way}: a second run refused with exit code 4 before torch was loaded; the first unharmed")


@pytest.mark.bar("R11")
class TestClaims:
    """Where there is no flock: whose claim still counts."""

    @pytest.fixture(autouse=True)
    def _without_flock(self, claims: None) -> None: ...

    def record(self, folder: Path) -> dict[str, object]:
        with hold(folder):
            (claim,) = folder.glob("lock.*")
            return json.loads(claim.read_text(encoding="utf-8"))

    def left(self, folder: Path, **changes: object) -> Path:
        """A claim that somebody has left."""
        folder.mkdir(exist_ok=True)
        path = folder / "lock.000007"
        path.write_text(json.dumps({**self.record(folder / ".."), **changes}), encoding="utf-8")
        return path

    def is_free(self, folder: Path) -> bool:
        try:
            with hold(folder):
                return True
        except CheckpointError:
            return False

    def test_second_time_in_one_process_is_refused(self, tmp_path: Path) -> None:
        with hold(tmp_path):
            assert not self.is_free(tmp_path)
        assert self.is_free(tmp_path)

    def test_living_process_of_another_machine_counts_until_its_heartbeat_is_old(self, tmp_path: Path) -> None:
        claim = self.left(tmp_path / "run", machine="elsewhere", host="elsewhere", pid=1)
        assert not self.is_free(claim.parent)
        old = time.time() - 3 * HEARTBEAT_S - 5
        os.utime(claim, (old, old))
        assert self.is_free(claim.parent)

    def test_number_that_another_process_has_now_does_not_count(self, tmp_path: Path) -> None:
        if self.record(tmp_path)["started"] == "unknown":
            pytest.skip("this system does not tell when a process was started")
        assert not self.is_free(self.left(tmp_path / "living").parent)
        assert self.is_free(self.left(tmp_path / "reused", started="1").parent)

    def test_same_number_in_another_container_counts(self, tmp_path: Path) -> None:
        assert not self.is_free(self.left(tmp_path / "run", machine="this host, other numbers", pid=2**22 + 1).parent)

    def test_clock_of_the_machine_decides_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        claim = self.left(tmp_path / "run", machine="elsewhere")
        now = time.time()
        for off in (-86400.0, 86400.0):
            monkeypatch.setattr(time, "time", lambda off=off: now + off)
            assert not self.is_free(claim.parent)

    def test_claim_that_is_just_being_written_counts(self, tmp_path: Path) -> None:
        (tmp_path / "lock.000001").touch()
        assert not self.is_free(tmp_path)

    @pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "x"}', '{"machine": null, "pid": -1}', "\0\0\0"])
    def test_damaged_claim_counts_until_it_is_old(self, content: str, tmp_path: Path) -> None:
        path = tmp_path / "lock.000001"
        path.write_text(content, encoding="utf-8")
        assert not self.is_free(tmp_path)
        os.utime(path, (0, 0))
        assert self.is_free(tmp_path)

    def test_heart_beats_whatever_the_program_does(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(locking, "HEARTBEAT_S", 0.04)
        with hold(tmp_path):
            (claim,) = tmp_path.glob("lock.*")
            os.utime(claim, (0, 0))
            deadline = time.monotonic() + 10
            while claim.stat().st_mtime == 0:
                assert time.monotonic() < deadline
                time.sleep(0.005)
        assert [thread.name for thread in threading.enumerate() if thread.name == "nntrain-lock"] == []

    def test_one_that_stood_still_and_was_taken_over_is_told_and_leaves_the_other_alone(self, tmp_path: Path) -> None:
        with hold(tmp_path):
            check_held(tmp_path)
            (claim,) = tmp_path.glob("lock.*")
            with writers(tmp_path, "claims", 1) as [other]:
                os.utime(claim, (0, 0))
                claim.write_text(claim.read_text(encoding="utf-8").replace(str(os.getpid()), "4194305"), encoding="utf-8")
                other.tell()
                assert other.answer() == "won"
                with pytest.raises(CheckpointError, match=f"taken over by process {other.process.pid}"):
                    check_held(tmp_path)
                held = max(tmp_path.glob("lock.*"))
        assert not self.is_released(held)

    def is_released(self, claim: Path) -> bool:
        return json.loads(claim.read_text(encoding="utf-8")).get("state") == "released"


@pytest.mark.bar("R11")
def test_claim_counts_for_a_machine_with_flock(tmp_path: Path) -> None:
    with writers(tmp_path, "claims", 1) as [other]:
        other.tell()
        assert other.answer() == "won"
        with pytest.raises(CheckpointError, match=f"process {other.process.pid}"), hold(tmp_path):
            pass


COUNTER = """
import sys
from pathlib import Path
from nntrain import locking
if sys.argv[2] == "claims":
    locking.fcntl = None
path = Path(sys.argv[1])
for _ in range(20):
    with locking.in_turn(path / "turn.lock"):
        (path / "count").write_text(str(int((path / "count").read_text()) + 1))
"""


@pytest.mark.bar("R11")
@pytest.mark.parametrize("way", WAYS)
def test_turns_lose_nothing(way: str, tmp_path: Path) -> None:
    (tmp_path / "count").write_text("0", encoding="ascii")
    children = [subprocess.Popen([sys.executable, "-c", COUNTER, str(tmp_path), way]) for _ in range(4)]
    assert [child.wait() for child in children] == [0] * 4
    assert (tmp_path / "count").read_text(encoding="ascii") == "80"


def test_turn_of_a_process_that_is_gone_ends(tmp_path: Path, claims: None) -> None:
    left = tmp_path / "turn.lock.turn"
    left.touch()
    os.utime(left, (0, 0))
    with in_turn(tmp_path / "turn.lock"):
        assert left.exists()
    assert not left.exists()
