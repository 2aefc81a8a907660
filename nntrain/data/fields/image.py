"""An image per row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, cast

from pydantic import Field as Option
from pydantic import PositiveInt, model_validator

from nntrain.data.fields.field import Encoded, Field, Role
from nntrain.errors import SpecError
from nntrain.schema import StrictModel
from nntrain.specs import IMAGE, Spec, Unknown

if TYPE_CHECKING:
    from nntrain.data.fields.field import Array, State, Values
    from nntrain.data.header import HeaderColumn
    from nntrain.data.table import Table


class Moments(StrictModel):
    """Mean and standard deviation of each channel, of values in [0, 1]."""

    mean: tuple[float, ...]
    """Mean of each channel."""
    std: tuple[Annotated[float, Option(gt=0)], ...]
    """Standard deviation of each channel."""


class Image(Field):
    """An image [C, H, W] with values in [0, 1], unless `normalize` says otherwise."""

    main: ClassVar[str | None] = "size"
    roles: ClassVar[frozenset[Role]] = frozenset({"input", "ignore"})

    type: Literal["image"] = "image"
    size: PositiveInt | tuple[PositiveInt, PositiveInt] | None = None
    """Height and width; one number for a square. Images of another size are resized. Default: the size of the data."""
    channels: Literal[1, 3, "gray", "rgb"] | None = None
    """Channels: 1 or gray, 3 or rgb. Default: those of the data."""
    normalize: Literal["unit", "standard", "imagenet"] | tuple[float, float] | Moments = "unit"
    """`unit`: [0, 1]. `standard`: each channel to mean 0 and standard deviation 1 of the training rows. Or a range: [-1, 1]."""

    @model_validator(mode="after")
    def _range_is_one(self) -> Image:
        if isinstance(self.normalize, tuple) and self.normalize[0] >= self.normalize[1]:
            raise ValueError("normalize needs a lower and a higher end: [-1, 1]")
        return self

    @property
    def size_pair(self) -> tuple[int, int] | None:
        """Height and width, where they are set."""
        return (self.size, self.size) if isinstance(self.size, int) else self.size

    @property
    def num_channels(self) -> int | None:
        """Number of channels, where it is set."""
        return {"gray": 1, "rgb": 3}[self.channels] if isinstance(self.channels, str) else self.channels

    def plan_spec(self, name: str, columns: Sequence[HeaderColumn] | None, *, is_target: bool) -> Spec:
        """[C, H, W]. Raises `SpecError` for an array that is no images."""
        found = channels_first(name, columns[0].shape) if columns is not None else None
        unknown = (Unknown(f"channels of {name}"), Unknown(f"height of {name}"), Unknown(f"width of {name}"))
        channels, height, width = found or unknown
        height, width = self.size_pair or (height, width)
        return Spec(IMAGE, (self.num_channels or channels, height, width))

    def fitted_spec(self, state: State, *, is_target: bool) -> Spec:
        """[C, H, W]."""
        return Spec(IMAGE, tuple(state["sizes"]))

    def read(self, table: Table, columns: tuple[str, ...]) -> Array:
        """Float32 `[N, C, H, W]` in [0, 1], in the size and channels of the field. Raises `DataError` for what is no image."""
        from nntrain.data.images import read_images

        return read_images(self, table, columns[0])

    def fit(self, values: Values, *, is_target: bool) -> State:
        """Offset and scale of the channels. Raises `DataError` where `normalize` has another number of them."""
        from nntrain.data.images import fit_images

        return fit_images(self, cast("Array", values))

    def encode(self, values: Values, state: State, *, is_target: bool) -> Encoded:
        """Float32 `[N, C, H, W]`. Raises `DataError` for other sizes than in training."""
        from nntrain.data.images import normalize_images

        return Encoded(normalize_images(cast("Array", values), state))

    def is_missing(self, values: Values) -> Array:
        """None is: an array has a value in every place."""
        import numpy as np

        return np.zeros(len(values), dtype=bool)


def channels_first(name: str, shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Channels, height and width of an array of images, by the axes beside its rows: [H, W], [C, H, W] or [H, W, C].

    Raises:
        SpecError: It is none of these.
    """
    if len(shape) == 2:
        return 1, *shape
    if len(shape) == 3 and shape[0] in (1, 3):
        return shape[0], shape[1], shape[2]
    if len(shape) == 3 and shape[2] in (1, 3):
        return shape[2], shape[0], shape[1]
    found = "one value per row" if not shape else f"an array [{', '.join(map(str, ('N', *shape)))}]"
    raise SpecError(f"{name} is {found}, and an image is an array [N, H, W], [N, C, H, W] or [N, H, W, C] with C 1 or 3")
