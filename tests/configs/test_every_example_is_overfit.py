"""Every example has a test in which it learns a few rows by heart, or what is learned by acting reaches its aim."""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
CONFIGS = TESTS.parent / "configs"
ELSEWHERE = {
    "connected_digits_ctc": ("integration/test_connected_digits.py", '"connected_digits_ctc.yaml"'),
    "cartpole_dqn": ("integration/test_cartpole.py", '"cartpole_dqn.yaml"'),
    "cifar10": ("configs/test_overfit_made_up.py", '"cifar10_small"'),  # the same network
    "digits_simclr": ("integration/test_pairs_and_views.py", '"digits_simclr.yaml"'),
    "multi30k_pairs": ("integration/test_pairs_and_views.py", '"multi30k_pairs.yaml"'),
    "omniglot": ("integration/test_metric_learning.py", '"omniglot.yaml"'),
    "mnist10k_dcgan": ("integration/test_gan_runs.py", '"mnist10k_dcgan.yaml"'),
    "membrane_unet": ("integration/test_masks_of_images.py", '"membrane_unet.yaml"'),
    "hymenoptera_efficientnet": ("configs/test_overfit_images.py", '"efficientnet_lite as it is"'),
    "mnist10k_capsnet": ("configs/test_overfit_images.py", '"capsnet as it is"'),
}
"""Tests that bring their own data or world, or have the network under another name."""


@pytest.mark.parametrize("name", sorted(path.stem for path in CONFIGS.glob("*.yaml")))
def test_there_is_a_test(name: str) -> None:
    if name in ELSEWHERE:
        file, text = ELSEWHERE[name]
        assert text in (TESTS / file).read_text(encoding="utf-8")
        return
    texts = [path.read_text(encoding="utf-8") for path in TESTS.glob("configs/test_overfit*.py")]
    assert any(f'"{name}"' in text for text in texts), f"add {name} to a table of tests/configs/test_overfit_*.py"
