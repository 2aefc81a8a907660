"""The table of protocols. Torch-free."""

from __future__ import annotations

from typing import Final

PROTOCOLS: Final = {"supervised": "nntrain.protocols.protocol:Supervised"}
