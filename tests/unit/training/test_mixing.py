"""Rows mixed with one another: inputs, targets and losses agree, and a step's draws depend on nothing but (seed, epoch, step)."""

from dataclasses import replace

import pytest
import torch
from tiny_run import make_run
from torch.nn.functional import cross_entropy, mse_loss, one_hot

from nntrain.data.batches import Batch
from nntrain.data.orders import turns_of
from nntrain.losses.classification import CrossEntropy
from nntrain.losses.regression import MeanSquaredError
from nntrain.regularization import Regularization
from nntrain.specs import Spec
from nntrain.tasks.classification import Classification
from nntrain.tasks.task import Target
from nntrain.training.class_orders import ClassOrder, balanced_order
from nntrain.training.mixing import Mixer
from nntrain.training.objective import TargetObjective, _score, _weight

TARGET = TargetObjective(Target("y", "category", Spec((), (), "index", classes=4)), Classification(), {})
IMAGES = torch.rand(12, 3, 10, 8)
CLASSES = torch.arange(12) % 4


def make(weights=None, values=False):
    targets = {"y": torch.linspace(0, 1, 12) if values else CLASSES}
    return Batch({"x": IMAGES}, targets, weights, torch.arange(12))


def test_mixup_is_the_loss_of_mixed_targets():
    batch = Mixer(0, 1.0, None, frozenset()).mix(make(), epoch=1, step=2)
    share = batch.partner.share
    assert 0 < share < 1
    soft = share * one_hot(CLASSES, 4) + (1 - share) * one_hot(batch.partner.targets["y"], 4)
    output = torch.randn(12, 4, requires_grad=True)
    part = _score(TARGET, CrossEntropy().build(label_smoothing=0.1), output, batch)
    wanted = cross_entropy(output, soft.float(), label_smoothing=0.1)
    torch.testing.assert_close(part.sum / part.weight, wanted)
    torch.testing.assert_close(torch.autograd.grad(part.sum / part.weight, output), torch.autograd.grad(wanted, output))
    assert torch.equal(part.weight, _weight(TARGET, CrossEntropy().build(), batch))


def test_inputs_and_targets_come_from_the_same_partner():
    images = CLASSES.float()[:, None, None, None].expand(12, 1, 6, 6).contiguous()
    batch = Mixer(0, 1.0, None, frozenset()).mix(Batch({"x": images}, {"y": CLASSES}, None, torch.arange(12)), 0, 0)
    share, partner = batch.partner.share, batch.partner.targets["y"]
    torch.testing.assert_close(batch.inputs["x"][:, 0, 0, 0], share * CLASSES + (1 - share) * partner)
    cut = Mixer(0, None, 1.0, frozenset()).mix(Batch({"x": images}, {"y": CLASSES}, None, torch.arange(12)), 0, 3)
    share, partner = cut.partner.share, cut.partner.targets["y"]
    torch.testing.assert_close(cut.inputs["x"].mean(dim=(1, 2, 3)), share * CLASSES + (1 - share) * partner)


def test_values_are_mixed_themselves():
    batch = Mixer(0, 0.4, None, frozenset({"y"})).mix(make(values=True), 0, 0)
    assert batch.partner.targets == {}
    output = torch.randn(12)
    part = _score(TARGET, MeanSquaredError().build(), output, batch)
    torch.testing.assert_close(part.sum / part.weight, mse_loss(output, batch.targets["y"]))
    torch.testing.assert_close(batch.targets["y"].mean(), torch.tensor(0.5))


def test_a_step_is_a_function_of_seed_epoch_and_number():
    mixer = Mixer(5, 0.2, 1.0, frozenset())
    one, two = mixer.mix(make(), 3, 7), mixer.mix(make(), 3, 7)
    assert torch.equal(one.inputs["x"], two.inputs["x"])
    assert one.partner.share == two.partner.share
    shares = {mixer.mix(make(), epoch, step).partner.share for epoch in range(3) for step in range(3)}
    assert len(shares) == 9


def test_micro_batches_add_up_to_the_step():
    batch = Mixer(0, 1.0, None, frozenset()).mix(make(weights=torch.linspace(0.5, 2, 12)), 0, 0)
    loss = CrossEntropy().build()
    output = torch.randn(12, 4)
    whole = _score(TARGET, loss, output, batch)
    parts = [_score(TARGET, loss, output[start : start + 4], part) for start, part in zip((0, 4, 8), batch.split(4), strict=True)]
    torch.testing.assert_close(sum(part.sum for part in parts), whole.sum)
    torch.testing.assert_close(sum(part.weight for part in parts), whole.weight)


@pytest.mark.parametrize("counts", [[90, 9, 1], [5, 5], [1, 1, 1], [100, 3]])
def test_a_balanced_epoch_shows_every_class_equally_often(counts):
    classes = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    order = balanced_order(classes, seed=0, epoch=0)
    shown = classes[order].bincount(minlength=len(counts))
    assert len(order) == len(classes)
    assert int(shown.max() - shown.min()) <= 1
    for label, count in enumerate(counts):
        times = order[classes[order] == label].bincount()
        times = times[times > 0]
        assert int(times.max() - times.min()) <= 1 if int(shown[label]) >= count else int(times.max()) == 1
    assert torch.equal(order, balanced_order(classes, seed=0, epoch=0))
    if len(classes) > 5:
        assert not torch.equal(order, balanced_order(classes, seed=0, epoch=1))


def test_a_row_that_comes_again_is_changed_in_another_way() -> None:
    run = make_run(regularization=Regularization(noise=0.5))
    train = run.session.splits.train
    classes = torch.zeros(len(train), dtype=torch.long)
    classes[:2] = 1  # each of the two is shown in a quarter of the epoch
    session = replace(run.session, by_class=ClassOrder(classes))
    shown = [batch for batches in run.protocol.batches(session, 0, 0) for batch in batches]
    inputs = torch.cat([batch.inputs["@number"] for batch in shown])
    assert len(inputs.unique(dim=0)) == len(inputs)
    assert turns_of(torch.tensor([3, 1, 3, 0, 3, 1])).tolist() == [0, 0, 1, 0, 2, 1]
    later = [batch for batches in run.protocol.batches(session, 0, 1) for batch in batches]
    assert torch.equal(later[0].inputs["@number"], shown[1].inputs["@number"])
