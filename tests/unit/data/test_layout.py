import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nntrain.data.layout import plan_layout
from nntrain.data.settings import DataSettings
from nntrain.errors import DataError
from nntrain.specs import RAGGED, Spec, Unknown

RENTS = "ObjektNr,PLZ,Fläche,Heizung,Land,Miete\n" + "".join(
    f"{row + 1},0{1000 + row % 9},{row * 1.5},{'Gas' if row % 2 else 'Öl'},DE,{500 + row * 7.5}\n" for row in range(40)
)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "rents.csv").write_text(RENTS, encoding="utf-8")
    return tmp_path


def plan(folder, *, look=True, **data):
    return plan_layout(DataSettings.parse({"source": "rents.csv", **data}), folder, look=look)


def test_everything_is_inferred_and_told(folder):
    layout, problems = plan(folder, target="Miete")
    assert not problems
    assert [(field.name, field.field.type, field.role) for field in layout.fields] == [
        ("PLZ", "category", "input"),
        ("Fläche", "number", "input"),
        ("Heizung", "category", "input"),
        ("Miete", "number", "target"),
    ]
    assert layout.left_out == (("ObjektNr", "row numbers"), ("Land", "always 'DE'"))
    assert layout.inputs["Heizung"] == Spec((), (), "index", classes=Unknown("classes of Heizung"))
    assert layout.targets[0].note == "number (40 values)   change: type: category"
    assert layout.fields[0].note == "category (9 values, leading zeros)"
    assert (layout.has_validation, layout.has_test, layout.rows) == (True, True, 40)
    assert layout.dialect == "',' between columns, UTF-8, header in line 1"


def test_names_in_the_config_win(folder):
    layout, problems = plan(
        folder,
        fields={
            "Miete": {"role": "target"},
            "Land": {},
            "Fläche": {"role": "ignore"},
            "P*": "number",
            "Heizung": {"classes": ["Gas", "Öl"]},
        },
    )
    assert not problems
    assert [(field.name, field.field.type) for field in layout.fields] == [
        ("PLZ", "number"),
        ("Heizung", "category"),
        ("Land", "category"),
        ("Miete", "number"),
    ]
    assert layout.inputs["Heizung"].classes == 3
    assert layout.fields[1].classes == ("Gas", "Öl")


def test_two_fields_of_one_column(folder):
    layout, problems = plan(
        folder, target="Miete", fields={"a": {"type": "number", "column": "Fläche"}, "b": {"type": "category", "column": "Fläche"}}
    )
    assert not problems
    assert [field.name for field in layout.fields] == ["PLZ", "a", "b", "Heizung", "Miete"]


@pytest.mark.parametrize(
    ("data", "path", "message", "hint"),
    [
        (
            {"target": "Mitte"},
            ("data", "target"),
            "no column 'Mitte' in rents.csv (line 1: ObjektNr, PLZ, Fläche, Heizung, Land and 1 more)",
            "nearest: Miete",
        ),
        (
            {"target": ["Miete", "X"]},
            ("data", "target", 1),
            "no column 'X' in rents.csv (line 1: ObjektNr, PLZ, Fläche, Heizung, Land and 1 more)",
            None,
        ),
        (
            {"target": "Miete", "fields": {"heizung": "category"}},
            ("data", "fields", "heizung"),
            "no column 'heizung' in rents.csv (line 1: ObjektNr, PLZ, Fläche, Heizung, Land and 1 more)",
            "nearest: Heizung",
        ),
        (
            {"target": "Miete", "fields": {"v": {"type": "vector", "columns": "t*"}}},
            ("data", "fields", "v", "columns"),
            "no column 't*' in rents.csv (line 1: ObjektNr, PLZ, Fläche, Heizung, Land and 1 more)",
            None,
        ),
        (
            {},
            ("data",),
            "names no target: which column is to be predicted?",
            "fix:  target: COLUMN   columns: ObjektNr, PLZ, Fläche, Heizung, Land, Miete",
        ),
        (
            {"target": "Miete", "fields": {"Miete": {"role": "input"}}},
            ("data", "fields", "Miete", "role"),
            "is input, and data.target names Miete as target",
            "remove one of the two",
        ),
        (
            {"fields": {"Miete": {"role": ["target", "weight"]}}},
            ("data", "fields", "Miete", "role"),
            "target, weight do not go together",
            "only input and target do, and input and group or time",
        ),
        (
            {"target": "Miete", "fields": {"Heizung": {"type": "category", "role": "weight"}}},
            ("data", "fields", "Heizung", "role"),
            "a category cannot be the weight of rows",
            None,
        ),
        (
            {"fields": {"Miete": {"type": "number", "role": ["input", "target"]}}},
            ("data", "fields", "Miete", "role"),
            "a number that is input and target would be its own answer",
            None,
        ),
        (
            {"target": "Miete", "fields": {"PLZ": "number", "Fläche": "image"}},
            ("data", "fields", "Fläche"),
            "Fläche is one value per row, and an image is an array [N, H, W], [N, C, H, W] or [N, H, W, C] with C 1 or 3",
            None,
        ),
        (
            {"target": "Miete", "split": {"by": "stratified"}},
            ("data", "split", "by"),
            "stratified keeps the shares of classes, and the target is a number",
            "fix:  by: random",
        ),
        (
            {"target": "Miete", "split": {"by": "column"}},
            ("data", "split", "by"),
            "column needs the column that says train, validation or test",
            "fix:  column: NAME",
        ),
    ],
)
def test_problems(folder, data, path, message, hint):
    _, problems = plan(folder, **data)
    assert [(problem.path, problem.message, problem.hint) for problem in problems] == [(path, message, hint)]


INPUTS_ONLY = "it acts on inputs only"


@pytest.mark.parametrize(
    ("fields", "option", "why"),
    [
        ({"Miete": {"type": "number", "clip": [0, 1]}}, "clip", INPUTS_ONLY),
        ({"Miete": {"type": "number", "missing": "median"}}, "missing", INPUTS_ONLY),
        ({"Fläche": {"type": "number", "role": "weight", "missing": 0.0}}, "missing", INPUTS_ONLY),
        ({"Fläche": {"type": "number", "role": "weight", "normalize": "minmax"}}, "normalize", "weights are taken as they are"),
        ({"Miete": {"type": "category", "min_count": 2}}, "min_count", INPUTS_ONLY),
        ({"Miete": {"type": "boolean", "missing": "error"}}, "missing", INPUTS_ONLY),
        ({"Miete": {"type": "vector", "columns": ["Miete"], "missing": "error"}}, "missing", INPUTS_ONLY),
        ({"Heizung": {"classes": ["Gas", "Öl"], "min_count": 2}}, "min_count", "classes names the classes"),
        ({"Land": {"type": "category", "role": "split", "unknown": "error"}}, "unknown", "the column only says which rows train"),
    ],
)
def test_options_that_nothing_reads(folder, fields, option, why):
    _, problems = plan(folder, target="Miete", fields=fields)
    assert [(problem.path, problem.message) for problem in problems] == [
        (("data", "fields", next(iter(fields)), option), f"has no effect: {why}")
    ]


def test_options_of_a_pattern_are_read_where_one_of_its_columns_reads_them(folder):
    options = {"type": "number", "missing": "median"}
    assert not plan(folder, target="Miete", fields={"*e": options})[1]
    fields = {"*e": {**options, "role": "target"}}
    assert [problem.path for problem in plan(folder, fields=fields)[1]] == [("data", "fields", "*e", "missing")]


BY_COLUMN = {"fields": {"Land": {"type": "category", "role": "split"}}}
COLUMN_SAYS = "has no effect: the column Land says which rows are for "


@pytest.mark.parametrize(
    ("data", "option", "message"),
    [
        (
            {"split": {"by": "given", "validation": 0.3}},
            "validation",
            "has no effect: by: given takes only the rows that data.source gives",
        ),
        ({"split": {"by": "given", "seed": 1}}, "seed", "has no effect: no rows are split off at random"),
        ({"split": {"validation": None, "test": None, "seed": 1}}, "seed", "has no effect: no rows are split off at random"),
        ({**BY_COLUMN, "split": {"by": "column", "validation": None}}, "validation", f"{COLUMN_SAYS}validation"),
        ({**BY_COLUMN, "split": {"by": "column", "seed": 1}}, "seed", "has no effect: no rows are split off at random"),
        ({"split": {"by": "time", "seed": 1}}, "seed", "has no effect: no rows are split off at random"),
        (
            {"fields": {"Land": {"role": "group"}}, "split": {"by": "random"}},
            "by",
            "random does not read the column Land, whose role is group",
        ),
        ({"split": {"by": "group"}}, "by", "group needs the column that says which rows belong together"),
    ],
)
def test_options_of_the_split_that_nothing_reads(folder, data, option, message):
    _, problems = plan(folder, target="Miete", **data)
    assert [(problem.path, problem.message) for problem in problems] == [(("data", "split", option), message)]


def test_defaults_that_are_written_out_are_no_problem(folder):
    written = DataSettings.parse(
        {
            "source": "rents.csv",
            "target": "Miete",
            "fields": {"Miete": "number", "Fläche": {"type": "number", "role": "weight"}, "Land": {"type": "category", "role": "split"}},
        }
    )
    again = DataSettings.parse(written.model_dump(mode="json"))
    assert again == written
    assert not plan_layout(again, folder, look=True)[1]
    given = DataSettings.parse({"source": "rents.csv", "target": "Miete", "split": {"by": "given"}})
    assert not plan_layout(DataSettings.parse(given.model_dump(mode="json")), folder, look=True)[1]


def test_given_files_are_looked_at_too(folder):
    (folder / "test.csv").write_text("PLZ,Heizung,Miete\n01000,Gas,500\n", encoding="utf-8")
    source = {"path": "rents.csv", "test": "test.csv"}
    layout, problems = plan(folder, source=source, target="Miete", split={"test": 0.2})
    assert layout.has_test
    messages = {problem.path: problem.message for problem in problems}
    assert messages[("data", "split", "test")] == "has no effect: data.source.test gives the test rows"
    assert "no column" in messages[("data", "source", "test")]
    _, problems = plan(folder, source=source, target="Miete", fields={name: {"role": "ignore"} for name in ("ObjektNr", "Fläche", "Land")})
    assert not problems


def test_parts_that_are_switched_off(folder):
    layout, _ = plan(folder, target="Miete", split={"validation": None, "test": None})
    assert (layout.has_validation, layout.has_test) == (False, False)
    layout, _ = plan(folder, target="Miete", split={"by": "given"})
    assert (layout.has_validation, layout.has_test) == (False, False)


def test_without_a_look_only_the_settings_speak(tmp_path):
    layout, problems = plan(
        tmp_path, look=False, target="y", fields={"a": "number", "v": {"type": "vector", "columns": "t*"}, "y": {"classes": 3}}
    )
    assert not problems
    assert {name: str(spec) for name, spec in layout.inputs.items()} == {"a": "[]", "v": "[<columns of v>]"}
    assert layout.targets[0].spec.classes == 3
    layout, problems = plan(tmp_path, look=False, target="y")
    assert (layout.untyped, problems) == (("y",), ())


def test_the_builtin_digits_are_known_without_a_look(tmp_path):
    layout, problems = plan_layout(DataSettings.parse({"source": {"type": "builtin", "name": "digits"}}), tmp_path, look=False)
    assert not problems
    assert layout.inputs == {"image": Spec(("channel", "height", "width"), (1, 8, 8))}
    assert layout.targets[0].classes == tuple("0123456789")
    assert layout.targets[0].spec.classes == 10
    assert layout.rows == 1797


def test_arrays(tmp_path):
    rng = np.random.default_rng(0)
    np.savez(
        tmp_path / "a.npz",
        pixels=rng.integers(0, 255, (30, 5, 6, 3), dtype=np.uint8),
        wave=rng.normal(size=(30, 20, 2)),
        features=rng.normal(size=(30, 4)).astype("f4"),
        steps=rng.normal(size=(95, 2)),
        counts=np.full(30, 3),
        word=np.array(["ja", "nein", "ja"] * 10),
        flag=np.array([True, False] * 15),
        half=np.linspace(0, 1, 30, dtype=np.float16),
        big=np.arange(30, dtype=">i8") % 5,
    )
    fields = {"ragged": {"type": "series", "values": "steps", "lengths": "counts"}, "big": {"role": "target"}}
    layout, problems = plan_layout(DataSettings.parse({"source": "a.npz", "fields": fields}), tmp_path, look=True)
    assert not problems
    assert {field.name: field.field.type for field in layout.fields} == {
        "pixels": "image",
        "wave": "series",
        "features": "vector",
        "ragged": "series",
        "word": "boolean",
        "flag": "boolean",
        "half": "number",
        "big": "category",
    }
    assert layout.inputs["pixels"].sizes == (3, 5, 6)
    assert layout.inputs["ragged"].sizes == (RAGGED, 2)
    assert layout.rows == 30


def test_arrays_of_objects_and_broken_files_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.array([{}, []], dtype=object), allow_pickle=True)
    (tmp_path / "b.npz").write_bytes(b"PK no zip")
    np.savez(tmp_path / "c.npz", x=np.array(1.0))
    for name, message in (
        ("a.npz", "'x' holds Python objects"),
        ("b.npz", "is no .npz file, or is damaged"),
        ("c.npz", "'x' is one single value"),
    ):
        with pytest.raises(DataError, match=message):
            plan_layout(DataSettings.parse({"source": name, "target": "x"}), tmp_path, look=True)


def test_a_missing_file_names_the_path_and_a_near_one(tmp_path):
    (tmp_path / "projekt" / "daten").mkdir(parents=True)
    (tmp_path / "daten").mkdir()
    (tmp_path / "daten" / "rents.csv").write_text(RENTS)
    with pytest.raises(DataError) as caught:
        plan(tmp_path / "projekt", source="daten/rents.csv", target="Miete")
    place = tmp_path.as_posix()
    assert caught.value.message == (
        f"data.source.path: no file {place}/projekt/daten/rents.csv ('daten/rents.csv', counted from the config's folder)"
    )
    assert caught.value.hint == f"there is one at {place}/daten/rents.csv"
    with pytest.raises(DataError, match="is a folder") as caught:
        plan(tmp_path, source={"type": "csv", "path": "daten"}, target="Miete")
    with pytest.raises(DataError) as caught:
        plan(tmp_path / "daten", source="rent.csv", target="Miete")
    assert caught.value.hint.endswith("daten/rents.csv")


def test_windows_paths(folder):
    (folder / "daten").mkdir()
    (folder / "daten" / "t.csv").write_text("a,b\n1,2\n2,1\n")
    layout, _ = plan(folder, source="daten\\t.csv", target="b")
    assert layout.rows == 2
    with pytest.raises(DataError, match="holds a control character"):
        plan(folder, source="daten\t.csv", target="b")


def test_a_look_needs_the_standard_library_alone(folder):
    np.savez(folder / "a.npz", x=np.zeros((4, 2)), y=np.arange(4) % 2)
    script = """
import sys
from pathlib import Path
from nntrain.data.layout import plan_layout
from nntrain.data.settings import DataSettings
for source, target in (("rents.csv", "Miete"), ("a.npz", "y"), ({"builtin": "digits"}, None)):
    layout, problems = plan_layout(DataSettings.parse({"source": source, "target": target}), Path(sys.argv[1]), look=True)
    assert layout.targets and not problems, problems
print(sorted({"torch", "numpy", "polars", "PIL"} & sys.modules.keys()))
"""
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", script, str(folder)], capture_output=True, text=True, cwd=root, check=False)
    assert done.stdout == "[]\n", done.stderr


def test_a_pattern_leaves_columns_to_the_fields_that_name_them(tmp_path):
    (tmp_path / "t.csv").write_text("t0,t1,town,kind\n1,2,A,x\n3,4,B,y\n5,6,A,x\n")
    fields = {"signal": {"type": "series", "columns": ["t*"]}, "town": "category"}
    settings = DataSettings.parse({"source": "t.csv", "target": "kind", "fields": fields})
    layout, problems = plan_layout(settings, tmp_path, look=True)
    assert problems == ()
    assert {plan.name: plan.columns for plan in layout.fields} == {"signal": ("t0", "t1"), "town": ("town",), "kind": ("kind",)}


@pytest.mark.parametrize("by", ["column", "group"])
def test_a_pattern_does_not_concern_the_column_that_parts_the_rows(tmp_path, by):
    (tmp_path / "t.csv").write_text(
        "a,part,y\n1.5,train,2.5\n3,test,4.5\n5,validation,7.5\n".replace("train", "5" if by == "time" else "train")
    )
    fields = {"*": {"type": "number", "normalize": "robust"}}
    layout, problems = plan(tmp_path, source="t.csv", target="y", fields=fields, split={"by": by, "column": "part"})
    assert problems == ()
    assert {plan.name: plan.role for plan in layout.fields}["part"] == {"column": "split"}.get(by, by)
    assert next(plan for plan in layout.fields if plan.name == "a").field.normalize == "robust"


def test_names_that_start_with_at_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", **{"@number": np.zeros((8, 2)), "x": np.zeros(8), "y": np.arange(8) % 2})
    _, problems = plan(tmp_path, source="a.npz", target="y")
    assert [problem.message for problem in problems] == ["'@number': names that start with @ are nntrain's own"]
    assert not plan(tmp_path, source="a.npz", target="y", fields={"@number": {"role": "ignore"}})[1]
    layout, problems = plan(tmp_path, source="a.npz", target="y", fields={"v": {"type": "vector", "column": "@number"}})
    assert not problems
    assert "v" in layout.inputs
    _, problems = plan(tmp_path, source="a.npz", target="y", look=False, fields={"@category": "number"})
    assert len(problems) == 1


def test_the_only_input_is_kept_though_it_counts_the_rows(tmp_path):
    (tmp_path / "t.csv").write_text("x,y\n1,2.5\n2,4.5\n3,7.5\n", encoding="utf-8")
    layout, problems = plan(tmp_path, source="t.csv", target="y")
    assert not problems
    assert [(field.name, field.field.type, field.role) for field in layout.fields] == [("x", "number", "input"), ("y", "number", "target")]
