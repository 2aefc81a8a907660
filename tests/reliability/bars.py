"""What must hold whatever happens: one line a bar. Tests that show one are marked `bar(NAME)`."""

from __future__ import annotations

from typing import Final

BARS: Final = {
    "R1": "kill -9 at random: every resumed run ends with the bytes of one never stopped",
    "R2": "kill after each system call of a save: the old or the new state loads",
    "R3": "kill inside the save of 20 MB: no unreadable checkpoint",
    "R4": "disk full at a save: told with path and space, the state before is whole, the run goes on later to the same bytes",
    "R5": "damaged checkpoints: none is loaded, none ends in a traceback, the newest whole one is used",
    "R6": "each part of the saved state left out: a test sees it",
    "R7": "6 epochs = 3 + 3 = six times 1 = killed and resumed",
    "R8": "resumed with another meaning: refused and named; on another machine: marked inexact",
    "R9": "SIGTERM and SIGINT at any time: saved, exit 143 or 130 within 5 s",
    "R10": "kill -9 of the run: no worker process and no shared memory is left",
    "R11": "two writers of one run: one wins",
    "R12": "folders that can't be written, awkward paths and locales: works, or told before data is read",
    "R13": "NaN and infinity: stopped before the update, nothing bad saved, step and cause named",
    "R14": "one of several processes raises, is killed or leaves: all are gone within 30 s, and the reason is shown",
    "R15": "what a checkpoint costs",
    "R16": "what a resumed start costs",
    "S1": "fuzzed configs and data files: no traceback, no hang, no memory",
    "S2": "alias bombs, deep nesting, cycles, huge numbers and files: refused within a second",
    "S3": "duplicate and unknown keys, tags, encodings: refused with line and column",
    "S4": "malicious checkpoints: refused, no code is run",
    "S5": "no pickle, eval, exec, torch.load or import by a name that was read",
    "S6": "torch older than the last known hole is refused",
    "S7": "archives that escape or explode: refused",
    "S8": "paths in a run or config read and write nothing outside",
    "S9": "no network, no secrets in what a run leaves",
    "S10": "headers that claim too much: refused without allocating",
    "D1": "data that changed between fit, eval and resume: harmless, or told",
    "D2": "awkward data: each case has its outcome, no NaN",
}
