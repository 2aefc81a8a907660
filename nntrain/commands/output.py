"""Writes results to stdout and notes to stderr, whatever they are: a terminal, a pipe whose reader went away, a full disk, closed."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from nntrain.errors import ResourceError


def emit(text: str, end: str = "\n") -> None:
    """Write a result at once.

    A reader that went away, as `| head` does, wants no more: the rest is dropped. So it is where stdout was closed from the start
    (`>&-`). Signs that the encoding of the terminal lacks are written as escapes.

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


def tell(text: str) -> None:
    """Write a note to stderr. What can't be written there is dropped: notes must neither end a command nor get among its results."""
    stream = sys.stderr
    try:
        stream.write(f"{text}\n")
        stream.flush()
    except ValueError:  # closed
        return
    except OSError:
        with suppress(OSError, ValueError):  # what the stream holds is not tried again when the process ends: that would be its exit code
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def open_standard_streams() -> None:
    """Put the null device where stdin, stdout or stderr were closed: the next file that is opened would be taken for them."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
            name = ("stdin", "stdout", "stderr")[descriptor]
            setattr(sys, name, os.fdopen(descriptor, "w" if descriptor else "r", encoding="utf-8"))
