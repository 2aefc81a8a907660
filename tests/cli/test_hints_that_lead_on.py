"""Hints that can be followed literally, for what is found out before or while the data is read."""

import pytest

from nntrain.cli import main

ROWS = "id,a,label,part\n" + "".join(
    f"n{row},{row % 7}.5,{'xyz'[row % 3]},{('train', 'validation', 'test', 'none')[row % 4]}\n" for row in range(40)
)
EDGES = "from,to,weight\n" + "".join(f"n{row},n{(row + 1) % 40},{row % 3 + 1}\n" for row in range(40))
TEXTS = "text,label\n" + "".join(f"{'one two' if row % 2 else 'three four five'} a{row % 5},{'ab'[row % 2]}\n" for row in range(60))
GRAPH = "data: {source: {type: graph, nodes: n.csv, edges: e.csv%s}, target: %s%s}\narchitecture: gnn\ntraining: {max_epochs: 1}\n"


@pytest.fixture
def told(tmp_path, capsys):
    (tmp_path / "n.csv").write_text(ROWS, encoding="utf-8")
    (tmp_path / "e.csv").write_text(EDGES, encoding="utf-8")
    (tmp_path / "t.csv").write_text(TEXTS, encoding="utf-8")
    (tmp_path / "s.csv").write_text("v\n" + "".join(f"{row}.5\n" for row in range(400)), encoding="utf-8")

    def run(config, *flags):
        (tmp_path / "a.yaml").write_text(config, encoding="utf-8")
        code = main(["check", "a.yaml", *flags])
        shown = capsys.readouterr()
        return code, " ".join((shown.out + shown.err).split())

    return run


def test_a_graph_network_over_a_text_asks_for_edges_at_once(told):
    code, shown = told("data: {source: t.csv, target: label, fields: {text: text}}\narchitecture: gnn\n")
    assert code == 2
    assert "gnn needs edges between nodes" in shown
    assert "embedding" not in shown


def test_a_window_that_no_table_of_this_length_has_is_not_to_be_met_by_the_split(told):
    code, shown = told("data: {source: s.csv, fields: {v: {type: number, role: [input, target]}}, window: {past: 12, horizon: 500}}\n")
    assert code == 2
    assert "a shorter window, or more rows: there are 400 in all" in shown
    assert "or more, or" not in shown


def test_a_number_of_each_node_says_what_nodes_can_be(told):
    code, shown = told(GRAPH % ("", "a", ", fields: {label: {role: ignore}}"))
    assert code == 2
    assert "data.fields.a regression has one answer a row, and a has one for each node of a graph" in shown
    assert "pixel" not in shown


def test_the_words_of_a_split_of_nodes_are_all_named(told, tmp_path):
    config = GRAPH % ("", "label", ", split: {by: column, column: part}")
    assert told(config, "--data")[0] == 0
    (tmp_path / "n.csv").write_text(ROWS.replace("none", "nothing", 1), encoding="utf-8")
    code, shown = told(config, "--data")
    assert code == 3
    assert "part should be train, validation, test or none; 1 of 40 values is not: line 5 'nothing'" in shown


def test_weights_of_edges_below_0_are_refused(told, tmp_path):
    (tmp_path / "e.csv").write_text(EDGES.replace(",1\n", ",-1\n", 1), encoding="utf-8")
    code, shown = told(GRAPH % (", weight: weight", "label", ""), "--data")
    assert code == 3
    assert "weight is below 0 in line 2, and gcn takes the root" in shown


def test_positions_that_end_before_the_longest_text_are_told_where_they_are_written(told):
    config = (
        "data: {source: t.csv, fields: {text: text, label: {type: text, role: target}}}\n"
        "architecture: {type: encoder_decoder, dim: 32, positions: learned, max_length: %d}\ntask: {type: seq2seq, max_length: 20}\n"
    )
    code, shown = told(config % 20)
    assert code == 2
    assert "a.yaml:2:80 architecture.max_length has vectors for 20 steps, and seq2seq writes up to 20 tokens of label" in shown
    assert "fix: max_length: 21, or task.max_length: 19" in shown
    assert told(config % 21)[0] == 0


def test_a_decoder_that_does_not_tell_directions_is_warned_of(told):
    config = "data: {source: {type: graph, nodes: n.csv, edges: e.csv, target: edges, directed: %s}}\narchitecture: {layers: [gcn: 8%s]}\n"
    assert "pair: dot scores A to B as B to A" in told(config % ("true", ""))[1]
    assert "scores A to B" not in told(config % ("false", ""))[1]
    assert "scores A to B" not in told(config % ("true", ", pair: concat, linear: 1"))[1]


def test_weights_that_nothing_reads_are_told(tmp_path):
    from nntrain.data.sources.graph import Graph

    (tmp_path / "n.csv").write_text(ROWS, encoding="utf-8")
    (tmp_path / "e.csv").write_text(EDGES, encoding="utf-8")
    source = Graph(nodes="n.csv", edges="e.csv")
    assert "e.csv: weight is not read   gcn does with data.source.weight: weight" in source.read(tmp_path / "n.csv", "n.csv").notes
    weighed = Graph(nodes="n.csv", edges="e.csv", weight="weight")
    assert not [note for note in weighed.read(tmp_path / "n.csv", "n.csv").notes if "not read" in note]


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["fit", "--epochs", "5"], "a setting has no dashes: epochs=5"),
        (["fit", "--batch-size=32"], "a setting has no dashes: batch_size=32"),
        (["check", "--lr"], "a setting has no dashes: lr=VALUE"),
        (["fit", "--seed", "3"], "seed=3   nearest options: --seeds"),
    ],
)
def test_settings_that_are_given_as_options_are_told_how_to_be_written(
    words: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"no option {words[1].partition('=')[0]}\n")
    assert hint in told


def test_options_that_a_command_without_settings_lacks_are_told_with_its_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "--epochs", "5"]) == 2
    assert "Usage: nntrain eval" in capsys.readouterr().err
