"""Trained bodies of others as families of ours: where their folder is, and which layer takes which part of it. Torch-free."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Self, TypeVar

from pydantic import Field, PrivateAttr, model_validator

from nntrain.errors import Problem, SpecError
from nntrain.layers.layer import Layer, Taken
from nntrain.schema import StrictModel
from nntrain.specs import IMAGE

if TYPE_CHECKING:
    from nntrain.layers.program import Program

L = TypeVar("L", bound=Layer)

TAKING: Final = frozenset(
    {"embedding", "position_embedding", "layer_norm", "multihead_attention", "linear", "conv2d", "batch_norm", "class_token"}
)
"""Layers that have a part of a folder."""


IMAGENET: Final = "imagenet"
"""Stands for the weights of a published network that were trained on ImageNet."""


class Pretrained(StrictModel):
    """A folder of a trained network, as Hugging Face or timm writes it. Nothing is loaded from the net, no code is run."""

    main: ClassVar[str | None] = "path"

    path: Annotated[str, Field(min_length=1)]
    """The folder, counted from that of the config: config.json, model.safetensors (or pytorch_model.bin), tokenizer.json. Or its name on
    the hub, `owner/name`, where it was loaded before: the hub's cache is looked into (HF_HUB_CACHE, HF_HOME). `imagenet` stands for
    `timm/resnet18.tv_in1k` and its like: the saved config has that name."""
    fingerprint: str | None = None
    """What tells this network from another: filled in, and compared when a run begins."""

    _root: Path = PrivateAttr(default=Path())

    @property
    def root(self) -> Path:
        """The folder from which `path` is counted."""
        return self._root

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
            found.append(layer.taking(Taken(pretrained.path, next(parts), pretrained.root, pretrained.fingerprint)))
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
    from nntrain.weights.hub_cache import find_folder
    from nntrain.weights.hub_folder import read_hub_folder
    from nntrain.weights.hub_names import kind_of, options_of
    from nntrain.weights.hub_tensors import check_sizes

    pretrained = pretrained.counted_from(folder)
    if pretrained.fingerprint is not None:
        return family.model_copy(update={"pretrained": pretrained})
    if pretrained.path == IMAGENET and not (folder / IMAGENET).is_dir():
        from nntrain.weights.vision_names import imagenet_name

        name = imagenet_name(family.type, *(getattr(family, option, None) for option in ("depth", "patch_size", "dim")))
        pretrained = pretrained.model_copy(update={"path": name})
    found = read_hub_folder(find_folder(folder, pretrained.path))
    kind = kind_of(found)
    if kind.family != family.type:
        raise SpecError(f"{pretrained.path} holds a {kind.family} ({found.model_type})", f"fix:  type: {kind.family}")
    given = options_of(found)
    check_sizes(found, kind.family, given)
    options = {name: _valid(family, name, value) for name, value in given.items()}
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


def need_norm(pretrained: Pretrained, given: str | None, own: str) -> None:
    """Refuse another norm than that of the trained network. Raises `SpecError`."""
    if given not in {None, own}:
        told = f"has {own} norms ({pretrained.path}), and regularization.norm says {given}"
        raise SpecError(told, hint="remove regularization.norm")


def unnamed_images(program: Program, named: Collection[str]) -> Iterator[Problem]:
    """Images that a trained network reads and that the config has no line of: nothing would be known of their size and values.

    Args:
        program: The network.
        named: Fields that the config names.
    """
    for step in program.steps:
        took, field = step.layer.taken, step.inputs[0].output
        if (
            took is not None
            and step.inputs[0].step is None
            and field is not None
            and step.inputs[0].spec.axes == IMAGE
            and field not in named
        ):
            told = f"{took.folder} reads {field}, and a field that is named alone has the size and the normalisation of its training"
            yield Problem(("data",), told, f"fix:  fields: {{{field}: image}}", on_key=True)


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
