"""Settings of the data section and the tables of sources and field types. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, cast

from pydantic import Field as Option
from pydantic import NonNegativeInt, PositiveInt, model_validator

from nntrain.data.fields.field import Field
from nntrain.data.long_series import check_long
from nntrain.data.samplers import Sampler
from nntrain.data.sources.source import Source
from nntrain.data.window import WindowSettings
from nntrain.plugins import TAG
from nntrain.schema import Slot, StrictModel

if TYPE_CHECKING:
    from nntrain.errors import Problem
    from nntrain.weights.hub_pixels import ImageReader

SOURCES: Final = {
    "adding": "nntrain.data.sources.adding:Adding",
    "arrays": "nntrain.data.sources.arrays:Arrays",
    "audio_folder": "nntrain.data.sources.audio_folder:AudioFolder",
    "builtin": "nntrain.data.sources.builtin:Builtin",
    "conll": "nntrain.data.sources.conll:Conll",
    "csv": "nntrain.data.sources.csv:Csv",
    "excel": "nntrain.data.sources.excel:Excel",
    "files": "nntrain.data.sources.files:Files",
    "gymnasium": "nntrain.data.sources.gymnasium:Gymnasium",
    "graph": "nntrain.data.sources.graph:Graph",
    "image_folder": "nntrain.data.sources.image_folder:ImageFolder",
    "jsonl": "nntrain.data.sources.jsonl:JsonLines",
    "parquet": "nntrain.data.sources.parquet:Parquet",
    "pianoroll": "nntrain.data.sources.pianoroll:PianoRoll",
    "rows": "nntrain.data.sources.rows:Rows",
    "text": "nntrain.data.sources.text:Text",
    "tu": "nntrain.data.sources.tu:TU",
}

FIELDS: Final = {
    "audio": "nntrain.data.fields.audio:Audio",
    "auto": "nntrain.data.fields.auto:Auto",
    "boolean": "nntrain.data.fields.boolean:Boolean",
    "category": "nntrain.data.fields.category:Category",
    "date": "nntrain.data.fields.date:Date",
    "image": "nntrain.data.fields.image:Image",
    "link": "nntrain.data.fields.link:Link",
    "mask": "nntrain.data.fields.mask:Mask",
    "multi_label": "nntrain.data.fields.multi_label:MultiLabel",
    "notes": "nntrain.data.fields.notes:Notes",
    "number": "nntrain.data.fields.number:Number",
    "ordinal": "nntrain.data.fields.ordinal:Ordinal",
    "row": "nntrain.data.fields.row:Row",
    "series": "nntrain.data.fields.series:Series",
    "text": "nntrain.data.fields.text:Text",
    "tags": "nntrain.data.fields.tags:Tags",
    "vector": "nntrain.data.fields.vector:Vector",
}

SOURCE_OF_SUFFIX: Final = {
    **dict.fromkeys((".csv", ".tsv", ".tab", ".txt", ".data", ".zip"), "csv"),
    **dict.fromkeys((".jsonl", ".ndjson"), "jsonl"),
    **dict.fromkeys((".conll", ".iob", ".bio"), "conll"),
    **dict.fromkeys((".parquet", ".pq"), "parquet"),
    **dict.fromkeys((".xlsx", ".xlsm"), "excel"),
    ".npz": "arrays",
}
"""What a path alone stands for; text may be packed, `.csv.gz`."""

_TYPE_OF_OPTION: Final = {
    "columns": "vector",
    "size": "image",
    "channels": "image",
    "classes": "category",
    "unknown": "category",
    "min_count": "category",
    "drop": "category",
    "true": "boolean",
    "false": "boolean",
    "values": "series",
    "lengths": "series",
    "max_length": "series",
    "clip": "number",
    "smooth_clip": "number",
    "strip": "number",
    "normalize": "number",
    "tokenizer": "text",
    "lowercase": "text",
    "strip_accents": "text",
    "replace": "text",
    "max_vocab": "text",
    "like": "text",
}
"""The type that an option stands for where a field has no `type`; the first that is written counts."""

_TYPE_OF_OWN_OPTION: Final = {
    "by": "series",
    "order": "ordinal",
    "format": "date",
    "time_zone": "date",
    "separator": "multi_label",
    "sample_rate": "audio",
    "features": "audio",
    "negatives": "link",
    "ignore": "mask",
}
"""Options of one type alone: they count before all others; `by` of a series before its `order`."""


def source_type(options: Mapping[str, Any]) -> str | None:
    """The type of a source that is written as its path, from the suffix."""
    path = options.get("path")
    return source_of(path) if isinstance(path, str) else None


def source_of(path: str) -> str | None:
    """The type of the source that reads a file, from the ending of its name."""
    name = PurePosixPath(path.lower())
    if name.suffix != ".gz":
        return SOURCE_OF_SUFFIX.get(name.suffix)
    tag = SOURCE_OF_SUFFIX.get(PurePosixPath(name.stem).suffix)
    return tag if tag in ("csv", "jsonl") else None


def field_type(options: Mapping[str, Any]) -> str:
    """The type of a field that is written without one: `{role: target}` leaves it to the data."""
    named = (table[key] for table in (_TYPE_OF_OWN_OPTION, _TYPE_OF_OPTION) for key in sorted(options, key="by".__ne__) if key in table)
    return next(named, None) or _type_of_missing(options.get("missing"))


def _type_of_missing(value: object) -> str:
    """Several types have `missing`; what stands for a missing value tells which is meant."""
    if value == "class":
        return "category"
    is_filled = value in ("mean", "median") or (isinstance(value, (int, float)) and not isinstance(value, bool))
    return "number" if is_filled else "auto"


class SourceSlot(Slot):
    """A slot in which a path alone stands for the source that reads such files."""

    def split(self, value: object) -> tuple[str, dict[str, Any]]:
        """Like `Slot.split`; `train.csv` is `{type: csv, path: train.csv}`. Raises `PydanticCustomError`."""
        if isinstance(value, str) and value not in self.table and PurePosixPath(value).suffix and TAG.fullmatch(value) is None:
            tag = source_type({"path": value})
            if tag is None:
                kinds = ", ".join(SOURCE_OF_SUFFIX)
                raise self._error(
                    "no_source",
                    "no source reads {found} files; paths may end in {kinds}, or have a type beside them: type: csv, path: …",
                    found=PurePosixPath(value).suffix,
                    kinds=kinds,
                )
            return tag, {"path": value}
        return super().split(value)


class FieldSlot(Slot):
    """A slot in which options alone stand for the type that has them."""

    def split(self, value: object) -> tuple[str, dict[str, Any]]:
        """Like `Slot.split`; a mapping without `type` and without the short form gets its type from its options.

        Raises:
            PydanticCustomError: It is no field.
        """
        if not isinstance(value, dict):
            return super().split(value)
        options = dict(cast("dict[str, Any]", value))
        if "type" in options or any(key in self.table for key in options):
            return super().split(options)
        return field_type(options), options


AnySource = Annotated[Source, SourceSlot("source", (SOURCES,), infer=source_type)]
FIELD_SLOT: Final = FieldSlot("field type", (FIELDS,), default="auto")
AnyField = Annotated[Field, FIELD_SLOT]

Share = Annotated[float, Option(gt=0, lt=1)] | Annotated[int, Option(ge=2)]
"""A number below 1 is a fraction of the rows, a whole number from 2 is rows."""


class SplitSettings(StrictModel):
    """Which rows train, which are watched while training, and which are kept for the end."""

    by: Literal["random", "stratified", "group", "time", "column", "given"] | None = None
    """How rows are split off the training rows. `stratified` keeps the shares of the classes, each of which keeps a training row.
    `group` has no value of a column in two splits. `time` takes the latest rows, by a column or in the order of the file, for test and
    those before them for validation. `column` and `given` take only what a column or the source says. Default: by a column whose role is
    group, fold or time; else stratified for category and boolean targets, and random for others; with `data.window` always `time`."""
    validation: Share | None = 0.1
    """Validation rows, as a fraction below 1 or a number of rows; null trains without."""
    test: Share | None = 0.1
    """Test rows, as a fraction below 1 or a number of rows; null keeps none."""
    seed: Annotated[int, Option(ge=0, lt=2**32)] | None = None
    """Decides which rows. Default: the seed of the experiment."""
    column: str | None = None
    """Column that says train, validation or test for each row, and what it leaves open is split off; short for `role: split`. With `by:
    group` or `by: time` the column of the groups or times."""
    folds: Annotated[int, Option(ge=2)] | None = None
    """Into how many parts the rows are cut, one of which is the test rows; `nntrain fit --folds N` trains on each of them. Each row is
    tested once; under `time` those of the latest N of N + 1 blocks, on the rows before them. A column whose role is fold says which fold
    each row is in, 1 to N or any N words."""
    fold: PositiveInt | None = None
    """Which of the folds is the test rows, from 1. `validation` is split off the others."""
    validation_folds: Annotated[int, Option(ge=2)] | None = None
    """Into how many parts the rows beside the test rows are cut, one of which is the validation rows: what each member of `training.bag`
    has. Fields are fitted on all of them, so that the members read rows alike."""
    validation_fold: PositiveInt | None = None
    """Which of these parts is the validation rows, from 1."""

    @model_validator(mode="after")
    def _fold_is_one_of_folds(self) -> SplitSettings:
        if (self.folds is None) != (self.fold is None):
            raise ValueError("folds and fold go together: into how many parts, and which one is tested; --folds N trains on all")
        if self.folds is not None and self.fold is not None and self.fold > self.folds:
            raise ValueError(f"fold: {self.fold} is none of {self.folds} folds")
        return self

    @model_validator(mode="after")
    def _validation_fold_is_one_of_folds(self) -> SplitSettings:
        if (self.validation_folds is None) != (self.validation_fold is None):
            raise ValueError("validation_folds and validation_fold go together: into how many parts, and which one validates")
        if self.validation_folds is not None and self.validation_fold is not None and self.validation_fold > self.validation_folds:
            raise ValueError(f"validation_fold: {self.validation_fold} is none of {self.validation_folds} parts")
        if self.validation_folds is not None and self.validation != SplitSettings.model_fields["validation"].default:
            raise ValueError("validation has no effect: validation_fold says which rows validate; remove one of the two")
        return self

    @model_validator(mode="after")
    def _column_goes_with_by(self) -> SplitSettings:
        if self.column is not None and self.by not in (None, "column", "group", "time"):
            raise ValueError(f"by: {self.by} does not read column; remove one of the two")
        return self


class BatchSettings(StrictModel):
    """Which rows come together in a batch."""

    sampler: Literal["balanced"] | Sampler | None = None
    """`balanced`: an epoch has as many rows as there are training rows, and the same number of each class: rows of rare classes come more
    than once, and of frequent ones other rows are left out each time. `{type: pk, classes: 8, per_class: 4}`: every batch has 4 rows of
    each of 8 classes, for losses that compare the rows of a batch. `triplets`: three rows at a time, of which two are of one class and
    the third is of another. `{type: pairs, positive_fraction: 0.5}`: of a yes or no target, half of the rows are yes."""
    bucket: bool = False
    """Whether rows of similar length share a batch, so that less is padded: 100 batches of the random order are sorted by length at a time,
    and their order is random; of a streamed table those of a stretch. Each row still comes once an epoch. Needs an input whose rows
    differ in length."""
    tokens: PositiveInt | None = None
    """Most values of a micro-batch, padding included: rows times steps of the longest row, of all texts or series of a row together. It
    stands in place of `batch_size`: long rows come in small batches. All rows are sorted by length for it, whatever `bucket` says."""
    carry_state: bool = False
    """Whether recurrent layers go on from window to window: the rows are walked in their order, in `batch_size` stretches side by side, and
    what the layers remember of a window is where the next one begins. Gradients end with the window (truncated backpropagation through
    time). Needs `data.window` without overlap. Splits are measured in the same way, each from its beginning."""

    @model_validator(mode="after")
    def _says_one_thing(self) -> BatchSettings:
        if self.sampler is not None and self.carry_state:
            raise ValueError("sampler shows rows in random order, and carry_state in theirs; remove one of the two")
        by_length = "bucket" if self.bucket else "tokens" if self.tokens is not None else None
        if by_length is not None and self.carry_state:
            raise ValueError(f"{by_length} shows rows by their lengths, and carry_state in their order; remove one of the two")
        if self.tokens is not None and self.sampler is not None:
            raise ValueError("tokens cuts the same rows each epoch, and sampler draws others; remove one of the two (bucket goes with it)")
        if self.bucket and isinstance(self.sampler, Sampler) and self.sampler.type != "pairs":
            raise ValueError("bucket puts rows together by their lengths, and sampler by their classes; remove one of the two")
        return self


class DataSettings(StrictModel):
    """Where the records come from, what the columns mean, how the rows are split and batched."""

    source: AnySource
    """Where the records come from: a path, or a source with options."""
    target: str | tuple[str, ...] | None = None
    """Column or columns to be predicted; short for `role: target`."""
    fields: dict[str, AnyField] = Option(default_factory=dict[str, Field])
    """What columns mean: a type, or options. Names may be patterns (`V*`); exact names go first, then the first match."""
    split: SplitSettings = SplitSettings()
    """Which rows train, validate and test."""
    window: WindowSettings | None = None
    """Inputs are the past of a row and targets what comes after it, cut from the rows in their order: by the column whose role is time,
    else that of the file. Rows are split before windows are cut; no window has rows of two splits, or of two values of a column whose role
    is group. Inputs and targets are number columns, what `known` names aside; a target whose own past is an input too has
    `role: [input, target]`. Missing inputs are filled in as their field says; a window with a missing target is left out. Default: each
    row by itself."""
    batch: BatchSettings | None = None
    """Which rows come together in a batch. Default: every row once an epoch, in random order."""
    batch_size: PositiveInt | Literal["full"] = 64
    """Rows of a micro-batch, of which a step has `training.accumulate`; `full` takes all training rows at once."""
    streaming: bool = False
    """Read inputs when their batch comes, again in every epoch, in place of keeping all in memory: for more of them than fit there. Image
    files are decoded one by one; all are once at the start, which finds the broken ones, and what is computed is the same to the last bit.
    Tables (CSV, Parquet, JSON lines) and sounds (`audio_folder`, `files` by a pattern, or named by a table; images beside them too) are
    read a block of rows at a time: an epoch takes the blocks in a random order and shuffles the rows of some of them together (16 MB),
    which is another order than in memory; fields learn in one pass. Targets, weights and what splits the rows stay in memory, 1 to 2
    bytes a row of a class. Encoded rows are kept in the user's cache folder, so that later epochs don't parse again; `fit --no-cache`
    keeps none."""
    workers: NonNegativeInt = 0
    """Processes that read the next batches while a step is computed; with `streaming` alone. 0: the training process reads them itself.
    Any number gives the same bytes."""

    @model_validator(mode="after")
    def _size_of_batches(self) -> DataSettings:
        """Rows of a batch where its sampler says them."""
        sampler = None if self.batch is None else self.batch.sampler
        if not isinstance(sampler, Sampler):
            return self
        if "batch_size" not in self.model_fields_set:
            return self.model_copy(update={"batch_size": sampler.default_rows(type(self).model_fields["batch_size"].default)})
        sampler.check_rows(self.batch_size)
        return self

    @model_validator(mode="after")
    def _targets_differ(self) -> DataSettings:
        twice = next((name for index, name in enumerate(self.targets) if name in self.targets[:index]), None)
        if twice is not None:
            raise ValueError(f"target names {twice} twice; remove one of the two")
        return self

    @model_validator(mode="after")
    def _steps_make_rows(self) -> DataSettings:
        check_long(self.fields, self.source, has_window=self.window is not None)
        return self

    def for_images_of(self, bodies: Sequence[ImageReader], problems: list[Problem]) -> DataSettings:
        """Image fields as trained networks read them, where they say nothing else.

        Args:
            bodies: The trained networks, and what reaches each.
            problems: Takes what the fields say otherwise, and what they must say.
        """
        from nntrain.data.trained_images import image_fields

        return self.model_copy(update={"fields": image_fields(self.fields, bodies, self.source, problems)})

    @property
    def lanes(self) -> int | None:
        """Stretches in which windows are walked side by side; `None` where each stands alone."""
        carries = self.batch is not None and self.batch.carry_state
        return self.batch_size if carries and isinstance(self.batch_size, int) else None

    @property
    def targets(self) -> tuple[str, ...]:
        """The names in `target`."""
        if self.target is None:
            return ()
        return self.target if isinstance(self.target, tuple) else (self.target,)
