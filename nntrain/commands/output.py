"""Writes results to stdout, whatever it is: a terminal, a pipe whose reader went away, a full disk, a legacy encoding."""

from __future__ import annotations

import os
import sys

from nntrain.errors import ResourceError


def emit(text: str, end: str = "\n") -> None:
    """Write a result at once.

    A reader that went away, as `| head` does, wants no more: the rest is dropped. Signs that the encoding of the terminal lacks
    are written as escapes.

    Raises:
        ResourceError: The disk behind stdout is full, or can't be written.
    """
    stream = sys.stdout
    try:
        try:
            stream.write(text + end)
        except UnicodeEncodeError:
            encoding = stream.encoding or "ascii"
            stream.write((text + end).encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # nothing is tried again when the process ends
        raise ResourceError(f"cannot write the result to stdout: {error.strerror}") from None
