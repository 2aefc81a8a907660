"""The section `generate` of a config. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, PositiveInt

from nntrain.tasks.sampling import Sampling


class GenerateSettings(Sampling):
    """What `nntrain generate` does where its flags say nothing.

    A network that predicts the next step of a sequence reads `prompt`, `steps` and how a step is drawn; one with a point that rows can be
    drawn at (`gaussian_latent`, the noise of a GAN) reads `from`, `given` and `count`. An option that the network does not read is an
    error.
    """

    prompt: str | None = None
    """What the sequence begins with. Default: nothing."""
    steps: PositiveInt = 200
    """Tokens of a text, or steps of music, that are generated."""
    from_: str | None = Field(default=None, alias="from")
    """Name of the point whose values are drawn; the steps behind it are run on them. Default: the only one there is."""
    given: Mapping[str, str | bool | int | float] | None = None
    """Values of input fields that are read beside the point, the same in all rows: `{label: "3"}`. Default: each class of a category in
    turn; other fields have no default."""
    count: PositiveInt = 100
    """Rows, such as images, that are drawn."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Decides what is drawn."""
