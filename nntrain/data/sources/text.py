"""One running text, of which a language model learns what comes next."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal

from pydantic import AfterValidator

from nntrain.data.fields.text import Text as TextField
from nntrain.data.header import Header, HeaderColumn
from nntrain.data.sources.source import GivenFiles
from nntrain.data.text_file import known_encoding, opened_text
from nntrain.data.tokenizing.splitting import Char
from nntrain.errors import DataError

if TYPE_CHECKING:
    from nntrain.data.fields.field import Field
    from nntrain.data.table import Table

TEXT: Final = "text"
"""Name of the only field."""


class Text(GivenFiles):
    """A running text: a file of which all is read, blanks and line ends too. The only field is `text`, which predicts its next tokens.

    The text is split by place: its beginning trains, what follows validates, its end tests; whole numbers in `data.split` are
    characters. Then windows of `data.window` tokens are cut.
    An epoch is one pass over the training text, whose windows begin at another place each time; every token of the other parts is
    predicted once.
    """

    is_running_text: ClassVar[bool] = True

    type: Literal["text"] = "text"
    encoding: Annotated[str, AfterValidator(known_encoding)] = "utf-8"
    """How the file is written, as Python names it."""

    @property
    def fields(self) -> Mapping[str, Field]:
        """`text`, character by character."""
        return {TEXT: TextField(tokenizer=Char(), role=("input", "target"))}

    def outline(self) -> Header:
        """The only field."""
        return Header(self.path, (HeaderColumn(TEXT, (), "text"),), None)

    def peek(self, path: Path, name: str) -> Header:
        """The only field; nothing is read."""
        return Header(name, (HeaderColumn(TEXT, (), "text"),), None)

    def reads(self, path: Path) -> bool:
        """Any file."""
        return path.is_file()

    def read(self, path: Path, name: str) -> Table:
        """The text as one row. Raises `DataError` where the file is empty or written otherwise."""
        import numpy as np

        from nntrain.data.table import Table

        with opened_text(path, self.encoding, name) as file:
            content = file.read()
        if not content.strip():
            raise DataError(f"{name} holds no text")
        return Table(name, {TEXT: np.array([content], dtype=object)}, 1)
