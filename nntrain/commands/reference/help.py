"""`nntrain help WORD`: a setting, a component or a metric in a few lines."""

from __future__ import annotations

from nntrain.config.documentation.catalogue import catalogue
from nntrain.config.documentation.explaining import explain
from nntrain.config.documentation.wording import first_sentence
from nntrain.config.documentation.wrapping import wrapped
from nntrain.errors import UsageError


def run(word: str | None, option: str | None = None) -> str:
    """Explain a word; without one, list the sections of a config.

    Args:
        word: What is asked for; with dashes an option alone.
        option: What an option of a command with that name does.

    Raises:
        UsageError: Nothing has that name; tells the nearest one.
    """
    if word is None:
        return wrapped(_sections())
    if option is None:
        return wrapped(explain(word))
    if word.startswith("-"):
        return wrapped(option)
    try:
        return wrapped(f"{explain(word)}\n\n{option}")
    except UsageError:
        return wrapped(option)


def _sections() -> str:
    content = catalogue()
    sections = content.options(content.definition(content.root))
    lines = [f"  {section.name:<16} {first_sentence(section.description)}" for section in sections]
    examples = [f"  nntrain help {word}" for word in ("training", "optimizer.lr", "dropout", "validation.loss")]
    return "\n".join(["sections of a config", *lines, "", *examples])
