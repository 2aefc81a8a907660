"""Five trainings that every peer does: the rows, the network in plain PyTorch, the optimizer, the batch size and the epochs.

`make` writes the rows of one once, so that peers in another interpreter read the same bytes; `load` reads them. Needs numpy and torch.

| | network | rows | batch | optimizer | epochs |
|---|---|---|---|---|---|
| w1 | MLP 54-256-256-7 | 50,000 of 54 numbers; 10,000 more are measured after each epoch | 256 | AdamW | 3 |
| w2 | MLP 64-128-10 | 1,797 digits of 8 x 8 | 32 | SGD with momentum | 20 |
| w3 | CNN of two convolutions | 10,000 images of 28 x 28 | 128 | Adam | 2 |
| w4 | LSTM of 128 units | 4,000 series of 40 steps | 64 | Adam | 5 |
| w5 | GPT, 4 layers, 4 heads, 128 wide | 2,400 pieces of 64 characters | 12 | AdamW, clipped at 1 | 1 |
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

Rows = dict[str, np.ndarray[Any, Any]]
"""`x`, `y` to train on, `xv`, `yv` to measure on."""


@dataclass(frozen=True)
class Workload:
    """One training."""

    name: str
    x: Tensor
    """Inputs, float32 `[N, …]` or int64 `[N, T]`."""
    y: Tensor
    """Classes, int64 `[N]` or `[N, T]`."""
    xv: Tensor
    yv: Tensor
    make_network: Callable[[], nn.Module] = nn.Identity
    batch: int = 1
    epochs: int = 1
    opt: str = "SGD"
    """Name in `torch.optim`."""
    opt_args: Mapping[str, Any] = field(default_factory=dict[str, Any])
    sizes: tuple[int, ...] = ()
    """Of an MLP: inputs, hidden layers, classes."""
    validate: bool = False
    """Whether the other rows are measured after each epoch, as part of the fit."""
    clip: float = 0.0
    """Largest norm of the gradients; 0: any."""
    metric: str = "accuracy"
    """What `score` gives: `accuracy` or `loss`."""
    scored: int = 512
    """Rows that are scored at once."""

    def first(self, rows: int) -> Workload:
        """The same with the first rows only."""
        return replace(self, x=self.x[:rows], y=self.y[:rows])

    def model(self, seed: int = 0) -> nn.Module:
        """A new network with the weights of a seed."""
        torch.manual_seed(seed)
        return self.make_network()

    def optimizer(self, parameters: Iterable[Tensor], **options: Any) -> torch.optim.Optimizer:
        """The optimizer, with options of torch's beside those of the workload (`fused`)."""
        return getattr(torch.optim, self.opt)(parameters, **self.opt_args, **options)

    def loss(self, outputs: Tensor, classes: Tensor) -> Tensor:
        """Mean cross-entropy over rows, of text over characters."""
        return functional.cross_entropy(outputs.flatten(0, -2), classes.flatten())

    @torch.no_grad()
    def score(self, network: nn.Module) -> float:
        """Accuracy or loss on the other rows."""
        network.eval()
        outputs = torch.cat([network(self.xv[start : start + self.scored]).float() for start in range(0, len(self.xv), self.scored)])
        return self.loss(outputs, self.yv).item() if self.metric == "loss" else self.accuracy(outputs.argmax(-1))

    def accuracy(self, classes: Tensor) -> float:
        """Share of the other rows whose class is right."""
        return (classes == self.yv).double().mean().item()


class Stopwatch:
    """Wall and processor seconds of one fit, from here to `stop`."""

    def __init__(self) -> None:
        """Start."""
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def stop(self) -> None:
        """Keep what has passed."""
        self.wall, self.cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu

    def result(self, workload: Workload, epochs: int, metric: float) -> dict[str, float]:
        """What a peer's `train` returns."""
        rows = len(workload.x) * epochs
        rates = {"samples_per_s": rows / self.wall, "samples_per_cpu_s": rows / self.cpu}
        return {**rates, "seconds": self.wall, "cpu_s": self.cpu, "final_metric": metric}


def mlp(sizes: tuple[int, ...]) -> nn.Sequential:
    """Linear layers with rectifiers between them."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def cnn() -> nn.Sequential:
    """Two convolutions, a pool, a hidden layer: `[B, 1, 28, 28]` to `[B, 10]`."""
    convolutions = nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)
    return nn.Sequential(*convolutions, nn.Flatten(), nn.Linear(64 * 12 * 12, 128), nn.ReLU(), nn.Linear(128, 10))


class LastState(nn.Module):
    """An LSTM whose output at the last step is classified: `[B, T, 1]` to `[B, 10]`."""

    def __init__(self, hidden: int = 128) -> None:
        """Of so many units."""
        super().__init__()
        self.recurrent, self.output = nn.LSTM(1, hidden, batch_first=True), nn.Linear(hidden, 10)

    def forward(self, series: Tensor) -> Tensor:
        """Classify `[B, T, 1]`."""
        states = self.recurrent(series)[0]
        return self.output(states[:, -1])


class Layer(nn.Module):
    """Causal attention, then a network of each position, both on normalised inputs and added to them."""

    def __init__(self, dim: int, heads: int) -> None:
        """Of so many numbers a position and so many heads."""
        super().__init__()
        self.heads = heads
        self.norm_attention, self.norm_position = nn.LayerNorm(dim, bias=False), nn.LayerNorm(dim, bias=False)
        self.queries_keys_values, self.attended = nn.Linear(dim, 3 * dim, bias=False), nn.Linear(dim, dim, bias=False)
        self.wide, self.narrow = nn.Linear(dim, 4 * dim, bias=False), nn.Linear(4 * dim, dim, bias=False)

    def forward(self, values: Tensor) -> Tensor:
        """`[B, T, F]` to the same."""
        parts = self.queries_keys_values(self.norm_attention(values)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        found = functional.scaled_dot_product_attention(parts[0], parts[1], parts[2], is_causal=True)
        values = values + self.attended(found.transpose(1, 2).flatten(2))
        return values + self.narrow(functional.gelu(self.wide(self.norm_position(values))))


class GPT(nn.Module):
    """The next character after each: `[B, T]` to `[B, T, V]`. The output layer is the embedding."""

    def __init__(self, characters: int, window: int, *, dim: int = 128, layers: int = 4, heads: int = 4) -> None:
        """For so many characters, and pieces of at most `window`."""
        super().__init__()
        self.characters, self.places = nn.Embedding(characters, dim), nn.Embedding(window, dim)
        self.layers = nn.Sequential(*(Layer(dim, heads) for _ in range(layers)))
        self.norm, self.output = nn.LayerNorm(dim, bias=False), nn.Linear(dim, characters, bias=False)
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
        self.output.weight = self.characters.weight

    def forward(self, codes: Tensor) -> Tensor:
        """Score each character."""
        values = self.characters(codes) + self.places(torch.arange(codes.shape[1]))
        return self.output(self.norm(self.layers(values)))


def _table() -> Rows:
    """Seven classes, each of three clouds in 20 directions; 34 more columns are mixtures of these, all of them noisy."""
    random = np.random.default_rng(1)
    centres, mix = random.normal(size=(21, 20)) * 1.6, random.normal(size=(20, 54)) / np.sqrt(20)
    cloud = random.integers(21, size=60_000)
    x = ((centres[cloud] + random.normal(size=(60_000, 20))) @ mix + 0.3 * random.normal(size=(60_000, 54))).astype(np.float32)
    y = cloud % 7
    return {"x": x[:50_000], "y": y[:50_000], "xv": x[50_000:], "yv": y[50_000:]}


def _digits() -> Rows:
    """The 1,797 digits that come with nntrain, ink from 0 to 1, measured on themselves."""
    with np.load(Path(__file__).parents[3] / "nntrain" / "data" / "builtin" / "digits.npz", allow_pickle=False) as archive:
        images, labels = (archive[name] for name in ("image", "label"))
    x, y = (images.reshape(len(images), 64) / 16).astype(np.float32), labels.astype(np.int64)
    return {"x": x, "y": y, "xv": x, "yv": y}


def _images() -> Rows:
    """Digits three times as large in a frame of two pixels, 10,000 of them with a little noise."""
    rows = _digits()
    images = np.pad(rows["x"].reshape(-1, 8, 8).repeat(3, axis=1).repeat(3, axis=2), ((0, 0), (2, 2), (2, 2)))
    drawn = np.arange(10_512) % len(images)
    noisy = images[drawn] + 0.05 * np.random.default_rng(2).normal(size=(len(drawn), 28, 28))
    x, y = noisy.clip(0, 1).astype(np.float32)[:, None], rows["y"][drawn]
    return {"x": x[:10_000], "y": y[:10_000], "xv": x[10_000:], "yv": y[10_000:]}


def _series() -> Rows:
    """Ten shapes of 12 points, each stretched, moved and shifted in 40 noisy steps."""
    random = np.random.default_rng(3)
    shapes, y = random.normal(size=(10, 12)), random.integers(10, size=5_000)
    x = np.zeros((len(y), 40), np.float32)
    for row, kind in zip(x, y, strict=True):
        length = int(random.integers(14, 29))
        start = int(random.integers(0, 41 - length))
        row[start : start + length] = np.interp(np.linspace(0, 11, length), np.arange(12), shapes[kind]) * random.uniform(0.8, 1.2)
        row += random.normal() * 0.3 + random.normal(size=40) * 0.1
    return {"x": x[:4_000, :, None], "y": y[:4_000], "xv": x[4_000:, :, None], "yv": y[4_000:]}


def _pieces(text: str) -> Rows:
    """Pieces of 65 characters from random places: the first nine tenths of the text to train on, the rest to measure on."""
    codes = {character: code for code, character in enumerate(sorted(set(text)))}
    coded, random = np.array([codes[character] for character in text]), np.random.default_rng(4)
    cut = len(coded) * 9 // 10
    found: Rows = {}
    for names, part, count in ((("x", "y"), coded[:cut], 2_400), (("xv", "yv"), coded[cut:], 240)):
        pieces = part[random.integers(len(part) - 65, size=count)[:, None] + np.arange(65)]
        found |= {names[0]: pieces[:, :-1], names[1]: pieces[:, 1:]}
    return found


def made_text(length: int = 300_000) -> str:
    """Words of a made language with 65 characters, the shorter the likelier, in sentences."""
    random = np.random.default_rng(5)
    letters = "abcdefghijklmnopqrstuvwxyz"
    sizes: list[int] = (1 + random.geometric(0.25, 3_000)).tolist()
    words = ["".join(random.choice(list(letters), size=size).tolist()) for size in sizes]
    likely = 1 / np.arange(1, 3_001)
    drawn: list[int] = random.choice(3_000, size=length // 4, p=likely / likely.sum()).tolist()
    marks: list[str] = random.choice(list(",.;:!?-'&3$\n"), size=len(drawn)).tolist()
    is_end: list[bool] = (random.random(len(drawn)) < 0.15).tolist()
    text = " ".join(
        (words[word] + mark + words[word].capitalize()) if ends else words[word]
        for word, mark, ends in zip(drawn, marks, is_end, strict=True)
    )
    return (letters + letters.upper() + ",.;:!?-'&3$\n " + text)[:length]


EPOCHS = {"w1": 3, "w2": 20, "w3": 2, "w4": 5, "w5": 1}
MAKERS: dict[str, Callable[[], Rows]] = {"w1": _table, "w2": _digits, "w3": _images, "w4": _series}


def make(name: str, folder: Path, text: Path | None = None) -> None:
    """Write the rows of a workload."""
    rows = MAKERS[name]() if name in MAKERS else _pieces(made_text() if text is None else text.read_text(encoding="utf-8"))
    np.savez(folder / f"{name}.npz", **cast("Any", rows))


def load(name: str, folder: Path) -> Workload:
    """A workload whose rows were written."""
    with np.load(folder / f"{name}.npz", allow_pickle=False) as archive:
        x, y, xv, yv = (torch.from_numpy(archive[part]) for part in ("x", "y", "xv", "yv"))
    found = Workload(name, x, y.long(), xv, yv.long(), epochs=EPOCHS[name])
    if name == "w1":
        sizes = (54, 256, 256, 7)
        return replace(found, make_network=lambda: mlp(sizes), sizes=sizes, batch=256, opt="AdamW", opt_args={"lr": 1e-3}, validate=True)
    if name == "w2":
        sizes = (64, 128, 10)
        return replace(found, make_network=lambda: mlp(sizes), sizes=sizes, batch=32, opt="SGD", opt_args={"lr": 0.05, "momentum": 0.9})
    if name == "w5":
        characters, window = int(max(part.max() for part in (x, y, xv, yv))) + 1, x.shape[1]
        options = {"lr": 1e-3, "betas": (0.9, 0.99), "weight_decay": 0.1}
        network = partial(GPT, characters, window)
        return replace(found, make_network=network, batch=12, opt="AdamW", opt_args=options, clip=1.0, metric="loss")
    make_network, batch = (cnn, 128) if name == "w3" else (LastState, 64)
    return replace(found, make_network=make_network, batch=batch, opt="Adam", opt_args={"lr": 1e-3})
