import pytest

from nntrain.data import fingerprint
from nntrain.data.fingerprint import fingerprint_file
from nntrain.errors import DataError


def test_every_byte_counts_and_the_name_does_not(tmp_path):
    content = bytearray(3 * 2**20 + 5)
    one, two = tmp_path / "one.bin", tmp_path / "two.bin"
    one.write_bytes(content)
    two.write_bytes(content)
    assert fingerprint_file(one) == fingerprint_file(two)
    for place in (0, 3 * 2**19, len(content) - 1):
        changed = bytearray(content)
        changed[place] = 1
        two.write_bytes(changed)
        assert fingerprint_file(one) != fingerprint_file(two)


def test_of_large_files_blocks_and_the_size_count(tmp_path, monkeypatch):
    monkeypatch.setattr(fingerprint, "WHOLE_BYTES", 1_000)
    monkeypatch.setattr(fingerprint, "BLOCK_BYTES", 10)
    one, two = tmp_path / "one.bin", tmp_path / "two.bin"
    one.write_bytes(bytes(66_000))
    for place in (0, 9, 32_995 + 1015 // 2, 65_990, 65_999):
        changed = bytearray(66_000)
        changed[place] = 1
        two.write_bytes(changed)
        is_read = any(start <= place < start + 10 for start in [65_990 * block // 65 for block in range(66)])
        assert (fingerprint_file(one) != fingerprint_file(two)) == is_read
    two.write_bytes(bytes(66_001))
    assert fingerprint_file(one) != fingerprint_file(two)


def test_a_file_that_is_gone_is_told(tmp_path):
    with pytest.raises(DataError, match=r"gone\.csv cannot be read"):
        fingerprint_file(tmp_path / "gone.csv")
