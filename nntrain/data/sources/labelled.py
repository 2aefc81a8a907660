"""Tables of steps beside which another has a row for each series."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from nntrain.data.header import Header
from nntrain.data.paths import locate
from nntrain.data.sources.source import GivenFiles, Part
from nntrain.errors import DataError

if TYPE_CHECKING:
    from nntrain.data.sources.source import Source
    from nntrain.data.table import Table


class LabelledFiles(GivenFiles):
    """A source whose rows may be the steps of long series."""

    labels: str | None = None
    """Where rows are the steps of series (a series field with `by`): table with a row for each series, which has the column of `by`;
    its other columns, such as the target, are those of the series. `*` stands for the name of the file of steps without its ending:
    `"*_labels.csv"`, beside each of `path`, `validation`, `test` and new rows. Default: the file of steps has all columns."""

    def labels_beside(self, path: Path) -> Path | None:
        """The table of labels that lies to a file of steps as the config says; `None` where there is none for it."""
        if self.labels is None:
            return None
        written = self.labels.replace("*", path.name.partition(".")[0])
        found = Path(written) if Path(written).is_absolute() else path.parent / os.path.relpath(written, Path(self.path).parent)
        return found if found.is_file() else None

    def files(self, folder: Path) -> dict[Part, Path]:
        """The files of steps; that their labels are there is looked at. Raises `DataError`."""
        found = super().files(folder)
        if self.labels is not None:
            for path in found.values():
                locate(self.labels.replace("*", path.name.partition(".")[0]), folder, "data.source.labels")
        return found

    def fingerprint(self, path: Path) -> str:
        """What is in a file of steps and in its labels, hashed. Raises `DataError`."""
        import hashlib

        from nntrain.data.fingerprint import fingerprint_file

        labels = self.labels_beside(path)
        if labels is None:
            return fingerprint_file(path)
        return hashlib.sha256(f"{fingerprint_file(path)}\n{fingerprint_file(labels)}".encode()).hexdigest()

    def peek_labels(self, path: Path) -> Header | None:
        """What the head of the labels of a file tells. Raises `DataError`."""
        labels = self.labels_beside(path)
        return None if labels is None else self._reader(labels).peek(labels, labels.name)

    def read_labels(self, path: Path) -> Table | None:
        """The labels of a file. Raises `DataError`."""
        labels = self.labels_beside(path)
        return None if labels is None else self._reader(labels).read(labels, labels.name)

    def _reader(self, path: Path) -> Source:
        """What reads the labels: this source, where they are of its kind. Raises `DataError`."""
        from nntrain.data.settings import SOURCES, source_of
        from nntrain.data.sources.source import Source
        from nntrain.schema import load_class

        tag = source_of(path.name)
        if tag == self.type:
            return self
        if tag is None:
            raise DataError(f"data.source.labels: no source reads {path.suffix or 'such'} files", "a table: .csv, .tsv, .parquet")
        made = load_class(SOURCES[tag]).parse({"type": tag, "path": path.name})
        assert isinstance(made, Source)
        return made
