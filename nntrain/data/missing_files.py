"""Which files of a config are not there."""

from __future__ import annotations

from pathlib import Path

from nntrain.data.file_rows import fixed_part
from nntrain.data.paths import MissingFileError
from nntrain.data.settings import DataSettings


def missing_files(settings: DataSettings, folder: Path) -> tuple[str, ...]:
    """Files of the source that are not there, as the config names them; of a pattern what stands before its first brace or star.

    Raises:
        DataError: One is there, and can't be read.
    """
    try:
        settings.source.files(folder)
    except MissingFileError as error:
        known = tuple(
            fixed_part(written) if "{" in written or "*" in written else written for written in settings.source.written_paths().values()
        )
        return tuple(written for written in known if not (folder / written).exists()) or (error.message,)
    return ()
