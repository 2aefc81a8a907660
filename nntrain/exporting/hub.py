"""A folder as model hubs have them, from which `nntrain` predicts like from the run itself. Torch-free."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from nntrain.exporting.format import Format, Trained


class Hub(Format):
    """Writes a folder for a model hub: weights as safetensors, the model card, and what `nntrain predict` and `eval --data` read.

    The folder is used like a run; nothing can be trained on from it. A bag has a folder for each of its members.
    """

    type: Literal["hub"] = "hub"

    def write(self, trained: Trained, folder: Path) -> None:
        from nntrain.exporting.state_file import write_state

        for name, text in trained.files.items():
            (folder / name).write_bytes(text.encode())
        write_state(folder, trained.state, trained.step)
        for name, member in trained.members.items():
            (folder / name).mkdir(parents=True)
            self.write(member, folder / name)
