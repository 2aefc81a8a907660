"""An image per row."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal, cast

from pydantic import Field as Option
from pydantic import PositiveInt, model_validator

from nntrain.data.augmentation.settings import AnyAugmentation, TestViews
from nntrain.data.fields.field import INPUTS_ONLY, Encoded, Field, Neutral, Role
from nntrain.data.file_rows import IMAGES, FileKind
from nntrain.errors import SpecError
from nntrain.schema import StrictModel
from nntrain.specs import IMAGE, Size, Spec, Unknown

if TYPE_CHECKING:
    from nntrain.data.augmentation.augmentation import Augmentation
    from nntrain.data.blockwise.learning import Learner
    from nntrain.data.exhibits import Exhibit
    from nntrain.data.fields.field import Array, State, Values
    from nntrain.data.forms.form import Form
    from nntrain.data.header import HeaderColumn
    from nntrain.data.highlights import Highlight
    from nntrain.data.table import Table

IMAGENET: Final = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and standard deviation of the red, green and blue of ImageNet's training images, as torchvision's weights expect."""


_ROUNDING: Final = 1e-9
"""What a size may be below a whole number and still be meant as it."""


class Moments(StrictModel):
    """Mean and standard deviation of each channel, of values in [0, 1]."""

    mean: tuple[float, ...]
    """Mean of each channel."""
    std: tuple[Annotated[float, Option(gt=0)], ...]
    """Standard deviation of each channel."""


class ProgressiveResizing(StrictModel):
    """Training on smaller images at first, which takes less time a step (Howard 2018; the options and defaults are those of Composer)."""

    main: ClassVar[str | None] = "initial_scale"

    initial_scale: Annotated[float, Option(gt=0, lt=1)] = 0.5
    """Height and width at the start, as a fraction of the full ones."""
    delay_fraction: Annotated[float, Option(ge=0, lt=1)] = 0.5
    """Fraction of the run at whose start images stay as small; then they grow evenly."""
    finetune_fraction: Annotated[float, Option(ge=0, lt=1)] = 0.2
    """Fraction of the run at whose end they have their full size."""
    size_increment: PositiveInt = 4
    """Height and width are multiples of this number until they are the full ones: 32 for a network that halves them five times."""

    @model_validator(mode="before")
    @classmethod
    def _from_number(cls, value: object) -> object:
        return {"initial_scale": value} if isinstance(value, int | float) and not isinstance(value, bool) else value

    @model_validator(mode="after")
    def _fractions_fit(self) -> ProgressiveResizing:
        if self.delay_fraction + self.finetune_fraction > 1 + _ROUNDING:
            raise ValueError(
                f"delay_fraction {self.delay_fraction:g} and finetune_fraction {self.finetune_fraction:g} are more than the run"
            )
        return self

    @property
    def growing(self) -> float:
        """Fraction of the run over which images grow."""
        return max(0.0, 1 - self.delay_fraction - self.finetune_fraction)

    def size(self, full: tuple[int, int], elapsed: float) -> tuple[int, int]:
        """Height and width once a fraction of the run, in [0, 1], is over."""
        if elapsed >= 1 - self.finetune_fraction - _ROUNDING:
            return full
        grown = 0.0 if elapsed < self.delay_fraction else (elapsed - self.delay_fraction) / self.growing
        scale = self.initial_scale + (1 - self.initial_scale) * grown
        height, width = (self._aligned(size, scale) for size in full)
        return height, width

    def _aligned(self, size: int, scale: float) -> int:
        step = self.size_increment
        return min(size, max(step, math.floor(scale * size / step + _ROUNDING) * step))

    def changes(self, full: tuple[int, int]) -> list[float]:
        """Fractions of the run from which on height or width are others than before; the first is 0."""
        scales = {multiple * self.size_increment / size for size in full for multiple in range(1, size // self.size_increment + 1)}
        grown = ((scale - self.initial_scale) / (1 - self.initial_scale) for scale in scales if self.initial_scale < scale < 1)
        return sorted({0.0, 1.0, self.delay_fraction, *(self.delay_fraction + part * self.growing for part in grown)})


class Image(Field):
    """An image [C, H, W] with values in [0, 1], unless `normalize` says otherwise.

    As a target it is a value for each channel of each pixel, scaled for training as `normalize` says, and judged and predicted in [0, 1].
    `role: [input, target]` makes an autoencoder.
    """

    main: ClassVar[str | None] = "size"
    reads_files: ClassVar[bool] = True
    file_kind: ClassVar[FileKind | None] = IMAGES
    roles: ClassVar[frozenset[Role]] = frozenset({"input", "target", "ignore"})

    type: Literal["image"] = "image"
    size: PositiveInt | tuple[PositiveInt, PositiveInt] | None = None
    """Height and width; one number for a square. Images of another size are resized. Default: the size of the data."""
    crop_to_aspect_ratio: bool = False
    """Cut the sides of an image to the shape of `size` before it is resized, so that nothing in it is stretched. What is at the sides is
    lost. With weights of other people's photos, which were cut so, this is worth a try."""
    channels: Literal[1, 3, "gray", "rgb"] | None = None
    """Channels: 1 or gray, 3 or rgb. Default: those of the data."""
    normalize: Literal["unit", "standard", "imagenet"] | tuple[float, float] | Moments = "unit"
    """`unit`: [0, 1]. `standard`: each channel to mean 0 and standard deviation 1 of the training rows. `imagenet`: mean and standard
    deviation of ImageNet. Or a range, [-1, 1]; or {mean, std} of each channel."""
    augment: tuple[AnyAugmentation, ...] = ()
    """Random changes of the training images, in this order, anew each epoch: [flip, crop: 4]. They act on images in [0, 1], before
    `normalize`, never on the rows that are measured, and of an image that is input and target on the input alone: `[noise: 0.4]` trains a
    network to remove noise."""
    test_augment: TestViews = ()
    """Test-time augmentation: further views of an image, one an entry, `[flip]`, `[flip, shift: 0.1, shift: 0.1]`; an entry that is a list
    is a view with several changes, `[[flip, shift: 0.1]]`. Predicted is the mean over the image as it is and its views: of probabilities,
    of values, of embeddings; of masks and images after each is moved back to its pixels. A view is the same change for all images, drawn
    once from the seed, so that a prediction is a function of its image alone. Used by `predict` and `eval` and for the figures at the end
    of a run, at 1 + views times their cost; reports during training, early stopping and the choice of the best state are of images as they
    are, and so is the loss."""
    progressive_resizing: ProgressiveResizing | None = None
    """Train on smaller images at first, which grow to their full size: their scale at the start, 0.5, or settings. They are resized after
    `augment`, batch by batch, and masks and images that are targets with them. What is measured has the full size. The network must read
    every size on the way: it ends in a pooling, or gives an image."""

    @model_validator(mode="after")
    def _options_fit(self) -> Image:
        if self.crop_to_aspect_ratio and self.size is None:
            raise ValueError("crop_to_aspect_ratio has no effect without size")
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

    @property
    def augmentations(self) -> tuple[Augmentation, ...]:
        """What `augment` lists."""
        return self.augment

    @property
    def resizing(self) -> ProgressiveResizing | None:
        """`progressive_resizing`."""
        return self.progressive_resizing

    @property
    def views(self) -> tuple[tuple[Augmentation, ...], ...]:
        """What `test_augment` lists."""
        return tuple(view if isinstance(view, tuple) else (view,) for view in self.test_augment)

    def idle_options(self, roles: frozenset[Role]) -> dict[str, str]:
        """What acts on images that are read."""
        of_inputs = ("augment", "test_augment", "progressive_resizing")
        return {} if "input" in roles else self._changed(dict.fromkeys(of_inputs, INPUTS_ONLY))

    def plan_spec(self, name: str, columns: Sequence[HeaderColumn] | None, *, is_target: bool) -> Spec:
        """[C, H, W]. Raises `SpecError` for what is no images, for files of several sizes without `size`, and for a misfit in `augment`."""
        sizes = self._sizes(name, columns[0] if columns is not None else None)
        changes = [*(("augment", *each) for each in enumerate(self.augment))]
        changes += [("test_augment", place, each) for place, view in enumerate(self.views) for each in view]
        for option, place, augmentation in changes:
            problem = augmentation.misfit(sizes)
            if problem is not None:
                raise SpecError(f"{option}[{place}] {augmentation.type}: {problem}")
        return Spec(IMAGE, sizes)

    def _sizes(self, name: str, column: HeaderColumn | None) -> tuple[Size, Size, Size]:
        """Channels, height and width, as far as the options and the head of the data tell."""
        unknown = (Unknown(f"channels of {name}"), Unknown(f"height of {name}"), Unknown(f"width of {name}"))
        if column is not None and (column.names_files or column.kind == "image"):
            found = _sizes_of_files(name, column, needs_size=self.size is None)
        else:
            found = channels_first(name, column.shape) if column is not None else None
        channels, height, width = found or unknown
        height, width = self.size_pair or (height, width)
        return self.num_channels or channels, height, width

    def fitted_spec(self, state: State, *, is_target: bool) -> Spec:
        """[C, H, W]."""
        return Spec(IMAGE, tuple(state["sizes"]))

    def read(self, table: Table, columns: tuple[str, ...]) -> Array:
        """Uint8, or float32 in [0, 1], `[N, C, H, W]`, in the size and channels of the field. Raises `DataError` for what is no image."""
        from nntrain.data.images import read_images

        return read_images(self, table, columns[0])

    def streams(self, column: HeaderColumn) -> bool:
        """Images that are files."""
        return column.names_files

    def stream(self, table: Table, columns: tuple[str, ...]) -> Values | None:
        """The files; `None` for an array of images. Raises `DataError` where a cell names none."""
        import numpy as np

        from nntrain.data.image_stream import ImageFiles

        return None if isinstance(table.column(columns[0]), np.ndarray) else ImageFiles.of(self, table, columns[0])

    def fit(self, values: Values, *, is_target: bool) -> State:
        """Offset and scale of the channels. Raises `DataError` where `normalize` has another number of them."""
        from nntrain.data.image_stream import ImageFiles
        from nntrain.data.images import fit_images, moments_of, moments_of_levels

        if isinstance(values, ImageFiles):
            levels = values.levels()
            return fit_images(self, values.shape(), lambda: moments_of_levels(levels))
        images = cast("Array", values)
        return fit_images(self, images.shape[1:], lambda: moments_of(images))

    @property
    def needs_all_rows(self) -> None:
        """It learns of blocks."""

    def learner(self) -> Learner:
        """Size, channels, and offset and scale of each."""
        from nntrain.data.blockwise.pictures import ImageLearner

        return ImageLearner(self)

    def encode(self, values: Values, state: State, *, is_target: bool) -> Encoded:
        """The images as they are, `[N, C, H, W]`, to be normalised batch by batch. Raises `DataError` for other sizes than in training."""
        from nntrain.data.image_stream import ImageFiles
        from nntrain.data.images import check_fits, fitting_images

        if isinstance(values, ImageFiles):
            check_fits(values.shape(), state)
            return Encoded(values.rows, pixels=(state["offset"], state["scale"]), files=values)
        return Encoded(fitting_images(cast("Array", values), state), pixels=(state["offset"], state["scale"]))

    def exhibits(self, table: Table, columns: tuple[str, ...], rows: Sequence[int]) -> Sequence[Exhibit]:
        """The images. Raises `DataError`."""
        from nntrain.data.exhibits import picture_of
        from nntrain.data.row_images import row_images

        images = row_images(self, table, columns[0], rows)
        return [picture_of(image, f"{columns[0]} of row {row}") for row, image in zip(rows, images, strict=True)]

    def neutral(self, state: State, kind: Neutral = "auto") -> Array:
        """Black, or the mean of the training rows by channel."""
        offset, scale = (state[key].numpy()[:, None, None].astype("float32") for key in ("offset", "scale"))
        return offset * 0 if kind == "mean" else -offset / scale

    def highlight(self, seen: Array, shares: Array, state: State) -> Highlight:
        """A heat map over the image as the network sees it."""
        from nntrain.data.highlights import heat_over_image

        offset, scale = (state[key].numpy()[:, None, None] for key in ("offset", "scale"))
        return heat_over_image(seen * scale + offset, shares)

    def form(self, state: State) -> Form:
        """Pictures."""
        from nntrain.data.forms.pictures import Pictures

        return Pictures()

    def is_missing(self, values: Values) -> Array:
        """None is: an array has a value in every place."""
        import numpy as np

        return np.zeros(len(values), dtype=bool)


def _sizes_of_files(name: str, column: HeaderColumn, *, needs_size: bool) -> tuple[int, int, int] | None:
    """Channels, height and width of image files, by those that were looked at; `None` where that tells nothing."""
    if column.files is None or not column.files.sizes:
        return None
    sizes = {size[1:]: file for size, file in column.files.sizes.items()}
    if len(sizes) > 1 and needs_size:
        shown = ", ".join(f"{height} x {width} ({file})" for (height, width), file in list(sizes.items())[:3])
        raise SpecError(f"the images of {name} have several sizes (height x width): {shown}", f"fix:  size: {fitting_size(sizes)}")
    height, width = next(iter(sizes))
    return max(channels for channels, _, _ in column.files.sizes), height, width


def fitting_size(sizes: Iterable[tuple[int, ...]]) -> str:
    """What `size` may be for images of several heights and widths, as a config has it: the smallest, so that none is blown up."""
    height, width = min(sizes, key=lambda size: (size[0] * size[1], size))
    return str(height) if height == width else f"[{height}, {width}]"


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
