"""Starts the trained bodies in a network, `pretrained: FOLDER`, from the weights in their folders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from nntrain.blueprint import Blueprint
from nntrain.config.reading import Config
from nntrain.errors import CheckpointError, Problem
from nntrain.weights.hub_cache import find_folder
from nntrain.weights.hub_folder import HubFolder, read_hub_folder
from nntrain.weights.hub_kinds import Piece
from nntrain.weights.hub_names import pieces
from nntrain.weights.hub_pixels import pixels_of
from nntrain.weights.hub_tensors import made, made_shape, unused

if TYPE_CHECKING:
    from torch import nn

    from nntrain.layers.program import Step
    from nntrain.specs import Size

SHOWN = 3
"""Names that a message lists."""


@dataclass(frozen=True, slots=True)
class Body:
    """One trained network in ours."""

    folder: HubFolder
    given: str
    """The folder as the config has it."""
    pieces: Mapping[str, Piece]
    """Our parameters, by full name, and what they are made of."""
    rows: Mapping[str, int | None]
    """How many rows each has, where that is known."""
    numbers: int
    sizes: tuple[str, ...] = ()
    """Images that it reads in another size than in its training: a word of each."""

    def lines(self) -> list[str]:
        """The report, for the screen."""
        left = unused(self.folder, list(self.pieces.values()))
        more = f" and {len(left) - SHOWN:,} more" if len(left) > SHOWN else ""
        first = f"{self.given}: {self.folder.model_type}, {len(self.pieces):,} tensors; 100% of the body ({self.numbers:,} numbers)"
        return [first, *([f"not used: {', '.join(left[:SHOWN])}{more}"] if left else []), *self.sizes]


@dataclass(frozen=True, slots=True)
class BodyStart:
    """What a network with trained bodies starts from; all else of it is new."""

    bodies: tuple[Body, ...]

    @property
    def words(self) -> str:
        """What it is, for messages."""
        return " and ".join(body.given for body in self.bodies)

    def fingerprint(self) -> str:
        """SHA-256 of the weights."""
        return " ".join(body.folder.digest() for body in self.bodies)

    def lines(self) -> list[str]:
        """The report, for the screen."""
        return [line for body in self.bodies for line in body.lines()]

    def record(self) -> dict[str, Any]:
        """The report, for the run."""
        loaded = {name: list(piece.names) for body in self.bodies for name, piece in body.pieces.items()}
        left = {body.given: unused(body.folder, list(body.pieces.values())) for body in self.bodies}
        return {"from": self.words, "fingerprint": self.fingerprint(), "loaded": loaded, "unused": left}

    def load(self, network: nn.Module) -> None:
        """Fill the weights of the bodies. Raises `CheckpointError` where a file changed meanwhile, or holds what no weights are."""
        own = network.state_dict()
        for body in self.bodies:
            for name, piece in body.pieces.items():
                own[name].copy_(made(body.folder, piece, body.rows[name]))


def bodies_of(config: Config, blueprint: Blueprint) -> BodyStart | None:
    """Find the folders of the bodies and compare names and shapes; `None` where there are none.

    Raises:
        ConfigError: A folder is not there, can't be read, or holds another network than the config was filled in for; rendered.
    """
    steps: dict[str, list[Step]] = {}
    for step in blueprint.program.steps:
        if step.layer.taken is not None and step.shares is None:
            steps.setdefault(step.layer.taken.folder, []).append(step)
    found: list[Body] = []
    for given, own in steps.items():
        try:
            assert own[0].layer.taken is not None
            folder = read_hub_folder(find_folder(own[0].layer.taken.root, given))
            fingerprint = folder.fingerprint()
            if any(step.layer.taken is not None and step.layer.taken.fingerprint not in {None, fingerprint} for step in own):
                hint = "remove the fingerprint (and the sizes) to take it as it is now"
                raise CheckpointError(f"{given} holds another network than it did", hint)
            found.append(_body(folder, given, own))
        except CheckpointError as error:
            raise config.error([Problem((*own[0].path, "pretrained"), error.message, error.hint)]) from None
    return BodyStart(tuple(found)) if found else None


def _body(folder: HubFolder, given: str, steps: list[Step]) -> Body:
    """Compare the parameters of a body with its folder. Raises `CheckpointError` where one is missing or has another shape, naming all."""
    found: dict[str, Piece] = {}
    rows: dict[str, int | None] = {}
    numbers = lost = 0
    wrong: list[str] = []
    for step in steps:
        assert step.layer.taken is not None
        shapes = step.layer.parameter_shapes(*(value.spec for value in step.inputs))
        try:
            parts = pieces(folder, step.layer.taken.part)
        except CheckpointError as error:
            wrong.append(error.message)
            lost += sum(_size(shape) for shape in shapes.values())
            continue
        for own, piece in parts.items():
            shape = shapes[own] if own in shapes else shapes["weight"]  # averages of a batch norm are as long as its weights
            known = shape[0] if isinstance(shape[0], int) else None
            there = made_shape(folder, piece, known)
            if not _fit(shape, there):
                told = f"{list(there)} there, {[str(size) if not isinstance(size, int) else size for size in shape]} here"
                wrong.append(f"{given}: {' and '.join(piece.names[:2])} has another shape: {told}")
                lost += _size(shape) if own in shapes else 0
                continue
            found[f"{step.name}.{own}"], rows[f"{step.name}.{own}"] = piece, known
            numbers += _size(there) if own in shapes else 0
    if wrong:
        more = f"\nand {len(wrong) - 1:,} more: {'; '.join(wrong[1 : SHOWN + 1])}{' …' if len(wrong) > SHOWN + 1 else ''}"
        share = numbers / max(1, numbers + lost)
        hint = f"{share:.0%} of the body fit, and all of it must: it would go on with random numbers in its middle"
        raise CheckpointError(wrong[0] + (more if len(wrong) > 1 else ""), hint)
    return Body(folder, given, found, rows, numbers, tuple(_other_sizes(folder, given, steps)))


def _other_sizes(folder: HubFolder, given: str, steps: Sequence[Step]) -> Iterator[str]:
    """Images of another size than in the training, where a network reads any. Raises `CheckpointError` as `pixels_of`."""
    specs = [step.inputs[0].spec for step in steps if step.layer.taken is not None and step.layer.taken.part == "stem_conv"]
    trained = pixels_of(folder).size if specs else None
    if trained is None:
        return
    for height, width in dict.fromkeys(spec.sizes[1:] for spec in specs):
        if isinstance(height, int) and isinstance(width, int) and (height, width) != trained:
            yield f"{given} reads images of {height} x {width}, and was trained on {trained[0]} x {trained[1]}"


def _fit(ours: tuple[Size, ...], theirs: tuple[int, ...]) -> bool:
    return len(ours) == len(theirs) and all(not isinstance(a, int) or a == b for a, b in zip(ours, theirs, strict=True))


def _size(shape: Sequence[Size]) -> int:
    """Numbers of a tensor, as far as its sizes are known."""
    return prod(size for size in shape if isinstance(size, int))
