"""Entities in sequences of tags, counted as conlleval does."""

from __future__ import annotations

import random

import pytest
import torch

from nntrain.errors import SpecError
from nntrain.metrics.entities import EntityF1, EntityPrecision, EntityRecall, OfEntities, are_entity_tags, entity_kinds, tag_parts
from nntrain.metrics.metric import MetricInfo
from nntrain.modules.entities import EntityTags

TAGS = ("O", "B-per", "I-per", "B-loc", "I-loc")
BIOES = ("O", "B-per", "I-per", "E-per", "S-per", "B-loc", "I-loc", "E-loc", "S-loc")
BILOU = ("O", "B-per", "I-per", "L-per", "U-per")


def counts(predicted: list[str], actual: list[str], names: tuple[str, ...] = TAGS) -> list[int]:
    """Entities found, predicted and actual, of sentences in one line each."""
    rows = [[[names.index(tag) if tag != "-" else -1 for tag in row.split()] for row in lines] for lines in (predicted, actual)]
    longest = max(len(row) for row in rows[1])
    guess, truth = (torch.tensor([row + [-1] * (longest - len(row)) for row in lines]) for lines in rows)
    found = EntityTags.of([tag_parts(name) for name in names]).count(guess.clamp(min=0), truth).sum(dim=(0, 2))
    return [int(count) for count in found]


@pytest.mark.parametrize(
    ("predicted", "actual", "wanted"),
    [
        ("B-per I-per O B-loc", "B-per I-per O B-loc", [2, 2, 2]),
        ("B-per O O B-loc", "B-per I-per O B-loc", [1, 2, 2]),  # ends too early
        ("B-per I-per I-per B-loc", "B-per I-per O B-loc", [1, 2, 2]),  # ends too late
        ("B-per B-per O B-loc", "B-per I-per O B-loc", [1, 3, 2]),  # two where there is one
        ("B-per I-loc O B-loc", "B-per I-per O B-loc", [1, 3, 2]),  # another kind goes on: one more entity
        ("I-per I-per O I-loc", "B-per I-per O B-loc", [2, 2, 2]),  # I begins where none is open
        ("B-loc I-loc O B-loc", "B-per I-per O B-loc", [1, 2, 2]),  # the right steps, another kind
        ("B-per I-per B-per O", "B-per I-per B-per O", [2, 2, 2]),  # neighbours
        ("O O O O", "B-per I-per O B-loc", [0, 0, 2]),
        ("B-per I-per O B-loc", "O O O O", [0, 2, 0]),
        ("B-per B-loc I-per I-per", "B-per - I-per I-per", [2, 2, 2]),  # a step without a tag is outside in both
        ("B-per I-per I-per I-per", "B-per I-per - -", [1, 1, 1]),  # padding ends an entity
    ],
)
def test_known_counts(predicted: str, actual: str, wanted: list[int]) -> None:
    assert counts([predicted], [actual]) == wanted


def test_entities_end_with_their_sentence() -> None:
    assert counts(["B-per", "I-per O"], ["B-per", "I-per O"]) == [2, 2, 2]


def test_letters_of_other_schemes() -> None:
    assert counts(["B-per I-per E-per S-per S-loc"], ["B-per I-per E-per S-per B-loc"], BIOES) == [3, 3, 3]
    assert counts(["B-per L-per I-per U-per"], ["B-per L-per B-per U-per"], BILOU) == [3, 3, 3]  # L ends, so that I begins
    assert counts(["B I O"], ["B I O"], ("O", "B", "I")) == [1, 1, 1]


def build(metric: OfEntities, names: tuple[str, ...] = TAGS) -> float | None:
    state = metric.build(MetricInfo("classes", len(names), names, unit_axis="time"), torch.device("cpu"))
    truth = torch.tensor([[1, 2, 0, 3], [3, 4, 4, -1]])
    guess = torch.tensor([[1, 2, 0, 1], [3, 4, 4, 4]])
    state.update(torch.eye(len(names))[guess[:1]], truth[:1])
    state.update(torch.eye(len(names))[guess[1:]], truth[1:], torch.tensor([2.0]))
    value = state.compute()
    assert value is None or isinstance(value, float)
    return value


def test_shares_over_batches_and_weights() -> None:
    """Of 2 + 2 x 1 entities that are predicted and there, 1 + 2 x 1 are right."""
    assert build(EntityF1()) == pytest.approx(3 / 4)
    assert build(EntityPrecision()) == pytest.approx(3 / 4)
    assert build(EntityRecall.parse({"class": "loc"})) == pytest.approx(2 / 3)
    assert build(EntityPrecision.parse({"class": "loc"})) == 1
    assert EntityF1.parse({"class": "loc"}).label == "entity_f1.loc"


def test_what_is_no_entity_tag_is_refused() -> None:
    with pytest.raises(SpecError, match="'NOUN' is none"):
        EntityF1().check(MetricInfo("classes", 2, ("O", "NOUN"), unit_axis="time"))
    with pytest.raises(SpecError, match="there is no O"):
        EntityF1().check(MetricInfo("classes", 2, ("B-per", "I-per"), unit_axis="time"))
    with pytest.raises(SpecError, match="a tag for each step"):
        EntityF1().check(MetricInfo("classes", 5, TAGS))
    with pytest.raises(SpecError, match="no kind 'loca'"):
        EntityF1.parse({"class": "loca"}).check(MetricInfo("classes", 5, TAGS, unit_axis="time"))
    EntityF1.parse({"class": "loc"}).check(MetricInfo("classes", 5, TAGS, unit_axis="time"))
    assert are_entity_tags(TAGS)
    assert not are_entity_tags(("O", "NOUN"))
    assert entity_kinds(TAGS) == ("loc", "per")


@pytest.mark.parametrize("names", [TAGS, BIOES, ("O", "B", "I")], ids=lambda names: str(len(names)))
def test_seqeval_counts_the_same(names: tuple[str, ...]) -> None:
    labeling = pytest.importorskip("seqeval.metrics.sequence_labeling", reason="needs seqeval, the counterpart of another project")
    draw = random.Random(0)
    for _ in range(100):
        actual = [[draw.choice(names) for _ in range(draw.randint(1, 9))] for _ in range(6)]
        predicted = [[tag if draw.random() < 0.6 else draw.choice(names) for tag in row] for row in actual]
        guess, truth = set(labeling.get_entities(predicted)), set(labeling.get_entities(actual))
        found = counts([" ".join(row) for row in predicted], [" ".join(row) for row in actual], names)
        assert found == [len(guess & truth), len(guess), len(truth)]
