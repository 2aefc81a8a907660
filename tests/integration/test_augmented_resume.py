"""A run with augmented, mixed and balanced training rows is resumed to the byte."""

from pathlib import Path

import pytest

from nntrain.commands.preparing.jobs import Options
from nntrain.commands.proofs import smoke

CONFIG = """
name: digits
data:
  source: {{builtin: digits}}
  fields: {{image: {{type: image, augment: [{{crop: 1}}, {{rotate: 10}}, erasing, {{noise: 0.05}}]}}}}
  batch: {{sampler: balanced}}
  batch_size: 32
architecture: {{type: cnn, channels: [4]}}
regularization: {{{mixing}}}
training: {{max_epochs: 2, accumulate: {accumulate}}}
"""


@pytest.mark.parametrize(("mixing", "accumulate"), [("mixup: 0.2, cutmix: 1.0", 2), ("", 1)])
def test_smoke(tmp_path: Path, capsys: pytest.CaptureFixture[str], mixing: str, accumulate: int) -> None:
    path = tmp_path / "digits.yaml"
    path.write_text(CONFIG.format(mixing=mixing, accumulate=accumulate))
    assert smoke.run(path, (), Options(as_json=True)) == 0, capsys.readouterr().out
