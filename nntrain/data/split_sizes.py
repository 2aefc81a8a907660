"""How many rows will train, as the head of the data and the settings tell it: what `nntrain.data.split` gives, without its rows."""

from __future__ import annotations

from collections.abc import Iterator

from nntrain.data.fields.field import Role
from nntrain.data.layout import Layout, split_rule
from nntrain.data.settings import DataSettings
from nntrain.data.table import counted
from nntrain.errors import Problem


def rows_to_train(settings: DataSettings, layout: Layout) -> int | None:
    """Number of training rows, or of windows over them; `None` where only reading the data tells it."""
    split, rows = settings.split, layout.rows
    if settings.source.has_links:
        return None
    if rows is None or split.by == "given":
        return rows
    roles: set[Role] = {plan.role for plan in layout.fields}
    if split.by == "column" or "split" in roles or split.validation_folds is not None:
        return None
    sizes = {"validation": split.validation, "test": split.test}
    if split.folds is not None and split.fold is not None:
        rule = split_rule(settings, roles)
        if rule == "group" or "fold" in roles:
            return None
        rows, sizes["test"] = _rows_beside_fold(rows, split.folds, split.fold, in_time=rule == "time"), None
    given = settings.source.written_paths()
    shares = [size for part, size in sizes.items() if part not in given and size is not None]
    left = rows - sum(share if isinstance(share, int) else max(1, round(share * rows)) for share in shares)
    window = settings.window
    if window is None:
        return left
    return None if "group" in roles else max(0, (left - window.rows) // window.stride + 1)


def short_splits(settings: DataSettings, layout: Layout) -> Iterator[Problem]:
    """Splits of which no window can be cut, as far as the head of the data tells: a window reaches back further than they do."""
    split, window = settings.split, settings.window
    is_cut = split.folds is not None or split.validation_folds is not None
    is_open = split.by in ("given", "column") or is_cut or any(plan.role in ("group", "split") for plan in layout.fields)
    if window is None or is_open:
        return
    own = window.past_from == "split"
    needed = window.rows if own else window.horizon
    takes = f"takes {needed:,} ({window.in_words})" if own else f"predicts {needed:,}"
    given = settings.source.written_paths()
    for part, size in (("validation", split.validation), ("test", split.test)):
        rows = size if isinstance(size, int) or size is None or layout.rows is None else max(1, round(size * layout.rows))
        if part not in given and isinstance(rows, int) and rows < needed:
            hint = f"fix:  {part}: {needed}, or more" + (", or data.window.past_from: earlier" if own else "")
            if layout.rows is not None and window.rows + needed > layout.rows:  # one window to train on, and one here
                hint = f"fix:  a shorter window, or more rows: there are {layout.rows:,} in all"
            yield Problem(("data", "split", part), f"has {counted(rows)}, and a window {takes}", hint)


def _rows_beside_fold(rows: int, count: int, fold: int, *, in_time: bool) -> int:
    """Rows that train or validate while a fold is tested: all others, or in time the blocks before it."""
    if not in_time:
        return rows - len(range(fold - 1, rows, count))
    block, longer = divmod(rows, count + 1)
    return fold * block + min(fold, longer)
