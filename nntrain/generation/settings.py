"""The section `generate` of a config. Torch-free."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PositiveInt

from nntrain.tasks.sampling import Sampling


class GenerateSettings(Sampling):
    """What `nntrain generate` does where its flags say nothing."""

    prompt: str | None = None
    """What the sequence begins with. Default: nothing."""
    steps: PositiveInt = 200
    """Tokens of a text, or steps of music, that are generated."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Decides what is drawn."""
