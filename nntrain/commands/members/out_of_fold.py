"""Predictions of all rows of `--folds`, each by the member that has not seen it."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from nntrain.commands.stored.opening import open_run, stored_config
from nntrain.errors import CheckpointError
from nntrain.runs import Run


def write_out_of_fold(run: Run, members: Sequence[Run]) -> Path:
    """One line for each row: its number in the data, the fold that left it out, the prediction."""
    from nntrain.commands.predicting.predict import predict_rows, prediction_columns
    from nntrain.commands.preparing.from_config import prepare_data

    lines: dict[int, dict[str, object]] = {}
    for fold, member in enumerate(members, 1):
        stored = open_run(member)
        test = prepare_data(stored_config(member)).test
        if test is None:
            raise CheckpointError(f"{member.name} has no test rows")
        columns = prediction_columns(predict_rows(stored, test))
        tested = set(cast("list[int]", test.scored.tolist()))
        for place, row in enumerate(cast("list[int]", test.predicted.tolist())):
            if row not in tested:
                continue
            lines[row] = {"row": row + 1, "fold": fold, **{name: column[place] for name, column in columns.items()}}
    text = io.StringIO()
    names = list(dict.fromkeys(name for line in lines.values() for name in line))
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines[row] for row in sorted(lines))
    run.write_text("out_of_fold.csv", text.getvalue())
    return run.path / "out_of_fold.csv"
