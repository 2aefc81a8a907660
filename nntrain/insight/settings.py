"""The section `explain` of a config. Torch-free."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field, NonNegativeInt

from nntrain.data.fields.field import Neutral
from nntrain.schema import StrictModel

Method = Literal["integrated_gradients", "saliency", "input_x_gradient", "smoothgrad", "occlusion", "grad_cam", "attention", "examples"]
"""Ways to share out the answer for a row among its inputs."""

USE_BASELINE: Final[frozenset[Method]] = frozenset({"integrated_gradients", "occlusion"})
"""Ways that compare a row with one that says nothing."""

ALWAYS: Final[tuple[Method, ...]] = (
    "integrated_gradients",
    "occlusion",
    "saliency",
    "input_x_gradient",
    "smoothgrad",
    "examples",
)
"""Ways that every network can be explained by."""

PREDICTED: Final = "predicted"


class ExplainSettings(StrictModel):
    """What `nntrain explain` does where its options say nothing."""

    main: ClassVar[str | None] = "method"

    method: Method = "integrated_gradients"
    """How the answer for a row is shared out among its inputs. `integrated_gradients`: gradients added up on the way from a row that says
    nothing to this one; the shares add up to the difference between both answers. `occlusion`: what changes when one input is taken from
    that row. `saliency`: the gradient alone; `input_x_gradient`: times the input; `smoothgrad`: the mean of gradients under noise;
    `grad_cam`: where the last convolution sees what speaks for the answer, for a network over one image, sequence or window.
    `attention`: what self-attention looks at, followed through all layers. `examples`: no shares, but the training rows that the last layer
    sees nearest."""
    rows: Annotated[tuple[NonNegativeInt, ...], Field(min_length=1)] | None = None
    """Which rows are explained one by one, counted from 0 among those that are looked at: the file, or the split. Default: the first 3."""
    target: str = PREDICTED
    """Which answer is explained: `predicted`, the likeliest class of each row, or the name of a class. With several targets, the name of
    one of them (its likeliest class), or both: `diagnosis:healthy`. Of a forecast `predicted` is the mean over the rows ahead of its first
    column; a column (`load`) is that of another, `load:3` its third row ahead."""
    baseline: Neutral = "auto"
    """The row that says nothing. `auto`: the mean of the training rows of each number, a category that training never showed, a black
    image, a text of padding. `mean`: the mean of the training rows, of images too; `zero`: 0 in its own unit. Fields without such a value
    keep that of `auto`."""
