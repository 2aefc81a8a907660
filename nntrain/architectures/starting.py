"""Where the weights of an architecture start, if not from random numbers. Torch-free."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from nntrain.layers.initializer import INITIALIZERS
from nntrain.schema import StrictModel


class Init(StrictModel):
    """Start from trained weights: those of a run (its best state) or of a file that somebody shares."""

    from_: Annotated[str, Field(min_length=1)] = Field(alias="from")
    """A run (`runs/digits`, its latest; a run folder) or a file: safetensors, or torch's `.pt`, `.pth`, `.bin`, read without running
    anything. Counted from the config's folder; a run also as commands name it."""
    map: dict[str, str] | Literal["order"] | None = None
    """What our parameters are called there, pattern to pattern: `{"stage1.*": "layer1.*", head: fc}`; the first match wins, and a name
    stands for everything below it. `order`: parameters are paired one after another, whatever their names, for weights of the same network
    by another program; each pair must have one shape. Default: by the same names."""
    fields: Literal["keep", "refit"] | None = None
    """What fields know: `keep` takes scalers, vocabularies and classes of inputs from the run, and those of the target where its classes
    there have all that training rows show; `refit` learns them from the training rows. Default: `keep` for a run; a file has none."""

    @model_validator(mode="before")
    @classmethod
    def _is_no_distribution(cls, value: object) -> object:
        options = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
        words = [value] if isinstance(value, str) else [*options, options.get("type"), options.get("from")]
        found = next((word for word in words if isinstance(word, str) and word in INITIALIZERS), None)
        if found is not None:
            raise PydanticCustomError(
                "init_of_distribution",
                "starts from trained weights, and {word} draws random ones; fix:  initializer: {word}",
                {"word": found},
            )
        if isinstance(value, str):
            raise PydanticCustomError("init_without_from", "needs its option named; fix:  init: {from: {given}}", {"given": value})
        return cast("object", value)
