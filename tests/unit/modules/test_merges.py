"""Merges: the numbers that come out, and what does not go together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity, pairwise_distance
from torch.testing import assert_close

from nntrain.errors import SpecError
from nntrain.layers.comparing import Cosine, Distance, Dot
from nntrain.layers.elementwise import Add, Max, Mean, Multiply, Stack, Subtract
from nntrain.layers.layer import Layer
from nntrain.layers.merging import Concat
from nntrain.specs import IMAGE, RAGGED, SEQUENCE, VECTOR, VOLUME, Spec

ROW, MAPS, SERIES = Spec(VECTOR, (4,)), Spec(IMAGE, (4, 3, 5)), Spec(SEQUENCE, (RAGGED, 4))


def merged(layer: Layer, *specs: Spec) -> tuple[list[Tensor], Tensor]:
    """Some tensors and what a merge makes of them."""
    tensors = [torch.randn(2, *(6 if size == RAGGED else size for size in spec.sizes)) for spec in specs]
    out = layer.build(*specs)(*tensors)
    sizes = layer.out_spec(*specs).sizes
    assert tuple(6 if size == RAGGED else size for size in sizes) == tuple(out.shape[1:])
    return tensors, out


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (Add(), lambda x, y, z: x + y + z),
        (Multiply(), lambda x, y, z: x * y * z),
        (Mean(), lambda x, y, z: (x + y + z) / 3),
        (Max(), lambda x, y, z: torch.stack([x, y, z]).amax(0)),
        (Concat(), lambda x, y, z: torch.cat([x, y, z], 1)),
        (Stack(), lambda x, y, z: torch.stack([x, y, z], 1)),
    ],
)
def test_three_rows(layer: Layer, expected: Callable[..., Tensor]):
    tensors, out = merged(layer, ROW, ROW, ROW)
    assert_close(out, expected(*tensors))


@pytest.mark.parametrize("spec", [ROW, MAPS, SERIES])
def test_two_tensors_become_one_number_a_place(spec: Spec):
    axis = 1 if spec is MAPS else -1
    (x, y), out = merged(Dot(), spec, spec)
    assert_close(out, (x * y).sum(axis, keepdim=True))
    (x, y), out = merged(Cosine(), spec, spec)
    assert_close(out, cosine_similarity(x, y, axis).unsqueeze(axis))
    (x, y), out = merged(Distance(), spec, spec)
    assert_close(out.movedim(axis, -1)[..., 0], pairwise_distance(x.movedim(axis, -1), y.movedim(axis, -1), eps=0.0))
    (x, y), out = merged(Subtract(), spec, spec)
    assert_close(out, x - y)


def test_equal_tensors_have_the_distance_0_and_a_gradient():
    x = torch.randn(3, 4, requires_grad=True)
    distance = Distance().build(ROW, ROW)(x, x.detach().clone())
    distance.sum().backward()
    assert distance.max() <= 1e-5
    assert x.grad is not None
    assert not x.grad.any()


@pytest.mark.parametrize("layer", [Add(), Multiply(), Mean(), Max(), Subtract(), Dot(), Cosine(), Distance(), Concat()])
def test_a_row_meets_every_pixel_and_step(layer: Layer):
    for spec in (MAPS, SERIES):
        (row, whole), out = merged(layer, ROW, spec)
        everywhere = row[:, :, None, None] if spec is MAPS else row[:, None]
        assert_close(out, layer.build(spec, spec)(everywhere.expand_as(whole), whole))


@pytest.mark.parametrize(
    ("layer", "specs", "told"),
    [
        (Add(), (MAPS, Spec(IMAGE, (1, 3, 5))), "joins tensors whose channel sizes agree"),
        (Multiply(), (ROW, Spec(VECTOR, (1,))), "joins tensors whose feature sizes agree"),
        (Mean(), (MAPS, SERIES), "joins tensors of one kind"),
        (Stack(), (SERIES, SERIES), "needs rows of one length"),
        (Stack(), (ROW, MAPS), "stacks tensors of one shape"),
        (Stack(), (Spec(VOLUME, (1, 2, 3, 4)), Spec(VOLUME, (1, 2, 3, 4))), "stacks rows of numbers, sequences or images"),
    ],
)
def test_nothing_else_is_repeated(layer: Layer, specs: Sequence[Spec], told: str):
    with pytest.raises(SpecError, match=told):
        layer.out_spec(*specs)
