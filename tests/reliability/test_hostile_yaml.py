"""Texts that explode, nest without end, go in circles or are not what they seem: refused soon, with their place, wherever text is read."""

# ruff: noqa: E501

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
from hostile_children import Found, fault_of, run_all

Record = Callable[[str, object], None]

CPU_S: Final = 2.0
"""The bar is one second on a machine that does nothing else; what was found is in the figures."""
DATA: Final = "data: {source: rows.csv, target: y}\n"


def _levels(name: str, join: Callable[[str], str]) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"] if name == "list" else ["a0: &a0 {x: 1}"]
    lines += [f"a{level}: &a{level} {join(f'*a{level - 1}')}" for level in range(1, 11)]
    return "\n".join([*lines, DATA])


BOMBS: Final[dict[str, str]] = {
    "aliases, 10 levels": _levels("list", lambda alias: f"[{', '.join([alias] * 10)}]"),
    "merges, 10 levels": _levels("map", lambda alias: f"{{<<: [{', '.join([alias] * 10)}]}}"),
    "merges of one, 10 levels": _levels("map", lambda alias: f"{{<<: {alias}, k: {alias}}}"),
    "5,000 brackets": f"{DATA}x: " + "[" * 5_000 + "]" * 5_000,
    "5,000 braces": f"{DATA}x: " + "{a: " * 5_000 + "1" + "}" * 5_000,
    "400,000 brackets that stay open": f"{DATA}x: " + "[" * 400_000,
    "5,000 dashes": f"{DATA}x:\n  " + "- " * 5_000 + "1",
    "5,000 levels of blocks": DATA + "".join(f"{' ' * (level % 900)}a:\n" for level in range(900)),
    "a list of itself": f"{DATA}x: &a [*a]",
    "a mapping of itself": f"{DATA}x: &a {{b: *a}}",
    "a merge of itself": f"{DATA}x: &a {{<<: *a}}",
    "a number of 10^6 digits": f"{DATA}seed: {'9' * 900_000}",
    "a number of 5,000 digits": f"{DATA}seed: {'9' * 5_000}",
    "a hexadecimal number of 10^5 digits": f"{DATA}seed: 0x{'f' * 100_000}",
    "a float of 10^5 digits": f"{DATA}optimizer: {{lr: 0.{'1' * 100_000}e{'9' * 1_000}}}",
    "150,000 keys": DATA + "".join(f"{key:x}:\n" for key in range(150_000)),
    "90,001 layers": f"{DATA}architecture: {{layers: [{'relu, ' * 90_000}relu]}}",
    "10,001 layers that there are not": f"{DATA}architecture: {{layers: [{'reli, ' * 10_000}reli]}}",
    "90,000 layers in 9 lists": f"{DATA}architecture: {{layers: [" + f"[{'relu, ' * 10_000}], " * 9 + "]}",
    "50 MB": DATA + "# " + "x" * 50_000_000,
    "repeat 10^9 times": f"{DATA}architecture: {{layers: [{{repeat: {{times: 1000000000, layers: [relu]}}}}]}}",
    "repeats in repeats": DATA + "architecture: {layers: [" + "{repeat: {times: 100, layers: [" * 8 + "relu" + "]}}" * 8 + "]}",
    "blocks that double": (
        f"{DATA}architecture:\n  blocks:\n    b0: [relu, relu]\n"
        + "".join(f"    b{level}: [b{level - 1}, b{level - 1}]\n" for level in range(1, 19))
        + "  layers: [b18, {linear: 1}]\n"
    ),
    "a block of itself": f"{DATA}architecture: {{blocks: {{b: [b, b]}}, layers: [b]}}",
    "a variable that grows": DATA
    + "variables: {a: 10, "
    + ", ".join(f"a{level}: =a{level - 1 if level else ''}*a{level - 1 if level else ''}" for level in range(1, 30)).replace(
        "=a0*a0", "=a*a"
    )
    + "}\narchitecture: {layers: [{linear: =a29}]}",
    "a variable of texts that doubles": DATA
    + "variables:\n  a0: xxxxxxxxxx\n"
    + "".join(f"  a{level}: '{{a{level - 1}}}{{a{level - 1}}}'\n" for level in range(1, 30))
    + "architecture: {layers: [{linear: 1, name: '{a29}'}]}",
    "a formula of powers": f"{DATA}architecture: {{layers: [{{linear: ={'9*' * 1_900}9}}]}}",
    "a formula of brackets": f"{DATA}architecture: {{layers: [{{linear: ={'(' * 1_900}1{')' * 1_900}}}]}}",
    "rounds that multiply": DATA
    + "architecture: {layers: ["
    + "".join(f"{{repeat: {{for: {{c{level}: [{', '.join(['1'] * 100)}]}}, layers: [{{linear: =c{level}}}, " for level in range(4))
    + "relu"
    + "]}}" * 4
    + "]}",
}


def check(folder: Path, text: str, number: int) -> dict[str, Any]:
    (folder / f"c{number}.yaml").write_text(text)
    return {"call": ["check", f"c{number}.yaml"], "folder": str(folder), "seconds": 60, "extra_mb": 1500}


def faults(labels: Sequence[str], found: Sequence[Found], *, codes: Sequence[int] = (2,)) -> list[str]:
    told: list[str] = []
    for label, each in zip(labels, found, strict=True):
        fault = fault_of(each, codes=codes, cpu_s=CPU_S, extra_mb=200)
        if fault is not None or len(each.output) > 20_000:
            told.append(f"{label}: {fault or 'a long message'}\n{each.output[-600:]}")
    return told


@pytest.fixture(autouse=True)
def _rows(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("\n".join(["a,b,y", *(f"{row % 7},{row % 3},{row % 5 * 0.5}" for row in range(60))]) + "\n")


@pytest.mark.bar("S2")
def test_bombs_are_refused_within_a_second(tmp_path: Path, record_property: Record) -> None:
    found = run_all([check(tmp_path, text, number) for number, text in enumerate(BOMBS.values())])
    assert not faults(list(BOMBS), found)
    record_property(
        "figure",
        f"{len(BOMBS)} texts: all refused, message included, in at most {max(each.cpu_s for each in found):.2f} s CPU and "
        f"{max(each.extra_mb for each in found):.0f} MB",
    )


@pytest.mark.bar("S2")
@pytest.mark.slow
def test_bombs_are_refused_in_bases_overlays_and_overrides(tmp_path: Path, record_property: Record) -> None:
    (tmp_path / "sound.yaml").write_text(DATA)
    given: list[dict[str, Any]] = []
    labels: list[str] = []
    for number, (label, text) in enumerate(BOMBS.items()):
        (tmp_path / f"bomb{number}.yaml").write_text(text)
        (tmp_path / f"over{number}.yaml").write_text(f"extends: bomb{number}.yaml\n")
        for call in (["check", f"over{number}.yaml"], ["check", "sound.yaml", "--with", f"bomb{number}.yaml"]):
            given.append({"call": call, "folder": str(tmp_path), "seconds": 60, "extra_mb": 1500})
            labels.append(f"{label}: {call}")
    values = [
        "[" * 50_000,
        "[" * 5_000 + "]" * 5_000,
        "9" * 100_000,
        "{a: &a [*a]}",
        "[&a [x,x], *a, *a]",
        "=" + "9*" * 1_900 + "9",
        "a," * 60_000 + "a",
        "{" * 60_000,
    ]
    for value in values:
        given.append({"call": ["check", "sound.yaml", f"metrics={value}"], "folder": str(tmp_path), "seconds": 60, "extra_mb": 1500})
        labels.append(f"override {value[:20]}")
    given.append({"call": ["check", "sound.yaml", "a." * 5_000 + "b=1"], "folder": str(tmp_path), "seconds": 60, "extra_mb": 1500})
    found = run_all(given)
    assert not faults([*labels, "a path of 5,000 keys"], found)
    record_property("figure", f"the same as bases and overlays, and {len(values) + 1} overrides: {len(found)} refused")


MANY: Final[dict[str, tuple[str, int]]] = {
    "10,000 layers": (f"architecture: {{layers: [{'{linear: 8}, relu, ' * 5_000}]}}", 0),
    "10,000 layers with arithmetic": (f"architecture: {{layers: [{'{linear: =in}, ' * 9_999}relu]}}", 0),
    "10,000 hidden layers": (f"architecture: {{type: mlp, hidden: [{'8, ' * 10_000}]}}", 0),
    "10,000 layers that there are not": (f"architecture: {{layers: [{'reli, ' * 10_000}]}}", 2),
    "45,000 layers in 5 layers": ("architecture: {layers: [" + f"{{sequential: [{'relu, ' * 9_000}]}}, " * 5 + "]}", 2),
    "4,000 metrics of one name": (f"metrics: [{'mae, ' * 4_000}]", 2),
}


@pytest.mark.bar("S2")
@pytest.mark.parametrize("kinds", [1, pytest.param(len(MANY), marks=pytest.mark.slow)])
def test_as_much_as_a_config_may_have_is_checked_in_seconds(kinds: int, tmp_path: Path, record_property: Record) -> None:
    chosen = dict(list(MANY.items())[:kinds])
    found = run_all([check(tmp_path, f"{DATA}{text}\n", number) for number, (text, _) in enumerate(chosen.values())])
    told = [
        f"{label}: {fault}\n{each.output[-600:]}"
        for (label, (_, code)), each in zip(chosen.items(), found, strict=True)
        if (fault := fault_of(each, codes=(code,), cpu_s=3 * CPU_S, extra_mb=500)) is not None
    ]
    assert not told, "\n".join(told)
    record_property(
        "figure", f"{kinds} configs of up to 10,000 layers are checked in at most {max(each.cpu_s for each in found):.2f} s CPU"
    )


JSON_BOMBS: Final[dict[str, str]] = {
    "brackets": '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "braces": '{"a": ' * 100_000 + "1" + "}" * 100_000,
    "digits": '{"started": ' + "9" * 10**6 + "}",
    "a float beyond all": '{"started": 1e999, "seconds": NaN, "stop_reason": "finished", "epochs": 1e999}',
    "a list": "[1, 2]",
    "other types": json.dumps(
        {"stop_reason": ["x"], "best": 5, "monitor": {}, "run": 1, "started": "x", "rows": 5, "fingerprints": 1, "members": 3}
    ),
    "nothing": "",
    "no UTF-8": "\udcff",
}


@pytest.mark.bar("S2")
@pytest.mark.parametrize(("calls", "every"), [(2, 5), pytest.param(5, 1, marks=pytest.mark.slow)])
def test_json_of_a_run_is_refused_too(calls: int, every: int, tmp_path: Path, record_property: Record) -> None:
    (tmp_path / "sound.yaml").write_text(f"name: s\n{DATA}training: {{max_epochs: 1}}\n")
    trained = run_all([{"call": ["fit", "sound.yaml"], "folder": str(tmp_path)}])[0]
    assert trained.code == 0, trained.output
    run, labels, found = "runs/s/0001", list[str](), list[Found]()
    files = ("summary.json", "data.json", "history.jsonl", "members.json", "environment.json", "../../test_looks.json")
    for file, label in [(file, label) for file in files for label in JSON_BOMBS][::every]:
        path = tmp_path / run / file
        before = path.read_bytes() if path.exists() else None
        path.write_bytes(f"{JSON_BOMBS[label]}\n".encode("utf-8", "surrogateescape"))
        for call in (["runs"], ["eval", run], ["show", run], ["compare", run, run], [])[:calls]:
            labels.append(f"{file}: {label}: {call}")
            found += run_all([{"call": call, "folder": str(tmp_path), "seconds": 60, "extra_mb": 2000}])
        path.unlink()
        if before is not None:
            path.write_bytes(before)
    told = [
        f"{label}: {fault}\n{each.output[-900:]}"
        for label, each in zip(labels, found, strict=True)
        if (fault := fault_of(each, codes=(0, 2, 3, 4), cpu_s=2.0, extra_mb=300)) is not None
    ]
    assert not told, f"{len(told)} of {len(found)}\n\n" + "\n\n".join(told[:10])
    record_property("figure", f"{len(JSON_BOMBS)} texts in place of 6 JSON files of a run, {len(found)} commands: 0 tracebacks")


TEXTS: Final[dict[str, tuple[bytes, str]]] = {
    "a key twice": (b"seed: 1\nseed: 2\n", r":2:1 .*given twice, first in line 1"),
    "a key twice in a section": (b"training:\n  max_epochs: 1\n  max_epochs: 2\n", r":3:3 .*given twice"),
    "a key that there is not": (b"sede: 1\n", r":1:1 .*sede"),
    "a key that there is not, deep": (b"optimizer: {type: sgd, learning: 1}\n", r":1:24 .*learning"),
    "a python tag": (b"seed: !!python/object/apply:os.system ['id']\n", r":1:7 .*tag !!python/object/apply:os.system"),
    "a tag of YAML's": (b"seed: !!int '5'\n", r":1:7 .*tag !!int"),
    "Latin-1": (b"seed: 1\nname: caf\xe9\n", r":2:10 .*not UTF-8: byte 0xe9"),
    "a tab": (b"training:\n\tmax_epochs: 1\n", r":2:1 .*a tab"),
    "a zero byte": (b"seed: 1\nname: a\0b\n", r":2:8 .*control character U\+0000"),
    "an escape sequence": (b"name: a\x1b[31mb\n", r":1:8 .*control character U\+001B"),
    "UTF-16": ("seed: 1\n".encode("utf-16"), r":1:1 .*UTF-16"),
    "two documents": (b"seed: 1\n---\nseed: 2\n", r":2:1 .*second document"),
    "an anchor that is not there": (b"seed: *a\n", r":1:7 .*no &a"),
    "a key that is a list": (b"? [a, b]\n: 1\n", r":1:3 .*a key must be text"),
    "a quote that stays open": (b"name: 'abc\n", r":1:7 .*quote"),
    "a whole number in words": (b"seed: '5'\n", r":1:7 .*needs .*number"),
}


@pytest.mark.bar("S3")
def test_texts_are_refused_with_line_and_column(tmp_path: Path, record_property: Record) -> None:
    import re

    given: list[dict[str, Any]] = []
    for number, (content, _) in enumerate(TEXTS.values()):
        (tmp_path / f"c{number}.yaml").write_bytes(
            content + (DATA.encode("utf-16-le") if content.startswith(b"\xff\xfe") else DATA.encode())
        )
        given.append({"call": ["check", f"c{number}.yaml"], "folder": str(tmp_path)})
    found = run_all(given)
    told = [
        f"{label}: exit {each.code}\n{each.output}"
        for number, ((label, (_, pattern)), each) in enumerate(zip(TEXTS.items(), found, strict=True))
        if each.code != 2 or re.search(rf"c{number}\.yaml{pattern}", each.output) is None
    ]
    assert not told, "\n".join(told)
    record_property("figure", f"{len(TEXTS)} texts refused with line and column")


@pytest.mark.bar("S3")
def test_byte_order_marks_line_ends_and_scalars_are_read_as_they_are_meant(tmp_path: Path) -> None:
    text = "name: no\r\nseed: 5\r\ndata: {source: {path: rows.csv, missing: [no, off, ~x]}, target: y}\r\noptimizer: {type: adamw, lr: 1e-5}\r\n"
    (tmp_path / "c.yaml").write_bytes(b"\xef\xbb\xbf" + text.encode())
    found = run_all([{"call": ["show", "c.yaml", "--json"], "folder": str(tmp_path)}])[0]
    assert found.code == 0, found.output
    config = json.loads(found.output)["config"]
    assert config["name"] == "no"
    assert config["data"]["source"]["missing"] == ["no", "off", "~x"]
    assert config["optimizer"]["lr"] == 1e-5
