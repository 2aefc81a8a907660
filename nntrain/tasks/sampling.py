"""How the next step of a sequence is drawn from what the network says about it. Torch-free."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PositiveInt

from nntrain.schema import StrictModel


class Sampling(StrictModel):
    """How the next step is drawn. First the repetition penalty acts, then the temperature, then `top_k`, then `top_p`."""

    temperature: Annotated[float, Field(ge=0)] = 1.0
    """What logits are divided by: below 1 the likelier is taken more often, above 1 less. 0 takes the likeliest, and draws nothing."""
    top_k: PositiveInt | None = None
    """Only the k likeliest tokens are drawn from. Default: all."""
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    """Only the likeliest tokens that make up this share of the probability are drawn from (Holtzman et al. 2020). Default: all."""
    repetition_penalty: Annotated[float, Field(ge=1)] = 1.0
    """What makes tokens less likely that were there before: their positive logits are divided by it, their negative ones multiplied
    (Keskar et al. 2019, section 4.1). 1 is off."""
