import io
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nntrain.data.preparing import prepare
from nntrain.data.settings import DataSettings
from nntrain.data.sources.arrays import Arrays
from nntrain.data.table import text_of_array
from nntrain.errors import DataError


def read(path):
    source = Arrays(path=path.name)
    source.peek(path, path.name)
    return source.read(path, path.name)


def npz(**arrays):
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def npy(header, content=b""):
    described = header.encode("latin-1")
    return b"\x93NUMPY\x01\x00" + len(described).to_bytes(2, "little") + described + content


def zipped(members, *, compression=zipfile.ZIP_STORED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return bytearray(stream.getvalue())


def encrypted():
    content = zipped({"x.npy": npy("{'descr': '<f8', 'shape': (1,)}", bytes(8))})
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return content


def oddly_compressed():
    content = zipped({"x.npy": npy("{'descr': '<f8', 'shape': (1,)}", bytes(8))})
    content[8] = 99
    content[content.index(b"PK\x01\x02") + 10] = 99
    return content


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no zip", "is no .npz file, or is damaged"),
        (encrypted(), "is no .npz file, or is damaged: .*encrypted"),
        (oddly_compressed(), "is no .npz file, or is damaged: .*compression"),
        (zipped({"x.npy": b"junk"}), "a member is no array"),
        (zipped({"x.npy": npy("{'descr': '<f8'}")}), "names no type and shape"),
        (zipped({"x.npy": npy("[1]")}), "names no type and shape"),
        (zipped({"x.npy": npy("{'descr': '<f8', 'shape': (-1,)}")}), "names no type and shape"),
        (zipped({"x.npy": npy("{'descr': '<f8', 'shape': (2,), 'fortran_order': False}", b"12")}), "is damaged"),
        (zipped({"x.npy": npy("{'descr': '<Ux', 'shape': (2,)}")}), "is damaged"),
        (zipped({"notes.txt": "hello"}), "'notes.txt' is no array"),
        (zipped({}), "holds no arrays"),
        (npz(x=np.zeros((4, 0)), y=np.arange(4)), r"array 'x' \[4, 0\] holds no values"),
        (npz(x=np.zeros(3, np.longdouble)), "holds numbers of a kind"),
        (npz(x=np.array(3.0)), "is one single value"),
        (npz(x=np.array([[1], [1, 2]], dtype=object)), "holds Python objects"),
    ],
)
def test_files_that_are_not_read_are_told_in_words(tmp_path, content, message):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read(tmp_path / "a.npz")


def test_arrays_of_objects_are_told_how_to_save_rows_of_different_lengths(tmp_path):
    (tmp_path / "a.npz").write_bytes(npz(x=np.array([[1], [1, 2]], dtype=object)))
    with pytest.raises(DataError) as caught:
        read(tmp_path / "a.npz")
    assert "{type: series, values: STEPS, lengths: LENGTHS}" in caught.value.hint


WHOLE = npz(x=np.arange(12.0).reshape(6, 2), y=np.arange(6) % 2, s=np.array(["a", "b"] * 3))


@given(changes=st.dictionaries(st.integers(0, len(WHOLE) - 1), st.integers(0, 255), min_size=1, max_size=4), cut=st.integers(0, len(WHOLE)))
def test_damage_is_a_data_error_or_none(tmp_path_factory, changes, cut):
    path = tmp_path_factory.mktemp("npz") / "a.npz"
    content = bytearray(WHOLE)
    for place, value in changes.items():
        content[place] = value
    for version in (content, content[:cut]):
        path.write_bytes(version)
        told = "a.npz"
        try:
            assert read(path).rows > 0
        except DataError as error:
            told = error.message
        assert told.startswith("a.npz")


def test_arrays_of_unusual_values_are_text(tmp_path):
    assert text_of_array("x", np.array([1e300, np.nan])).to_list() == ["1e+300", None]
    assert text_of_array("x", np.array([1.0, np.inf, 2.5])).to_list() == ["1", "inf", "2.5"]
    assert text_of_array("x", np.array([b"caf\xe9", b""])).to_list() == ["café", None]
    (tmp_path / "a.npz").write_bytes(npz(x=np.arange(3, dtype=">i4"), y=np.array([1e300, np.inf, 2.0])))
    table = read(tmp_path / "a.npz")
    assert table.texts("x").to_list() == ["0", "1", "2"]
    with pytest.raises(DataError, match=r"a\.npz: y holds infinity, first in row 1"):
        table.numbers("y")


@pytest.mark.parametrize("values", [[1e300, -1e300], [1.7e308, -1.7e308], [1e-300, 2e-300]])
@pytest.mark.parametrize("normalize", ["standard", "minmax"])
def test_numbers_without_mean_or_spread_are_told_by_column(tmp_path, values, normalize):
    x = np.array([values[row % 2] for row in range(40)])
    np.savez(tmp_path / "a.npz", x=x, v=np.stack([np.arange(40), x], 1), y=np.arange(40) % 2)
    fields = {"x": {"normalize": normalize}, "v": {"role": "ignore"}}
    data = {"source": "a.npz", "target": "y"}
    if normalize == "minmax" and values[0] != 1.7e308:
        found = prepare(DataSettings.parse({**data, "fields": fields}), tmp_path, seed=0)
        assert sorted(set(found.train.inputs["@number"].flatten().tolist())) == [0, 1]
        return
    with pytest.raises(DataError, match=r"a\.npz: x: numbers from .* have no mean and spread in float64"):
        prepare(DataSettings.parse({**data, "fields": fields}), tmp_path, seed=0)
    fields = {"v": {"type": "vector", "normalize": normalize}, "x": {"role": "ignore"}}
    with pytest.raises(DataError, match=r"a\.npz: v: feature 1: numbers from"):
        prepare(DataSettings.parse({**data, "fields": fields}), tmp_path, seed=0)
