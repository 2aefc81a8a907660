"""Texts that are written token by token: what the network is told, what it is scored by, and what it writes by itself."""

import pytest
import torch

from nntrain.architectures.compiling import compile_program
from nntrain.architectures.settings import ARCHITECTURES
from nntrain.commands.beginning.check import Look, check
from nntrain.config.reading import read_mapping
from nntrain.data.batches import Batch
from nntrain.errors import ConfigError
from nntrain.losses.links import Identity
from nntrain.modules.network import Network
from nntrain.schema import load_class
from nntrain.specs import RAGGED, Spec
from nntrain.tasks.seq2seq import Seq2Seq
from nntrain.tasks.task import Target
from nntrain.training.asking import Reader
from nntrain.training.device import resolve_precision
from nntrain.training.objective import Objective, TargetObjective

TEXT = Spec(("time",), (RAGGED,), "index", classes=9)
TARGET = Target("y", "text", TEXT)
SOURCE = {"x": torch.tensor([[2, 3, 4], [5, 0, 0]]), "x.lengths": torch.tensor([3, 1])}


def make(tree=None, **options):
    tree = tree or {"type": "encoder_decoder", "dim": 8, "num_layers": 2, "num_heads": 2, **options}
    family, task = load_class(ARCHITECTURES[tree["type"]]).parse(tree), Seq2Seq()
    program = compile_program(family, {"x": TEXT}, {"y": task.needs(TARGET, Identity())}, ports={"y": task.port(TARGET)})
    torch.manual_seed(0)
    network = program.build().eval()
    for parameter in network.parameters():  # embeddings begin so small that rows would hardly differ
        torch.nn.init.normal_(parameter, std=0.5)
    return network


def told(*rows):
    lengths = torch.tensor([len(row) for row in rows])
    padded = torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True)
    return {"teacher.y": padded, "teacher.y.lengths": lengths}


def test_the_network_is_told_each_token_a_step_behind():
    lesson = Seq2Seq().teach(torch.tensor([[4, 5, 6], [7, -1, -1], [-1, -1, -1]]))
    assert lesson.told.tolist() == [[0, 4, 5, 6], [0, 7, 0, 0], [0, 0, 0, 0]]
    assert lesson.lengths.tolist() == [4, 2, 1]
    assert lesson.target.tolist() == [[4, 5, 6, 0], [7, 0, -1, -1], [0, -1, -1, -1]]


@pytest.mark.parametrize("options", [{}, {"norm_first": False}, {"positions": "rotary"}, {"activation": "swiglu", "num_decoder_layers": 1}])
def test_what_is_written_later_changes_nothing_before(options):
    network = make(**options)
    short, long = (network({**SOURCE, **told(*rows)})[0]["y"] for rows in (([0, 3], [0, 4]), ([0, 3, 8, 8], [0, 4, 2, 7])))
    torch.testing.assert_close(short, long[:, :2])


def test_a_padded_row_is_written_as_it_is_alone():
    network = make()
    both = network({**SOURCE, **told([0, 3, 5], [0])})[0]["y"]
    alone = network({"x": torch.tensor([[5]]), "x.lengths": torch.tensor([1]), **told([0])})[0]["y"]
    torch.testing.assert_close(both[1, :1], alone[0])


def test_a_memory_answers_as_the_whole_network_does():
    network = make()
    whole = network({**SOURCE, **told([0, 3, 5], [0, 7, 2])})[0]["y"]
    memory = network.memorise(SOURCE)
    answered = network.recall(memory.take(torch.tensor([1, 0, 1])), told([0, 7, 2], [0, 3, 5], [0, 7, 2]))[0]["y"]
    torch.testing.assert_close(answered, whole[[1, 0, 1]])


def write(network, decode, source=SOURCE, max_length=5):
    task = Seq2Seq.parse({"type": "seq2seq", "decode": decode, "max_length": max_length})
    reader = Reader(network, Objective({"y": TargetObjective(TARGET, task, {})}), resolve_precision("float32", torch.device("cpu")))
    batch = Batch(source, {}, None, torch.arange(len(source["x"])))
    with torch.inference_mode():
        found = reader.predictions(batch, reader.blind(batch))["y"]
    return [[token for token in row if token >= 0] for row in found.tolist()]


def test_greedily_it_writes_the_likeliest_token_each_time():
    network = make()
    for row, tokens in enumerate(write(network, "greedy")):
        inputs = {"x": SOURCE["x"][row : row + 1], "x.lengths": SOURCE["x.lengths"][row : row + 1], **told([0, *tokens])}
        logits = network(inputs)[0]["y"][0]
        logits[:, 1] = -torch.inf  # what training never showed is not written
        assert logits.argmax(1).tolist()[: len(tokens)] == tokens
        assert len(tokens) == 5 or int(logits[len(tokens)].argmax()) == 0


def likelihood(network, row, tokens):
    inputs = {"x": SOURCE["x"][row : row + 1], "x.lengths": SOURCE["x.lengths"][row : row + 1], **told([0, *tokens])}
    logits = network(inputs)[0]["y"][0]
    logits[:, 1] = -torch.inf
    return float(logits.log_softmax(1)[torch.arange(len(tokens) + 1), torch.tensor([*tokens, 0])].sum().detach())


def test_a_search_finds_what_is_as_likely_or_likelier():
    network = make()
    wide, one = write(network, {"beam": 8, "length_penalty": 0.0}), write(network, {"beam": 1, "length_penalty": 0.0})
    for row in range(2):
        assert likelihood(network, row, wide[row]) >= likelihood(network, row, one[row]) - 1e-5


RECURRENT = {
    "type": "nodes",
    "nodes": {
        "read": {
            "from": "x",
            "layers": [{"embedding": 8}, {"lstm": {"hidden_size": 8, "bidirectional": True}}, {"pool": "last"}, {"linear": 8}],
        },
        "told": {"from": "teacher.y", "layers": [{"embedding": 8}]},
        "sum": {"add": ["told", "read"]},
        "write": {"from": "sum", "layers": [{"lstm": {"hidden_size": 8, "num_layers": 2}}]},
        "out": {"from": "write", "layers": [{"gru": 8}, "relu"]},
    },
}
CONVOLVING = {
    "type": "nodes",
    "nodes": {
        "read": {"from": "x", "layers": [{"embedding": 8}, {"pool": "mean"}]},
        "told": {"from": "teacher.y", "layers": [{"embedding": 8}, {"conv1d": {"out_channels": 8, "kernel_size": 3, "padding": "causal"}}]},
        "sum": {"add": ["told", "read"]},
        "out": {"from": "sum", "layers": [{"gru": 8}, "tanh"]},
    },
}


@pytest.mark.parametrize("decode", ["greedy", {"beam": 3, "length_penalty": 0.6}], ids=["greedy", "beam"])
@pytest.mark.parametrize(
    ("tree", "options", "by_step"),
    [
        (None, {}, True),
        (None, {"norm_first": False, "positions": "rotary", "num_kv_heads": 1}, True),
        (None, {"positions": "learned", "max_length": 13}, True),
        (RECURRENT, {}, True),
        (CONVOLVING, {}, False),
    ],
    ids=["sinusoidal", "rotary", "learned", "recurrent", "convolving"],
)
def test_told_a_token_at_a_time_it_writes_what_it_writes_told_everything_anew(tree, options, by_step, decode, monkeypatch):
    network = make(tree, **options)
    with torch.no_grad():
        network.get_parameter("head.bias")[0] -= 3.0  # ends are unlikely
    assert network.recalls_by_step is by_step
    lengths = torch.tensor([5, 1, 3, 4, 2, 5, 5])
    tokens = torch.randint(2, 9, (7, 5)) * (torch.arange(5) < lengths[:, None])
    source = {"x": tokens, "x.lengths": lengths}
    said, recall = [], Network.recall

    def listened(*arguments):
        outputs, state = recall(*arguments)
        said.append(outputs["y"][:, -1])
        return outputs, state

    monkeypatch.setattr(Network, "recall", listened)
    found = write(network, decode, source, max_length=12)
    by_token = said.copy()
    said.clear()
    monkeypatch.setattr(Network, "recalls_by_step", False)
    assert write(network, decode, source, max_length=12) == found
    assert max(map(len, found)) > 3
    torch.testing.assert_close(by_token, said)
    alone = [write(network, decode, {key: value[row : row + 1] for key, value in source.items()}, max_length=12)[0] for row in range(7)]
    assert alone == found


def test_a_target_that_is_no_text_is_refused_at_its_place():
    family = load_class(ARCHITECTURES["encoder_decoder"]).parse({"type": "encoder_decoder"})
    with pytest.raises(ConfigError) as caught:
        compile_program(family, {"x": TEXT}, {"y": Spec(("feature",), (3,), "logits")})
    assert "no target that hangs here is one that it is taught" in caught.value.problems[0].message


def test_a_text_is_written_of_what_is_seen_in_an_image():
    eyes = {"from": "x", "layers": [{"conv2d": {"out_channels": 8, "kernel_size": 2, "stride": 2}}, {"rearrange": "c h w -> (h w) c"}]}
    nodes = {"eyes": eyes, "words": {"from": "eyes", "transformer_decoder": {"dim": 8, "num_layers": 1, "num_heads": 2}}}
    graph, task = load_class(ARCHITECTURES["nodes"]).parse({"type": "nodes", "nodes": nodes}), Seq2Seq()
    inputs = {"x": Spec(("channel", "height", "width"), (1, 4, 4))}
    program = compile_program(graph, inputs, {"y": task.needs(TARGET, Identity())}, ports={"y": task.port(TARGET)})
    network = program.build().eval()
    images = torch.rand(2, 1, 4, 4)
    whole = network({"x": images, **told([0, 3], [0, 4])})[0]["y"]
    assert whole.shape == (2, 2, 9)
    again = network.recall(network.memorise({"x": images}), told([0, 3], [0, 4]))[0]["y"]
    torch.testing.assert_close(again, whole)


@pytest.mark.parametrize(
    ("architecture", "told"),
    [
        ({"type": "lstm", "pool": None}, "writes no text"),
        (
            {"nodes": {"n": {"from": "teacher.y", "layers": [{"embedding": 4}, {"lstm": {"hidden_size": 4, "bidirectional": True}}]}}},
            "ahead",
        ),
        ({"nodes": {"n": {"from": "teacher.y", "layers": [{"embedding": 4}, {"multihead_attention": 2}]}}}, "looks ahead"),
    ],
)
def test_check_refuses_a_decoder_that_would_read_the_answer(architecture, told, tmp_path):
    fields = {"x": {"type": "text", "tokenizer": "byte"}, "y": {"type": "text", "tokenizer": "byte", "role": "target"}}
    (tmp_path / "rows.csv").write_text("x,y\na b,b\nc d e,d\n", encoding="utf-8")
    config = read_mapping({"data": {"source": str(tmp_path / "rows.csv"), "fields": fields}, "architecture": architecture})
    with pytest.raises(ConfigError) as caught:
        check(config, Look.HEADER)
    assert told in str(caught.value)
