"""Which rows share a batch by their classes: the settings, and what of them does not go with a target. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal, cast

from pydantic import Field as Option
from pydantic import model_validator

from nntrain.data.field_plan import FieldPlan
from nntrain.errors import Problem
from nntrain.schema import StrictModel


class Sampler(StrictModel):
    """Rows that are put together by their classes."""

    type: Literal["pk", "pairs", "triplets"]
    """`pk` (Hermans et al. 2017): several rows of each of some classes in every batch, for losses that compare the rows of a batch.
    `triplets`: three rows at a time, a row, another one of its class and one of another class. `pairs`: of a target that says yes or no of
    rows that hold two things, a fixed share is yes."""
    classes: Annotated[int, Option(ge=2)] | None = None
    """Of `pk`: classes of a batch, drawn alike among those with two training rows or more."""
    per_class: Annotated[int, Option(ge=2)] | None = None
    """Of `pk`: rows of each. `data.batch_size` is `classes` times `per_class`, and need not be written."""
    positive_fraction: Annotated[float, Option(gt=0, lt=1)] | None = None
    """Of `pairs`: share of the rows of an epoch that are yes; of these and of the others rows come more than once, or are left out, as it
    needs. Default: 0.5."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        """Read `triplets`, `{pairs: 0.5}` and `{pk: {classes: 8, per_class: 4}}`."""
        known = ("pk", "pairs", "triplets")
        if not isinstance(value, dict):
            return {"type": value} if value in known else value
        written = cast("dict[str, Any]", value)
        tag = next(iter(written), None)
        if len(written) != 1 or tag not in known:
            return written
        options = written[tag]
        own = cast("dict[str, Any]", options) if isinstance(options, dict) else {"positive_fraction": options} if tag == "pairs" else {}
        return {"type": tag, **own}

    @model_validator(mode="after")
    def _options_of_type(self) -> Sampler:
        if self.type == "pk" and (self.classes is None or self.per_class is None):
            raise ValueError("pk needs classes and per_class: {type: pk, classes: 8, per_class: 4}")
        for option, owner in (("classes", "pk"), ("per_class", "pk"), ("positive_fraction", "pairs")):
            if getattr(self, option) is not None and self.type != owner:
                raise ValueError(f"{option} belongs to {owner}, and has no effect on {self.type}; remove it")
        if self.type == "pairs" and self.positive_fraction is None:
            return self.model_copy(update={"positive_fraction": 0.5})
        return self

    @property
    def several(self) -> tuple[int, int] | None:
        """Classes of a batch, and rows of each; `None` where nothing says so."""
        return None if self.classes is None or self.per_class is None else (self.classes, self.per_class)

    def default_rows(self, usual: int) -> int:
        """Rows of a batch where nothing says how many; `usual` are those without a sampler."""
        return self.classes * self.per_class if self.classes and self.per_class else usual // 3 * 3 if self.type == "triplets" else usual

    def check_rows(self, rows: int | str) -> None:
        """Refuse a size of batches that it can't make. Raises `ValueError`."""
        if self.several is not None and rows != self.several[0] * self.several[1]:
            product = f"{self.several[0]} x {self.several[1]} = {self.several[0] * self.several[1]}"
            raise ValueError(f"batch.sampler makes batches of {product} rows, and batch_size is {rows}; leave batch_size out")
        if self.type == "triplets" and isinstance(rows, int) and rows % 3:
            near = max(3, round(rows / 3) * 3)
            raise ValueError(f"batch.sampler puts three rows together, and batch_size is {rows}; fix:  batch_size: {near}")


def sampler_problems(sampler: Sampler | Literal["balanced"] | None, targets: Sequence[FieldPlan]) -> Iterator[Problem]:
    """Why the classes of the targets don't say which rows share a batch."""
    if sampler is None or not targets:
        return
    tag = sampler.type if isinstance(sampler, Sampler) else sampler
    first = targets[0].field
    if len(targets) == 1 and (first.type == "boolean" if tag == "pairs" else first.stratifies):
        return
    what = {
        "balanced": "balanced shows the classes of one target equally often",
        "pk": "pk takes rows of the classes of one target",
        "triplets": "triplets takes rows of the classes of one target",
        "pairs": "pairs takes rows of which one target says yes or no",
    }
    found = f"the target is a {first.type}" if len(targets) == 1 else f"there are {len(targets)} targets"
    boolean = f"data.fields.{targets[0].written}: {{type: boolean, role: target}}"
    fix = f"fix:  sampler: balanced; or, of yes and no,  {boolean}" if tag == "pairs" and len(targets) == 1 and first.stratifies else None
    yield Problem(("data", "batch", "sampler"), f"{what[tag]}, and {found}", fix)
