"""`--no-cache`: train without keeping encoded rows, where some would be kept. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nntrain.commands.fitting.fit import Command
from nntrain.commands.preparing.jobs import AUTO, Options
from nntrain.commands.stored.opening import stored_config
from nntrain.config.reading import Config, find_config, read_config
from nntrain.data.cache_folder import keep_nothing
from nntrain.data.layout import peek, plan_layout
from nntrain.data.streaming_problems import in_blocks
from nntrain.errors import ConfigError, DataError, UsageError
from nntrain.runs import find_whole_run, runs_root


def keeping_nothing(train: Command) -> Command:
    """A command that keeps no encoded rows. It raises `UsageError` for a config of which none would be kept."""

    def run(path: Path | None, changes: Sequence[str], options: Options) -> int:
        if not _keeps_rows(path, changes, options):
            raise UsageError("--no-cache has no effect: only rows of tables are kept that are streamed, and here none is", "remove it")
        keep_nothing()
        return train(path, changes, options)

    return run


def _keeps_rows(path: Path | None, changes: Sequence[str], options: Options) -> bool:
    """Whether a config streams a table; true of one that can't be looked at, as whoever trains it tells why."""
    config = _config(path, changes, options)
    settings, folder = config.experiment.data, config.folder
    if not (settings.streaming and settings.source.reads_blocks):
        return False
    try:
        return in_blocks(settings, plan_layout(settings, folder, look=True)[0].fields, lambda: peek(settings, folder)["train"])
    except (ConfigError, DataError):
        return True


def _config(path: Path | None, changes: Sequence[str], options: Options) -> Config:
    if path is None and options.resume not in (None, AUTO):
        return stored_config(find_whole_run(options.resume, runs_root(options.runs)), tuple(changes))
    return read_config(find_config(path), changes, options.overlays)
