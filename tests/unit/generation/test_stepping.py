"""A network that goes on from its state says what it says of all steps at once."""

import pytest
import torch

from nntrain.architectures.compiling import compile_program
from nntrain.architectures.layer_list import LayerList
from nntrain.generation.stepping import Stepper, carries_all, most_steps
from nntrain.regularization import Regularization
from nntrain.specs import RAGGED, Spec

TOKENS = torch.tensor([[3, 1, 4, 1, 5, 2, 6, 5]])


def make(layers, steps=RAGGED):
    inputs = {"text": Spec(("time",), (steps,), "index", classes=8)}
    needs = {"text_": Spec(("time", "feature"), (steps, 8), "logits")}
    program = compile_program(LayerList.parse({"type": "layers", "layers": layers}), inputs, needs, Regularization())
    torch.manual_seed(0)
    return program, program.build().eval()


def whole(network, tokens, *, ragged):
    inputs = {"text": tokens, **({"text.lengths": torch.tensor([tokens.shape[1]])} if ragged else {})}
    with torch.inference_mode():
        return network(inputs)[0]["text_"]


@pytest.mark.parametrize("steps", [RAGGED, 4])
@pytest.mark.parametrize(
    ("layers", "carries"),
    [
        ([{"embedding": 5}, {"lstm": {"hidden_size": 6, "num_layers": 2}}, "relu"], True),
        ([{"embedding": 5}, {"gru": 6}, "relu"], True),
        ([{"embedding": 5}, {"conv1d": {"out_channels": 6, "kernel_size": 3, "padding": "causal", "dilation": 2}}, "relu"], False),
        ([{"embedding": 5}, {"gru": 6}, {"conv1d": {"out_channels": 6, "kernel_size": 2, "padding": "causal"}}, "relu"], False),
    ],
)
def test_step_by_step_is_the_whole(layers, carries, steps):
    program, network = make(layers, steps)
    assert carries_all(program) is carries
    assert most_steps(program, "text") is None
    stepper = Stepper(network, program, "text", "text_")
    found = [stepper.advance(TOKENS[:, :3]), *(stepper.advance(TOKENS[:, at : at + 1]) for at in range(3, 8))]
    wanted = whole(network, TOKENS, ragged=steps is RAGGED)[:, 2:]
    torch.testing.assert_close(torch.stack(found, dim=1), wanted)


def test_beyond_its_positions_a_network_reads_its_last_steps_anew():
    layers = [{"embedding": 5}, {"position_embedding": {"kind": "learned", "max_length": 4}}, {"gru": 6}, "relu"]
    program, network = make(layers)
    assert most_steps(program, "text") == 4
    stepper = Stepper(network, program, "text", "text_")
    found = [stepper.advance(TOKENS[:, :2]), *(stepper.advance(TOKENS[:, at : at + 1]) for at in range(2, 8))]
    for end, output in zip(range(2, 9), found, strict=True):
        wanted = whole(network, TOKENS[:, max(0, end - 4) : end], ragged=True)[:, -1]
        torch.testing.assert_close(output, wanted, msg=lambda text, end=end: f"after {end} steps: {text}")


ATTENTION = [{"embedding": 4}, {"multihead_attention": {"num_heads": 2, "causal": True}}, "relu"]
ROTARY = [{"embedding": 4}, {"multihead_attention": {"num_heads": 1, "causal": True, "rotary": True}}, "relu"]
WAVES = [{"embedding": 5}, {"position_embedding": "sinusoidal"}, {"gru": 6}, "relu"]
VECTORS = [{"embedding": 5}, {"position_embedding": {"kind": "learned", "max_length": 6}}, {"gru": 6}, "relu"]


@pytest.mark.parametrize("layers", [ATTENTION, ROTARY, WAVES, VECTORS], ids=["attention", "rotary", "sinusoidal", "learned"])
def test_beyond_its_training_window_a_network_reads_its_last_steps_anew(layers):
    """What it says is what it says of a window of training that begins anywhere, never of more steps than it was trained on."""
    program, network = make(layers, 4)
    assert most_steps(program, "text") == 4
    stepper = Stepper(network, program, "text", "text_")
    found = [stepper.advance(TOKENS[:, :2]), *(stepper.advance(TOKENS[:, at : at + 1]) for at in range(2, 8))]
    for end, output in zip(range(2, 9), found, strict=True):
        wanted = whole(network, TOKENS[:, max(0, end - 4) : end], ragged=False)[:, -1]
        torch.testing.assert_close(output, wanted)


def test_rows_of_several_lengths_are_gone_on_with_up_to_the_longest():
    program, _ = make(ROTARY)
    assert most_steps(program, "text") is None
    assert most_steps(program, "text", 7) == 7
    assert most_steps(make([{"embedding": 5}, {"gru": 6}, "relu"])[0], "text", 7) is None
