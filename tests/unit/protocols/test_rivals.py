"""Two networks that learn against each other."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from nntrain.assembly import Assembly, assemble
from nntrain.commands.preparing.from_config import prepare_job
from nntrain.config.reading import read_mapping
from nntrain.data.sources.source import Part
from nntrain.errors import ConfigError, DataError
from nntrain.modules.rivals import Neighbors, gradient_penalty, spread
from nntrain.protocols.rivals import BETWEEN, Pair
from nntrain.training.evaluation import Scores, fit_baseline
from nntrain.training.loop import fit
from nntrain.training.session import Subject

TREE: dict[str, Any] = {
    "name": "points",
    "data": {"source": "points.npz", "fields": {"point": "vector"}, "split": {"validation": 0.2, "test": None}, "batch_size": 64},
    "architecture": {
        "nodes": {
            "generator": {"from": "noise", "layers": [{"linear": 16}, "relu", {"linear": 2}]},
            "discriminator": {"from": "point", "layers": [{"linear": 32}, {"leaky_relu": 0.2}, {"linear": 1}]},
        }
    },
    "task": {"type": "gan", "noise": 2},
    "optimizer": {"generator": {"type": "adam", "lr": 2e-3, "betas": [0.5, 0.9]}, "discriminator": {"type": "adam", "lr": 2e-3}},
    "training": {"protocol": "adversarial", "max_steps": 2, "device": "cpu"},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Points near a line through the plane, in two heaps."""
    folder = tmp_path_factory.mktemp("points")
    draw = np.random.default_rng(0)
    side = np.sign(draw.normal(size=(800, 1)))
    points = side * np.array([2.0, 1.0]) + 0.2 * draw.normal(size=(800, 2))
    np.savez(folder / "points.npz", point=points.astype(np.float32), label=(side[:, 0] > 0).astype(np.int64))
    return folder


def changed(**sections: Any) -> dict[str, Any]:
    tree = copy.deepcopy(TREE)
    for section, value in sections.items():
        tree[section] = {**tree[section], **value} if isinstance(value, dict) and isinstance(tree.get(section), dict) else value
    tree["data"]["fields"] = {"label": {"role": "ignore"}, **tree["data"]["fields"]}
    return tree


def made(folder: Path, **sections: Any) -> Assembly:
    job = prepare_job(read_mapping(changed(**sections), (), folder))
    return assemble(job.blueprint, job.prepared)


def first(assembly: Assembly) -> tuple[Any, Callable[[], dict[str, Tensor]]]:
    """The batches of the first step, and a copy of all weights."""
    weights = assembly.session.network.named_parameters
    return next(assembly.protocol.batches(assembly.session, 0, 0)), lambda: {name: value.detach().clone() for name, value in weights()}


def test_noise_is_a_function_of_seed_and_step(folder: Path) -> None:
    one, other = made(folder), made(folder)
    there = [batches[0].inputs["noise"] for batches in one.protocol.batches(one.session, 0, 0)]
    again = [batches[0].inputs["noise"] for batches in other.protocol.batches(other.session, 0, 3)]
    assert all(torch.equal(left, right) for left, right in zip(there[3:], again, strict=True))
    assert not torch.equal(there[0], there[1])
    assert torch.cat(there).std() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("loss", ["bce", "hinge", {"wasserstein": 0.0}])
def test_each_update_has_the_gradients_of_the_paper_and_of_its_own_node_alone(loss: Any, folder: Path) -> None:
    assembly = made(folder, loss=loss)
    session = assembly.session
    (batch,), _ = first(assembly)
    pair = Pair.of(session)
    tag = loss if isinstance(loss, str) else "wasserstein"
    real, fake = (pair.score(rows, batch.inputs) for rows in (batch.inputs["point"], pair.make(batch.inputs)))
    apart = {
        "bce": functional.softplus(-real).mean() + functional.softplus(fake).mean(),
        "hinge": (1 - real).relu().mean() + (1 + fake).relu().mean(),
        "wasserstein": fake.mean() - real.mean(),
    }[tag]
    fooled = functional.softplus(-fake).mean() if tag == "bce" else -fake.mean()
    named = dict(session.network.named_parameters())
    for value, node in ((apart, "discriminator"), (fooled, "generator")):
        session.network.zero_grad()
        update = assembly.protocol.step(session, (batch,))
        if node == "generator":
            assert update.following is not None
            update = update.following((batch,))
        torch.testing.assert_close(update.value, value)
        update.value.backward()
        own = {name: parameter for name, parameter in named.items() if name.startswith(node)}
        expected = torch.autograd.grad(value, list(own.values()), retain_graph=True)
        for parameter, gradient in zip(own.values(), expected, strict=True):
            assert parameter.grad is not None
            torch.testing.assert_close(parameter.grad, gradient)
        assert all(parameter.grad is None for name, parameter in named.items() if name not in own)


def test_what_a_generator_loses_is_told_by_the_loss_and_not_by_its_name(folder: Path) -> None:
    pair, scores = Pair.of(made(folder).session), torch.randn(5, 1)
    target = replace(pair.target, losses={"own": pair.target.losses["bce"]})
    own = Pair(pair.network, replace(pair.objective, targets={pair.name: target}))
    torch.testing.assert_close(own.loss_of_generator(scores), functional.softplus(-scores).sum())


def test_a_step_moves_both_and_clips_each_by_itself(folder: Path) -> None:
    sgd = {"generator": {"sgd": 1.0}, "discriminator": {"sgd": 1.0}}
    assembly = made(folder, optimizer=sgd, regularization={"clip_norm": 1e-3}, training={**TREE["training"], "max_steps": 1})
    _, weights = first(assembly)
    before = weights()
    list(fit(assembly.session, assembly.protocol, assembly.plan, assembly.progress, lambda _: False))
    after = weights()
    for node in ("generator", "discriminator"):
        moved = torch.cat([(after[name] - before[name]).flatten() for name in after if name.startswith(node)])
        assert float(moved.square().sum().sqrt()) == pytest.approx(1e-3, rel=1e-2)


def test_the_discriminator_may_take_several_updates_with_rows_of_their_own(folder: Path) -> None:
    assembly = made(folder, training={**TREE["training"], "protocol": {"adversarial": 3}})
    batches, _ = first(assembly)
    rows = torch.cat([batch.rows for batch in batches])
    assert len(batches) == 3
    assert len({*cast("list[int]", rows.tolist())}) == len(rows) == 192
    update, count = assembly.protocol.step(assembly.session, batches), 1
    while update.following is not None:
        update, count = update.following(batches), count + 1
    assert count == 4
    assert assembly.protocol.steps_per_epoch(assembly.session) == 4


def test_steps_that_take_more_rows_than_there_are_are_refused(folder: Path) -> None:
    """640 rows are enough for ten updates of 64 rows each, and the last step of an epoch has what is left."""
    with pytest.raises(DataError, match=r"11 x 64 rows, and there are 640 training rows"):
        made(folder, training={**TREE["training"], "protocol": {"adversarial": 11}})
    assembly = made(folder, training={**TREE["training"], "protocol": {"adversarial": 6}})
    assert [len(batches) for batches in assembly.protocol.batches(assembly.session, 0, 0)] == [6, 4]
    assert made(folder, data={**TREE["data"], "batch_size": 1000}).plan.steps_per_epoch == 1  # one update has what is there


def test_the_penalty_counts_rows_by_their_weights_as_the_loss_does(folder: Path) -> None:
    """A row of weight 2 is a row that stands there twice, one of weight 0 none."""
    assembly = made(folder, loss="wasserstein")
    (batch,), _ = first(assembly)
    index = torch.tensor([0, 0, *range(2, len(batch))])
    twice = replace(batch, inputs={key: value[index] for key, value in batch.inputs.items()}, rows=batch.rows[index])
    weighted = replace(batch, weights=torch.tensor([2.0, 0.0, *[1.0] * (len(batch) - 2)]))
    torch.testing.assert_close(*(assembly.protocol.step(assembly.session, (each,)).value for each in (weighted, twice)))
    bare = made(folder, loss={"wasserstein": 0.0})
    assert not torch.equal(bare.protocol.step(bare.session, (weighted,)).value, assembly.protocol.step(assembly.session, (weighted,)).value)


def test_where_the_gradient_is_taken_is_a_function_of_seed_and_step_and_other_for_each_update(folder: Path) -> None:
    sections = {"loss": "wasserstein", "training": {**TREE["training"], "protocol": {"adversarial": 2}}}
    one, other = made(folder, **sections), made(folder, **sections)
    there = [[batch.inputs[BETWEEN] for batch in batches] for batches in one.protocol.batches(one.session, 0, 0)]
    again = [[batch.inputs[BETWEEN] for batch in batches] for batches in other.protocol.batches(other.session, 0, 3)]
    assert all(torch.equal(left[place], right[place]) for left, right in zip(there[3:], again, strict=True) for place in range(2))
    assert not torch.equal(*there[0])
    found = torch.cat([value for step in there for value in step])
    assert 0 <= found.min() < 0.1
    assert 0.9 < found.max() < 1


def test_the_penalty_on_the_gradient_is_that_of_a_linear_critic() -> None:
    critic = nn.Linear(3, 1, bias=False)
    found = gradient_penalty(critic, torch.randn(5, 3), torch.randn(5, 3), torch.rand(5))
    torch.testing.assert_close(found, (critic.weight.norm() - 1).square().expand(5))
    found.mean().backward()
    assert critic.weight.grad is not None


def test_the_nearest_neighbor_tells_what_a_loop_over_all_rows_tells() -> None:
    draw = torch.Generator().manual_seed(0)
    real, others = torch.randn(30, 2, generator=draw), 0.8 + torch.randn(30, 2, generator=draw)
    rows, is_real = torch.cat([real, others]), torch.arange(60) < 30
    right = [
        bool(
            is_real[min((other for other in range(60) if other != row), key=lambda other: float((rows[row] - rows[other]).square().sum()))]
            == is_real[row]
        )
        for row in range(60)
    ]
    found = Neighbors.of(real, others, torch.arange(30)).accuracy(torch.ones(1, 30, dtype=torch.float64))
    sides = [sum(right[:30]) / 30, sum(right[30:]) / 30]
    assert float(found) == pytest.approx(sum(max(side, 1 - side) for side in sides) / 2)


def test_alike_rows_are_told_apart_half_of_the_time_and_others_always() -> None:
    draw = torch.Generator().manual_seed(0)
    rows, weights = torch.arange(1000), torch.ones(1, 1000, dtype=torch.float64)
    one, other = torch.randn(1000, 3, generator=draw), torch.randn(1000, 3, generator=draw)
    assert float(Neighbors.of(one, other, rows).accuracy(weights)) == pytest.approx(0.5, abs=0.05)
    assert float(Neighbors.of(one, other + 50, rows).accuracy(weights)) == 1
    weights[0, 500:] = 0
    halves = Neighbors.of(one, torch.cat([one[:500], other[500:] + 50]), rows).accuracy(weights)
    assert float(halves) == pytest.approx(0.75, abs=0.01), "copies of the rows that count, and as many rows far off"


@pytest.mark.parametrize(
    ("made", "sides", "found"),
    [
        ([-1.0, -0.3, 19.0, 19.7], (0.5, 0.5), 0.5),  # each second row of both has its neighbour on its side
        ([100.0, 101.0, 110.0, 111.0], (1, 1), 1),  # a cloud of its own
        ([0.0, 0.9, 20.0, 20.9], (0, 0), 1),  # copies, whose neighbours are what they copy
        ([-6.0, 6.9, 14.0, 27.0], (1, 0), 1),  # noise: real rows lie close together, generated ones far from each other
    ],
    ids=["ideal", "separate", "copies", "noise"],
)
def test_what_is_alike_has_half_and_whatever_is_not_more(made: list[float], sides: tuple[float, float], found: float) -> None:
    real = torch.tensor([0.0, 0.9, 20.0, 20.9])
    compared = Neighbors.of(real[:, None], torch.tensor(made)[:, None], torch.arange(4))
    assert (float(compared.told.mean()), compared.made) == sides
    assert float(compared.accuracy(torch.ones(1, 4, dtype=torch.float64))) == pytest.approx(found)


def test_noise_around_real_rows_is_told_apart_and_rows_that_are_equal_are_not() -> None:
    """By the mean of both sides such noise would look ideal; of few values real and generated rows have the same ones."""
    weights, rows = torch.ones(1, 300, dtype=torch.float64), torch.arange(300)
    noise = Neighbors.of(0.1 * torch.randn(300, 50), torch.randn(300, 50), rows)
    assert float(noise.told.mean() + noise.made) / 2 == pytest.approx(0.5, abs=0.05)
    assert float(noise.accuracy(weights)) > 0.95
    few = (torch.arange(300) % 4)[:, None].float()
    assert float(Neighbors.of(few, few.flip(0), rows).accuracy(weights)) == pytest.approx(0.5, abs=0.01)


def test_halves_of_rows_are_told_apart_by_chance_and_a_single_row_has_no_halves() -> None:
    weights = torch.ones(1, 1000, dtype=torch.float64)
    rows = torch.randn(1000, 3, generator=torch.Generator().manual_seed(0))
    found = Neighbors.among(rows, torch.arange(1000))
    assert found is not None
    assert len(found.rows) == 500
    assert float(found.accuracy(weights)) == pytest.approx(0.5, abs=0.06)
    assert Neighbors.among(rows[:1], torch.arange(1)) is None


def test_figures_are_those_of_rows_and_network_whatever_was_done_before(folder: Path) -> None:
    """The portions in which rows are read, the name of the split and earlier reports change nothing."""
    fresh, used = made(folder), made(folder)
    assert used.protocol.evaluate(used.session) is not None
    found: list[Scores] = []
    parts: tuple[tuple[Assembly, int, Part | None], ...] = ((fresh, 1, None), (used, 64, "validation"), (used, 7, "test"))
    for assembly, rows, part in parts:
        session, data = assembly.session, assembly.session.splits.validation
        assert data is not None
        baseline = fit_baseline(session.objective, session.splits.train)
        subject = Subject(session.network, session.objective, session.precision, baseline, rows)
        found.append(assembly.protocol.measure(subject, data, part))
        noise = assembly.protocol.measure_baseline(subject, data, part)
        assert noise == fresh.protocol.measure_baseline(subject, data, None)
    assert found[0] == found[1] == found[2]
    assert found[0].metrics["neighbor_floor"] == pytest.approx(0.5, abs=0.15)


def test_a_report_has_what_can_be_watched_and_nothing_else(folder: Path) -> None:
    assembly = made(folder)
    reported = assembly.protocol.evaluate(assembly.session)
    assert reported is not None
    assert {*reported, "train.running_loss"} == {*assembly.plan.directions}


def test_rows_are_compared_from_all_over_a_split() -> None:
    assert spread(5).tolist() == [0, 1, 2, 3, 4]
    assert spread(10_000)[-1] > 9_990
    assert len({*cast("list[int]", spread(10_000).tolist())}) == 2048


def test_points_of_a_line_are_learned(folder: Path) -> None:
    """After some steps what is generated is harder to tell from the data than noise of the same mean and deviation."""
    training = {"protocol": "adversarial", "max_steps": 600, "evaluate_every": {"steps": 200}, "device": "cpu"}
    assembly = made(folder, training=training, regularization={"ema": 0.98})
    session = assembly.session
    reports = list(fit(session, assembly.protocol, assembly.plan, assembly.progress, lambda _: False))
    best = assembly.progress.stopping.best
    assert best is not None
    assert len(reports) == 3
    baseline = fit_baseline(session.objective, session.splits.train)
    validation = session.splits.validation
    assert validation is not None
    subject = Subject(session.network, session.objective, session.precision, baseline, 64)
    noise = assembly.protocol.measure_baseline(subject, validation, "validation")["neighbor_accuracy"]
    assert noise is not None
    assert best.value < noise - 0.03


GIVEN: dict[str, Any] = {
    "data": {"fields": {"point": {"type": "vector", "role": ["input", "target"]}, "label": {"type": "category", "role": "input"}}},
    "task": {"type": "gan", "noise": 2, "given": ["label"]},
    "architecture": {
        "nodes": {
            "generator": {"from": ["noise", "label"], "layers": [{"linear": 16}, "relu", {"linear": 2}]},
            "discriminator": {"from": ["point", "label"], "layers": [{"linear": 32}, {"leaky_relu": 0.2}, {"linear": 1}]},
        }
    },
}


def test_both_nodes_read_what_is_given_each_row_its_own(folder: Path) -> None:
    assembly = made(folder, **GIVEN)
    (batch,), _ = first(assembly)
    pair = Pair.of(assembly.session)
    other = {**batch.inputs, "@category": 3 - batch.inputs["@category"]}
    assert {*batch.inputs["@category"].flatten().tolist()} == {1, 2}
    rows = pair.make(batch.inputs)
    assert not torch.equal(pair.make(other), rows)
    assert not torch.equal(pair.score(rows, other), pair.score(rows, batch.inputs))
    reported = assembly.protocol.evaluate(assembly.session)
    assert reported is not None
    assert {*reported, "train.running_loss"} == {*assembly.plan.directions}


@pytest.mark.parametrize(
    ("node", "source", "told"),
    [
        ("generator", "noise", "does not read label, and the task gan needs it to"),
        ("discriminator", "point", "does not read label, and the task gan needs it to"),
    ],
)
def test_a_node_that_does_not_read_what_is_given_is_told(node: str, source: str, told: str, folder: Path) -> None:
    nodes = copy.deepcopy(GIVEN["architecture"]["nodes"])
    nodes[node]["from"] = source
    with pytest.raises(ConfigError, match=told):
        made(folder, **{**GIVEN, "architecture": {"nodes": nodes}})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["point"], "has point, which is what is made"),
        (["label", "label"], "has label twice"),
        (["labl"], "no input has the name 'labl'"),
    ],
)
def test_fields_that_cannot_be_given_are_told_once_where_they_stand(given: list[str], told: str, folder: Path) -> None:
    nodes = TREE["architecture"]["nodes"] if given == ["point"] else GIVEN["architecture"]["nodes"]
    with pytest.raises(ConfigError, match=r"task\.given") as caught:
        made(folder, **{**GIVEN, "task": {"given": given}, "architecture": {"nodes": nodes}})
    assert [(problem.path, told in problem.message) for problem in caught.value.problems] == [(("task", "given"), True)]


def test_a_category_that_is_not_given_may_not_be_read(folder: Path) -> None:
    with pytest.raises(ConfigError, match="reads label, and in the task gan it is to read noise alone"):
        made(folder, **{**GIVEN, "task": {"given": []}})


@pytest.mark.parametrize(
    ("sections", "told"),
    [
        ({"training": {"protocol": "supervised"}}, "fix:  training.protocol: adversarial"),
        ({"architecture": {"nodes": {"generator": TREE["architecture"]["nodes"]["generator"]}}}, "has no node 'discriminator'"),
        ({"architecture": "mlp"}, "has no nodes, and the task reads generator and discriminator"),
        ({"architecture": {"heads": {"point": "generator"}}}, "has no effect: the task reads the nodes"),
        ({"metrics": ["rmse"]}, "takes none: what counts is how far what is generated lies"),
        ({"loss": "mse"}, "mse does not fit"),
        ({"loss": {"type": "bce", "class_weights": "balanced"}}, "class_weights"),
        ({"regularization": {"label_smoothing": 0.1}}, "has no effect: adversarial"),
        ({"regularization": {"swa": {}}}, "has no effect: adversarial"),
        ({"training": {**TREE["training"], "early_stopping": {"monitor": "train.neighbor_floor"}}}, "no metric 'train.neighbor_floor'"),
        ({"training": {**TREE["training"], "stop_at": {"validation.neighbor_floor": 0.5}}}, "no metric 'validation.neighbor_floor'"),
        ({"optimizer": "lbfgs"}, "can't be lbfgs, which asks for one loss again and again"),
        ({"training": {**TREE["training"], "accumulate": 2}}, "takes data.batch_size rows at once"),
        ({"training": {**TREE["training"], "on_oom": "halve"}}, "takes data.batch_size rows at once"),
        (
            {"task": "regression", "architecture": "mlp", "data": {"fields": {"point": {"type": "vector", "role": ["input", "target"]}}}},
            "adversarial trains two nodes against each other",
        ),
    ],
)
def test_what_does_not_go_together_is_told(sections: dict[str, Any], told: str, folder: Path) -> None:
    with pytest.raises(ConfigError, match=told.replace(".", r"\.")):
        made(folder, **sections)


@pytest.mark.parametrize(
    ("node", "written", "told"),
    [
        ("generator", {"from": "noise", "layers": [{"linear": 3}]}, "gives it 2|give it 2"),
        ("generator", {"from": "point", "layers": [{"linear": 2}]}, "does not read noise"),
        ("discriminator", {"from": "point", "layers": [{"linear": 1}, "sigmoid"]}, "sigmoid turns the output into probabilities"),
        ("discriminator", {"from": ["point", "noise"], "layers": [{"linear": 1}]}, "reads noise"),
        ("discriminator", {"from": "point", "layers": [{"linear": 2}]}, "needs 1 number and gets 2"),
    ],
)
def test_nodes_that_do_not_fit_are_told(node: str, written: dict[str, Any], told: str, folder: Path) -> None:
    nodes = {**TREE["architecture"]["nodes"], node: written}
    with pytest.raises(ConfigError, match=told):
        made(folder, architecture={"nodes": nodes})
