"""Sizes that are not known yet."""

from nntrain.specs import RAGGED, Size, Unknown, compute


def total(*sizes: int) -> int:
    return sum(sizes)


def test_one_unknown_size_keeps_its_name() -> None:
    assert compute(total, Unknown("classes of a")) == Unknown("classes of a")


def test_several_sizes_of_which_one_is_unknown_have_no_name_of_one() -> None:
    sizes: tuple[Size, ...] = (Unknown("classes of a"), 3)
    assert compute(total, *sizes) == Unknown("features")
    assert compute(total, *sizes, RAGGED) == RAGGED
    assert compute(total, 4, 3) == 7
