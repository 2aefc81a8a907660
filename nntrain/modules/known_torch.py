"""Which versions of torch were tried with what nntrain does below torch's public interface."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import torch

IS_KNOWN: Final = re.match(r"2\.13\b", torch.__version__) is not None
"""Whether this torch is one of those. With another one each step is computed, and moves the weights, as torch does by itself."""

set_grad_mode: Final[Callable[[bool], Any]] = torch._C._set_grad_enabled if IS_KNOWN else torch.set_grad_enabled  # pyright: ignore[reportPrivateUsage]
"""Turn autograd on or off for what follows: a context takes eight times as long."""
