"""scikit-learn's `MLPClassifier`, which has a backward pass of its own; MLPs only."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from workloads import Stopwatch, Workload

warnings.simplefilter("ignore", ConvergenceWarning)


def train(workload: Workload, epochs: int, options: Sequence[str] = ()) -> dict[str, float]:
    """One fit; where rows are measured after each epoch, it goes on epoch by epoch."""
    if not workload.sizes:
        raise NotImplementedError("another network than an MLP")
    x, y, xv, yv = (part.numpy() for part in (workload.x, workload.y, workload.xv, workload.yv))
    sgd = {"solver": "sgd", "momentum": workload.opt_args.get("momentum"), "nesterovs_momentum": False}
    options_of: dict[str, Any] = sgd if workload.opt == "SGD" else {"solver": "adam", "alpha": 0.01}
    sizes: dict[str, Any] = {
        "hidden_layer_sizes": workload.sizes[1:-1],
        "batch_size": workload.batch,
        "learning_rate_init": workload.opt_args["lr"],
    }
    repeated: dict[str, Any] = {"warm_start": True, "max_iter": 1} if workload.validate else {"max_iter": epochs}
    network: Any = MLPClassifier(**sizes, **options_of, **repeated, n_iter_no_change=epochs + 1, random_state=0)
    watch = Stopwatch()
    for _ in range(epochs if workload.validate else 1):
        network.fit(x, y)
        if workload.validate:
            network.predict_proba(xv)
    watch.stop()
    return watch.result(workload, epochs, float((network.predict(xv) == yv).mean()))
