"""Runs scripts in forked processes that need not load torch: loading takes seconds of each fresh interpreter, forking none.

    python script_server.py

Each line of its input is a JSON object: the script, its arguments, folder, environment, and the files that take what it prints. It
prints the number of the process, then its exit code (negative for a signal). `tests/conftest.py` has the other end. Run as a script,
so that it may fork safely.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
import traceback
from pathlib import Path
from typing import Any

import polars
import torch
import torch._dynamo
import torch.utils.data

from nntrain import assembly, cli
from nntrain.commands.fitting import fit
from nntrain.commands.proofs import smoke
from nntrain.commands.training import finishing, running
from nntrain.data import image_stream, preparing

LOADED = (polars, torch._dynamo, torch.utils.data, assembly, cli, finishing, fit, smoke, running, image_stream, preparing)
"""What a run imports on its way: once here, not in every child."""


def run(order: dict[str, Any]) -> int:
    """Be the script; its exit code."""
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    for number, path in ((0, os.devnull), (1, order["out"]), (2, order["error"])):
        os.dup2(os.open(path, os.O_RDWR), number)
    script = order["script"]
    sys.argv = [script, *order["arguments"]]
    sys.path[0] = str(Path(script).parent)
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(end.code + "\n")
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def serve() -> None:
    """Take one order after another, until there is no more input."""
    torch.set_num_threads(1)
    for line in sys.stdin:
        child = os.fork()
        if not child:
            code = 1
            try:
                code = run(json.loads(line))
                sys.stdout.flush()
                sys.stderr.flush()
            finally:
                os._exit(code & 255)
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    serve()
