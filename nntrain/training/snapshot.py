"""The whole state of a run as named parts, taken at a step boundary and put back: what a checkpoint holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from nntrain.training.progress import Progress
from nntrain.training.reproducibility import exactness_facts, restore_rng, rng_state
from nntrain.training.session import Session, TrainingProtocol
from nntrain.training.state import optimizer_state, restore_into, restore_network


def snapshot(session: Session, protocol: TrainingProtocol, progress: Progress) -> dict[str, Any]:
    """All that an exact resume needs, as trees by part. Taking it changes nothing and draws no random number."""
    parts: dict[str, Any] = {
        "weights": session.network.state_dict(),
        "optimizer": optimizer_state(session.optimizer),
        "rng": rng_state(),
        "protocol": protocol.state(),
        "state": {
            "progress": progress.state(),
            "precision": session.precision.state(),
            "portions": session.portions.state(),
            "facts": exactness_facts(session.device),
        },
    }
    if session.ema is not None:
        parts["ema"] = session.ema.state(session.network)
    return parts


def restore(session: Session, protocol: TrainingProtocol, progress: Progress, parts: Mapping[str, Any]) -> None:
    """Put back what `snapshot` took, into objects made from the same config.

    Raises:
        CheckpointError: The network or the optimizer has other parameters than the one that was saved.
        LookupError, TypeError, ValueError, AttributeError, RuntimeError: The parts are not what `snapshot` gives.
    """
    predicting_weights(parts)
    restore_network(session.network, parts["weights"])
    restore_into(session.optimizer, parts["optimizer"])
    protocol.restore(parts["protocol"])
    state = parts["state"]
    progress.restore(state["progress"])
    session.precision.restore(state["precision"])
    session.portions.restore(state["portions"])
    if session.ema is not None:
        session.ema.restore(parts["ema"])
    restore_rng(parts["rng"])


def predicting_weights(parts: Mapping[str, Any]) -> Mapping[str, Any]:
    """The weights that predict: the averaged ones where the run averages.

    Raises:
        TypeError: They are no table of tensors. A part that is none raises as its type does.
    """
    weights: Any = parts["ema"]["weights"] if "ema" in parts else parts["weights"]
    if not all(isinstance(value, Tensor) for value in weights.values()):
        raise TypeError("weights that are no tensors")
    return weights
