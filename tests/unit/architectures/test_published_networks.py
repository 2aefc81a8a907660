"""Published networks in the language: as many parameters as the ports of PyTorch have that they were written from.

tests/configs/test_shared_examples.py has the whole configs that these are taken from.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from nntrain.architectures.compiling import compile_program
from nntrain.config.reading import read_config
from nntrain.layers.program import Program
from nntrain.specs import IMAGE, VECTOR, Spec

GOOGLENET = """
  blocks:
    cbr: {with: {c: null, k: 1}, layers: [conv2d: {out_channels: =c, kernel_size: =k, padding: =k//2}, batch_norm, relu]}
    inception:
      with: {a: null, r3: null, c3: null, r5: null, c5: null, p: null}
      layers:
        - branches:
            - [cbr: =a]
            - [cbr: =r3, cbr: {c: =c3, k: 3}]
            - [cbr: =r5, cbr: {c: =c5, k: 3}, cbr: {c: =c5, k: 3}]
            - [max_pool2d: {kernel_size: 3, stride: 1, padding: 1}, cbr: =p]
  layers:
    - cbr: {c: 192, k: 3}
    - inception: [64, 96, 128, 16, 32, 32]
    - inception: [128, 128, 192, 32, 96, 64]
    - max_pool2d: {kernel_size: 3, stride: 2, padding: 1}
    - inception: [192, 96, 208, 16, 48, 64]
    - inception: [160, 112, 224, 24, 64, 64]
    - inception: [128, 128, 256, 24, 64, 64]
    - inception: [112, 144, 288, 32, 64, 64]
    - inception: [256, 160, 320, 32, 128, 128]
    - max_pool2d: {kernel_size: 3, stride: 2, padding: 1}
    - inception: [256, 160, 320, 32, 128, 128]
    - inception: [384, 192, 384, 48, 128, 128]
    - global_avg_pool
"""

DENSENET_121 = """
  blocks:
    brc: {with: {c: null, k: 1}, layers: [batch_norm, relu, conv2d: {out_channels: =c, kernel_size: =k, padding: =k//2, bias: false}]}
    dense: {with: {n: null}, layers: [repeat: {times: =n, layers: [branches: {merge: concat, of: [[brc: 128, brc: {c: 32, k: 3}], []]}]}]}
  layers:
    - conv2d: {out_channels: 64, kernel_size: 3, padding: 1, bias: false}
    - repeat: {for: {n: [6, 12, 24]}, layers: [dense: =n, brc: =in//2, avg_pool2d: 2]}
    - dense: 16
    - [batch_norm, relu, global_avg_pool]
"""

MOBILENET_V2 = """
  blocks:
    cb:
      with: {c: null, k: 1, s: 1, g: 1}
      layers: [conv2d: {out_channels: =c, kernel_size: =k, stride: =s, padding: =k//2, groups: =g, bias: false}, batch_norm]
    expand: {with: {c: null, s: 1, e: 6}, layers: [cb: =in*e, relu, cb: {c: =in, k: 3, s: =s, g: =in}, relu, cb: =c]}
    stage:
      with: {c: null, n: null, e: 6}
      layers:
        - residual: {layers: [expand: {c: =c, e: =e}], shortcut: [cb: =c]}
        - repeat: {times: =n-1, layers: [residual: [expand: {c: =c, e: =e}]]}
    down: {with: {c: null, n: null}, layers: [expand: {c: =c, s: 2}, repeat: {times: =n-1, layers: [residual: [expand: =c]]}]}
  layers:
    - [cb: {c: 32, k: 3}, relu]
    - repeat: {for: {c: [16, 24], n: [1, 2], e: [1, 6]}, layers: [stage: {c: =c, n: =n, e: =e}]}
    - repeat: {for: {c: [32, 64], n: [3, 4]}, layers: [down: {c: =c, n: =n}]}
    - [stage: [96, 3], down: [160, 3], stage: [320, 1]]
    - [cb: 1280, relu, global_avg_pool]
"""

TCN = """
  blocks:
    conv:
      with: {d: 1}
      layers: [conv1d: {out_channels: 25, kernel_size: 7, dilation: =d, padding: causal, weight_norm: true}, relu, dropout: 0.05]
  layers:
    - rearrange: "c h w -> (h w) c"
    - repeat: {for: {d: [1, 2, 4, 8, 16, 32, 64, 128]}, layers: [residual: [conv: =d, conv: =d], relu]}
    - pool: last
"""

SENET_18_PORT = """
  blocks:
    conv: {with: {c: null, s: 1}, layers: [conv2d: {out_channels: =c, kernel_size: 3, stride: =s, padding: 1, bias: false}]}
    se: {layers: [branches: {merge: multiply, of: [[], [global_avg_pool, linear: =in//16, relu, linear: =in*16, sigmoid]]}]}
    same: {with: {c: null}, layers: [residual: [batch_norm, relu, conv: =c, batch_norm, relu, conv: =c, se]]}
    down:
      with: {c: null}
      layers:
        - [batch_norm, relu]
        - residual:
            layers: [conv: {c: =c, s: 2}, batch_norm, relu, conv: =c, se]
            shortcut: [conv2d: {out_channels: =c, kernel_size: 1, stride: 2, bias: false}]
  layers:
    - [conv: 64, batch_norm, relu, same: 64, same: 64]
    - repeat: {for: {c: [128, 256, 512]}, layers: [down: =c, same: =c]}
    - global_avg_pool
"""

SENET_18 = """
  blocks:
    conv:
      with: {c: null, k: 3, s: 1}
      layers: [conv2d: {out_channels: =c, kernel_size: =k, stride: =s, padding: =k//2, bias: false}, batch_norm]
    se: {layers: [branches: {merge: multiply, of: [[], [global_avg_pool, linear: =in//16, relu, linear: =in*16, sigmoid]]}]}
    block: {with: {c: null, s: 1}, layers: [residual: {layers: [conv: {c: =c, s: =s}, relu, conv: =c, se], shortcut: auto}, relu]}
  layers:
    - [conv: 64, relu, block: 64, block: 64]
    - repeat: {for: {c: [128, 256, 512]}, layers: [block: {c: =c, s: 2}, block: =c]}
    - global_avg_pool
"""

U_NET = """
  blocks:
    double: {with: {c: null}, layers: [repeat: {times: 2, layers: [conv2d: {out_channels: =c, kernel_size: 3, padding: same}, relu]}]}
  layers:
    - repeat: {for: {c: [64, 128, 256]}, layers: [{double: =c, name: "d{i}"}, max_pool2d: 2]}
    - [double: 512, {dropout: 0.5, name: d4}, max_pool2d: 2, double: 1024, dropout: 0.5]
    - [upsample: 2, conv2d: {out_channels: 512, kernel_size: 2, padding: same}, relu, concat: d4, double: 512]
    - repeat:
        for: {c: [256, 128, 64], j: [3, 2, 1]}
        layers: [upsample: 2, conv2d: {out_channels: =c, kernel_size: 2, padding: same}, relu, concat: "d{j}", double: =c]
    - conv2d: {out_channels: 2, kernel_size: 3, padding: same}
    - relu
"""

CLASSES = Spec(VECTOR, (10,), "logits")
PIXELS = Spec(IMAGE, (1, 256, 256), "logits")


def compiled(written: str, folder: Path, size: int, channels: int, need: Spec) -> Program:
    """The network of an architecture section over images."""
    config = folder / "net.yaml"
    config.write_text(f"data: {{source: {{type: builtin, name: digits}}}}\narchitecture:{written}")
    architecture = read_config(config).experiment.architecture
    assert architecture is not None
    return compile_program(architecture, {"image": Spec(IMAGE, (channels, size, size))}, {"y": need})


@pytest.mark.parametrize(
    ("written", "size", "channels", "need", "parameters"),
    [
        pytest.param(GOOGLENET, 32, 3, CLASSES, 6_166_250, id="googlenet"),
        pytest.param(DENSENET_121, 32, 3, CLASSES, 6_956_298, id="densenet-121"),
        pytest.param(MOBILENET_V2, 32, 3, CLASSES, 2_296_922, id="mobilenet-v2"),
        pytest.param(SENET_18_PORT, 32, 3, CLASSES, 11_260_354, id="senet-18, norms before convolutions, as the port has it"),
        pytest.param(SENET_18, 32, 3, CLASSES, 11_263_042, id="senet-18, norms behind convolutions"),
        pytest.param(TCN, 28, 1, CLASSES, 66_910, id="tcn"),
        pytest.param(U_NET, 256, 1, PIXELS, 31_031_685, id="u-net"),
    ],
)
def test_parameters_are_those_of_the_published_network(written: str, size: int, channels: int, need: Spec, parameters: int, tmp_path: Path):
    assert compiled(written, tmp_path, size, channels, need).num_parameters == parameters


class Block(nn.Module):
    """Two convolutions with squeeze-and-excitation beside a shortcut, written by hand."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after))
        self.second = nn.Sequential(nn.Conv2d(after, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after))
        self.squeeze, self.excite = nn.Linear(after, after // 16), nn.Linear(after // 16, after)
        self.shortcut = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(self.first(x).relu())
        gate = self.excite(self.squeeze(y.mean((2, 3))).relu()).sigmoid()
        return (y * gate[:, :, None, None] + self.shortcut(x)).relu()


@pytest.mark.parametrize("training", [True, False])
def test_squeeze_and_excitation_is_what_is_written_by_hand(training: bool, tmp_path: Path):
    """Weights in the same order, moved over by their place."""
    written = SENET_18[: SENET_18.index("  layers:\n    - [conv: 64")] + "  layers: [block: {c: 32, s: 2}]\n"
    need = Spec(IMAGE, (7, 4, 4), "logits")
    network = compiled(written, tmp_path, 8, 16, need).build().train(training)
    by_hand = nn.Sequential(Block(16, 32, 2), nn.Conv2d(32, 7, 1)).train(training)
    for ours, theirs in zip(network.parameters(), by_hand.parameters(), strict=True):
        theirs.data.copy_(ours.data)
    x = torch.randn(5, 16, 8, 8)
    torch.testing.assert_close(network({"image": x})[0]["y"], by_hand(x))
