"""How a token is drawn: known answers for each option, and draws that are a function of the seed."""

import pytest
import torch
from pydantic import ValidationError

from nntrain.modules.sampling import draw_notes, draw_token, kept, penalised
from nntrain.tasks.sampling import Sampling

NONE = torch.zeros(1, 0, dtype=torch.long)


def draw(logits, seed=0, seen=NONE, count=1, **options):
    generator = torch.Generator().manual_seed(seed)
    rows = torch.tensor([logits]).expand(count, -1)
    return draw_token(rows, seen.expand(count, -1), Sampling(**options), generator)


def test_temperature_0_takes_the_likeliest():
    assert draw([0.1, 2.0, 1.9], temperature=0).tolist() == [1]


def test_the_smallest_temperature_takes_the_likeliest_too():
    assert draw([0.1, 2.0, float("-inf")], temperature=1e-320).tolist() == [1]


def test_draws_are_a_function_of_the_seed():
    one, two = (draw([0.0, 0.1, 0.2, 0.3], seed=3, count=50).tolist() for _ in range(2))
    assert one == two
    assert one != draw([0.0, 0.1, 0.2, 0.3], seed=4, count=50).tolist()


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_tokens_are_drawn_by_their_probabilities(temperature):
    logits = [0.0, 1.0, -1.0]
    drawn = draw(logits, count=20_000, temperature=temperature).bincount(minlength=3) / 20_000
    wanted = (torch.tensor(logits) / temperature).softmax(0)
    torch.testing.assert_close(drawn, wanted, atol=0.015, rtol=0)


def test_top_k_keeps_the_k_likeliest():
    assert kept(torch.tensor([[3.0, 1.0, 2.0, 0.0]]), Sampling(top_k=2)).isinf().tolist() == [[False, True, False, True]]
    assert not kept(torch.tensor([[3.0, 1.0]]), Sampling(top_k=5)).isinf().any()


@pytest.mark.parametrize(
    ("share", "out"), [(0.49, [False, True, True]), (0.51, [False, False, True]), (0.8, [False, False, True]), (1, [False] * 3)]
)
def test_top_p_keeps_the_fewest_that_reach_the_share(share, out):
    logits = torch.tensor([[0.5, 0.3, 0.2]]).double().log()
    assert kept(logits, Sampling(top_p=share)).isinf().tolist() == [out]


@pytest.mark.parametrize("logits", [[0.3, 2.0, 1.9], [1.0, 1.0, 1.0], [float("-inf"), 0.5, 0.5]])
def test_the_likeliest_alone_is_what_no_temperature_takes(logits):
    """Of equal ones too."""
    greedy = draw(logits, count=20, temperature=0).tolist()
    assert draw(logits, count=20, top_k=1).tolist() == greedy
    assert draw(logits, count=20, top_p=1e-9).tolist() == greedy


def test_all_of_the_share_and_all_tokens_are_the_same():
    logits = [0.0, 1.0, -40.0, 0.3]
    assert draw(logits, count=50, top_p=1).tolist() == draw(logits, count=50).tolist() == draw(logits, count=50, top_k=4).tolist()


def test_the_likeliest_is_kept_however_small_the_share():
    assert kept(torch.tensor([[0.0, 5.0, 1.0]]), Sampling(top_p=1e-9)).isinf().tolist() == [[True, False, True]]


def test_a_repetition_makes_a_token_less_likely_whatever_the_sign_of_its_logit():
    found = penalised(torch.tensor([[2.0, -2.0, 1.0]]), torch.tensor([[0, 1, 1]]), 2.0)
    assert found.tolist() == [[1.0, -4.0, 1.0]]


def test_notes_are_drawn_each_by_itself():
    logits = torch.tensor([[-2.0, 0.0, 2.0]]).expand(20_000, -1)
    shares = draw_notes(logits, Sampling(), torch.Generator().manual_seed(0)).mean(0)
    torch.testing.assert_close(shares, torch.tensor([-2.0, 0.0, 2.0]).sigmoid(), atol=0.015, rtol=0)
    assert draw_notes(logits[:1], Sampling(temperature=0), torch.Generator()).tolist() == [[0, 0, 1]]


@pytest.mark.parametrize("options", [{"top_p": 0}, {"top_p": 1.5}, {"top_k": 0}, {"temperature": -1}, {"repetition_penalty": 0.5}])
def test_what_means_nothing_is_refused(options):
    with pytest.raises(ValidationError):
        Sampling(**options)
