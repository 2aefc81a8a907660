"""Trained bodies from folders of Hugging Face: token by token what such networks compute, padded or not, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, cast

import hub_made
import pytest
import torch
from hub_made import BERT, GPT2, PIECES, PLACES
from torch import Tensor
from torch.testing import assert_close

from nntrain.architectures.compiling import compile_program
from nntrain.commands.starting.bodies import bodies_of
from nntrain.config.reading import Config, read_mapping
from nntrain.data.fields.text import Text
from nntrain.errors import ConfigError
from nntrain.layers.program import Program
from nntrain.specs import RAGGED, SEQUENCE, TOKENS, VECTOR, Spec

TEXT = Spec(TOKENS, (RAGGED,), "index", classes=len(PIECES) + 2)
ROW = Spec(VECTOR, (2,), "logits")
STEPS = Spec(SEQUENCE, (RAGGED, 2), "logits")
IDS = [1, 4, 5, 6, 7, 10, 3, 2]
"""[CLS] the film was good ##ly [UNK] [SEP]"""


class Drawn:
    """As much of a blueprint as the start of a body reads."""

    def __init__(self, program: Program) -> None:
        self.program = program


def read(body: dict[str, Any], **text: Any) -> Config:
    field = {"type": "text", "tokenizer": {"type": "pretrained", "path": "hub"}, **text}
    fields = {"t": field, "y": {"type": "category", "role": "target"}}
    tree = {"data": {"source": {"type": "csv", "path": "x.csv"}, "fields": fields}, "architecture": body}
    return read_mapping(tree, folder=Path.cwd())


def started(body: dict[str, Any], need: Spec = STEPS) -> tuple[Program, torch.nn.Module]:
    config = read(body)
    assert config.experiment.architecture is not None
    program = compile_program(config.experiment.architecture, {"t": TEXT}, {"y": need})
    network = program.build().eval()
    start = bodies_of(config, cast("Any", Drawn(program)))
    assert start is not None
    with torch.no_grad():
        start.load(network)
    return program, network


def ours(ids: list[int]) -> Tensor:
    """Indices of a text field for tokens of the folder."""
    return torch.tensor([1 if piece == PIECES.index("[UNK]") else piece + 2 for piece in ids])


def states(program: Program, network: torch.nn.Module, texts: list[list[int]]) -> Tensor:
    """What the head gets, `[B, T, F]`."""
    found: list[Tensor] = []
    head = network.get_submodule("head")
    handle = head.register_forward_hook(lambda _, given, __: found.append(given[0]))
    longest = max(map(len, texts))
    tokens = torch.stack([torch.nn.functional.pad(ours(ids), (0, longest - len(ids))) for ids in texts])
    with torch.no_grad():
        network({"t": tokens, "t.lengths": torch.tensor([len(ids) for ids in texts])})
    handle.remove()
    return found[0]


@pytest.mark.parametrize("prefix", ["", "bert."])
def test_a_bert_gives_the_vectors_that_its_formulas_give(prefix: str):
    weights = hub_made.drawn(hub_made.bert_names())
    hub_made.folder(Path("hub"), tensors={prefix + name: tensor for name, tensor in weights.items()})
    program, network = started({"type": "transformer_encoder", "pretrained": "hub", "pool": None})
    short = IDS[:4]
    found = states(program, network, [IDS, short])
    assert_close(found[0], hub_made.bert_steps(weights, IDS), atol=1e-5, rtol=1e-5)
    assert_close(found[1, :4], hub_made.bert_steps(weights, short), atol=1e-5, rtol=1e-5)


def test_others_of_its_kind_have_other_names_and_places():
    weights = hub_made.drawn(hub_made.bert_names())
    body = {"type": "transformer_encoder", "pretrained": "hub", "pool": None}
    hub_made.folder(Path("hub"), {**BERT, "model_type": "roberta", "pad_token_id": 1}, weights)
    program, network = started(body)
    assert program.steps[1].layer.most_steps(program.steps[0].spec) == PLACES - 2
    assert_close(states(program, network, [IDS])[0], hub_made.bert_steps(weights, IDS, first_place=2), atol=1e-5, rtol=1e-5)

    sizes = {"dim": 8, "n_layers": 2, "n_heads": 2, "hidden_dim": 12, "activation": "gelu", "max_position_embeddings": PLACES}
    hub_made.folder(Path("hub"), {"model_type": "distilbert", **sizes}, hub_made.distilbert_of(weights))
    alone = {**weights, "embeddings.token_type_embeddings.weight": torch.zeros(2, 8)}
    assert_close(states(*started(body), [IDS])[0], hub_made.bert_steps(alone, IDS), atol=1e-5, rtol=1e-5)

    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): each
        for name, each in weights.items()
    }
    hub_made.folder(Path("hub"), tensors=old)
    assert_close(states(*started(body), [IDS])[0], hub_made.bert_steps(weights, IDS), atol=1e-5, rtol=1e-5)


def test_a_gpt2_gives_the_vectors_that_its_formulas_give():
    weights = hub_made.drawn(hub_made.gpt2_names())
    hub_made.folder(Path("hub"), GPT2, {f"transformer.{name}": tensor for name, tensor in weights.items()})
    program, network = started({"type": "gpt", "pretrained": "hub", "pool": None})
    assert_close(states(program, network, [IDS, IDS[:3]])[0], hub_made.gpt2_steps(weights, IDS), atol=1e-5, rtol=1e-5)


def test_weights_of_torch_and_in_several_files_are_read_too():
    weights = hub_made.drawn(hub_made.bert_names())
    path = hub_made.folder(Path("hub"), tensors=weights)
    body = {"type": "transformer_encoder", "pretrained": "hub", "pool": None}
    expected = hub_made.bert_steps(weights, IDS)
    (path / "model.safetensors").unlink()
    torch.save(weights, path / "pytorch_model.bin")
    assert_close(states(*started(body), [IDS])[0], expected, atol=1e-5, rtol=1e-5)
    (path / "pytorch_model.bin").unlink()
    names = list(weights)
    files = {"a.safetensors": names[:9], "b.safetensors": names[9:]}
    for file, own in files.items():
        hub_made.save_file({name: weights[name] for name in own}, path / file)
    listed = {name: file for file, own in files.items() for name in own}
    (path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": listed}))
    assert_close(states(*started(body), [IDS])[0], expected, atol=1e-5, rtol=1e-5)


def test_a_body_stands_in_a_node_twice_and_a_third_part_may_be_frozen():
    weights = hub_made.drawn(hub_made.bert_names())
    hub_made.folder(Path("hub"), tensors=weights)
    nodes = {
        "a": {"from": "t", "transformer_encoder": {"pretrained": "hub", "pool": "mean"}},
        "b": {"from": "t", "same_as": "a"},
        "both": {"concat": ["a", "b"]},
    }
    program, network = started({"nodes": nodes, "heads": {"y": "both"}, "freeze": ["a.embedding_1", "a.*_1.*"]}, ROW)
    assert "a.embedding_1.weight" in program.frozen
    assert "a.multihead_attention_2.in_proj_weight" not in program.frozen
    mean = hub_made.bert_steps(weights, IDS).mean(0)
    assert_close(states(program, network, [IDS, IDS[:3]])[0], torch.cat([mean, mean]), atol=1e-5, rtol=1e-5)


def test_sizes_are_filled_in_and_a_config_that_has_them_needs_no_folder():
    hub_made.folder(Path("hub"))
    config = read({"type": "transformer_encoder", "pretrained": "hub"})
    architecture = cast("Any", config.experiment.architecture)
    found = (architecture.dim, architecture.num_layers, architecture.num_heads, architecture.dim_feedforward, architecture.max_length)
    assert found == (8, 2, 2, 12, PLACES)
    assert (architecture.norm_eps, architecture.norm_first, architecture.embedding_norm) == (1e-12, False, True)
    assert cast("Text", config.experiment.data.fields["t"]).max_length == PLACES
    saved = config.experiment.model_dump(mode="json", by_alias=True)
    shutil.rmtree("hub")
    again = read_mapping(saved, folder=Path.cwd())
    assert again.experiment.model_dump(mode="json", by_alias=True) == saved


@pytest.mark.parametrize(
    ("change", "body", "words"),
    [
        ({}, {"dim": 16}, "dim is 16, and the network in hub has 8"),
        ({}, {"positions": "rotary"}, "positions is rotary, and the network in hub has learned"),
        ({"model_type": "deberta"}, {}, "is a network of the type deberta, and these are read: bert, roberta"),
        ({"hidden_act": "mish"}, {}, "has the activation 'mish'"),
        ({"position_embedding_type": "relative_key"}, {}, "position_embedding_type 'relative_key'"),
        ({"hidden_size": "8"}, {}, "hidden_size is '8', and a whole number from 1 to"),
        ({"embedding_size": 4}, {}, "its embeddings have 4 numbers and its steps 8"),
        ({"model_type": "gpt2", **GPT2}, {}, "hub holds a gpt (gpt2)"),
    ],
)
def test_what_does_not_fit_is_told_at_its_place(change: dict[str, Any], body: dict[str, Any], words: str):
    hub_made.folder(Path("hub"), {**BERT, **change})
    with pytest.raises(ConfigError) as told:
        read({"type": "transformer_encoder", "pretrained": "hub", **body})
    assert words in str(told.value)


def test_a_folder_that_is_not_there_or_lacks_something_is_named():
    absent = read({"type": "transformer_encoder", "pretrained": "hub"}).absent
    assert [problem.path for problem in absent] == [("data", "fields", "t", "tokenizer", "path"), ("architecture", "pretrained", "path")]
    assert all("there is no folder" in problem.message and "nothing is loaded from the net" in str(problem.hint) for problem in absent)
    path = hub_made.folder(Path("hub"))
    (path / "tokenizer.json").unlink()
    with pytest.raises(ConfigError, match=r"has no tokenizer\.json and no vocab\.txt; there is: config.json, model.safetensors"):
        read({"type": "transformer_encoder", "pretrained": "hub"})
    hub_made.folder(path)
    (path / "model.safetensors").unlink()
    with pytest.raises(ConfigError, match=r"has no weights \(model.safetensors or pytorch_model.bin\)"):
        read({"type": "transformer_encoder", "pretrained": "hub"})
    weights = hub_made.drawn(hub_made.bert_names())
    hub_made.folder(path, tensors={name: each for name, each in weights.items() if "layer.1.output.dense" not in name})
    with pytest.raises(ConfigError, match=r"has no tensor encoder.layer.1.output.dense.weight, as its config.json says"):
        started({"type": "transformer_encoder", "pretrained": "hub", "pool": None})
    hub_made.folder(path, {**BERT, "intermediate_size": 13}, weights)
    with pytest.raises(ConfigError, match=r"encoder.layer.1.intermediate.dense.weight has another shape: \[12, 8\] there"):
        started({"type": "transformer_encoder", "pretrained": "hub", "pool": None})
    weights["encoder.layer.0.output.dense.bias"][0] = torch.nan
    hub_made.folder(path, tensors=weights)
    with pytest.raises(Exception, match=r"encoder\.layer\.0\.output\.dense\.bias holds NaN or infinity"):
        started({"type": "transformer_encoder", "pretrained": "hub", "pool": None})


def test_another_network_in_the_folder_is_noticed():
    hub_made.folder(Path("hub"))
    saved = read({"type": "transformer_encoder", "pretrained": "hub", "pool": None}).experiment.architecture
    assert saved is not None
    other = {name: tensor + 1 for name, tensor in hub_made.drawn(hub_made.bert_names()).items()}
    hub_made.folder(Path("hub"), tensors=other)
    with pytest.raises(ConfigError, match="hub holds another network than it did"):
        started(saved.dump())


@pytest.mark.slow
def test_the_networks_of_the_library_itself_say_the_same():
    transformers: Any = pytest.importorskip("transformers", reason="compares with the package transformers, which is not installed")
    transformers.logging.disable_progress_bar()
    sizes = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 12, "max_position_embeddings": PLACES}
    kinds: list[tuple[str, Any, str]] = [
        ("transformer_encoder", transformers.BertConfig(vocab_size=17, **sizes), "BertModel"),
        ("transformer_encoder", transformers.RobertaConfig(vocab_size=17, pad_token_id=0, **sizes), "RobertaModel"),
        ("transformer_encoder", transformers.ElectraConfig(vocab_size=17, embedding_size=8, **sizes), "ElectraModel"),
        (
            "transformer_encoder",
            transformers.DistilBertConfig(vocab_size=17, dim=8, n_layers=2, n_heads=2, hidden_dim=12),
            "DistilBertModel",
        ),
        ("gpt", transformers.GPT2Config(vocab_size=17, n_embd=8, n_layer=2, n_head=2, n_positions=PLACES), "GPT2Model"),
    ]
    for family, settings, name in kinds:
        torch.manual_seed(0)
        model = getattr(transformers, name)(settings).eval()
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.5)
        path = hub_made.folder(Path("hub"))
        (path / "model.safetensors").unlink()
        model.save_pretrained(path)
        found = states(*started({"type": family, "pretrained": "hub", "pool": None}), [IDS])[0]
        with torch.no_grad():
            expected = model(torch.tensor([IDS])).last_hidden_state[0]
        assert_close(found, expected, atol=1e-4, rtol=1e-4, msg=name)
