"""Rows that nobody has seen, like those of the data: two networks that learn against each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from pydantic import PositiveInt

from nntrain.errors import Problem, YamlPath
from nntrain.losses.links import Link
from nntrain.losses.loss import TargetKind
from nntrain.specs import VECTOR, Spec
from nntrain.tasks.task import Decoded, NodeUse, Target, Task

if TYPE_CHECKING:
    from torch import Tensor

GENERATOR: Final = "generator"
DISCRIMINATOR: Final = "discriminator"
NOISE: Final = "noise"


class GAN(Task):
    """New rows like those of a field (Goodfellow et al. 2014).

    The node `generator` makes them of noise, the node `discriminator` learns to tell them from real ones, each trained against the other.

    `generator` reads `noise` and gives what the field has; `discriminator` reads the field and gives one score; both may read others
    beside (`given`). Neither gets an output layer of the task. The field is input and target. Losses: `bce` (the default: chances, and a
    generator that is to be taken for real, the non-saturating loss of Goodfellow et al. 2014), `hinge` (Lim and Ye 2017; the generator
    raises its score) and `wasserstein`.
    """

    main: ClassVar[str | None] = "noise"
    field_types: ClassVar[frozenset[str]] = frozenset({"image", "vector"})
    wanted: ClassVar[str | None] = "data.fields: {IMAGE: {type: image, role: [input, target]}}"
    supervised: ClassVar[bool] = False
    protocol: ClassVar[str | None] = "adversarial"
    why_not_by_rows: ClassVar[str] = "is learned by two nodes that are trained in turn, and supervised trains a network as a whole"
    reported: ClassVar[str] = "how far what is generated lies from what is real"
    predicts: ClassVar[bool] = False
    is_own_answer: ClassVar[bool] = True

    type: Literal["gan"] = "gan"
    noise: PositiveInt = 100
    """Numbers of noise that a row is made of, each normal with mean 0 and standard deviation 1."""
    given: tuple[str, ...] = ()
    """Fields that both nodes read beside, such as a class, so that rows can be asked for that go with their values (Mirza and Osindero
    2014): `nntrain generate RUN --given label=3`. Each is an input, and the field that is made has `role: [input, target]`. Rows of a
    split are compared with rows that are made for the values of theirs. Default: none."""

    @property
    def drawn(self) -> Mapping[str, Spec]:
        return {NOISE: Spec(VECTOR, (self.noise,))}

    def kind(self, target: Target) -> TargetKind:
        return "values"

    def scored_kind(self, target: Target) -> TargetKind:
        return "origin"

    def needs(self, target: Target, link: Link) -> Spec:
        """What the generator makes: rows like those of the field."""
        return target.spec

    def nodes(self, target: Target) -> Mapping[str, NodeUse]:
        beside = [field for field in dict.fromkeys(self.given) if field != target.name]
        return {
            GENERATOR: NodeUse(target.spec, reads=(NOISE, *beside), is_answer=True),
            DISCRIMINATOR: NodeUse(Spec(VECTOR, (1,)), reads=(target.name, *beside), is_scored=True),
        }

    @property
    def fields_named(self) -> Mapping[YamlPath, tuple[str, ...]]:
        return {("given",): self.given}

    def reading_problems(self, target: Target, *, has_validation: bool) -> Iterator[Problem]:
        """The field that is made as one that is read beside, and fields that stand there twice."""
        others = [field for field in dict.fromkeys(self.given) if field != target.name]
        fix = f"fix:  given: [{', '.join(others)}]" if others else "leave given out"
        if target.name in self.given:
            yield Problem(("given",), f"has {target.name}, which is what is made: it is not known beforehand", fix)
        twice = next((field for field in others if self.given.count(field) > 1), None)
        if twice is not None:
            yield Problem(("given",), f"has {twice} twice", fix)

    def losses(self, target: Target) -> tuple[str, ...]:
        return ("bce", "hinge", "wasserstein")

    def metrics(self, target: Target) -> tuple[str, ...]:
        """None: what was made has no right answer, and the protocol measures it."""
        return ()

    def predict(self, output: Tensor, target: Target, link: Link, lengths: Tensor | None = None) -> Tensor:
        """What was made, as it is."""
        return output.float()

    def decode(self, prediction: Tensor, target: Target, threshold: float | None = None) -> Decoded:
        """What was made, in the unit of the data."""
        return Decoded(tuple(prediction.float().numpy()))

    def baseline(self, encoded: Tensor, target: Target, weights: Tensor | None) -> Tensor:
        """Mean of each value, and what lies a standard deviation above it, `[2, …]`: noise like that is what the protocol compares with."""
        import torch

        values = encoded.double()
        shares = torch.ones(len(values), dtype=torch.float64) if weights is None else weights.double()
        shares = (shares / shares.sum()).reshape(-1, *[1] * (values.ndim - 1))
        mean = (shares * values).sum(dim=0)
        return torch.stack([mean, mean + (shares * (values - mean).square()).sum(dim=0).sqrt()])

    def baseline_name(self) -> str:
        return "noise of the training rows"
