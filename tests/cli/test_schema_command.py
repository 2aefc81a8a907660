"""`nntrain schema`: what nntrain reads fits the JSON Schema, and what it refuses does not."""

import json
from pathlib import Path
from typing import Any

import pytest
from schema_checker import accepts
from wrong_names import NAMES
from wrong_values import VALUES

from nntrain import cli
from nntrain.config import loading
from nntrain.config.documentation.catalogue import catalogue
from nntrain.config.documentation.json_schema import json_schema
from nntrain.config.reading import read_mapping
from nntrain.errors import ConfigError

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return json_schema(catalogue())


def test_the_command_prints_it(schema: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == schema


def test_the_reference_names_every_section_and_component(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["schema", "--markdown"]) == 0
    text = capsys.readouterr().out
    content = catalogue()
    assert all(f"### {tag}\n" in text for slot in content.slots.values() for tag in slot.table)
    assert all(f"| `{section.name}` |" in text for section in content.options(content.definition(content.root)))
    assert "| `early_stopping.patience` | a whole number above 0 | `10` |" in text
    assert all(line.count(" | ") == 3 for line in text.splitlines() if line.startswith("| `"))


def test_it_is_draft_2020_12_and_every_reference_leads_somewhere(schema: dict[str, Any]) -> None:
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"

    def references(node: Any) -> list[str]:
        inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
        own = [node["$ref"]] if isinstance(node, dict) and isinstance(node.get("$ref"), str) else []
        return [*own, *(found for item in inner for found in references(item))]

    assert all(reference.removeprefix("#/$defs/") in schema["$defs"] for reference in references(schema))
    assert "x-slot" not in str(schema)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_example_fits(schema: dict[str, Any], path: Path) -> None:
    assert accepts(schema, loading.load(path).tree)


RIGHT = {
    "shortest": {"data": {"source": "a.csv", "target": "y"}},
    "extends": {"extends": "base.yaml"},
    "names": {"data": {"source": "a.npz"}, "optimizer": "sgd", "loss": "mse", "metrics": ["rmse", "mae"]},
    "types": {"data": {"source": {"type": "csv", "path": "a.csv"}}, "optimizer": {"type": "adam", "betas": [0.9, 0.99]}},
    "short forms": {"data": {"source": {"csv": "a.csv"}}, "optimizer": {"sgd": 0.1}, "scheduler": {"step": {"every_epochs": 3}}},
    "options alone": {"data": {"source": {"path": "a.csv"}}, "optimizer": {"lr": 0.1}},
    "fields": {"data": {"source": "a.csv", "fields": {"a": "number", "b": {"role": "target"}, "c": {"classes": ["x", "y"]}}}},
    "layers": {
        "data": {"source": "a.csv"},
        "architecture": {"layers": [{"linear": 64, "name": "code"}, "relu", {"type": "linear", "out_features": 3}, {"mlp": [3]}]},
    },
    "nodes": {
        "data": {"source": "a.csv"},
        "architecture": {"nodes": {"a": {"from": "x", "linear": 64}, "b": {"from": ["a", "x"], "layers": ["relu"]}}, "heads": {"y": "b"}},
    },
    "blocks": {
        "data": {"source": "a.csv"},
        "variables": {"dim": 8, "rates": [0.1, 0.2]},
        "architecture": {
            "blocks": {"dense": {"with": {"c": None, "act": "relu"}, "layers": [{"linear": "=c"}, "=act"]}, "end": ["relu"]},
            "layers": [
                {"dense": "=dim", "name": "first"},
                [{"linear": "=in//2"}, "end"],
                {"repeat": {"for": {"p": "=rates"}, "layers": [{"dense": {"c": 8, "act": "tanh"}}, {"dropout": {"p": "=p"}}]}},
                {"repeat": {"times": 2, "layers": [{"dense": [4, "gelu"]}]}},
            ],
        },
    },
    "blocks in nodes": {
        "data": {"source": "a.csv"},
        "architecture": {"blocks": {"end": ["relu"]}, "nodes": {"a": {"from": "x", "end": None}, "b": {"from": "a", "mlp": ["=in"]}}},
    },
    "short section": {"data": {"source": "a.csv"}, "regularization": {"ema": 0.99}},
    "period": {"data": {"source": "a.csv"}, "training": {"evaluate_every": {"steps": 5}, "early_stopping": None}},
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_nntrain_reads_fits(schema: dict[str, Any], name: str) -> None:
    tree = RIGHT[name]
    if "extends" not in tree:
        read_mapping(tree)
    assert accepts(schema, tree)


NOT_OF_THE_SCHEMA = {
    "knob under two names",  # JSON Schema could say it, at the price of clear messages in editors
    "period with two units",
    "infinite",
    "unknown file type",
    "Keras layer",  # an unknown name of a layer may be that of a block
}


@pytest.mark.parametrize("row", [row for row in [*NAMES, *VALUES] if not row.changes], ids=lambda row: row.name)
def test_what_is_wrong_does_not_fit(schema: dict[str, Any], row: Any) -> None:
    try:
        tree = loading.parse(row.text, "a.yaml").tree
    except ConfigError:
        return  # no tree to look at: the text is no YAML
    if row.name not in NOT_OF_THE_SCHEMA:
        assert not accepts(schema, tree)
