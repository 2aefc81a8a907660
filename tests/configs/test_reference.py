from pathlib import Path

from nntrain.config.documentation.reference import markdown

REFERENCE = Path(__file__).parents[2] / "configs" / "REFERENCE.md"


def test_the_reference_is_that_of_the_code() -> None:
    assert REFERENCE.read_text(encoding="utf-8") == markdown(), "write it anew: make reference"
