"""Batches that other processes read: whether the largest of them pass through shared memory."""

from __future__ import annotations

from nntrain.data.streaming import check_shared_memory
from nntrain.training.evaluation import batch_rows
from nntrain.training.session import Session


def check_batches_fit(session: Session) -> None:
    """Make sure that the largest batches, those of evaluations or of steps, pass from process to process. Raises `ResourceError`."""
    train = session.splits.train
    if train.streamed is None:
        return
    rows = max(batch_rows(train, session.batch_size), session.batch_size * session.accumulate)
    check_shared_memory(train.streamed.reading.workers, min(rows, len(train)) * train.streamed.store.bytes_per_row)
