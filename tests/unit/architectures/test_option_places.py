"""What does not fit in the layers that a family makes is told at the family's own option, which the config has a line for."""

import pytest
from compiled import PHOTO, problems

from nntrain.errors import render_path
from nntrain.specs import RAGGED, SEQUENCE, TOKENS, VECTOR, Spec

WINDOW = {"past": Spec(SEQUENCE, (17, 2))}
FORECAST = {"y": Spec(SEQUENCE, (3, 2), "float")}
TEXT = {"text": Spec(TOKENS, (RAGGED,), "index", classes=30)}
CLASSES = {"y": Spec(VECTOR, (3,), "logits")}


@pytest.mark.parametrize(
    ("architecture", "inputs", "needs", "place", "told"),
    [
        ({"type": "patchtst", "patch_size": 40}, WINDOW, FORECAST, "patch_size", "there are too few"),
        ({"type": "patchtst", "stride": 9, "patch_size": 9, "dim": 8}, WINDOW, FORECAST, "patch_size", "8 are left over"),
        ({"type": "patchtst", "stride": 2}, WINDOW, FORECAST, "stride", "1 is left over"),
        ({"type": "patchtst", "patch_size": 1, "stride": 1, "dim": 30}, WINDOW, FORECAST, "dim", "30 numbers into 16 heads"),
        ({"type": "vit", "patch_size": 3}, PHOTO, CLASSES, "patch_size", "patches of 3 x 3"),
        ({"type": "vit", "patch_size": 4, "num_heads": 5}, PHOTO, CLASSES, "num_heads", "192 numbers into 5 heads"),
        ({"type": "vit", "patch_size": 4, "max_length": 3}, PHOTO, CLASSES, "max_length", "has vectors for 3 steps"),
        ({"type": "gpt", "num_heads": 3, "max_length": 9}, TEXT, CLASSES, "num_heads", "128 numbers into 3 heads"),
        ({"type": "gpt", "dim": 30, "positions": "rotary"}, TEXT, CLASSES, "dim", "30 numbers into 4 heads"),
        ({"type": "gpt", "num_kv_heads": 3, "max_length": 9}, TEXT, CLASSES, "num_kv_heads", "3 heads of keys and values"),
        ({"type": "gpt", "num_experts": 2, "top_k": 3, "max_length": 9}, TEXT, CLASSES, "top_k", "takes 3 experts"),
        ({"type": "transformer_encoder", "positions": "learned"}, TEXT, CLASSES, "positions", "lengths differ by row"),
        ({"type": "dlinear", "kernel_size": 4}, WINDOW, FORECAST, "kernel_size", "have no middle"),
    ],
)
def test_an_option_that_does_not_fit_is_told_where_it_is_written(architecture, inputs, needs, place, told):
    (found,) = problems(architecture, inputs, needs)
    assert render_path(found.path) == f"architecture.{place}"
    assert told in found.message


def test_a_family_among_layers_is_told_at_its_item():
    (found,) = problems({"layers": [{"vit": {"patch_size": 4, "num_heads": 5}}]}, PHOTO, CLASSES)
    assert render_path(found.path) == "architecture.layers[0].num_heads"


def test_where_no_option_decides_the_family_is_told():
    (found,) = problems({"type": "patchtst"}, {"x": Spec(VECTOR, (4,))}, FORECAST)
    assert render_path(found.path) == "architecture"
