"""What holds for every layer of `layer_cases.CASES`."""

from __future__ import annotations

import pytest
import torch
import yaml
from every_layer import CASES
from layer_cases import PROBES, Case
from safetensors.torch import load, save
from subjects import Subject, Written, compiled, read, shape_of, spec_of, subject, subject_of, tensor
from torch import Tensor
from torch.testing import assert_close

from nntrain.errors import SpecError
from nntrain.layers.layer import Layer
from nntrain.layers.recurrent import Recurrent
from nntrain.modules.network import states_of
from nntrain.specs import Spec

every = pytest.mark.parametrize("case", CASES, ids=str)
ragged = pytest.mark.parametrize("case", [case for case in CASES if case.is_padded], ids=str)
modes = pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])

LENGTHS = (4, 9, 1, 6)


@every
def test_written_form_survives_yaml(case: Case):
    first = Written.parse({"layer": case.written})
    again = Written.parse(yaml.safe_load(yaml.safe_dump(first.model_dump(mode="json", by_alias=True))))
    assert again == first


@every
def test_spec_is_what_comes_out(case: Case):
    built = subject_of(case)
    out = built(tensor(case.spec, 3))
    assert shape_of(built.spec, out) == built.spec.sizes
    assert out.is_floating_point()


@every
def test_parameter_shapes_are_the_modules(case: Case):
    built = subject_of(case)
    assert list(built.shapes.items()) == [(name, tuple(value.shape)) for name, value in built.module.named_parameters()]


@every
def test_other_specs_are_refused_in_words_or_work(case: Case):
    layer = read(case.written)
    refused = 0
    for spec in PROBES:
        built = _subject_or_refusal(layer, spec)
        if isinstance(built, SpecError):
            refused += 1
            assert built.message[0].islower(), built.message
            continue
        out = built(tensor(spec, 3))
        assert shape_of(built.spec, out) == built.spec.sizes
        assert [tuple(value.shape) for value in built.module.parameters()] == list(built.shapes.values())
    assert refused or case.takes_all, "a layer refuses what it cannot take"


@every
def test_gradient_reaches_every_parameter(case: Case):
    built = subject_of(case)
    x = tensor(case.spec, 5)
    x.requires_grad_(x.is_floating_point())
    out = built(x)
    out.backward(_cotangent(out))
    sparse = [name for name, value in built.module.named_parameters() if value.grad is not None and value.grad.layout != torch.strided]
    assert not sparse, "optimizers, clipping and checkpoints are for dense gradients"
    without = [name for name, value in built.module.named_parameters() if value.grad is None or not value.grad.any()]
    assert without == []
    assert x.grad is None or x.grad.any()


@every
def test_weights_survive_a_checkpoint(case: Case):
    first, second = subject_of(case), subject_of(case)
    x = tensor(case.spec, 3)
    first(x)  # running averages move
    with torch.no_grad():
        for value in second.module.parameters():
            value.add_(1.0)
    second.module.load_state_dict(load(save({name: value.contiguous() for name, value in first.module.state_dict().items()})))
    assert_close(evaluated(second, x), evaluated(first, x), rtol=0, atol=0)


@every
@modes
def test_input_is_left_as_it_was(case: Case, training: bool):
    built = subject_of(case)
    built.module.train(training)
    x = tensor(case.spec, 3)
    before, version = x.clone(), x._version
    built(x, torch.tensor([4, 9, 1]) if case.spec.is_ragged else None)
    assert x._version == version
    assert_close(x, before, rtol=0, atol=0)


@every
def test_each_use_has_its_own_module(case: Case):
    layer = read(case.written)
    first, second = subject(layer, case.spec), subject(layer, case.spec)
    assert first.module is not second.module
    assert not {id(value) for value in first.module.parameters()} & {id(value) for value in second.module.parameters()}


@every
def test_evaluation_draws_no_numbers(case: Case):
    built = subject_of(case)
    built.module.eval()
    x = tensor(case.spec, 3)
    assert_close(built(x), built(x), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("case", "training"),
    [
        pytest.param(case, training, id=f"{case}-{'train' if training else 'eval'}")
        for case in CASES
        for training in (True, False)
        if case.is_padded and not (training and (case.is_random or case.mixes_rows))
    ],
)
def test_padding_law(case: Case, training: bool):
    """The true part of a padded batch, forward and gradient, is what each row gives alone.

    Layers that draw numbers in training are compared in evaluation; statistics over rows have a law of their own below.
    """
    built = subject_of(case)
    built.module.train(training)
    rows = _rows(case.spec)
    alone = [built(row) for row in rows]
    expected = [_cotangent(out, seed) for seed, out in enumerate(alone)]
    torch.autograd.backward(alone, expected)
    gradients, parameters = [row.grad for row in rows], _take_gradients(built)

    batch = _padded(rows)
    out = built(batch, torch.tensor(LENGTHS))
    cotangent = torch.zeros_like(out)
    for index, (single, row_cotangent) in enumerate(zip(alone, expected, strict=True)):
        part = (index, slice(0, single.shape[1])) if built.spec.is_ragged else (index,)
        assert_close(out[part], single[0])
        cotangent[part] = row_cotangent[0]
    out.backward(cotangent)
    for index, (row, gradient) in enumerate(zip(rows, gradients, strict=True)):
        if gradient is not None:
            assert_close(batch.grad[index, : row.shape[1]], gradient[0])
            assert not batch.grad[index, row.shape[1] :].any(), "padding has no gradient"
    assert_close(_take_gradients(built), parameters)


@pytest.mark.parametrize("case", [case for case in CASES if case.is_padded and spec_of(case).is_ragged], ids=str)
def test_lengths_follow_time(case: Case):
    """Lengths after a layer are what a row of that length gives alone; one formula for ints and tensors."""
    built = subject_of(case)
    steps = range(1, 12)
    counts = [built(tensor(case.spec, 2, length)).shape[1] for length in steps]
    if built.is_program:
        assert compiled(built.layer, case.spec).outputs["y"].lengths.counts[:11] == tuple(counts)
        return
    assert [built.layer.out_lengths(length) for length in steps] == counts
    assert built.layer.out_lengths(torch.tensor(steps)).tolist() == counts


@ragged
def test_row_without_steps_gives_numbers(case: Case):
    built = subject_of(case)
    x = tensor(case.spec, 3)
    x.requires_grad_(x.is_floating_point())
    out = built(x, torch.tensor([4, 0, 2]))
    out.sum().backward() if out.requires_grad else None
    assert (out.abs() < 1e3).all()
    gradients = [x.grad, *(parameter.grad for parameter in built.module.parameters())]
    assert all((gradient.abs() < 1e3).all() for gradient in gradients if gradient is not None)


@pytest.mark.parametrize("case", [case for case in CASES if case.mixes_rows and case.is_padded], ids=str)
def test_padding_law_of_batch_statistics(case: Case):
    """In training, rows of a padded batch are what their true steps give laid end to end as one row."""
    built, reference = subject_of(case), subject_of(case)
    rows = _rows(case.spec)
    joined = reference(torch.cat(rows, 1))
    cotangent = _cotangent(joined)
    joined.backward(cotangent)
    gradients = [row.grad for row in rows]

    batch = _padded(rows)
    out = built(batch, torch.tensor(LENGTHS))
    true = torch.cat([out[index, :length] for index, length in enumerate(LENGTHS)])
    assert_close(true, joined[0])
    true.backward(cotangent[0])
    for index, gradient in enumerate(gradients):
        assert_close(batch.grad[index, : LENGTHS[index]], gradient[0])
        assert not batch.grad[index, LENGTHS[index] :].any()
    assert_close(_take_gradients(built), _take_gradients(reference))
    assert_close(dict(built.module.named_buffers()), dict(reference.module.named_buffers()))


def _stateful(case: Case) -> bool:
    layer = read(case.written)
    return "state" in layer.needs and not layer.looks_ahead


stateful = pytest.mark.parametrize("case", [case for case in CASES if _stateful(case)], ids=str)


@stateful
def test_step_law(case: Case):
    """Step by step, the state handed on, gives what the whole row gives, and ends in the same state."""
    module = subject_of(case).module.eval()
    x = tensor(case.spec, 3)
    whole, end = module(x, state=module.init_state(3))
    state, steps = module.init_state(3), []
    for step in x.split(1, dim=1):
        out, state = module(step, state=state)
        steps.append(out)
    assert_close(torch.cat(steps, 1), whole)
    assert_close(state, end)
    assert_close(module(x)[0], whole)


@stateful
def test_rows_of_a_state_go_on_as_those_rows(case: Case):
    """A search keeps some of the rows that it goes on from, and some twice."""
    module = subject_of(case).module.eval()
    x, rows = tensor(case.spec, 3), torch.tensor([2, 0, 0])
    _, state = module(x[:, :-1], state=module.init_state(3))
    out, _ = module(x[rows, -1:], state=states_of(rows, state, getattr(module, "state_axis", 0)))
    assert_close(out, module(x)[0][rows, -1:])


recurrent = pytest.mark.parametrize(
    "case", [case for case in CASES if _stateful(case) and isinstance(read(case.written), Recurrent)], ids=str
)
"""Their state is one tensor or several, `[num_layers, B, H]` each."""


@recurrent
def test_state_is_that_of_the_last_true_step(case: Case):
    module = subject_of(case).module.eval()
    rows = _rows(case.spec)
    begin = tuple(torch.randn_like(part) for part in module.init_state(len(rows)))
    out, end = module(_padded(rows), lengths=torch.tensor(LENGTHS), state=begin)
    for index, row in enumerate(rows):
        alone, last = module(row, state=tuple(part[:, index : index + 1].contiguous() for part in begin))
        assert_close(out[index, : LENGTHS[index]], alone[0])
        assert not out[index, LENGTHS[index] :].any()
        assert_close([part[:, index] for part in end], [part[:, 0] for part in last])


@recurrent
def test_row_without_steps_keeps_its_state(case: Case):
    module = subject_of(case).module.eval()
    begin = tuple(torch.randn_like(part) for part in module.init_state(2))
    out, end = module(tensor(case.spec, 2), lengths=torch.tensor([0, 3]), state=begin)
    assert not out[0].any()
    assert_close([part[:, 0] for part in end], [part[:, 0] for part in begin])


@pytest.mark.parametrize("case", [case for case in CASES if "bidirectional" in str(case.written)], ids=str)
def test_bidirectional_is_two_passes(case: Case):
    """Each half of a layer is a pass of one direction: over the row, and over the row reversed."""
    module = subject_of(case).module.eval()
    for row in _rows(case.spec):
        x = row.detach()
        for ahead, back in zip(module.ahead, module.back, strict=True):
            x = torch.cat([ahead(x)[0], back(x.flip(1))[0].flip(1)], 2)
        assert_close(module(row)[0], x)
        assert module(row)[1] is None


def evaluated(built: Subject, x: Tensor) -> Tensor:
    """The output in evaluation."""
    built.module.eval()
    return built(x)


def _subject_or_refusal(layer: Layer, spec: Spec) -> Subject | SpecError:
    try:
        return subject(layer, spec)
    except SpecError as error:
        return error


def _rows(spec: Spec) -> list[Tensor]:
    rows = [tensor(spec, 1, length, seed) for seed, length in enumerate(LENGTHS)]
    return [row.requires_grad_(row.is_floating_point()) for row in rows]


def _padded(rows: list[Tensor]) -> Tensor:
    """A batch whose padding is full of numbers that must not matter."""
    steps = max(row.shape[1] for row in rows) + 2
    batch = torch.full((len(rows), steps, *rows[0].shape[2:]), 7, dtype=rows[0].dtype)
    for index, row in enumerate(rows):
        batch[index, : row.shape[1]] = row[0].detach()
    return batch.requires_grad_(batch.is_floating_point())


def _cotangent(out: Tensor, seed: int = 0) -> Tensor:
    return torch.randn(out.shape, generator=torch.Generator().manual_seed(seed), dtype=out.dtype)


def _take_gradients(built: Subject) -> dict[str, Tensor]:
    gradients = {name: value.grad.clone() for name, value in built.module.named_parameters() if value.grad is not None}
    built.module.zero_grad()
    return gradients
