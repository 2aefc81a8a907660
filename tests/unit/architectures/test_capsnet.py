"""The capsule network: its parameters, what it is told, what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from compiled import CLASSES, ONE, PHOTO, Written, compiled, lines, problems, told

from nntrain.architectures.compiling import compile_program
from nntrain.layers.program import Program
from nntrain.specs import IMAGE, VECTOR, Spec, Unknown

DIGITS = {"digit": Spec(VECTOR, (10,), "logits")}
IMAGES = {"image": Spec(IMAGE, (1, 28, 28))}
PORTS = {"digit": Spec((), (), "index", classes=10)}


def network(**options: Any) -> Program:
    read = Written.parse({"architecture": {"type": "capsnet", **options}}).architecture
    return compile_program(read, IMAGES, DIGITS, ports=PORTS)


def test_it_has_the_parameters_of_the_paper():
    """8.2 million with the decoder and 6.8 without (section 5); the couplings are none."""
    assert network().num_parameters == 8_215_568
    assert network(decoder=None).num_parameters == 6_804_224
    assert network(routing="uniform").num_parameters == 8_215_568


def test_it_is_its_own_output_and_the_decoder_is_told_the_class():
    program = network(conv=4, primary=(2, 4), digit=3, decoder=(5,))
    assert lines(program) == [
        "conv2d_1: conv2d 4, kernel_size 9 -> [4, 20, 20]",
        "relu_1: relu -> [4, 20, 20]",
        "primary_capsules_1: primary_capsules 2, dim 4 -> [72, 4]",
        "capsules_1: capsules 10, dim 3 -> [10, 3]",
        "capsule_mask_1: capsule_mask teacher.digit -> [30]",
        "linear_1: linear 5 -> [5]",
        "relu_2: relu -> [5]",
        "linear_2: linear 784 -> [784]",
        "sigmoid_1: sigmoid -> [784]",
        "decoder: reconstruction image -> [784]",
        "capsule_length_1: capsule_length -> [10]",
    ]
    assert program.told == {"teacher.digit"}
    assert not program.hangs_on(program.outputs["digit"], "teacher.digit")
    assert program.loss_parts == {"decoder.reconstruction": 0.0005}


def test_classes_and_pixels_may_be_unknown_until_the_data_is_read():
    needs = {"digit": Spec(VECTOR, (Unknown("classes of digit"),), "logits")}
    image = {"image": Spec(IMAGE, (1, Unknown("height of image"), Unknown("width of image")))}
    program = compiled("capsnet", image, needs)
    assert program.num_parameters is None
    assert str(program.outputs["digit"].spec) == "[<classes of digit>]"


@pytest.mark.parametrize(
    ("needs", "message"),
    [
        ({"y": ONE}, "has a capsule for each class, and y needs a row of numbers [1]. fix:  data.fields: {y: category}"),
        ({"y": CLASSES, "z": CLASSES}, "has a capsule for each class of one target, and the targets are 2: y, z"),
    ],
)
def test_targets_without_classes_are_refused(needs: dict[str, Spec], message: str):
    assert message in "\n".join(told(problems({"type": "capsnet", "kernel_size": 3}, PHOTO, needs)))


def test_other_inputs_are_refused():
    assert "needs an image [C, H, W] and gets a row of numbers [1]" in told(problems("capsnet", {"age": Spec((), ())}))[0]
    assert "has a window of 9" in told(problems("capsnet", PHOTO))[0]


def test_capsules_in_a_list_of_layers():
    layers = [
        {"primary_capsules": {"num_capsules": 2, "kernel_size": 3}},
        {"capsules": {"num_capsules": "=out", "dim": 4}},
        "capsule_length",
    ]
    assert lines(compiled({"layers": layers}, PHOTO))[-1] == "capsule_length_1: capsule_length -> [3]"
    behind = compiled({"layers": [*layers[:2], "flatten", {"linear": 5}, "relu"]}, PHOTO)
    assert lines(behind)[-1] == "head: linear 3 -> [3]"
    assert "needs capsules [N, D] and gets an image [1, 8, 8]" in told(problems({"layers": [{"capsules": 3}, "capsule_length"]}, PHOTO))[0]
