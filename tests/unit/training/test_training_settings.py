import pytest
from pydantic import ValidationError

from nntrain.config.reading import read_mapping
from nntrain.errors import ConfigError
from nntrain.training.settings import MAX_THREADS, TrainingSettings


@pytest.mark.parametrize("threads", [1, MAX_THREADS, None])
def test_threads_that_can_be_started_are_taken(threads: int | None) -> None:
    assert TrainingSettings(threads=threads).threads == threads


@pytest.mark.parametrize("threads", [0, -1, MAX_THREADS + 1, 100_000])
def test_threads_that_would_end_the_process_are_refused(threads: int) -> None:
    with pytest.raises(ValidationError, match="threads"):
        TrainingSettings(threads=threads)


@pytest.mark.parametrize("unfreeze", [[], {"epoch": 2, "match": []}])
def test_unfreezing_nothing_is_refused(unfreeze: object) -> None:
    with pytest.raises(ConfigError, match="of at least 1"):
        read_mapping({"data": {"source": "a.csv"}, "training": {"unfreeze": unfreeze}})


def test_an_adapter_of_nothing_is_refused() -> None:
    architecture = {"type": "mlp", "adapter": {"type": "lora", "match": []}}
    with pytest.raises(ConfigError, match="of at least 1"):
        read_mapping({"data": {"source": "a.csv"}, "architecture": architecture})
