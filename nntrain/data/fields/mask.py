"""A class for each pixel of an image."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal, cast

from pydantic import AfterValidator, PositiveInt, model_validator
from pydantic import Field as Option

from nntrain.data.fields.field import Encoded, Field, Role
from nntrain.errors import SpecError
from nntrain.specs import MASK, Size, Spec, Unknown

if TYPE_CHECKING:
    from nntrain.data.fields.field import Array, State, Values
    from nntrain.data.forms.form import Form
    from nntrain.data.header import HeaderColumn
    from nntrain.data.table import Table

MAX_CLASSES: Final = 255
"""A pixel is kept as a byte, of which one value stands for what doesn't count."""
COLOR: Final = 2**24
"""What is added to red * 65536 + green * 256 + blue, so that a colour is another number than a gray value."""

_GRAY: Final = re.compile(r"\d+")
_HEX: Final = re.compile(r"#[0-9a-fA-F]{6}")


def pixel_value(word: str | int) -> int:
    """The number of a gray value, `255`, or of a colour, `#ff0000`. Raises `ValueError`."""
    text = str(word)
    if _GRAY.fullmatch(text):
        return int(text)
    if _HEX.fullmatch(text):
        return COLOR + int(text[1:], 16)
    raise ValueError(f"{text!r} is neither a gray value, such as 255, nor a colour, such as '#ff0000' (in quotes)")


def pixel_word(value: int) -> str:
    """Undo `pixel_value`."""
    return f"#{value - COLOR:06x}" if value >= COLOR else str(value)


def _checked(word: str | int) -> str | int:
    pixel_value(word)
    return word


PixelWord = Annotated[str | int, AfterValidator(_checked)]


class Mask(Field):
    """A class for each pixel [H, W]: an image file, or an array of whole numbers, beside the image that it is of.

    What a pixel holds is its gray value, its place in the palette, or its colour. A row with a value that training never showed is left out
    and counted. Files must be stored without loss (PNG, not JPEG): a value between two classes is none of them.
    """

    roles: ClassVar[frozenset[Role]] = frozenset({"target", "ignore"})
    reads_files: ClassVar[bool] = True

    type: Literal["mask"] = "mask"
    classes: Annotated[int, Option(ge=2, le=MAX_CLASSES)] | tuple[str | int, ...] | dict[str, str] | None = None
    """The classes: how many, of pixels that hold 0, 1, 2, …; their names in that order; or a name for each value that pixels hold,
    `{0: membrane, 255: cell}`, `{"#ff0000": car, "#000000": road}`. Default: the values that the training masks show."""
    ignore: PixelWord | tuple[PixelWord, ...] = ()
    """Values of pixels that are neither trained on nor judged: 255, `[0, 255]`."""
    size: PositiveInt | tuple[PositiveInt, PositiveInt] | None = None
    """Height and width, one number for a square, to which masks are resized: each pixel takes the nearest one's class. Default: that of the
    image beside it, or of the data."""

    @model_validator(mode="after")
    def _values_differ(self) -> Mask:
        names = self.class_names
        if self.classes is not None and (len(set(names)) < len(names) or not 2 <= len(names) <= MAX_CLASSES):
            raise ValueError(f"classes names each class once, at least two and at most {MAX_CLASSES}")
        values = list(self.values or ())
        if len(set(values)) < len(values):
            raise ValueError("classes has a value twice")
        if len({value >= COLOR for value in values}) > 1:
            raise ValueError("classes has gray values and colours: a gray is a colour too, '#000000'")
        both = [pixel_word(value) for value in values if value in self.ignored]
        if both:
            raise ValueError(f"{both[0]} is a value of a class and in ignore; remove it from one of them")
        return self

    @property
    def values(self) -> tuple[int, ...] | None:
        """What the pixels of each class hold, where the settings tell."""
        if isinstance(self.classes, dict):
            return tuple(map(pixel_value, self.classes))
        return None if self.classes is None else tuple(range(len(self.class_names)))

    @property
    def ignored(self) -> tuple[int, ...]:
        """What pixels hold that don't count."""
        return tuple(map(pixel_value, self.ignore if isinstance(self.ignore, tuple) else (self.ignore,)))

    @property
    def size_pair(self) -> tuple[int, int] | None:
        """Height and width, where they are set."""
        return (self.size, self.size) if isinstance(self.size, int) else self.size

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names in `classes`; numbers where it is one."""
        if isinstance(self.classes, int):
            return tuple(map(str, range(self.classes)))
        return tuple(self.classes.values()) if isinstance(self.classes, dict) else tuple(map(str, self.classes or ()))

    def plan_spec(self, name: str, columns: Sequence[HeaderColumn] | None, *, is_target: bool) -> Spec:
        """[H, W], each an index of K. Raises `SpecError` for what is no mask."""
        height, width = self.size_pair or self._found(name, columns)
        return Spec(MASK, (height, width), "index", classes=len(self.class_names) or Unknown(f"classes of {name}"))

    def _found(self, name: str, columns: Sequence[HeaderColumn] | None) -> tuple[Size, Size]:
        column = None if columns is None else columns[0]
        unknown = Unknown(f"height of {name}"), Unknown(f"width of {name}")
        if column is None:
            return unknown
        if column.names_files or column.kind == "image":
            sizes = {} if column.files is None else {(height, width): None for _, height, width in column.files.sizes}
            return next(iter(sizes)) if len(sizes) == 1 else unknown
        return mask_sizes(name, column.shape)

    def fitted_spec(self, state: State, *, is_target: bool) -> Spec:
        """[H, W], each an index of K."""
        return Spec(MASK, tuple(state["sizes"]), "index", classes=len(state["classes"]))

    def read(self, table: Table, columns: tuple[str, ...]) -> Array:
        """What the pixels hold, uint8 or int32 `[N, H, W]`, in the size of the field.

        Raises:
            DataError: A file is no image, or of another size, or pixels hold none of the values that `classes` names.
        """
        from nntrain.data.masks import read_masks

        return read_masks(self, table, columns[0])

    def fit(self, values: Values, *, is_target: bool) -> State:
        """The classes of the training masks. Raises `DataError` where there are less than two, or more than a byte holds."""
        from nntrain.data.masks import fit_masks

        return fit_masks(self, cast("Array", values))

    def encode(self, values: Values, state: State, *, is_target: bool) -> Encoded:
        """Class indices uint8 `[N, H, W]`, 255 where nothing counts. Raises `DataError` for another size than in training."""
        from nntrain.data.masks import encode_masks

        return encode_masks(self, cast("Array", values), state)

    def form(self, state: State) -> Form:
        """Masks that read as those of training."""
        from nntrain.data.forms.masks import Masks

        return Masks(tuple(state["values"]))

    def is_missing(self, values: Values) -> Array:
        """None is: every row has a mask."""
        import numpy as np

        return np.zeros(len(values), dtype=bool)


def mask_sizes(name: str, shape: tuple[int, ...]) -> tuple[int, int]:
    """Height and width of an array of masks, by the axes beside its rows: [H, W], [1, H, W], [H, W, 1], or colours [H, W, 3].

    Raises:
        SpecError: It is none of these.
    """
    if len(shape) == 2:
        return shape[0], shape[1]
    if len(shape) == 3 and shape[0] == 1:
        return shape[1], shape[2]
    if len(shape) == 3 and shape[2] in (1, 3):
        return shape[0], shape[1]
    found = "one value per row" if not shape else f"an array [{', '.join(map(str, ('N', *shape)))}]"
    raise SpecError(f"{name} is {found}, and a mask is an array [N, H, W] of whole numbers, or image files")
