"""Writes results to stdout and notes to stderr, whatever they are: a terminal, a pipe whose reader went away, a full disk, closed."""

from __future__ import annotations

import os
import re
import sys
import textwrap
from contextlib import suppress
from typing import Final

from nntrain.errors import ResourceError

_CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""What moves the cursor, clears the screen or renames the window; all but tabs and line breaks."""

_QUOTED: Final = re.compile(r" *\d* *\|")
"""A line of a file as an error shows it, or the marks below: `    3 | loss: mes`."""


def spelled_out(text: str) -> str:
    """A text whose control characters are spelled as JSON does: names and cells of data may hold commands to the terminal."""
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def emit_data(text: str) -> None:
    """Write rows or a text for a program or a file as they are; on a terminal as `emit` does. Raises `ResourceError`."""
    _write(spelled_out(text) if sys.stdout.isatty() else text)


def emit(text: str, *, has_colours: bool = False) -> None:
    """Write a result at once.

    Args:
        text: Its control characters are spelled out.
        has_colours: They are not: some are colours, and the others are spelled out already.

    Raises:
        ResourceError: The disk behind stdout is full, or can't be written.
    """
    _write(f"{text if has_colours else spelled_out(text)}\n")


def _write(text: str) -> None:
    """Write to stdout at once.

    A reader that went away, as `| head` does, wants no more: the rest is dropped. So it is where stdout was closed from the start
    (`>&-`). Signs that the encoding of the terminal lacks are written as escapes.

    Raises:
        ResourceError: The disk behind stdout is full, or can't be written.
    """
    stream = sys.stdout
    try:
        try:
            stream.write(text)
        except UnicodeEncodeError:
            encoding = stream.encoding or "ascii"
            stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # nothing is tried again when the process ends
        raise ResourceError(f"cannot write the result to stdout: {error.strerror}") from None


def _of_width(text: str, width: int) -> str:
    """A text whose lines go on below, between words, where they are too long; lines of a file with their marks stay."""
    return "\n".join(
        line
        if len(line) <= width or _QUOTED.match(line)
        else textwrap.fill(
            line,
            width,
            subsequent_indent=" " * (len(line) - len(line.lstrip(" "))),
            break_long_words=False,
            break_on_hyphens=False,
            replace_whitespace=False,
        )
        for line in text.splitlines()
    )


def tell(text: str) -> None:
    """Write a note to stderr, on a terminal in lines that fit.

    What can't be written there is dropped: notes must neither end a command nor get among its results.
    """
    stream = sys.stderr
    try:
        told = spelled_out(text)
        if stream.isatty():
            with suppress(OSError):  # a terminal that tells no size
                told = _of_width(told, os.get_terminal_size(stream.fileno()).columns or len(told))
        stream.write(f"{told}\n")
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
