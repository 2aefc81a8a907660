"""`nntrain init`: a config for a table that nobody has written one for, and copies of the examples."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import polars
import pytest
from PIL import Image

from nntrain.cli import main

RENTS = """ObjektNr;PLZ;Flaeche;Heizung;Land;Miete
""" + "\n".join(f"{n};0{1000 + n % 7};{40 + n % 50},5;{'Gas' if n % 3 else 'Strom'};DE;{500 + 7 * (n % 50)}" for n in range(1, 121))


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text + "\n", encoding="utf-8")


def test_a_table_gets_a_config_that_trains(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "rents.csv", RENTS)
    assert main(["init", "rents.csv", "--target", "Miete"]) == 0
    told = capsys.readouterr().out
    assert "target -> regression" in told
    assert "ObjektNr (row numbers), Land (always 'DE')" in told
    text = (tmp_path / "rents.yaml").read_text()
    assert len(text.splitlines()) <= 40
    assert "PLZ: category   # category (7 values, leading zeros)" in text
    assert "decimal: ','" in text
    assert "# left out: ObjektNr (row numbers)" in text
    assert main(["check"]) == 0
    assert main(["fit", "training.max_epochs=1"]) == 0


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "rents.csv", RENTS)
    write(tmp_path, "rents.yaml", "mine: true")
    assert main(["init", "rents.csv", "--target", "Miete"]) == 2
    assert "rents.yaml is there already" in capsys.readouterr().err
    assert (tmp_path / "rents.yaml").read_text() == "mine: true\n"
    assert main(["init", "rents.csv", "--target", "Miete", "-o", "other.yaml"]) == 0
    assert main(["init", "rents.csv", "--target", "Miete", "--force"]) == 0
    assert "data:" in (tmp_path / "rents.yaml").read_text()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["rents.csv"], "which column of rents.csv is to be predicted?"),
        (["rents.csv"], "columns: ObjektNr, PLZ, Flaeche, Heizung, Land, Miete"),
        (["rents.csv", "--target", "Mitte"], "Miete"),
        (["rent.csv", "--target", "Miete"], "nearest: rents.csv"),
        ([], "nntrain init data.csv --target COLUMN"),
        (["rents.csv", "--example", "digits"], "init takes the data, or --example NAME"),
        (["--example", "digit"], "nearest: digits"),
    ],
)
def test_what_is_missing_is_told(arguments: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "rents.csv", RENTS)
    assert main(["init", *arguments]) == 2
    assert told in capsys.readouterr().err


def test_numbered_columns_are_one_series(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head = ",".join(["label", *(f"t{step}" for step in range(20))])
    lines = [",".join(["ab"[row % 2], *(str((row * step) % 5 + row % 2) for step in range(20))]) for row in range(60)]
    write(tmp_path, "waves.csv", "\n".join([head, *lines]))
    assert main(["init", "waves.csv", "--target", "label"]) == 0
    assert "one series of 20 steps: t0 … t19" in capsys.readouterr().out
    assert "t: {type: series, columns: [t*]}" in (tmp_path / "waves.yaml").read_text()
    assert main(["fit", "training.max_epochs=1"]) == 0


@pytest.mark.parametrize("name", ["photos", "my.photos", "photos.zip"])
def test_a_folder_or_zip_file_of_images(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / name.removesuffix(".zip")
    for word in ("cat", "dog"):
        (folder / word).mkdir(parents=True)
        for shade in range(10):
            Image.new("L", (8, 8), shade * 20).save(folder / word / f"{shade}.png")
    if name.endswith(".zip"):
        shutil.make_archive(str(folder), "zip", folder)
        shutil.rmtree(folder)
    assert main(["init", name, "-o", "photos.yaml"]) == 0, capsys.readouterr().err
    text = (tmp_path / "photos.yaml").read_text()
    assert f"source: {{type: image_folder, path: {name}}}" in text
    assert "activation: relu\n" in text
    assert main(["check", "photos.yaml"]) == 0, capsys.readouterr().err


def test_columns_with_units_are_told_line_by_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "prices.csv", "share,price\n" + "\n".join(f"{row * 3 % 97}.{row}%,{row}.25 €" for row in range(40)))
    assert main(["init", "prices.csv", "--target", "price"]) == 2
    told = capsys.readouterr().err.splitlines()
    assert any(line.endswith("fix: type: number, strip: '%'") for line in told)
    assert not any(line.endswith(")") for line in told[1:])


def test_files_beside_the_training_rows_are_the_split(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "train.csv", RENTS)
    write(tmp_path, "test.csv", RENTS)
    assert main(["init", "train.csv", "--target", "Miete"]) == 0
    text = (tmp_path / "train.yaml").read_text()
    assert "test: test.csv" in text
    assert "bag: 5" in text
    assert "validation:" not in text
    assert main(["check"]) == 0


def test_an_example_is_copied(tmp_path: Path, repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--example", "digits"]) == 0
    assert (tmp_path / "digits.yaml").read_bytes() == (repository / "configs" / "digits.yaml").read_bytes()
    assert "bring" not in capsys.readouterr().out
    assert main(["init", "--example", "digits"]) == 2


def test_an_example_says_which_data_to_bring(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--example", "adult"]) == 0
    out = capsys.readouterr().out
    assert "bring    adult/train.csv, adult/test.csv   (beside adult.yaml)\n         Bring adult (train.csv and test.csv" in out
    assert "try      nntrain fit adult.yaml --smoke --fake-data   (on made-up rows)" in out


def test_data_that_comes_with_an_example_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    configs = tmp_path / "configs"
    (configs / "xor").mkdir(parents=True)
    (configs / "xor" / "rows.csv").write_text("a,b,y\n0,1,1\n")
    (configs / "xor.yaml").write_text("data: {source: xor/rows.csv, target: y}\n")
    monkeypatch.setattr("nntrain.commands.beginning.init.example_configs", lambda: [configs / "xor.yaml"])
    assert main(["init", "--example", "xor"]) == 0
    assert (tmp_path / "xor" / "rows.csv").read_text() == "a,b,y\n0,1,1\n"
    assert "bring" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "diabetes"])
def test_shipped_sets_train_untouched(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    datasets = pytest.importorskip("sklearn.datasets", reason="needs scikit-learn: pip install 'nntrain[baselines]'")
    data = getattr(datasets, f"load_{name}")()
    columns = [*zip(data.feature_names, data.data.T.tolist(), strict=True), ("target", data.target.tolist())]
    polars.DataFrame(dict(columns)).write_csv(tmp_path / f"{name}.csv")
    assert main(["init", f"{name}.csv", "--target", "target"]) == 0
    assert main(["fit", "training.max_epochs=2"]) == 0


def test_what_was_found_fits_eighty_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"a_column_with_quite_a_long_name_{letter}" for letter in "abcdef"]
    rows = ["".join(f"{(row * 7 + place) % 11 / 7:.3f}," for place in range(6)) + str(row % 2) for row in range(60)]
    (tmp_path / "wide.csv").write_text("\n".join([",".join([*names, "Survived"]), *rows]) + "\n")
    assert main(["init", str(tmp_path / "wide.csv"), "--target", "Survived", "-o", str(tmp_path / "w.yaml")]) == 0
    lines = capsys.readouterr().out.splitlines()[:-1]  # the last line has the path
    assert max(map(len, lines)) <= 80
    assert any(line.rstrip().endswith("change: type: category") for line in lines)


def test_a_config_that_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("a,y\n" + "".join(f"{row * 7 % 13},{row % 2}\n" for row in range(40)), encoding="utf-8")

    def refuse(path: Path, _content: str) -> None:
        raise OSError(errno.EROFS, "Read-only file system", f"{path}.tmp")

    monkeypatch.setattr("nntrain.commands.beginning.init.write_atomically", refuse)
    assert main(["init", "t.csv", "--target", "y", "-o", "c.yaml"]) == 7
    assert "cannot write c.yaml: Read-only file system" in capsys.readouterr().err
