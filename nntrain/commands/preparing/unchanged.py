"""The data of a run read again, if they are still those that it was trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nntrain.commands.preparing.from_config import prepare_data
from nntrain.commands.stored.opening import changed_data, changed_error, check_files, stored_config
from nntrain.errors import UsageError

if TYPE_CHECKING:
    from nntrain.config.reading import Config
    from nntrain.data.preparing import Prepared
    from nntrain.runs import Run


def unchanged_data(run: Run) -> tuple[Config, Prepared]:
    """The config and the data of a run.

    Raises:
        DataError: They can't be read, or have changed since.
        UsageError: It is an export, which has no data.
    """
    if run.is_export:
        raise UsageError(
            f"{run.name} is an export, without the rows of its run", "rows of a file: nntrain eval --data FILE, explain RUN FILE"
        )
    config = stored_config(run)
    check_files(run, config)
    prepared = prepare_data(config)
    changed = changed_data(run, prepared.fingerprints)
    if changed:
        raise changed_error(run, changed)
    return config, prepared
