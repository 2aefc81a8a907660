"""Folders of trained networks in the form of Hugging Face: `config.json`, weights, tokenizer. Nothing in them is run. Torch-free."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, cast

from nntrain.errors import CheckpointError
from nntrain.weights.hub_cache import AbsentFolderError, own_file
from nntrain.weights.hub_config import HubFacts, quoted, read_json
from nntrain.weights.reading import Weights, read_weights
from nntrain.weights.safetensors_header import header_length
from nntrain.weights.stored import shown

FILES: Final = ("model.safetensors", "pytorch_model.bin")
"""Names of the file of weights, the first that is there."""
INDICES: Final = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
"""Names of the lists of several files of weights."""
FILE_NAME: Final = re.compile(r"[\w-][\w.-]{0,200}\.(safetensors|bin)", re.ASCII)
"""Names that such a list may have."""
SLACK: Final = 1000
"""How far indices of tokens may have gaps: twice as many as tokens, and so many."""
SAMPLED: Final = 1 << 20
"""Bytes at both ends of a file of weights by which another one is told: all of them would take longer than all else of a check."""
NO_LIMIT: Final = 1_000_000
"""`model_max_length` of a tokenizer that has none is a number beyond all use."""


@dataclass(frozen=True)
class HubFolder:
    """A folder whose `config.json` was read."""

    path: Path
    config: Mapping[str, Any]

    @property
    def facts(self) -> HubFacts:
        """What its config says."""
        return HubFacts(self.path / "config.json", self.config)

    @property
    def is_timm(self) -> bool:
        """Whether timm wrote it."""
        return "model_type" not in self.config and "architecture" in self.config

    @property
    def model_type(self) -> str:
        """What kind of network it is: `bert`; as timm calls it: `resnet18`. Raises `CheckpointError` for what is no word."""
        found = self.facts.text("architecture" if self.is_timm else "model_type", "none")
        return found if len(found) < 60 and found.isprintable() else quoted(found)

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """The files of weights. Raises `CheckpointError` where there is none, or one lies elsewhere."""
        single = next((found for name in FILES if (found := own_file(self.path, name)) is not None), None)
        if single is not None:
            return (single,)
        for name in INDICES:
            index = own_file(self.path, name)
            if index is not None:
                return tuple(self._listed(index))
        raise CheckpointError(f"{self.path.as_posix()} has no weights ({' or '.join(FILES)}); there is: {_entries(self.path)}")

    def _listed(self, index: Path) -> Iterator[Path]:
        """The files that a list names."""
        listed = HubFacts(index, read_json(index)).part("weight_map").values
        if not listed:
            raise CheckpointError(f"{index.as_posix()} names no files (weight_map)", "get the file again")
        for file in dict.fromkeys(quoted(file) if not isinstance(file, str) else file for file in listed.values()):
            if not FILE_NAME.fullmatch(file):
                raise CheckpointError(f"{index.as_posix()} names {quoted(file)}, and only files in its folder are read")
            found = own_file(self.path, file)
            if found is None:
                raise CheckpointError(f"{index.as_posix()} names {file}, which is not there; there is: {_entries(self.path)}")
            yield found

    @cached_property
    def weights(self) -> Mapping[str, Weights]:
        """Where each tensor is, by its name. Raises `CheckpointError` for a file that is missing or damaged, or a name in two of them."""
        found: dict[str, Weights] = {}
        for file in self.files:
            own = read_weights(file)
            twice = next((name for name in own.stored if name in found), None)
            if twice is not None:
                first = found[twice].path.name
                raise CheckpointError(f"{self.path.as_posix()} has the tensor {quoted(twice)} twice, in {first} and in {file.name}")
            found |= dict.fromkeys(own.stored, own)
        return found

    @cached_property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Shapes of the tensors by name."""
        return {name: found.shapes[name] for name, found in self.weights.items()}

    def fingerprint(self) -> str:
        """SHA-256 of what tells this network from another: its config, and of its weights sizes, beginnings and ends."""
        digest = hashlib.sha256((self.path / "config.json").read_bytes())
        for file in self.files:
            size = file.stat().st_size
            digest.update(f"{file.name} {size}".encode())
            with file.open("rb") as opened:
                length = header_length(opened.read(9)) or 0  # the names and places of the tensors, then numbers
                opened.seek(0)
                digest.update(opened.read(min(length, SAMPLED) + SAMPLED))
                opened.seek(max(0, size - SAMPLED))
                digest.update(opened.read(SAMPLED))
        return digest.hexdigest()

    def digest(self) -> str:
        """SHA-256 of the weights themselves."""
        digest = hashlib.sha256()
        for file in self.files:
            with file.open("rb") as opened:
                digest.update(hashlib.file_digest(opened, "sha256").digest())
        return digest.hexdigest()


def read_hub_folder(path: Path) -> HubFolder:
    """Read `config.json` of a folder.

    Raises:
        CheckpointError: There is no such folder, or it has no such file.
    """
    _need_folder(path)
    config = own_file(path, "config.json")
    if config is None:
        what = "a folder that  save_pretrained  of Hugging Face has written has a config.json"
        raise CheckpointError(f"{path.as_posix()} has no config.json; there is: {_entries(path)}", what)
    return HubFolder(path, read_json(config))


def _need_folder(path: Path) -> None:
    if not path.is_dir():
        hint = "folders are looked for on this machine, from the config's folder on; nothing is loaded from the net"
        raise AbsentFolderError(f"there is no folder {path.as_posix()}", hint)


def _entries(path: Path) -> str:
    return ", ".join(shown(name) for name in sorted(entry.name for entry in path.iterdir())[:8]) or "nothing"


@dataclass(frozen=True)
class TokenizerFile:
    """How the texts of a trained network are cut into tokens, before a library reads it."""

    path: Path
    """`tokenizer.json`, or a list of the pieces of words, `vocab.txt`."""
    options: Mapping[str, Any]
    """What `tokenizer_config.json` says."""

    @property
    def is_list(self) -> bool:
        """Whether it is a list of pieces of words (BERT's WordPiece)."""
        return self.path.suffix == ".txt"

    @cached_property
    def indices(self) -> Mapping[str, int]:
        """Piece to its index. Raises `CheckpointError` for a file that is none."""
        if self.is_list:
            try:
                with self.path.open(encoding="utf-8") as file:  # a line ends with a line feed alone: pieces may hold other breaks
                    return {line.rstrip("\n"): place for place, line in enumerate(file)}
            except UnicodeDecodeError as error:
                raise CheckpointError(f"{self.path.as_posix()} is no text in UTF-8: byte {error.start:,} is none of it") from None
        tree = HubFacts(self.path, read_json(self.path))
        vocabulary: object = tree.part("model").values.get("vocab")
        if isinstance(vocabulary, dict):
            found = {piece: self._place(piece, place) for piece, place in cast("dict[str, object]", vocabulary).items()}
        elif isinstance(vocabulary, list):  # of a unigram model: pairs of a piece and how likely it is
            found = {self._piece(pair): place for place, pair in enumerate(cast("list[object]", vocabulary))}
        else:
            raise CheckpointError(f"{self.path.as_posix()} has no model.vocab: it is no tokenizer")
        added: object = tree.values.get("added_tokens") or []
        if not isinstance(added, list):
            raise tree.wrong("added_tokens", "a list")
        for told in cast("list[object]", added):
            token = cast("dict[str, object]", told) if isinstance(told, dict) else {}
            if not isinstance(token.get("content"), str):
                raise CheckpointError(f"{self.path.as_posix()} has an added token without content: {quoted(token)}")
            found[str(token["content"])] = self._place(str(token["content"]), token.get("id"))
        highest = max(found.values(), default=0)
        if highest > 2 * len(found) + SLACK:
            what = f"gives {len(found):,} tokens indices up to {highest:,}: each index would need a vector"
            raise CheckpointError(f"{self.path.as_posix()} {what}", "get the file again")
        return found

    def _place(self, piece: str, place: object) -> int:
        """The index of a token."""
        if type(place) is not int or not 0 <= place < 2**31:
            raise CheckpointError(f"{self.path.as_posix()} gives the token {quoted(piece)} the index {quoted(place)}, which is none")
        return place

    def _piece(self, pair: object) -> str:
        """The token of a pair."""
        found = cast("list[object]", pair) if isinstance(pair, list) else []
        if not found or not isinstance(found[0], str):
            raise CheckpointError(f"{self.path.as_posix()} has {quoted(found)} among its tokens, which is none")
        return found[0]

    @property
    def size(self) -> int:
        """One more than the largest index."""
        return max(self.indices.values(), default=-1) + 1

    @cached_property
    def unknown(self) -> int | None:
        """Index of the piece that stands for what is no piece; `None` where every text has its pieces."""
        if self.is_list:
            return self.indices.get(str(self.options.get("unk_token", "[UNK]")))
        model = HubFacts(self.path, read_json(self.path)).part("model").values
        place = model.get("unk_id")
        return self._place("unk_id", place) if place is not None else self.indices.get(str(model.get("unk_token")))

    @property
    def limit(self) -> int | None:
        """Most tokens of a text, where `tokenizer_config.json` says it."""
        found = self.options.get("model_max_length")
        if not isinstance(found, int | float) or isinstance(found, bool) or not 0 < found < NO_LIMIT:
            return None
        return int(found)

    def fingerprint(self) -> str:
        """SHA-256 of the file."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()


def read_tokenizer_file(path: Path) -> TokenizerFile:
    """Find the tokenizer of a folder.

    Raises:
        CheckpointError: There is none, or only one in a form that needs the code that wrote it.
    """
    _need_folder(path)
    found = next((file for name in ("tokenizer.json", "vocab.txt") if (file := own_file(path, name)) is not None), None)
    if found is None:
        hint = "AutoTokenizer.from_pretrained(FOLDER, use_fast=True).save_pretrained(FOLDER)  of Hugging Face writes a tokenizer.json"
        raise CheckpointError(f"{path.as_posix()} has no tokenizer.json and no vocab.txt; there is: {_entries(path)}", hint)
    options = own_file(path, "tokenizer_config.json")
    return TokenizerFile(found, read_json(options) if options is not None else {})
