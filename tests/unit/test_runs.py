from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nntrain import locking, runs
from nntrain.errors import CheckpointError, DataError, ResourceError, UsageError
from nntrain.runs import Run, all_runs, count_test_look, create_run, find_run, is_run, lock, write_atomically

LOCK = "import sys, pathlib; from nntrain.runs import Run, lock\nwith lock(Run(pathlib.Path(sys.argv[1]))): print('taken')"


def whole_run(root: Path, name: str, *, started: float = 0.0, run_id: str | None = None) -> Run:
    """A run that got as far as `resolved.yaml`, which makes the folder one."""
    run = create_run(root, name, run_id)
    resolved = run.path / "resolved.yaml"
    resolved.write_text("seed: 0\n", encoding="utf-8")
    os.utime(resolved, (started, started))
    return run


def lock_from_another_process(run: Run) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", LOCK, run.path], capture_output=True, text=True, check=False)


class TestCreating:
    def test_runs_of_a_name_are_numbered(self, runs_root: Path) -> None:
        assert [create_run(runs_root, name).path for name in ("digits", "digits", "rents")] == [
            runs_root / "digits" / "0001",
            runs_root / "digits" / "0002",
            runs_root / "rents" / "0001",
        ]

    def test_numbers_go_on_after_the_highest_one(self, runs_root: Path) -> None:
        (runs_root / "digits" / "0041").mkdir(parents=True)
        (runs_root / "digits" / "tuned").mkdir()
        assert create_run(runs_root, "digits").path.name == "0042"

    def test_latest_names_the_newest(self, runs_root: Path) -> None:
        for _ in range(2):
            create_run(runs_root, "digits")
        assert (runs_root / "digits" / "latest").read_text(encoding="utf-8") == "0002\n"

    def test_a_name_may_be_given(self, runs_root: Path) -> None:
        run = whole_run(runs_root, "digits", run_id="tuned")
        assert run.path == runs_root / "digits" / "tuned"
        assert find_run("digits", runs_root).path.name == "tuned"

    def test_a_name_that_is_taken_is_refused_with_the_way_to_resume(self, runs_root: Path) -> None:
        create_run(runs_root, "digits", "tuned")
        with pytest.raises(CheckpointError, match="exists already") as error:
            create_run(runs_root, "digits", "tuned")
        assert error.value.hint == f"go on with it: --resume {(runs_root / 'digits' / 'tuned').as_posix()}"

    def test_no_two_get_the_same_folder(self, runs_root: Path) -> None:
        with ThreadPoolExecutor(8) as pool:
            made = list(pool.map(lambda _: create_run(runs_root, "digits").path.name, range(40)))
        assert sorted(made) == [f"{number:04d}" for number in range(1, 41)]
        assert [path.name for path in (runs_root / "digits").iterdir() if path.name.startswith(".")] == []

    def test_a_number_that_is_taken_in_between_is_passed_over(self, runs_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        make, parent = Path.mkdir, runs_root / "digits"
        parent.mkdir(parents=True)
        raced = iter([True])

        def race(path: Path, *arguments: object, **options: object) -> None:
            if path.parent == parent and next(raced, False):
                make(path)  # another process is a moment earlier
            make(path, *arguments, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(Path, "mkdir", race)
        assert create_run(runs_root, "digits").path.name == "0002"

    def test_a_folder_that_cannot_be_made_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "runs").write_text("a file", encoding="utf-8")
        with pytest.raises(ResourceError, match="cannot make a run folder") as error:
            create_run(tmp_path / "runs", "digits")
        assert error.value.hint == "another place: --runs DIR"


class TestFinding:
    def test_none_means_the_one_started_last(self, runs_root: Path) -> None:
        whole_run(runs_root, "rents", started=2000)
        whole_run(runs_root, "digits", started=1000)
        assert find_run(None, runs_root).path == runs_root / "rents" / "0001"

    def test_none_without_runs_is_an_error(self, runs_root: Path) -> None:
        with pytest.raises(UsageError, match="no runs in") as error:
            find_run(None, runs_root)
        assert error.value.hint == "train one: nntrain fit CONFIG"

    @pytest.mark.parametrize("given", ["runs/digits/0001", "digits/0001"])
    def test_a_run_is_found_from_here_or_from_the_runs_folder(self, runs_root: Path, given: str) -> None:
        run = whole_run(runs_root, "digits")
        assert find_run(given, runs_root).path.resolve() == run.path.resolve()

    @pytest.mark.parametrize("given", ["runs/digits", "digits"])
    def test_a_folder_of_runs_means_its_latest(self, runs_root: Path, given: str) -> None:
        for _ in range(2):
            whole_run(runs_root, "digits")
        assert find_run(given, runs_root).path.name == "0002"

    def test_an_unknown_one_is_an_error_that_names_the_latest(self, runs_root: Path) -> None:
        run = whole_run(runs_root, "digits")
        with pytest.raises(UsageError, match="no run rents") as error:
            find_run("rents", runs_root)
        assert error.value.hint == f"the latest runs: {run.name}"

    def test_an_unknown_one_where_there_are_none(self, runs_root: Path) -> None:
        with pytest.raises(UsageError, match="no run rents") as error:
            find_run("rents", runs_root)
        assert error.value.hint == "the latest runs: none yet"

    def test_all_runs_leaves_out_folders_that_are_none(self, runs_root: Path) -> None:
        run = whole_run(runs_root, "digits")
        create_run(runs_root, "digits")
        assert all_runs(runs_root) == [run]

    def test_is_run_knows_a_run_and_a_folder_of_runs(self, runs_root: Path) -> None:
        run = whole_run(runs_root, "digits")
        assert [is_run(path) for path in (run.path, run.path.parent, runs_root)] == [True, True, False]

    def test_runs_root_is_the_flag_then_the_environment_then_runs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert runs.runs_root(None) == Path("runs")
        monkeypatch.setenv("NNTRAIN_RUNS", "scratch")
        assert runs.runs_root(None) == Path("scratch")
        assert runs.runs_root(Path("given")) == Path("given")


class TestLocking:
    def test_a_second_process_is_refused_and_told_who_writes(self, runs_root: Path) -> None:
        run = create_run(runs_root, "digits")
        with lock(run):
            done = lock_from_another_process(run)
        assert done.returncode == 1
        assert f"CheckpointError: another process writes to {run.name}" in done.stderr
        assert f"process {os.getpid()} on " in done.stderr

    def test_a_lock_ends_with_its_block(self, runs_root: Path) -> None:
        run = create_run(runs_root, "digits")
        with lock(run):
            pass
        assert lock_from_another_process(run).stdout == "taken\n"

    @pytest.mark.skipif(locking.fcntl is None, reason="needs flock")
    def test_a_lock_ends_with_its_process_however_that_ended(self, runs_root: Path) -> None:
        run = create_run(runs_root, "digits")
        died = LOCK.replace("print('taken')", "__import__('os')._exit(9)")
        subprocess.run([sys.executable, "-c", died, run.path], check=False)
        assert (run.path / "lock").read_text(encoding="utf-8") != ""
        with lock(run):
            assert json.loads((run.path / "lock").read_text(encoding="utf-8"))["pid"] == os.getpid()

    def test_a_lock_ends_with_an_exception(self, runs_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(locking, "fcntl", None)
        run = create_run(runs_root, "digits")
        with pytest.raises(ZeroDivisionError), lock(run):
            raise ZeroDivisionError
        with lock(run):
            assert run.path.is_dir()


class TestFiles:
    def test_write_atomically_replaces_the_text(self, tmp_path: Path) -> None:
        for text in ("first, and longer\n", "second: é\n"):
            write_atomically(tmp_path / "file.txt", text)
        assert (tmp_path / "file.txt").read_bytes() == "second: é\n".encode()
        assert [path.name for path in tmp_path.iterdir()] == ["file.txt"]

    def test_write_atomically_keeps_the_old_text_when_the_disk_is_full(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write_atomically(tmp_path / "file.txt", "old")

        def no_space(_descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", no_space)
        with pytest.raises(OSError, match="No space left"):
            write_atomically(tmp_path / "file.txt", "new")
        assert (tmp_path / "file.txt").read_text(encoding="utf-8") == "old"

    def test_what_a_killed_process_had_begun_is_gone_once_the_run_is_locked(self, runs_root: Path) -> None:
        run = create_run(runs_root, "digits")
        ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True, check=True)
        pid, member = int(ended.stdout), run.path / "members" / "01"
        member.mkdir(parents=True)
        begun = [run.path / f".{pid}-140123.tmp", member / f".{pid}-7.tmp"]
        kept = [f".{os.getpid()}-140123.tmp", f".{os.getppid()}-7.tmp", f".{pid}.tmp", f"{pid}-7.tmp", ".mine.tmp", f".{pid}-7.tmp.txt"]
        for path in (*begun, *(run.path / name for name in kept)):
            path.write_text("half")
        with lock(run):
            pass
        assert not any(path.exists() for path in begun)
        assert all((run.path / name).exists() for name in kept)

    def test_json_comes_back_as_it_was_written(self, runs_root: Path) -> None:
        run = create_run(runs_root, "digits")
        run.write_json("data.json", {"rows": {"train": 10}, "notes": ["é"]})
        assert run.read_json("data.json") == {"rows": {"train": 10}, "notes": ["é"]}

    def test_json_has_no_nan(self, runs_root: Path) -> None:
        with pytest.raises(ValueError, match="JSON compliant"):
            create_run(runs_root, "digits").write_json("summary.json", {"value": float("nan")})

    @pytest.mark.parametrize(("text", "message"), [(None, "has no data.json"), ("{", "damaged"), ("[]", "holds no mapping")])
    def test_json_that_is_missing_or_damaged_is_told(self, runs_root: Path, text: str | None, message: str) -> None:
        run = create_run(runs_root, "digits")
        if text is not None:
            (run.path / "data.json").write_text(text, encoding="utf-8")
        with pytest.raises(CheckpointError, match=message):
            run.read_json("data.json")


class TestLooks:
    def test_a_run_is_one_run_however_it_is_written(self, runs_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        run = create_run(runs_root, "digits")
        assert count_test_look("a", run) == count_test_look("a", Run(run.path.resolve())) == 1
        monkeypatch.chdir(runs_root / "digits")
        assert count_test_look("a", Run(Path("0001"))) == 1
        assert not (runs_root / "digits" / "test_looks.json").exists()

    def test_each_run_is_counted_once_for_each_test_set(self, runs_root: Path) -> None:
        one, two = create_run(runs_root, "digits"), create_run(runs_root, "digits")
        looks = [count_test_look(*look) for look in (("a", one), ("a", one), ("a", two), ("b", two))]
        assert looks == [1, 1, 2, 1]

    def test_a_damaged_count_is_told(self, runs_root: Path) -> None:
        run = create_run(runs_root, "digits")
        (runs_root / "test_looks.json").write_text("{", encoding="utf-8")
        with pytest.raises(DataError, match=r"test_looks\.json: damaged"):
            count_test_look("a", run)
