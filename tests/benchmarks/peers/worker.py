"""One peer in a process of its own: `worker.py PEER FOLDER` answers each line `{"workload", "epochs", "rows"}` with what came of a fit.

`PEER` is the name of a module here or beside this folder, with options behind it: `tuned_loop+gather`. `FOLDER` holds the rows.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import resource
import sys
import time
import warnings
from pathlib import Path
from typing import Any

PACKAGES = {
    "sklearn_peer": "scikit-learn",
    "lightning_peer": "lightning",
    "skorch_peer": "skorch",
    "keras_peer": "keras",
    "hf_peer": "transformers",
    "fastai_peer": "fastai",
}
HERE = Path(__file__).parent


def peak_mib() -> float:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(peer: str, folder: Path) -> None:
    """Answer until there are no more lines. What peers print goes nowhere."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

    def answer(found: dict[str, Any]) -> None:
        answers.write(json.dumps(found) + "\n")
        answers.flush()

    warnings.simplefilter("ignore")
    sys.path.insert(1, str(HERE.parent))
    name, *options = peer.split("+")
    started = time.process_time()
    try:
        train = importlib.import_module(name).train
    except ImportError as error:
        answer({"left out": f"not installed ({error.name or error})"})
        return
    import_s = time.process_time() - started
    import torch
    import workloads

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    package = PACKAGES.get(name)
    answer({"import_cpu_s": import_s, "version": None if package is None else f"{package} {importlib.metadata.version(package)}"})
    known: dict[str, workloads.Workload] = {}
    for line in sys.stdin:
        asked = json.loads(line)
        name = asked["workload"]
        workload = known.setdefault(name, known.get(name) or workloads.load(name, folder))
        try:
            found = dict(train(workload.first(asked["rows"]) if asked["rows"] else workload, asked["epochs"], options))
            answer({**found, "peak_mib": peak_mib(), "load": os.getloadavg()[0]})
        except NotImplementedError as error:
            answer({"left out": f"does not do {error}"})
        except Exception as error:
            answer({"left out": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
