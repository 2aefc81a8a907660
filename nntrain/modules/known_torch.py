"""Which versions of torch were tried with what nntrain does below torch's public interface."""

from __future__ import annotations

import re
from typing import Final

import torch

IS_KNOWN: Final = re.match(r"2\.13\b", torch.__version__) is not None
"""Whether this torch is one of those. With another one each step is computed, and moves the weights, as torch does by itself."""
