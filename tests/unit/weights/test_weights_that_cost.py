"""Small files that would take long, much memory, or end in a traceback: each is refused in words, at once."""

from __future__ import annotations

import pickle
import struct
import time
import zipfile
from pathlib import Path

import pytest

from nntrain.errors import CheckpointError
from nntrain.weights.reading import read_weights


def one_list_again_and_again() -> bytes:
    """A list of pairs that is made an OrderedDict of many times, for a few bytes each."""
    pairs = pickle.dumps([(str(place), place) for place in range(2000)], protocol=2)[2:-1]
    put, got = (code + struct.pack("<I", number) for code, number in ((b"r", 100_000), (b"j", 100_000)))
    kind, again = (code + struct.pack("<I", 100_001) for code in (b"r", b"j"))
    return b"\x80\x02" + pairs + put + b"0ccollections\nOrderedDict\n" + kind + b"0](" + (again + got + b"\x85R") * 2000 + b"e."


def keys_of_one_hash() -> bytes:
    return pickle.dumps({(2**61 - 1) * place: 0 for place in range(1, 4000)}, protocol=2)


def dicts_in_dicts() -> bytes:
    return b"\x80\x02" + b"}X\x05\x00\x00\x00model" * 20_000 + b"}" + b"s" * 20_000 + b"."


FILES = {
    "one list again and again": (one_list_again_and_again(), "an OrderedDict of something else than pairs"),
    "keys of one hash": (keys_of_one_hash(), "a huge number as key"),
    "dicts in dicts": (dicts_in_dicts(), "no tensors"),
    "a name that is no text": (b"\x80\x02i\xff\xff\nx\n.", "INST"),
    "one key twice": (
        b"\x80\x02ccollections\nOrderedDict\n]((X\x01\x00\x00\x00wK\x00l(X\x01\x00\x00\x00wK\x01le\x85R.",
        "twice in an OrderedDict",
    ),
    "a name that clears the screen": (b"\x80\x02cx\x1b[2Jy\nz\n.", r"x\x1b[2Jy"),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_small_file_costs_little(kind: str, tmp_path: Path) -> None:
    content, told = FILES[kind]
    path = tmp_path / "weights.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as file:
        for name, part in (("a/data.pkl", content), ("a/version", b"3\n"), ("a/byteorder", b"little")):
            file.writestr(name, part)
    began = time.process_time()
    with pytest.raises(CheckpointError) as refusal:
        read_weights(path)
    assert told in str(refusal.value)
    assert time.process_time() - began < 5


def test_a_zip_entry_far_behind_the_end(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    name, extra = b"a/data.pkl", struct.pack("<HHQ", 1, 8, 2**64 - 1)
    entry = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 45, 45, 0, 0, 0, 0, 0, 4, 4, len(name), len(extra), 0, 0, 0, 0, 2**32 - 1)
    entry += name + extra
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(entry), 4, 0)
    path.write_bytes(b"PK\x03\x04" + entry + end)
    with pytest.raises(CheckpointError):
        read_weights(path)
