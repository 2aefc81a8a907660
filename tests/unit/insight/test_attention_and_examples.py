"""What attention looks at, where it is known, and the training rows that a network sees nearest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import nntrain
from nntrain.cli import main
from nntrain.data.highlights import Heat, MarkedWords
from nntrain.errors import UsageError

pytestmark = pytest.mark.extra("explain")

SETTINGS: dict[str, Any] = {"optimizer": {"type": "adamw", "lr": 0.01}, "training": {"max_epochs": 3, "device": "cpu"}}


def tables(folder: Path) -> None:
    """A category before the numbers, so that the order of the file is not that of the fields in the network."""
    random = np.random.default_rng(0)
    x = random.normal(size=(300, 3))
    rows = [f"{'uvw'[row % 3]},{a:.4f},{b:.4f},{c:.4f},{'yes' if b > 0 else 'no'}" for row, (a, b, c) in enumerate(x)]
    (folder / "t.csv").write_text("\n".join(["town,a,b,c,label", *rows]) + "\n")


def test_weights_of_attention_are_those_that_torch_gives(tmp_path: Path) -> None:
    from nntrain.insight.attention import _recorded
    from nntrain.modules.attention import SelfAttention

    module = SelfAttention(8, 8, 2, 2, causal=False, rotary=False, bias=True, dropout=0.0).eval()
    theirs = torch.nn.MultiheadAttention(8, 2, batch_first=True).eval()
    theirs.load_state_dict(module.state_dict())
    x = torch.randn(4, 5, 8)
    lengths = torch.tensor([5, 3, 1, 4])
    with _recorded([module]) as weights, torch.no_grad():
        ours = module(x, lengths)[0]
        hidden = torch.arange(5) >= lengths.unsqueeze(1)
        expected = theirs(x, x, x, key_padding_mask=hidden)
    torch.testing.assert_close(weights[0].float()[~hidden], expected[1][~hidden])  # what asks behind the end of a row is zero here
    assert "attend" not in vars(module)
    torch.testing.assert_close(ours[0], expected[0][0])


def test_attention_over_fields_text_and_patches(tmp_path: Path) -> None:
    tables(tmp_path)
    transformer = {"type": "ft_transformer", "dim": 16, "num_layers": 2, "num_heads": 2}
    run = nntrain.fit(
        {"name": "t", "data": {"source": "t.csv", "target": "label"}, "architecture": transformer, **SETTINGS}, runs="runs"
    ).run
    row = nntrain.explain(run, method="attention").explained[0]
    assert {share.column for share in row.shares} == {"town", "a", "b", "c"}
    assert 0 < sum(share.share for share in row.shares) <= 1 + 1e-6

    lines = [f"{'good' if row % 2 else 'bad'} {'word ' * (row % 5 + 1)},{row % 2}" for row in range(60)]
    (tmp_path / "w.csv").write_text("\n".join(["text,label", *lines]) + "\n")
    fields = {"text": {"type": "text"}, "label": {"type": "category", "role": "target"}}
    layers = [{"embedding": 8}, {"multihead_attention": {"num_heads": 2}}, {"pool": "mean"}]
    texts = {"name": "w", "data": {"source": "w.csv", "fields": fields}, "architecture": {"layers": layers}}
    found = nntrain.explain(nntrain.fit({**texts, **SETTINGS}, runs="runs").run, method="attention")
    for each in found.explained:
        marked = each.shares[0].highlight
        assert isinstance(marked, MarkedWords)
        assert sum(marked.shares) == pytest.approx(1)

    vit = {"type": "vit", "patch_size": 2, "dim": 8, "num_layers": 1, "num_heads": 2}
    digits = {"name": "v", "data": {"source": {"type": "builtin", "name": "digits"}}, "architecture": vit}
    once = {**SETTINGS, "training": {"max_epochs": 1, "device": "cpu"}}
    seen = nntrain.explain(nntrain.fit({**digits, **once}, runs="runs").run, method="attention")
    assert isinstance(seen.explained[0].shares[0].highlight, Heat)
    assert seen.explained[0].shares[0].share == pytest.approx(1)


def test_the_field_that_decides_is_attended_to_in_its_own_place(tmp_path: Path) -> None:
    """Attention that looks at one step only gives that field the share, whatever its place in the file."""
    from nntrain.commands.stored.opening import open_run
    from nntrain.insight import attention

    tables(tmp_path)
    transformer = {"type": "ft_transformer", "dim": 8, "num_layers": 1, "num_heads": 2}
    run = nntrain.fit(
        {"name": "t", "data": {"source": "t.csv", "target": "label"}, "architecture": transformer, **SETTINGS}, runs="runs"
    ).run
    with pytest.MonkeyPatch.context() as patch:
        flow = torch.zeros(64, 5, 5, dtype=torch.float64)
        flow[:, 0, 2] = 1  # behind the class token stand a, b, c, town
        patch.setattr(attention, "_flow", lambda weights: flow[: len(weights[0])])
        row = nntrain.explain(run, method="attention").explained[0]
    assert {share.column: share.share for share in row.shares} == {"b": 1.0, "a": 0.0, "c": 0.0, "town": 0.0}
    assert open_run(run).network is not None


def test_examples_are_the_nearest_training_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tables(tmp_path)
    config = {"name": "t", "data": {"source": "t.csv", "target": "label"}, "architecture": {"type": "mlp", "hidden": [16]}, **SETTINGS}
    run = nntrain.fit({**config, "training": {"max_epochs": 20, "device": "cpu"}}, runs="runs").run
    found = nntrain.explain(run, method="examples", rows=[0, 1, 2, 3])
    assert found.quality is None
    agreeing = 0
    for row in found.explained:
        assert len(row.examples) == 5
        distances = [each.distance for each in row.examples]
        assert distances == sorted(distances)
        agreeing += sum(each.answer == row.output for each in row.examples)
    assert agreeing >= 16
    own = nntrain.explain(run, method="examples", split="train", rows=[0]).explained[0]
    assert own.place not in {each.place for each in own.examples}
    assert main(["explain", run.name, "--method", "examples"]) == 0
    assert "nearest training rows" in capsys.readouterr().out


def test_a_network_without_attention_says_so(tmp_path: Path) -> None:
    tables(tmp_path)
    config = {"name": "t", "data": {"source": "t.csv", "target": "label"}, "architecture": {"type": "mlp", "hidden": [4]}, **SETTINGS}
    with pytest.raises(UsageError, match="and the network has none"):
        nntrain.explain(nntrain.fit(config, runs="runs").run, method="attention")
