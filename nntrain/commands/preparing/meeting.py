"""How several processes that train one run find each other, and what the first of them says."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from nntrain.config.reading import Config
from nntrain.errors import ConfigError
from nntrain.runs import Run
from nntrain.training.place import ANNOUNCED, Place, here


def meet(place: Place, config: Config) -> None:
    """Find the other processes, once the config is known to be right.

    Raises:
        ConfigError: There is no device for each of them; rendered.
    """
    from nntrain.training.distributed import join
    from nntrain.training.sharing_devices import own_device

    try:
        training = config.experiment.training
        join(place, own_device("auto" if training is None else training.device, place))
    except ConfigError as error:
        raise config.error(error.problems) from None


def announce(run: Run) -> None:
    """Say which run is trained. The first process says it, the others hear it in `following`."""
    from nntrain.training import checkpoint
    from nntrain.training.distributed import joined

    ranks = joined()
    assert ranks is not None
    ranks.tell(lambda: {"run": run.path.absolute().as_posix(), "has_state": checkpoint.any_saved(run.checkpoints)})
    if (place := here()) is not None and place.store is not None:
        Path(place.store).with_name(ANNOUNCED).write_text(run.name, encoding="utf-8")
    announced.append(run)


announced: Final[list[Run]] = []
"""The run that is trained, once this process has said so."""


def say_nothing_to_do() -> None:
    """Let the others end, where nothing was trained."""
    from nntrain.training.distributed import joined

    ranks = joined()
    if ranks is not None and not announced:
        ranks.tell(lambda: None)
