"""MLflow."""

from __future__ import annotations

import os
import re
import time
from typing import Any, ClassVar, Final, Literal

from nntrain.tracking.tracker import Ending, Record, Sink, Start, Tracker, scalars

MOST_AT_ONCE: Final = 100
"""Parameters that MLflow takes in one request."""
RETRIES: Final = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
"""Variable that says how often MLflow asks a server again."""
LONGEST: Final = 500
"""Letters of a parameter that every version of MLflow takes."""


class MLflow(Tracker):
    """Tells an MLflow server. Needs `pip install 'nntrain[mlflow]'`; MLFLOW_TRACKING_USERNAME and _PASSWORD are read as MLflow does."""

    type: Literal["mlflow"] = "mlflow"
    main: ClassVar = "uri"
    package: ClassVar = "mlflow"
    apart: ClassVar = True
    uri: str | None = None
    """Address of the server, `http://localhost:5000`. Default: what the environment variable MLFLOW_TRACKING_URI says."""
    experiment: str | None = None
    """Name of the experiment, which is made where there is none. Default: the name of the config."""

    @property
    def place(self) -> str:
        return f"{self.uri} {self.experiment}"

    def problem(self) -> tuple[str, str] | None:
        if self.uri is None and not os.environ.get("MLFLOW_TRACKING_URI"):
            return "does not say where the server is", "fix:  uri: http://localhost:5000, or set MLFLOW_TRACKING_URI"
        return super().problem()

    def open(self, start: Start) -> MLflowRun:
        return MLflowRun(self, start)


class MLflowRun(Sink):
    """One run on the server."""

    def __init__(self, tracker: MLflow, start: Start) -> None:
        import mlflow  # pyright: ignore[reportMissingImports]

        library: Any = mlflow
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")  # seconds of a server that never answers; 120 by default
        given = os.environ.get(RETRIES)
        os.environ.setdefault(RETRIES, "1")  # one that is away from the start is told of soon
        self._entities: Any = library.entities
        self._client: Any = library.MlflowClient(tracking_uri=tracker.uri)
        if start.run_id is None:
            self.run_id = self._client.create_run(self._experiment(tracker.experiment or start.project), **_named(start)).info.run_id
            params = [self._entities.Param(_key(name), value[:LONGEST]) for name, value in start.params.items()]
            for first in range(0, len(params), MOST_AT_ONCE):
                self._client.log_batch(self.run_id, params=params[first : first + MOST_AT_ONCE])
        else:
            self.run_id = start.run_id
            self._client.update_run(self.run_id, status="RUNNING")
        os.environ[RETRIES] = given or "5"  # a minute; one that breaks down may come back

    def report(self, record: Record) -> None:
        self._log({"epoch": record["epoch"], **scalars(record)}, record["step"])

    def end(self, ending: Ending) -> None:
        self._log(ending.numbers, ending.step)
        for name, value in ending.summary.items():
            if isinstance(value, str):
                self._client.set_tag(self.run_id, _key(name), value)
        for path in ending.files:
            self._client.log_artifact(self.run_id, path)
        status = {"finished": "FINISHED", "interrupted": "KILLED", "failed": "FAILED"}[ending.status]
        self._client.set_terminated(self.run_id, status)

    def _experiment(self, name: str) -> str:
        found = self._client.get_experiment_by_name(name)
        return self._client.create_experiment(name) if found is None else found.experiment_id

    def _log(self, numbers: dict[str, float], step: int) -> None:
        now = int(time.time() * 1000)
        metrics = [self._entities.Metric(_key(name), value, now, step) for name, value in numbers.items()]
        if metrics:
            self._client.log_batch(self.run_id, metrics=metrics)


def _named(start: Start) -> dict[str, Any]:
    return {"run_name": start.name, "tags": {} if start.group is None else {"group": start.group}}


def _key(name: str) -> str:
    """A name with signs that MLflow takes."""
    return re.sub(r"[^\w.\-/ ]", "_", name)[:250]
