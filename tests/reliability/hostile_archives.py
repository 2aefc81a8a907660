"""Archives and headers made to do harm."""

from __future__ import annotations

import io
import stat
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterable
from typing import Final

from fuzz_data import ROWS, base_files

Member = tuple[zipfile.ZipInfo, bytes]
PIXEL: Final = zipfile.ZipFile(io.BytesIO(base_files()["png.zip"])).read("0/0.png")


def packed(members: Iterable[tuple[str | zipfile.ZipInfo, bytes]]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, member in members:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of a name that comes twice
                archive.writestr(name, member, zipfile.ZIP_DEFLATED)
    return content.getvalue()


def images(*more: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    """Sound images of two classes, and something else."""
    return packed([*((f"{row % 2}/{row}.png", PIXEL) for row in range(ROWS)), *more])


def of_kind(name: str, kind: int) -> zipfile.ZipInfo:
    """A member that says that it is a link, a device or a pipe."""
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, (kind | 0o777) << 16
    return info


def zeros(size: int) -> bytes:
    """`size` zero bytes as a raw deflate stream, made in a moment: one packed piece, repeated."""
    piece = 2**24
    pack = zlib.compressobj(9, zlib.DEFLATED, -15)
    first = pack.compress(b"\0" * piece) + pack.flush(zlib.Z_FULL_FLUSH)
    return first * (size // piece) + b"\x03\x00"


def bomb(name: str, size: int) -> bytes:
    """A .zip file whose only member is zeros, with a directory that says so; the checksum is never reached."""
    content = zeros(size)
    long = struct.pack("<QQ", size, len(content))
    extra = struct.pack("<HH", 1, len(long)) + long
    encoded = name.encode()
    local = struct.pack("<IHHHHHIIIHH", 0x04034B50, 45, 0, 8, 0, 33, 0, 2**32 - 1, 2**32 - 1, len(encoded), len(extra)) + encoded + extra
    entry = (
        struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 45, 45, 0, 8, 0, 33, 0, 2**32 - 1, 2**32 - 1, len(encoded), len(extra), 0, 0, 0, 0, 0)
        + encoded
        + extra
    )
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 1, 1, len(entry), len(local) + len(content), 0)
    return local + content + entry + end


def gzip_bomb(size: int, start: bytes) -> bytes:
    """A .gz file that begins like a table and goes on with zeros."""
    head = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
    first = zlib.compressobj(9, zlib.DEFLATED, -15)
    return head + first.compress(start) + first.flush(zlib.Z_FULL_FLUSH) + zeros(size) + struct.pack("<II", 0, size % 2**32)


def npy(descr: str, shape: str, content: bytes = b"") -> bytes:
    """An array whose header says what it likes."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(header)) + header + content


def arrays(member: bytes, name: str = "x.npy") -> bytes:
    return packed([(name, member), ("y.npy", npy("'<i8'", f"({ROWS},)", struct.pack(f"<{ROWS}q", *(row % 2 for row in range(ROWS)))))])


def sheet(rows: str, dimension: str = "A1:C3", head: str = "") -> bytes:
    """A workbook whose sheet is given as XML."""
    members: dict[str, bytes] = {}
    with zipfile.ZipFile(io.BytesIO(base_files()["rows.xlsx"])) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    text = f'{head}<worksheet xmlns="{space}"><dimension ref="{dimension}"/><sheetData>{rows}</sheetData></worksheet>'
    members["xl/worksheets/sheet1.xml"] = text.encode()
    return packed(members.items())


def png(width: int, height: int) -> bytes:
    """A picture that says that it is of this size, and has a few rows of zeros."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100_000)) + chunk(b"IEND", b"")


def jpeg(width: int, height: int) -> bytes:
    """A JPEG whose frame header says that it is of this size."""
    with zipfile.ZipFile(io.BytesIO(base_files()["jpeg.zip"])) as archive:
        content = archive.read("0/0.jpg")
    at = content.index(b"\xff\xc0") + 5
    return content[:at] + struct.pack(">HH", height, width) + content[at + 4 :]


def parquet(change: Callable[[bytes], bytes]) -> bytes:
    """A Parquet file whose footer was changed."""
    content = base_files()["rows.parquet"]
    size = struct.unpack("<I", content[-8:-4])[0]
    footer = change(content[-8 - size : -8])
    return content[: -8 - size] + footer + struct.pack("<I", len(footer)) + b"PAR1"


def varint(number: int) -> bytes:
    """A number as Thrift's compact protocol writes it (zigzag)."""
    number, found = number << 1, b""
    while number > 127:
        found, number = found + bytes([number & 127 | 128]), number >> 7
    return found + bytes([number])


def many_members(count: int) -> bytes:
    """A .zip file with many names and one content."""
    content = io.BytesIO()
    local = struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 0, 0, 0, 33, 0, 0, 0, 5, 0) + b"a.png"
    content.write(local)
    entries = b"".join(
        struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, 0, 0, 0, 33, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0) + b"%05x.png" % number
        for number in range(count)
    )
    content.write(entries)
    at = len(local)
    content.write(struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, count, count, len(entries), at))
    content.write(struct.pack("<IIQI", 0x07064B50, 0, at + len(entries), 1))
    content.write(struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 2**16 - 1, 2**16 - 1, 2**32 - 1, 2**32 - 1, 0))
    return content.getvalue()


TABLE: Final = b"a,b,y\n" + b"".join(b"%d,w,%d\n" % (row, row % 2) for row in range(ROWS))
GB: Final = 2**30


def hostile_archives() -> dict[str, tuple[str, bytes]]:
    """Archives by what is wrong with them: the name that the file has, and its content."""
    return {
        "member above the folder": ("png.zip", images(("../../outside.png", PIXEL))),
        "absolute member": ("png.zip", images(("/tmp/outside.png", PIXEL))),
        "member of another drive": ("png.zip", images(("C:\\outside\\0.png", PIXEL))),
        "link": ("png.zip", images((of_kind("0/link.png", stat.S_IFLNK), b"/etc/passwd"))),
        "device": ("png.zip", images((of_kind("0/device.png", stat.S_IFCHR), b""))),
        "pipe": ("png.zip", images((of_kind("1/pipe.png", stat.S_IFIFO), b""))),
        "one name twice": ("png.zip", images((zipfile.ZipInfo("0/0.png"), PIXEL))),
        "archive in an archive": ("png.zip", images(("0/more.zip", packed([("0.png", PIXEL)])))),
        "10 GB of zeros as an image": ("png.zip", bomb("0/0.png", 10 * GB)),
        "200 MB of zeros among images": ("png.zip", images(("0/zeros.png", bytes(200 * 2**20)))),
        "10 GB of zeros as a table": ("rows.csv.zip", bomb("rows.csv", 10 * GB)),
        "10 GB of zeros below a table": ("rows.csv.gz", gzip_bomb(10 * GB, TABLE + TABLE[6:] * 400)),
        "10 GB of zeros as records": ("rows.jsonl.gz", gzip_bomb(10 * GB, b'{"a": 1, "y": 1}\n{"a": 2, "y": 0}\n' * 5_000)),
        "table above the folder": ("rows.csv.zip", packed([("../../outside.csv", TABLE)])),
        "two tables": ("rows.csv.zip", packed([("a.csv", TABLE), ("b.csv", TABLE)])),
        "table in an archive in an archive": ("rows.csv.zip", packed([("rows.zip", packed([("rows.csv", TABLE)]))])),
        "array above the folder": ("rows.npz", arrays(npy("'<f4'", f"({ROWS},)", b"\0" * 4 * ROWS), "../../outside.npy")),
        "10 GB of zeros as an array": ("rows.npz", bomb("x.npy", 10 * GB)),
        "10 GB of zeros as a sheet": ("rows.xlsx", bomb("xl/worksheets/sheet1.xml", 10 * GB)),
    }


def hostile_headers() -> dict[str, tuple[str, bytes]]:
    """Files that say that they are far larger than they are."""
    laughs = "".join(f'<!ENTITY a{level} "{f"&a{level - 1};" * 10}">' for level in range(1, 12))
    doctype = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a0 "ha">{laughs}]>'
    cell = '<row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c><c r="B1" t="inlineStr"><is><t>y</t></is></c></row>'
    wide = "".join(f'<row r="{row}"><c r="XFD{row}"><v>1</v></c></row>' for row in range(2, 10_000))
    return {
        "array of 2^60 values": ("rows.npz", arrays(npy("'<f8'", f"({2**60},)"))),
        "array of 40 x 2^50 values": ("rows.npz", arrays(npy("'<f4'", f"({ROWS}, {2**50})"))),
        "array whose size overflows": ("rows.npz", arrays(npy("'<f8'", f"({2**32}, {2**32})"))),
        "array of texts of 2^40 signs": ("rows.npz", arrays(npy(f"'<U{2**40}'", f"({ROWS},)"))),
        "array of 10^9 axes": ("rows.npz", arrays(npy("'<f8'", "(" + "1," * 20_000 + ")"))),
        "picture of 2^31 x 2^31": ("png.zip", images(("0/x.png", png(2**31 - 1, 2**31 - 1)))),
        "picture of 12,000 x 12,000": ("png.zip", images(("0/x.png", png(12_000, 12_000)))),
        "JPEG of 65,535 x 65,535": ("jpeg.zip", images(("0/x.jpg", jpeg(65_535, 65_535)))),
        "Parquet of 2^60 rows": ("rows.parquet", parquet(lambda footer: footer.replace(b"\x16" + varint(ROWS), b"\x16" + varint(2**60)))),
        "Parquet with a footer of 4 GB": ("rows.parquet", base_files()["rows.parquet"][:-8] + struct.pack("<I", 2**32 - 1) + b"PAR1"),
        "sheet of a billion rows": ("rows.xlsx", sheet(cell, "A1:XFD1048576")),
        "row of number 10^9": ("rows.xlsx", sheet(f'{cell}<row r="1000000000"><c r="A1000000000"><v>1</v></c></row>')),
        "rows of 16,384 columns": ("rows.xlsx", sheet(cell + wide)),
        "a billion laughs in a sheet": ("rows.xlsx", sheet('<row r="1"><c r="A1" t="str"><v>&a11;</v></c></row>', head=doctype)),
        "100,000 members": ("png.zip", many_members(100_000)),
    }
