"""Tokens of a trained network: what its texts were cut into."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field as Option
from pydantic import PrivateAttr

from nntrain.data.tokenizing.pieces import decoded_runs, library
from nntrain.data.tokenizing.tokenizer import SPECIAL, UNKNOWN, Cutter, Offsets, Tokenizer
from nntrain.data.tokenizing.vocabulary import Limits
from nntrain.errors import CheckpointError, DataError
from nntrain.weights.hub_cache import find_folder
from nntrain.weights.hub_folder import TokenizerFile, read_hub_folder, read_tokenizer_file
from nntrain.weights.hub_names import options_of
from nntrain.weights.stored import shown


class PretrainedTokenizer(Tokenizer):
    """The tokenizer of a trained network, of a folder that Hugging Face writes, with the special tokens that it puts around a text.

    Nothing is learned from the rows; what was read is stored with the run, which needs the folder no more. Needs
    `pip install 'nntrain[text]'`.
    """

    main: ClassVar[str | None] = "path"
    learns_words: ClassVar[bool] = False
    extra: ClassVar[str | None] = "tokenizers"

    type: Literal["pretrained"] = "pretrained"
    path: Annotated[str, Option(min_length=1)]
    """The folder, counted from that of the config: its tokenizer.json, or vocab.txt."""
    fingerprint: str | None = None
    """What tells its file from another: filled in, and compared where the rows are read anew."""

    _file: TokenizerFile | None = PrivateAttr(default=None)
    _stored: Mapping[str, Any] | None = PrivateAttr(default=None)

    @property
    def known_size(self) -> int | None:
        """The pieces of its file, where that is there, and padding and unknown."""
        if self._file is not None:
            return self._file.size + SPECIAL
        return None if self._stored is None else int(self._stored["size"]) + SPECIAL

    @property
    def limit(self) -> int | None:
        """What `tokenizer_config.json` says, and the places for which the network beside it has vectors."""
        if self._file is None:
            return None
        try:
            places = options_of(read_hub_folder(self._file.path.parent)).get("max_length")
        except CheckpointError:  # a folder may hold a tokenizer alone
            places = None
        found = [limit for limit in (self._file.limit, places) if isinstance(limit, int)]
        return min(found, default=None)

    def located(self, folder: Path) -> Self:
        """With its file; one that has a fingerprint was fitted already and may be without."""
        try:
            file = read_tokenizer_file(find_folder(folder, self.path))
        except CheckpointError:
            if self.fingerprint is None:
                raise
            return self
        found = self.model_copy(update={"fingerprint": self.fingerprint or file.fingerprint()})
        found._file = file
        return found

    @property
    def is_absent(self) -> bool:
        """Whether its folder is not there."""
        return self._file is None

    def recalling(self, learned: Mapping[str, Any]) -> Self:
        """With what a run has stored of it, in the place of its file."""
        found = self.model_copy()
        found._stored = learned
        return found

    def fit(self, texts: Iterable[str], limits: Limits) -> Mapping[str, Any]:
        """The file itself. Raises `DataError` without the library, and for a file that it can't read."""
        if self._file is None and self._stored is not None:
            return self._stored
        if self._file is None:
            raise DataError(f"tokenizer: there is no folder {self.path}", "its tokens stand there, and are not learned from the rows")
        if self.fingerprint not in {None, self._file.fingerprint()}:
            hint = "a new config, without the fingerprint, takes the new one"
            raise DataError(f"tokenizer: {self._file.path.as_posix()} is another one than it was", hint)
        tokenizers = library(self.type)
        with _readable(self._file.path.as_posix()):
            made = _listed(tokenizers, self._file) if self._file.is_list else tokenizers.Tokenizer.from_file(str(self._file.path))
            made.no_truncation()
            made.no_padding()
            learned = {"model": made.to_str(), "unknown": self._file.unknown, "size": self._file.size}
        self.cutter(learned)
        return learned

    def cutter(self, learned: Mapping[str, Any]) -> Cutter:
        """Raises `DataError` without the library, and for a tokenizer that can't cut a text."""
        with _readable(self.path):
            return _Cutter(library(self.type).Tokenizer.from_str(learned["model"]), learned["unknown"], learned["size"] + SPECIAL)


@contextmanager
def _readable(path: str) -> Generator[None]:
    """Tell in words what the library says of a tokenizer.

    Raises:
        DataError: It can't be read. The library raises no class of its own; where its own code breaks, it raises a `PanicException`, which
            is no `Exception`.
    """
    try:
        yield
    except DataError:
        raise
    except CheckpointError as error:
        raise DataError(error.message, error.hint) from None
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise DataError(f"{path} can't be read as a tokenizer ({shown(str(error)[:200])})", "get the file again") from None


class _Cutter:
    """Piece p of the file has the index p + 2, but for the one that stands for the unknown."""

    def __init__(self, tokenizer: Any, unknown: int | None, size: int) -> None:
        self.tokenizer, self.unknown, self.size = tokenizer, unknown, size
        whole, alone = tokenizer.encode("a").ids, tokenizer.encode("a", add_special_tokens=False).ids
        self._need_known(whole)
        opening = next((place for place in range(len(whole)) if alone and whole[place : place + len(alone)] == alone), len(whole))
        self.closing = max(0, len(whole) - opening - len(alone))

    def indices(self, texts: Iterable[str]) -> list[list[int]]:
        with _readable("the tokenizer"):
            found = [encoding.ids for encoding in self.tokenizer.encode_batch(list(texts))]
        for pieces in found:
            self._need_known(pieces)
        return [[UNKNOWN if piece == self.unknown else piece + SPECIAL for piece in pieces] for pieces in found]

    def _need_known(self, pieces: list[int]) -> None:
        """Refuse tokens beyond the table: no vector is theirs. Raises `DataError`."""
        highest = max(pieces, default=0) + SPECIAL
        if highest >= self.size:
            told = f"the tokenizer makes a token of the index {highest - SPECIAL:,}, and its table ends at {self.size - SPECIAL - 1:,}"
            raise DataError(told, "get the file again")

    def tokens(self, text: str) -> tuple[list[str], list[Offsets]]:
        with _readable("the tokenizer"):
            found = self.tokenizer.encode(text)
        return list(found.tokens), [(start, end) for start, end in found.offsets]

    def decode(self, indices: Iterable[int]) -> str:
        parts = decoded_runs(indices, self.tokenizer.decode)
        return parts[0] if len(parts) == 1 else re.sub(" +", " ", " ".join(parts)).strip()


def _listed(tokenizers: Any, file: TokenizerFile) -> Any:
    """BERT's tokenizer, of the list of its pieces."""
    options = file.options
    made = tokenizers.Tokenizer(tokenizers.models.WordPiece(dict(file.indices), unk_token=str(options.get("unk_token", "[UNK]"))))
    made.normalizer = tokenizers.normalizers.BertNormalizer(
        lowercase=bool(options.get("do_lower_case", True)),
        strip_accents=options.get("strip_accents"),
        handle_chinese_chars=bool(options.get("tokenize_chinese_chars", True)),
    )
    made.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    first, last = (str(options.get(key, default)) for key, default in (("cls_token", "[CLS]"), ("sep_token", "[SEP]")))
    made.add_special_tokens([token for token in (first, last, str(options.get("pad_token", "[PAD]"))) if token in file.indices])
    made.post_processor = tokenizers.processors.BertProcessing((last, file.indices[last]), (first, file.indices[first]))
    made.decoder = tokenizers.decoders.WordPiece()
    return made
