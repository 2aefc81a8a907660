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
