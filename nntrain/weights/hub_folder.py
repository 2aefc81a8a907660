"""Folders of trained networks in the form of Hugging Face: `config.json`, weights, tokenizer. Nothing in them is run. Torch-free."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, cast

from nntrain.errors import CheckpointError
from nntrain.weights.reading import Weights, read_weights
from nntrain.weights.safetensors_header import header_length

FILES: Final = ("model.safetensors", "pytorch_model.bin")
"""Names of the file of weights, the first that is there."""
INDICES: Final = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
"""Names of the lists of several files of weights."""
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
    def model_type(self) -> str:
        """What kind of network it is: `bert`."""
        return str(self.config.get("model_type", "none"))

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """The files of weights. Raises `CheckpointError` where there is none."""
        single = next((self.path / name for name in FILES if (self.path / name).is_file()), None)
        if single is not None:
            return (single,)
        for name in INDICES:
            if (self.path / name).is_file():
                listed = _mapping(_json(self.path / name).get("weight_map"))
                found = dict.fromkeys(str(file) for file in listed.values())
                if any(Path(file).name != file for file in found):
                    raise CheckpointError(f"{(self.path / name).as_posix()} names files outside its folder")
                return tuple(self.path / file for file in found)
        there = ", ".join(sorted(entry.name for entry in self.path.iterdir())[:8]) or "nothing"
        raise CheckpointError(f"{self.path.as_posix()} has no weights ({' or '.join(FILES)}); there is: {there}")

    @cached_property
    def weights(self) -> Mapping[str, Weights]:
        """Where each tensor is, by its name. Raises `CheckpointError` for a file that is missing or damaged."""
        return {name: found for file in self.files for found in [read_weights(file)] for name in found.stored}

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
    if not path.is_dir():
        hint = "folders are looked for on this machine, from the config's folder on; nothing is loaded from the net"
        raise CheckpointError(f"there is no folder {path.as_posix()}", hint)
    if not (path / "config.json").is_file():
        there = ", ".join(sorted(entry.name for entry in path.iterdir())[:8]) or "nothing"
        what = "a folder that  save_pretrained  of Hugging Face has written has a config.json"
        raise CheckpointError(f"{path.as_posix()} has no config.json; there is: {there}", what)
    return HubFolder(path, _json(path / "config.json"))


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
        tree = _json(self.path)
        vocabulary: object = _mapping(tree.get("model")).get("vocab")
        if isinstance(vocabulary, dict):
            found = {str(piece): int(place) for piece, place in cast("dict[str, Any]", vocabulary).items()}
        elif isinstance(vocabulary, list):  # of a unigram model: pairs of a piece and how likely it is
            found = {str(pair[0]): place for place, pair in enumerate(cast("list[list[Any]]", vocabulary))}
        else:
            raise CheckpointError(f"{self.path.as_posix()} has no model.vocab: it is no tokenizer")
        added = cast("list[dict[str, Any]]", tree.get("added_tokens") or [])
        return found | {str(told["content"]): int(told["id"]) for told in added}

    @property
    def size(self) -> int:
        """One more than the largest index."""
        return max(self.indices.values(), default=-1) + 1

    @cached_property
    def unknown(self) -> int | None:
        """Index of the piece that stands for what is no piece; `None` where every text has its pieces."""
        if self.is_list:
            return self.indices.get(str(self.options.get("unk_token", "[UNK]")))
        model = _mapping(_json(self.path).get("model"))
        place = model.get("unk_id")
        return int(place) if isinstance(place, int) else self.indices.get(str(model.get("unk_token")))

    @property
    def limit(self) -> int | None:
        """Most tokens of a text, where `tokenizer_config.json` says it."""
        found = self.options.get("model_max_length")
        return int(found) if isinstance(found, int | float) and 0 < found < NO_LIMIT else None

    def fingerprint(self) -> str:
        """SHA-256 of the file."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()


def read_tokenizer_file(path: Path) -> TokenizerFile:
    """Find the tokenizer of a folder.

    Raises:
        CheckpointError: There is none, or only one in a form that needs the code that wrote it.
    """
    if not path.is_dir():
        hint = "folders are looked for on this machine, from the config's folder on; nothing is loaded from the net"
        raise CheckpointError(f"there is no folder {path.as_posix()}", hint)
    found = next((path / name for name in ("tokenizer.json", "vocab.txt") if (path / name).is_file()), None)
    if found is None:
        there = ", ".join(sorted(entry.name for entry in path.iterdir())[:8]) or "nothing"
        hint = "AutoTokenizer.from_pretrained(FOLDER, use_fast=True).save_pretrained(FOLDER)  of Hugging Face writes a tokenizer.json"
        raise CheckpointError(f"{path.as_posix()} has no tokenizer.json and no vocab.txt; there is: {there}", hint)
    options = path / "tokenizer_config.json"
    return TokenizerFile(found, _json(options) if options.is_file() else {})


def _json(path: Path) -> Mapping[str, Any]:
    """A JSON object. Raises `CheckpointError` for anything else."""
    try:
        found: object = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path.as_posix()} can't be read ({str(error)[:200]})", "get the file again") from None
    if not isinstance(found, dict):
        raise CheckpointError(f"{path.as_posix()} holds no JSON object", "get the file again")
    return cast("Mapping[str, Any]", found)


def _mapping(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}
