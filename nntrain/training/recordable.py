"""Whether all steps of a run are of the same operations, so that one may be recorded for all."""

from __future__ import annotations

from torch import nn

from nntrain.modules.network import Network
from nntrain.training.cuda_graphs import CudaGraphs
from nntrain.training.replay import StaticSteps, are_static
from nntrain.training.session import Session


def static_steps(session: Session, *, parts_are_ours: bool) -> StaticSteps | None:
    """Recordings for the steps of a run; `None` where they may be of other operations each time, and where nothing is gained.

    What varies beside the values of a batch keeps a step from it: lengths of rows, sizes of images, shares of mixed rows, parameters that
    are frozen for a time, what a task tells the network. Probabilities of dropout that change over the run are numbers in a recording:
    `set_learning_rates` drops it where they do, and steps are recorded while they stay. On a CUDA device recordings become graphs; cuDNN's
    recurrent layers have packed weights and random numbers of their own, which no recording sees.

    Args:
        session: The run.
        parts_are_ours: Whether no loss, task or protocol comes from a plug-in, which may keep something in Python from step to step.
    """
    network, train = session.network, session.splits.train
    varies = (
        not isinstance(network, Network) or network.is_ragged,
        any(each is not None for each in (session.growing, session.mixer, session.thawing, session.buckets, session.by_class)),
        any(target.is_taught for target in session.objective.targets.values()) or bool(session.objective.hinted),
        train.lanes is not None,
        session.accumulate > 1,
        session.precision.scales,
        not parts_are_ours,
    )
    is_cuda = session.device.type == "cuda"
    is_elsewhere = not (is_cuda or session.device.type == "cpu") or session.compiled is not None or session.ranks is not None
    if is_elsewhere or any(varies) or not are_static(network) or (is_cuda and _is_recurrent(network)):
        return None
    return StaticSteps(network, steps=session.horizon.total_steps, graphs=CudaGraphs(session.device) if is_cuda else None)


def _is_recurrent(network: nn.Module) -> bool:
    return any(isinstance(module, nn.RNNBase) for module in network.modules())
