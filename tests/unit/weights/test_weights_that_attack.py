"""Files that would run something when Python's own reader opens them: each is refused by what was found, and nothing runs.

The payloads are written instruction by instruction. Every command makes a file; that file must never be there.
"""

from __future__ import annotations

import io
import pickle
import struct
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from nntrain.errors import CheckpointError
from nntrain.weights.legacy import MAGIC, VERSION
from nntrain.weights.reading import read_weights

MARKER = "it_ran"
TOUCH = f"touch {MARKER}"
PYTHON = f"open({MARKER!r}, 'w').close()"


def text(value: str) -> bytes:
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def named(module: str, name: str) -> bytes:
    return b"c" + f"{module}\n{name}\n".encode()


def call(module: str, name: str, *arguments: bytes) -> bytes:
    """GLOBAL, arguments, REDUCE."""
    return named(module, name) + b"(" + b"".join(arguments) + b"tR"


def whole(body: bytes) -> bytes:
    return b"\x80\x02" + body + b"."


STORAGE = b"(" + text("storage") + named("torch", "FloatStorage") + text("0") + text("cpu") + b"K\x04tQ"
HOOKS = named("collections", "OrderedDict") + b")R"
GOOD = named("torch._utils", "_rebuild_tensor_v2") + b"(" + STORAGE + b"K\x00K\x04\x85K\x01\x85\x89" + HOOKS + b"tR"
"""A tensor as torch writes it, of four numbers."""


def tensor(storage: bytes = STORAGE, offset: bytes = b"K\x00", shape: bytes = b"K\x04\x85", stride: bytes = b"K\x01\x85") -> bytes:
    return named("torch._utils", "_rebuild_tensor_v2") + b"(" + storage + offset + shape + stride + b"\x89" + HOOKS + b"tR"


def beside(body: bytes) -> bytes:
    """A state dict of a good tensor, and something else."""
    return b"}(" + text("weight") + GOOD + text("extra") + body + b"u"


EVAL = call("builtins", "eval", text(PYTHON))
PAYLOADS: dict[str, tuple[bytes, str]] = {
    "os.system": (call("os", "system", text(TOUCH)), "os.system"),
    "posix.system": (call("posix", "system", text(TOUCH)), "posix.system"),
    "beside a good tensor": (beside(call("os", "system", text(TOUCH))), "os.system"),
    "eval": (EVAL, "builtins.eval"),
    "exec": (call("builtins", "exec", text(PYTHON)), "builtins.exec"),
    "eval of Python 2": (call("__builtin__", "eval", text(PYTHON)), "__builtin__.eval"),
    "getattr chain": (call("builtins", "getattr", call("builtins", "__import__", text("os")), text("system")), "builtins.getattr"),
    "import": (call("builtins", "__import__", text("os")), "builtins.__import__"),
    "open": (call("builtins", "open", text(MARKER), text("w")), "builtins.open"),
    "subprocess": (call("subprocess", "check_output", b"(" + text("touch") + text(MARKER) + b"l"), "subprocess.check_output"),
    "runpy": (call("runpy", "_run_code", text(PYTHON), b"}"), "runpy._run_code"),
    "webbrowser": (call("webbrowser", "open", text("file:///" + MARKER)), "webbrowser.open"),
    "shutil": (call("shutil", "rmtree", text("/nowhere")), "shutil.rmtree"),
    "copyreg": (call("copyreg", "_reconstructor", named("os", "system"), named("builtins", "object"), b"N"), "copyreg._reconstructor"),
    "copyreg extension": (call("copyreg", "add_extension", text("os"), text("system"), b"K\x01") + b"0\x82\x01", "copyreg.add_extension"),
    "extension": (b"\x82\x01" + b"(" + text(TOUCH) + b"tR", "EXT1"),
    "extension of four bytes": (b"\x84\x01\x00\x00\x00" + b"(" + text(TOUCH) + b"tR", "EXT4"),
    "numpy": (call("numpy.core.multiarray", "_reconstruct", named("numpy", "ndarray"), b"K\x00\x85", text("b")), "numpy.core.multiarray"),
    "numpy's loader": (call("numpy", "load", text(MARKER), b"N\x88"), "numpy.load"),
    "nested pickle": (call("pickle", "loads", text("x")), "pickle.loads"),
    "_pickle": (call("_pickle", "loads", text("x")), "_pickle.loads"),
    "torch.load": (call("torch.serialization", "load", text(MARKER)), "torch.serialization.load"),
    "storage from bytes": (call("torch.storage", "_load_from_bytes", text("x")), "torch.storage._load_from_bytes"),
    "torch's hub": (call("torch.hub", "load", text("a/b"), text("c")), "torch.hub.load"),
    "torch's extension": (call("torch.utils.cpp_extension", "load_inline", text("a"), text("b")), "torch.utils.cpp_extension"),
    "torch's other names": (call("torch._utils", "_rebuild_wrapper_subclass", b"N"), "torch._utils._rebuild_wrapper_subclass"),
    "a dotted name": (named("torch._utils", "_rebuild_tensor_v2.__globals__") + b"", "_rebuild_tensor_v2.__globals__"),
    "a path in a module": (named("collections", "OrderedDict.__class__"), "OrderedDict.__class__"),
    "codecs": (call("_codecs", "encode", text("x"), text("latin1")), "_codecs.encode"),
    "timeit": (call("timeit", "timeit", text(PYTHON)), "timeit.timeit"),
    "INST": (b"(" + text(TOUCH) + b"ios\nsystem\n", "INST os.system"),
    "OBJ": (b"(" + named("os", "system") + text(TOUCH) + b"o", "os.system"),
    "OBJ of an allowed name": (b"(" + named("collections", "OrderedDict") + b"o", "OBJ"),
    "NEWOBJ": (named("collections", "OrderedDict") + b")\x81", "NEWOBJ"),
    "NEWOBJ_EX": (named("collections", "OrderedDict") + b")}\x92", "NEWOBJ_EX"),
    "STACK_GLOBAL": (text("os") + text("system") + b"\x93(" + text(TOUCH) + b"tR", "os.system"),
    "STACK_GLOBAL from the memo": (text("system") + b"q\x000" + text("os") + b"q\x010h\x01h\x00\x93(" + text(TOUCH) + b"tR", "os.system"),
    "STACK_GLOBAL of no texts": (b"K\x01K\x02\x93", "STACK_GLOBAL of int and int"),
    "a memo written twice": (text("a") + b"q\x00" + text("b") + b"q\x00", "a second value under the number 0"),
    "a memo of nothing": (b"h\x07", "number 7 of the memo"),
    "REDUCE on a text": (text("os.system") + b"(" + text(TOUCH) + b"tR", "REDUCE on a value of type str"),
    "REDUCE on a text like an allowed name": (text("collections.OrderedDict") + b")R", "REDUCE on a value of type str"),
    "REDUCE on a tensor": (GOOD + b")R", "REDUCE on a value of type StoredTensor"),
    "REDUCE on a storage type": (named("torch", "FloatStorage") + b"K\x04\x85R", "REDUCE on torch.FloatStorage"),
    "BUILD of a tensor": (GOOD + b"}(" + text("__class__") + b"Nub", "BUILD of StoredTensor"),
    "BUILD with a tuple": (HOOKS + b"N}(" + text("a") + b"Nu\x86b", "BUILD with tuple"),
    "BUILD of a dict": (b"}}b", "BUILD of dict"),
    "hooks": (named("torch._utils", "_rebuild_tensor_v2") + b"(" + STORAGE + b"K\x00))\x89" + EVAL + b"tR", "builtins.eval"),
    "hooks of plain values": (named("torch._utils", "_rebuild_tensor_v2") + b"(" + STORAGE + b"K\x00))\x89}tR", "a tensor with something"),
    "a storage of another kind": (b"(" + text("module") + named("os", "system") + b"tQ", "os.system"),
    "a reference to something else": (b"(" + text("module") + text("x") + text("y") + b"tQ", "no storage of numbers"),
    "a number of a gigabyte": (b"\x8b\x00\x00\x00\x40", "a whole number of 1,073,741,824 bytes"),
    "a negative length": (b"\x8b\xff\xff\xff\xff", "a whole number of -1 bytes"),
    "a text of a gigabyte": (b"X\x00\x00\x00\x40abc", "bytes before the value"),
    "bytes": (b"C\x03abc", "SHORT_BINBYTES"),
    "a key that takes long": (b"}" + b")" + b"\x85" * 50 + b"Ns", "a key of type tuple"),
    "a key twice": (b"}(" + text("a") + b"N" + text("a") + b"Nu", "'a' twice"),
}


def in_zip(body: bytes, folder: Path) -> Path:
    with zipfile.ZipFile(folder / "model.pth", "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("model/data.pkl", whole(body))
        archive.writestr("model/byteorder", "little")
        archive.writestr("model/data/0", bytes(16))
    return folder / "model.pth"


def in_legacy(body: bytes, folder: Path) -> Path:
    machine = whole(b"}(" + text("little_endian") + b"\x88u")
    start = pickle.dumps(MAGIC, 2) + pickle.dumps(VERSION, 2) + machine
    keys = whole(b"](" + text("0") + b"e")
    (folder / "pytorch_model.bin").write_bytes(start + whole(body) + keys + struct.pack("<q", 4) + bytes(16))
    return folder / "pytorch_model.bin"


def in_pickle(body: bytes, folder: Path) -> Path:
    (folder / "model.pt").write_bytes(whole(body))
    return folder / "model.pt"


PLACES: dict[str, Callable[[bytes, Path], Path]] = {"zip": in_zip, "legacy": in_legacy, "pickle": in_pickle}


@pytest.mark.parametrize("kind", PAYLOADS)
def test_nothing_of_a_file_runs(tmp_path: Path, kind: str) -> None:
    body, told = PAYLOADS[kind]
    loaded = {*sys.modules}
    for place, write in PLACES.items():
        path = write(body, tmp_path)
        started = time.process_time()
        with pytest.raises(CheckpointError) as caught:
            read_weights(path)
        assert time.process_time() - started < 1
        assert path.name in str(caught.value)
        assert told in str(caught.value) or (place == "pickle" and "numbers where torch has none" in str(caught.value))
    assert not (tmp_path / MARKER).exists()
    assert {*sys.modules} - loaded <= {"encodings.cp437"}, "the names of a zip archive, else nothing"


@pytest.mark.parametrize("kind", ["os.system", "eval", "STACK_GLOBAL from the memo"])
def test_the_payloads_are_real(tmp_path: Path, kind: str) -> None:
    """Python's own reader runs them: what the tests above look for would be there."""
    pickle.loads(whole(PAYLOADS[kind][0]))
    assert (tmp_path / MARKER).exists()


@pytest.mark.parametrize("place", ["zip", "legacy"])
def test_the_good_part_of_the_payloads_is_good(tmp_path: Path, place: str) -> None:
    weights = read_weights(PLACES[place](b"}" + text("weight") + GOOD + b"s", tmp_path))
    assert torch.equal(weights.tensor("weight"), torch.zeros(4))


VIEWS: dict[str, tuple[bytes, str]] = {
    "offset": (tensor(offset=b"K\x01"), "beyond its storage of 4 numbers"),
    "shape": (tensor(shape=b"K\x05\x85"), "beyond its storage of 4 numbers"),
    "stride": (tensor(stride=b"K\x02\x85"), "beyond its storage of 4 numbers"),
    "negative stride": (tensor(stride=b"J\xff\xff\xff\xff\x85"), "no sizes"),
    "negative offset": (tensor(offset=b"J\xff\xff\xff\xff"), "no place in it"),
    "huge shape without strides": (tensor(shape=b"J\xff\xff\xff\x7f\x85", stride=b"K\x00\x85"), "beyond its storage"),
    "axes without strides": (tensor(stride=b")"), "1 axes with 0 strides"),
    "truth for a size": (tensor(shape=b"\x88\x85"), "no sizes"),
    "another entry": (tensor(storage=STORAGE.replace(text("0"), text("../../etc/passwd"))), "etc/passwd"),
    "a longer storage": (tensor(storage=STORAGE.replace(b"K\x04tQ", b"J\x00\x00\x00\x40tQ")), "1,073,741,824"),
    "a storage of a negative length": (tensor(storage=STORAGE.replace(b"K\x04tQ", b"J\xff\xff\xff\xfftQ")), "no number"),
}


@pytest.mark.parametrize("kind", VIEWS)
def test_a_tensor_shows_nothing_but_its_own_numbers(tmp_path: Path, kind: str) -> None:
    body, told = VIEWS[kind]
    with pytest.raises(CheckpointError, match=told):
        read_weights(in_zip(b"}" + text("weight") + body + b"s", tmp_path))


def archive(path: Path, entries: list[tuple[str, bytes]], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as made:
        for name, content in entries:
            made.writestr(name, content)
    return path


STATE = whole(b"}" + text("weight") + GOOD + b"s")


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = archive(tmp_path / "bomb.pt", [("m/data.pkl", STATE), ("m/data/0", bytes(20_000_000))], zipfile.ZIP_DEFLATED)
    with pytest.raises(CheckpointError, match=r"bomb\.pt is refused: the entry m/data\.pkl is compressed"):
        read_weights(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_entries_of_one_name_are_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "two.pt", [("m/data.pkl", STATE), ("m/data/0", bytes(16)), ("m/data/0", bytes(16))])
    with pytest.raises(CheckpointError, match="two entries m/data/0"):
        read_weights(path)


def test_a_program_of_torch_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    torch.save(torch.nn.Linear(2, 2), buffer)
    (tmp_path / "module.pt").write_bytes(buffer.getvalue())
    with pytest.raises(CheckpointError, match=r"torch\.nn\.modules\.linear\.Linear"):
        read_weights(tmp_path / "module.pt")
    path = archive(tmp_path / "script.pt", [("m/data.pkl", STATE), ("m/code/net.py", b"x"), ("m/constants.pkl", STATE)])
    with pytest.raises(CheckpointError, match="TorchScript"):
        read_weights(path)


def test_changed_numbers_are_noticed_when_they_are_read(tmp_path: Path) -> None:
    torch.save({"weight": torch.arange(4.0)}, tmp_path / "w.pt")
    raw = (tmp_path / "w.pt").read_bytes()
    numbers = struct.pack("<4f", 0, 1, 2, 3)
    assert raw.count(numbers) == 1
    (tmp_path / "w.pt").write_bytes(raw.replace(numbers, struct.pack("<4f", 0, 1, 2, 4)))
    with pytest.raises(CheckpointError, match="differ from their checksum"):
        read_weights(tmp_path / "w.pt").tensor("weight")


def test_dicts_inside_themselves_end(tmp_path: Path) -> None:
    body = b"}q\x00(" + text("model") + b"h\x00" + text("state_dict") + b"h\x00u"
    with pytest.raises(CheckpointError, match="holds no tensors"):
        read_weights(in_zip(body, tmp_path))


HEADERS: dict[str, tuple[Any, str]] = {
    "a header of an exabyte": (struct.pack("<Q", 2**60) + b"{" + bytes(90), "its header is to have 1,152,921,504,606,846,976 bytes"),
    "no JSON": (b"{" + b"x" * 40, "can't be read"),
    "deep JSON": (b'{"a":' + b"[" * 100_000, "can't be read"),
    "a name twice": (b'{"a":{},"a":{}}', "twice"),
    "a number that is none": (b'{"a":NaN}', "NaN"),
    "a huge shape": (b'{"a":{"dtype":"F32","shape":[1152921504606846976],"data_offsets":[0,4]}}', "needs 4,611,686,018,427,387,904 bytes"),
    "places beyond the file": (b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', "8 bytes are missing"),
    "places in the header": (b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[-8,-4]}}', "no sizes"),
    "a gap": (b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}', "not behind those before"),
    "an unknown format": (b'{"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}}', "F8_E4M3"),
    "no facts": (b'{"a":3}', "no dtype, shape and data_offsets"),
    "no dict": (b"{}  ", "holds no tensors"),
}


@pytest.mark.parametrize("kind", HEADERS)
def test_a_header_promises_no_more_than_the_file_has(tmp_path: Path, kind: str) -> None:
    content, told = HEADERS[kind]
    path = tmp_path / "model.safetensors"
    path.write_bytes(content if content[8:9] == b"{" else struct.pack("<Q", len(content)) + content)
    with pytest.raises(CheckpointError, match=told):
        read_weights(path)


FORMS: dict[str, dict[str, Any]] = {"zip": {}, "legacy": {"_use_new_zipfile_serialization": False}, "safetensors": {}}


@pytest.mark.parametrize("form", FORMS)
def test_a_file_that_is_cut_off_is_named_wherever_it_ends(tmp_path: Path, form: str) -> None:
    state = torch.nn.Sequential(torch.nn.Linear(30, 8), torch.nn.BatchNorm1d(8)).state_dict()
    path = tmp_path / "model.weights"
    if form == "safetensors":
        from safetensors import torch as safetensors

        safetensors.save_file(state, path)
    else:
        torch.save(state, path, **FORMS[form])
    raw = path.read_bytes()
    assert read_weights(path).shapes
    for part in range(20):
        path.write_bytes(raw[: len(raw) * part // 20])
        with pytest.raises(CheckpointError, match=r"model\.weights is (damaged or cut off|refused)"):
            read_weights(path)
    path.write_bytes(raw[:-1])
    with pytest.raises(CheckpointError, match="damaged or cut off"):
        read_weights(path)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\x89HDF\r\n\x1a\n" + bytes(20), "HDF5"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        (b"<!DOCTYPE html>", "a page of the web"),
        (bytes(257) + b"ustar" + bytes(20), "tar archive"),
        (b"hello there", "begins with b'hello th'"),
    ],
)
def test_other_files_are_named_by_what_they_are(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "model.pt").write_bytes(content)
    with pytest.raises(CheckpointError, match=told):
        read_weights(tmp_path / "model.pt")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"none\.pt can't be read: No such file"):
        read_weights(tmp_path / "none.pt")
    with pytest.raises(CheckpointError, match="is no file"):
        read_weights(tmp_path)
