"""New rows for a run, read as its training files were."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nntrain.commands.stored.opening import Stored, check_files, stored_config
from nntrain.errors import DataError

if TYPE_CHECKING:
    from nntrain.data.blocks import Blocks
    from nntrain.data.table import Table


def new_table(stored: Stored, path: Path) -> Table:
    """New rows from a file, as training files are read; questions about the training rows, such as pairs of nodes, beside these.

    Raises:
        DataError: They can't be read, or the training rows that they ask about have changed since.
    """
    from nntrain.data.new_rows import read_new

    source = stored.config.experiment.data.source
    if source.asks_of_training_rows:
        try:
            check_files(stored.run, stored_config(stored.run))
        except DataError as error:
            hint = f"train again on the {source.type} as it is now: nntrain fit"
            raise DataError(f"the {source.type} of {stored.run.name} is no longer as it was trained on: {error.message}", hint) from None
    return read_new(stored.config.experiment.data, path, stored.fields, stored.config.folder)


def new_table_blocks(stored: Stored, path: Path) -> Blocks:
    """The same block by block; in one where rows do not stand alone. Raises `DataError`."""
    from nntrain.data.blocks import Whole
    from nntrain.data.new_rows import new_blocks

    if stored.config.experiment.data.source.asks_of_training_rows:
        return Whole.of(new_table(stored, path))
    return new_blocks(stored.config.experiment.data, path, stored.fields)
