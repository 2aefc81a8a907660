import hashlib
from pathlib import Path

from nntrain.training.durable import write_files


def test_digests_are_those_of_what_lies_there_whatever_the_size_of_pieces(tmp_path: Path) -> None:
    large = bytes(range(256)) * 2**11
    files = write_files(tmp_path, {"small": (b"a", b"b"), "mixed": (b"a", large, b"b", large, b"c")})
    for name, entry in files.items():
        content = (tmp_path / name).read_bytes()
        assert entry == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
