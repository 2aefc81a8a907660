"""Embeddings without labels: things of one row that belong together, and random views of one; what is predicted, resumed and refused."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from nntrain.cli import main
from nntrain.commands.stored.opening import open_run
from nntrain.runs import Run

CONFIGS = Path(__file__).parents[2] / "configs"
PAIRS = """
name: pairs
data:
  source: rows.csv
  fields: {kind: {role: ignore}}
architecture:
  nodes:
    asked: {from: [q1, q2], layers: [linear: 16, relu, linear: 8]}
    answer: {from: [a1, a2, a3], layers: [linear: 16, relu, linear: 8]}
task: {type: metric, pairs: [asked, answer]}
optimizer: {lr: 0.02}
training: {max_epochs: 12}
"""
VIEWS = """
name: views
data:
  source: {type: builtin, name: digits}
  fields:
    image: {type: image, size: 8, augment: [{shift: 0.2}, {rotate: 20}]}
    label: {role: ignore}
  split: {validation: 40, test: 1500}
architecture:
  nodes:
    body: {from: image, layers: [flatten, linear: 32, relu]}
    projection: {from: body, layers: [linear: 16]}
task: {type: metric, views: 2, embedding: body}
optimizer: {lr: 0.01}
training: {max_epochs: 2}
"""
TEXTS = """
name: texts
data:
  source: texts.csv
  fields: {a: text, b: {type: text, like: a}}
  split: {validation: null}
architecture:
  nodes:
    one: {from: a, layers: [embedding: 8, pool: mean]}
    other: {from: b, same_as: one}
task: {type: metric, pairs: [one, other], embedding: other}
training: {max_epochs: 1}
"""


@pytest.fixture(autouse=True)
def _files(tmp_path: Path) -> None:
    """Two numbers of which an answer has three mixtures and noise; which row has which answer is told by the row alone."""
    draw = np.random.default_rng(0)
    hidden = draw.normal(size=(240, 2))
    asked = hidden @ np.array([[1.0, 1.0], [1.0, -1.0]])
    answer = np.hstack([2 * hidden[:, 1:], 3 * draw.normal(size=(240, 1)), hidden[:, :1] / 2])
    cells = [[f"{value:.4f}" for value in row] for row in np.hstack([asked, answer])]
    lines = [",".join([*row, f"kind {place % 7}"]) for place, row in enumerate(cells)]
    (tmp_path / "rows.csv").write_text("\n".join(["q1,q2,a1,a2,a3,kind", *lines]) + "\n")
    words = [f"w{place}" for place in range(60)]
    rows = [[words[index] for index in cast("list[int]", draw.permutation(60)[:4].tolist())] for _ in range(60)]
    (tmp_path / "texts.csv").write_text("a,b\n" + "".join(f"{' '.join(row)},{' '.join([*row[:2], words[0]])}\n" for row in rows))
    for name, text in (("a", PAIRS), ("v", VIEWS), ("t", TEXTS)):
        (tmp_path / f"{name}.yaml").write_text(text)


def summary(name: str, run: str = "0001") -> dict[str, Any]:
    return json.loads(Path("runs", name, run, "summary.json").read_text())


def test_answers_are_found_among_those_of_other_rows(capsys: pytest.CaptureFixture[str]) -> None:
    """Without any label; chance stands beside. What is predicted of a pair is how alike the two are, or the embedding of one."""
    assert main(["fit", "a.yaml"]) == 0
    found = summary("pairs")
    assert found["baseline"]["test.recall_at_1"] == pytest.approx(1 / 24)
    assert found["test"]["recall_at_1"] > 0.5
    path = Path("runs/pairs/0001/resolved.yaml")
    assert "same_row" in path.read_text()
    shutil.copy(path, "again.yaml")
    assert main(["fit", "again.yaml"]) == 0
    assert Path("runs/pairs/0002/resolved.yaml").read_text() == path.read_text()
    assert summary("pairs", "0002")["test"] == found["test"]
    assert main(["predict", "runs/pairs/0001", "rows.csv", "-o", "out.csv"]) == 0
    with Path("out.csv").open(newline="") as file:
        alike = [float(row["prediction"]) for row in csv.DictReader(file)]
    assert len(alike) == 240
    assert 0.5 < np.mean(alike) <= 1
    capsys.readouterr()
    assert main(["eval", "runs/pairs/0001", "--data", "rows.csv", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["metrics"]["mrr"] > 0.5


def test_texts_stand_beside_their_words_and_give_their_embeddings() -> None:
    """Half of the words are the same: without any learning these tell most. One of the pair is asked for, with shared weights."""
    assert main(["fit", "t.yaml"]) == 0
    found = summary("texts")
    assert found["baselines"]["nearest_inputs"]["test.recall_at_1"] == 1
    assert found["parameters"] <= 62 * 8  # one embedding for both, of the words that training shows
    assert main(["predict", "runs/texts/0001", "texts.csv", "-o", "out.jsonl"]) == 0
    rows = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    vectors = torch.tensor([[row[f"prediction_{place}"] for place in range(8)] for row in rows])
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(60))


def test_three_columns_are_a_triplet() -> None:
    changes = ["architecture.nodes.wrong={from: [kind], layers: [{linear: 8}]}", "task={type: metric, pairs: [asked, answer, wrong]}"]
    assert main(["fit", "a.yaml", *changes, "data.fields={}", "training.accumulate=2", "training.max_epochs=3"]) == 0
    assert summary("pairs")["test"]["triplet_accuracy"] > 0.7
    assert summary("pairs")["baseline"]["test.triplet_accuracy"] == 0.5


def test_texts_that_are_read_with_other_numbers_each_are_no_one_thing() -> None:
    """A number that stands beside tells the two apart; neither is a field alone, whose words stand beside as a figure."""
    rows = (f"{word} is here,{place},{place * 2 % 7}" for place, word in enumerate("abcdefghijkl" * 3))
    Path("numbered.csv").write_text("\n".join(["a,x,y", *rows]) + "\n")
    word = "word: {from: a, layers: [{embedding: 4}, {pool: mean}]}"
    one, other = (f"{node}: {{from: [word, {number}], layers: [{{linear: 4}}]}}" for node, number in (("one", "x"), ("other", "y")))
    changes = [
        "data.source=numbered.csv",
        "data.fields={a: text, x: number, y: number}",
        f"architecture={{nodes: {{{word}, {one}, {other}}}}}",
    ]
    assert main(["fit", "t.yaml", *changes]) == 0
    assert "nearest_inputs" not in summary("texts")["baselines"]


def test_a_class_says_which_rows_are_not_held_against_each_other() -> None:
    changes = ["optimizer.lr=1e-9", "training.max_epochs=1"]  # both have the network of the beginning
    assert main(["fit", "a.yaml", "data.fields={kind: {type: category, role: target}}", *changes]) == 0
    assert summary("pairs")["baseline"]["test.recall_at_1"] > 1 / 24  # any answer of a row's kind is right
    assert main(["fit", "a.yaml", *changes]) == 0
    assert summary("pairs")["test"]["loss"] < summary("pairs", "0002")["test"]["loss"] - 0.05  # fewer rows to be told apart from


def test_views_of_a_row_are_found_and_a_body_is_trained_for_another_task(capsys: pytest.CaptureFixture[str]) -> None:
    """No label is read. What is judged and predicted is the body's embedding; frozen, it is the body of a classifier."""
    assert main(["fit", "v.yaml"]) == 0
    found = summary("views")
    assert found["test"]["recall_at_1"] > 10 * found["baseline"]["test.recall_at_1"]
    assert "test.mrr" in found["baselines"]["nearest_inputs"]
    stored = open_run(Run(Path("runs/views/0001")))
    assert stored.blueprint.program.outputs["same_row.embedding"].spec.sizes == (32,)
    capsys.readouterr()
    assert main(["eval", "runs/views/0001", "--split", "validation", "--intervals", "--json"]) == 0
    judged = json.loads(capsys.readouterr().out)
    assert judged["metrics"]["recall_at_1"] == pytest.approx(found["best"]["validation.recall_at_1"])
    (Path("p.yaml")).write_text(
        "name: probe\ndata:\n  source: {type: builtin, name: digits}\n  split: {validation: 40, test: 1500}\n"
        "architecture:\n  init: {from: runs/views}\n  nodes:\n"
        "    body: {from: image, freeze: true, layers: [flatten, linear: 32, relu]}\ntraining: {max_epochs: 2}\n"
    )
    assert main(["fit", "p.yaml"]) == 0
    probe, body = open_run(Run(Path("runs/probe/0001"))).network.state_dict(), stored.network.state_dict()
    assert torch.equal(probe["steps.body.linear_1.weight"] if "steps.body.linear_1.weight" in probe else _only(probe), _only(body))


def _only(state: dict[str, torch.Tensor]) -> torch.Tensor:
    """The weight of the body's linear layer."""
    return next(tensor for name, tensor in state.items() if "body" in name and tensor.shape == (32, 64))


def test_the_examples_learn_a_few_rows_by_heart() -> None:
    """Eight pairs of sentences, and the views of sixteen digits."""
    for name in ("multi30k_pairs.yaml", "digits_simclr.yaml"):
        shutil.copy(CONFIGS / name, name)
    Path("multi30k").mkdir()
    lines = "".join(f"a {word} sleeps b{place},ein {word} d{place} ruht\n" for place, word in enumerate("abcdefgh"))
    for part in ("train", "validation", "test"):
        Path("multi30k", f"{part}.csv").write_text("english,german\n" + lines)
    training = "training={max_steps: 30, evaluate_every: {steps: 30}}"
    plain = ["scheduler=null", training, "optimizer.lr=0.03"]
    assert main(["fit", "multi30k_pairs.yaml", *plain, "data.fields.english.min_count=1"]) == 0
    assert summary("multi30k_pairs")["last"]["train.recall_at_1"] == 1
    split = "data.split={validation: null, test: 1781}"
    small = ["architecture.nodes.body={from: image, layers: [flatten, {linear: 32}, relu]}", "regularization={}"]
    assert main(["fit", "digits_simclr.yaml", *plain, *small, split, "data.fields.image.augment=[{shift: 0.1}]"]) == 0
    assert summary("digits_simclr")["last"]["train.recall_at_1"] > 0.5  # of views that no step has shown; by chance 0.03


@pytest.mark.parametrize(
    ("task", "heads", "told"),
    [
        ("pairs: [asked, anser]", "a3: asked", "task.kind.pairs"),
        ("pairs: [asked, again]", "a3: asked", "task.kind.pairs"),
        ("embedding: bod", "a3: asked, kind: again", "task.kind.embedding"),
    ],
)
def test_of_several_targets_a_problem_stands_at_the_task_of_its_own(
    task: str, heads: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    fields = "data.fields={kind: {type: category, role: target}, a3: {type: number, role: target}}"
    nodes = ", ".join(f"{node}: {{from: [q1, q2], layers: [{{linear: 8}}, relu]}}" for node in ("again", "asked"))
    tasks = f"task={{kind: {{type: metric, {task}}}, a3: regression}}"
    changes = [fields, f"architecture={{nodes: {{{nodes}}}, heads: {{{heads}}}}}", tasks]
    assert main(["check", "a.yaml", *changes]) == 2
    assert told in " ".join("".join(capsys.readouterr()).split())


@pytest.mark.parametrize(
    ("config", "changes", "told"),
    [
        ("a", ["task.pairs=[asked]"], "pairs"),
        ("a", ["task.pairs=[asked, asked]"], "compares a node with itself"),
        ("a", ["task.pairs=[asked, anser]"], "nodes: answer"),
        ("a", ["task.pairs=[asked, answer]", "task.views=2"], "has no effect beside pairs"),
        ("a", ["task.embedding=other"], "is none of the pairs"),
        ("a", ["architecture={layers: [{linear: 8}]}"], "reads the nodes asked and answer"),
        ("a", ["architecture.nodes.answer={from: [a1, a2, a3], linear: 4}"], "task.pairs"),
        ("a", ["task={type: metric}", "data.fields={same_row: {type: row, role: target}}"], "each row is a class of its own"),
        ("a", ["loss=arcface"], "loss: nt_xent or one of: triplet, contrastive"),
        ("a", ["metrics=[map_at_r]"], "fitting: recall_at, mrr"),
        ("a", ["training.accumulate=2"], "compares each row with all others of its batch"),
        ("a", ["data.batch.sampler=balanced"], "the target is a row"),
        ("t", ["architecture.nodes.one={from: a, layers: [{embedding: 8}]}"], "task.pairs compares rows of numbers"),
        ("t", ["architecture.nodes.other={from: a, same_as: one}", "data.fields.b={role: ignore}"], "one and other read the same (a)"),
        ("v", ["data.fields.image.augment=[]"], "nothing changes it: all views would be equal"),
        ("v", ["data.fields.image.test_augment=[{shift: 0.1}]"], "would make the 2 random views of a row alike"),
        ("t", ["task={type: metric, views: 2}", "data.batch={tokens: 20}"], "task.views shows it 2 times"),
        ("a", ["architecture.nodes.answer.from=[q2, q1]"], "asked and answer read the same (q1, q2)"),
        ("v", ["task.views=1"], "views"),
        ("v", ["task.embedding=bod"], "no node or layer with the name 'bod'"),
        ("v", ["task.embedding=image"], "no node or layer with the name 'image'"),
    ],
)
def test_what_does_not_go_together_is_refused_before_data_is_read(
    config: str, changes: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", f"{config}.yaml", *changes]) == 2
    shown = " ".join("".join(capsys.readouterr()).split())
    assert told in shown


SAMPLED = """
name: s
data: {source: s.csv, fields: {y: {type: %s, role: target}}, batch: {sampler: %s}}
architecture: {layers: [{linear: 4}, relu]}
%s"""


@pytest.mark.parametrize(
    ("sampler", "target", "more", "told"),
    [
        ("{pairs: 0.5}", "yn", "", None),
        ("pairs", "yn", "", None),
        ("{type: pairs, positive_fraction: 1.5}", "yn", "", "positive_fraction"),
        ("{type: pairs, classes: 4}", "yn", "", "classes belongs to pk"),
        ("pairs", "abc", "task: metric\n", "pairs takes rows of which one target says yes or no"),
        ("triplets", "abc", "task: metric\n", None),
        ("{type: pk, classes: 4}", "abc", "task: metric\n", "pk needs classes and per_class"),
        ("tripletts", "abc", "task: metric\n", "needs balanced, or settings (type, classes"),
    ],
)
def test_samplers_say_what_they_take(sampler: str, target: str, more: str, told: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    words = {"y": "yes", "n": "no"}
    cells = [words.get(target[row % len(target)], target[row % len(target)]) for row in range(60)]
    Path("s.csv").write_text("x,y\n" + "".join(f"{row / 7:.3f},{cell}\n" for row, cell in enumerate(cells)))
    Path("s.yaml").write_text(SAMPLED % ("boolean" if target == "yn" else "category", sampler, more))
    assert main(["check", "s.yaml"]) == (0 if told is None else 2)
    shown = " ".join("".join(capsys.readouterr()).split())
    assert told is None or told in shown
    if told is None:
        assert main(["fit", "s.yaml", "training.max_epochs=1"]) == 0
        resolved = Path("runs/s/0001/resolved.yaml").read_text()
        assert ("batch_size: 63" in resolved) == (sampler == "triplets")


@pytest.mark.parametrize("arguments", [["check", "--data"], ["fit"]])
def test_more_classes_in_a_batch_than_there_are_is_told_at_the_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    Path("s.csv").write_text("x,y\n" + "".join(f"{row / 7:.3f},{'ab'[row % 2]}\n" for row in range(40)))
    Path("s.yaml").write_text(SAMPLED % ("category", "{type: pk, classes: 9, per_class: 4}", "task: metric\nloss: triplet\n"))
    assert main([*arguments, "s.yaml"]) == 2
    shown = " ".join(capsys.readouterr().err.split())
    assert "s.yaml:3:" in shown
    assert "data.batch.sampler.classes pk takes 9 classes for a batch, and 2 have two training rows or more" in shown
    assert "fix: classes: 2" in shown
    assert not list(Path().glob("runs/s/*/"))


def test_views_of_what_is_no_image_are_not_mended_by_its_augment(capsys: pytest.CaptureFixture[str]) -> None:
    Path("s.csv").write_text("x,y\n" + "".join(f"{row / 7:.3f},{'ab'[row % 2]}\n" for row in range(40)))
    Path("s.yaml").write_text(
        (SAMPLED % ("category", "null", "task: {type: metric, views: 2}\n")).replace("batch: {sampler: null}", "batch_size: 8")
    )
    assert main(["check", "s.yaml"]) == 2
    shown = " ".join(capsys.readouterr().err.split())
    assert "all views would be equal" in shown
    assert "IMAGE" not in shown
    assert "remove views" in shown


def test_a_target_beside_pairs_that_need_none_is_ignored(capsys: pytest.CaptureFixture[str]) -> None:
    Path("s.csv").write_text("a,b,y\n" + "".join(f"{row / 7:.3f},{row / 9:.3f},{['yes', 'no'][row % 2]}\n" for row in range(40)))
    nodes = "{nodes: {p: {from: a, layers: [linear: 4]}, q: {from: b, layers: [linear: 4]}}}"
    data = "{source: s.csv, batch_size: 8, fields: {y: {type: boolean, role: target}}}"
    Path("s.yaml").write_text(f"data: {data}\narchitecture: {nodes}\ntask: {{type: metric, pairs: [p, q]}}\nloss: nt_xent\n")
    assert main(["check", "s.yaml"]) == 2
    shown = " ".join(capsys.readouterr().err.split())
    assert "y is a boolean" in shown
    assert "fix: data.fields.y: {role: ignore}" in shown
