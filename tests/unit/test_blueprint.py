import pytest

from nntrain.blueprint import draw
from nntrain.config.reading import read_config
from nntrain.data.layout import plan_layout
from nntrain.errors import ConfigError


def plan(folder, text, data):
    (folder / "t.csv").write_text(text, encoding="utf-8")
    (folder / "experiment.yaml").write_text(f"data:\n{data}", encoding="utf-8")
    config = read_config(folder / "experiment.yaml")
    return config, plan_layout(config.experiment.data, config.folder, look=True)[0]


def test_no_input_says_which_columns_were_left_out_and_why(tmp_path):
    text = "x,n,z,y\n" + "".join(f"{row},{row + 7},a,{row * row}\n" for row in range(30))
    with pytest.raises(ConfigError) as caught:
        draw(*plan(tmp_path, text, "  source: t.csv\n  target: y\n"))
    assert "left out: x (row numbers), n (row numbers), z (always 'a')" in str(caught.value)
    assert "fix:  fields: {x: number}" in str(caught.value)
    with pytest.raises(ConfigError, match="every column is a target or ignored"):
        draw(*plan(tmp_path, text, "  source: t.csv\n  target: y\n  fields: {'?': {role: ignore}, y: number}\n"))


def test_a_node_that_reads_a_column_that_was_left_out_is_told_why_and_what_to_write(tmp_path):
    words = ["one slow", "two fast", "three big", "four small", "five red"]
    text = "question,n,x,gone,y\n" + "".join(
        f"{words[row % 5]} house number {row * 7} runs,{row},{row * row % 11},{row % 3},{row % 2}\n" for row in range(40)
    )
    nodes = "    a: {from: question, textcnn: {}}\n    b: {from: [n, gone], mlp: {}}\n    c: {concat: [a, b]}\n"
    data = f"  source: t.csv\n  target: y\n  fields: {{gone: {{role: ignore}}}}\narchitecture:\n  nodes:\n{nodes}"
    with pytest.raises(ConfigError) as caught:
        draw(*plan(tmp_path, text, data))
    told = str(caught.value)
    assert "the column 'question' was left out (a text beside other inputs)" in told
    assert "fix:  data.fields: {question: text}" in told
    assert "the column 'n' was left out (row numbers)" in told
    assert "to read it: data.fields: {n: number}" in told
    assert "the column 'gone' is ignored (role: ignore)" in told
    assert "no node" not in told
