"""Trained bodies of others as families of ours: where their folder is, and which layer takes which part of it. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Self, TypeVar

from pydantic import Field, PrivateAttr, model_validator

from nntrain.errors import Problem, SpecError
from nntrain.layers.layer import Layer, Taken
from nntrain.schema import StrictModel

if TYPE_CHECKING:
    from nntrain.layers.program import Program

L = TypeVar("L", bound=Layer)

TAKING: Final = frozenset({"embedding", "position_embedding", "layer_norm", "multihead_attention", "linear"})
"""Layers that have a part of a folder."""


class Pretrained(StrictModel):
    """A folder of a trained network, as `save_pretrained` of Hugging Face writes it. Nothing is loaded from the net, no code is run."""

    main: ClassVar[str | None] = "path"

    path: Annotated[str, Field(min_length=1)]
    """The folder, counted from that of the config: config.json, model.safetensors (or pytorch_model.bin), tokenizer.json."""
    fingerprint: str | None = None
    """What tells this network from another: filled in, and compared when a run begins."""

    _root: Path = PrivateAttr(default=Path())

    @property
    def place(self) -> Path:
        """Where the folder is."""
        return self._root / self.path

    def counted_from(self, root: Path) -> Self:
        """The same, counted from the folder of the config."""
        found = self.model_copy()
        found._root = root
        return found

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        return {"path": value} if isinstance(value, str) else value


def taken(layers: Sequence[Layer], pretrained: Pretrained, parts: Iterator[str]) -> list[Layer]:
    """The layers of a family, each with the part of a folder that its weights are taken from; parts stand in the order of the layers."""
    found: list[Layer] = []
    for layer in layers:
        if layer.type in TAKING:
            found.append(layer.taking(Taken(pretrained.path, next(parts), pretrained.place, pretrained.fingerprint)))
        else:
            inner = {place: tuple(taken(own, pretrained, parts)) for place, own in layer.lists().items()}
            found.append(layer.with_lists(inner))
    return found


def filled(family: L, pretrained: Pretrained, folder: Path) -> L:
    """A family with the sizes of the network in its folder; one that has a fingerprint has them already.

    Args:
        family: The family as it is written.
        pretrained: What it says of the folder.
        folder: That of the config.

    Raises:
        SpecError: The network is one of another family, or has another size than is written.
        CheckpointError: There is no such folder, or it can't be read.
    """
    from nntrain.weights.hub_folder import read_hub_folder
    from nntrain.weights.hub_names import kind_of, options_of

    pretrained = pretrained.counted_from(folder)
    if pretrained.fingerprint is not None:
        return family.model_copy(update={"pretrained": pretrained})
    found = read_hub_folder(pretrained.place)
    kind = kind_of(found)
    if kind.family != family.type:
        raise SpecError(f"{pretrained.path} holds a {kind.family} ({found.model_type})", f"fix:  type: {kind.family}")
    options = {name: _valid(family, name, value) for name, value in options_of(found).items()}
    for name, value in options.items():
        if name in family.model_fields_set and getattr(family, name) != value:
            raise SpecError(
                f"{name} is {_text(getattr(family, name))}, and the network in {pretrained.path} has {_text(value)}", f"remove {name}"
            )
    return family.model_copy(update={**options, "pretrained": pretrained.model_copy(update={"fingerprint": found.fingerprint()})})


def _valid(family: Layer, name: str, value: object) -> object:
    """An option as the family keeps it."""
    if name != "activation":
        return value
    return getattr(type(family).parse({"type": family.type, name: value}), name)


def _text(value: object) -> str:
    return value.type if isinstance(value, Layer) else str(value)


def foreign_tokens(program: Program, texts: Mapping[str, Any]) -> Iterator[Problem]:
    """Trained embeddings that get the tokens of another tokenizer.

    Args:
        program: The network.
        texts: The text fields by name.
    """
    for step in program.steps:
        took, field = step.layer.taken, step.inputs[0].output
        if took is None or took.part != "embedding" or step.inputs[0].step is not None or field is None or field not in texts:
            continue
        tokenizer = texts[field].tokenizer
        if getattr(tokenizer, "path", None) is None or Path(tokenizer.path) != Path(took.folder):
            what = f"reads {tokenizer.type} tokens, and the vectors that {took.folder} has are of its own tokens"
            if tokenizer.type == "pretrained":
                what = f"reads the tokens of {tokenizer.path}, and the vectors that {took.folder} has are of its own tokens"
            fix = f"fix:  {field}: {{type: text, tokenizer: {{type: pretrained, path: {took.folder}}}}}"
            yield Problem(("data", "fields", str(field)), what, fix)
