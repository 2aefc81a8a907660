"""The table of protocols. Torch-free."""

from __future__ import annotations

from typing import Final

PROTOCOLS: Final = {
    "adversarial": "nntrain.protocols.adversarial:Adversarial",
    "dqn": "nntrain.protocols.q_learning:DQN",
    "supervised": "nntrain.protocols.protocol:Supervised",
}
