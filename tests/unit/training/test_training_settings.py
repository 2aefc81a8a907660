import pytest
from pydantic import ValidationError

from nntrain.training.settings import MAX_THREADS, TrainingSettings


@pytest.mark.parametrize("threads", [1, MAX_THREADS, None])
def test_threads_that_can_be_started_are_taken(threads: int | None) -> None:
    assert TrainingSettings(threads=threads).threads == threads


@pytest.mark.parametrize("threads", [0, -1, MAX_THREADS + 1, 100_000])
def test_threads_that_would_end_the_process_are_refused(threads: int) -> None:
    with pytest.raises(ValidationError, match="threads"):
        TrainingSettings(threads=threads)
