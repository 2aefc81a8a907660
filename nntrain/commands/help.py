"""`nntrain help WORD`: a setting, a component or a metric in a few lines."""

from __future__ import annotations

from nntrain.config.documentation.catalogue import catalogue
from nntrain.config.documentation.explaining import explain
from nntrain.config.documentation.wording import first_sentence
from nntrain.config.documentation.wrapping import wrapped


def run(word: str | None) -> str:
    """Explain a word; without one, list the sections of a config.

    Raises:
        UsageError: Nothing has that name; tells the nearest one.
    """
    return wrapped(_sections() if word is None else explain(word))


def _sections() -> str:
    content = catalogue()
    sections = content.options(content.definition(content.root))
    lines = [f"  {section.name:<16} {first_sentence(section.description)}" for section in sections]
    examples = [f"  nntrain help {word}" for word in ("training", "optimizer.lr", "dropout", "validation.loss")]
    return "\n".join(["sections of a config", *lines, "", *examples])
