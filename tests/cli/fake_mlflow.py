"""A small MLflow server on the loopback device, which keeps what it is told; and servers that are of no use."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


class FakeMLflow:
    """What a server was told, by run."""

    def __init__(self, dies_after: int | None = None) -> None:
        self.experiments: dict[str, str] = {}
        self.runs: dict[str, dict[str, Any]] = {}
        self.calls: list[str] = []
        self.dies_after = dies_after
        """Batches of metrics after which it answers no more."""
        self.address = ""

    def answer(self, method: str, path: str, given: dict[str, Any], body: bytes) -> dict[str, Any] | None:
        """The answer to a request; `None` for what it does not know."""
        name = path.rpartition("/mlflow/")[2]
        self.calls.append(name)
        if name == "experiments/get-by-name":
            found = self.experiments.get(given["experiment_name"])
            return None if found is None else {"experiment": {"experiment_id": found, "name": given["experiment_name"]}}
        if name == "experiments/create":
            self.experiments[given["name"]] = str(len(self.experiments) + 1)
            return {"experiment_id": self.experiments[given["name"]]}
        if name == "runs/create":
            run_id = f"{len(self.runs) + 1:032x}"
            tags = {tag["key"]: tag["value"] for tag in given.get("tags", ())}
            self.runs[run_id] = {"name": given.get("run_name"), "tags": tags, "params": {}, "metrics": [], "status": "RUNNING", "files": {}}
            self.runs[run_id]["experiment"] = given["experiment_id"]
            return self.run(run_id)
        if "mlflow-artifacts" in path:
            run_id, _, file = path.rpartition("/artifacts/")[2].partition("/")
            self.runs[run_id]["files"][file] = body.decode()
            return {}
        run = self.runs.get(given.get("run_id") or given.get("run_uuid") or "")
        if run is None:
            return None
        if name == "runs/log-batch":
            run["params"] |= {each["key"]: each["value"] for each in given.get("params", ())}
            run["metrics"] += [(each["step"], each["key"], each["value"]) for each in given.get("metrics", ())]
        elif name == "runs/set-tag":
            run["tags"][given["key"]] = given["value"]
        elif name == "runs/update":
            run["status"] = given.get("status", run["status"])
        return self.run(given["run_id"])

    def run(self, run_id: str) -> dict[str, Any]:
        run = self.runs[run_id]
        info = {"run_id": run_id, "run_name": run["name"], "experiment_id": run["experiment"], "status": run["status"]}
        info |= {"artifact_uri": f"mlflow-artifacts:/{run_id}", "start_time": 1, "lifecycle_stage": "active"}
        return {"run": {"info": info, "data": {}}, "run_info": info}

    def curve(self, run_id: str, metric: str) -> list[tuple[int, float]]:
        """Steps and values of a metric, as they came."""
        return [(int(step), value) for step, name, value in self.runs[run_id]["metrics"] if name == metric]


@contextmanager
def fake_mlflow(dies_after: int | None = None) -> Generator[FakeMLflow]:
    """Context in which the server answers."""
    kept = FakeMLflow(dies_after)

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            is_json = "json" in (self.headers.get("Content-Type") or "")
            given = json.loads(body) if body and is_json else {key: values[0] for key, values in parse_qs(parts.query).items()}
            if kept.dies_after is not None and kept.calls.count("runs/log-batch") >= kept.dies_after:
                self.connection.close()
                return
            answer = kept.answer(self.command, parts.path, given, body)
            told = json.dumps({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no such thing"} if answer is None else answer).encode()
            self.send_response(404 if answer is None else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        do_GET = do_POST = do_PUT = _answer  # noqa: N815 (names of the library)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def silent_server() -> Generator[str]:
    """Address of a server that takes every connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.05)
        taken: list[socket.socket] = []
        is_over = threading.Event()

        def take() -> None:
            while not is_over.is_set():
                with suppress(TimeoutError):
                    taken.append(listening.accept()[0])
                time.sleep(0.01)

        thread = threading.Thread(target=take)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            is_over.set()
            thread.join()
            for each in taken:
                each.close()


def refusing() -> str:
    """Address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return f"http://127.0.0.1:{listening.getsockname()[1]}"
