"""A run whose files somebody has changed to do harm, in thirty ways."""

# pyright: reportUnknownLambdaType=false, reportDeprecated=false

# ruff: noqa: E501

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from forging import forge_file, forge_meta, forge_part, forge_text

CANARY: Final = "canary"
"""Made by every payload that is run, in the folder above."""


class Bomb:
    """Runs a command when it is unpickled."""

    def __init__(self, call: Any, *arguments: Any) -> None:
        self.call, self.arguments = call, arguments

    def __reduce__(self) -> Any:
        return self.call, self.arguments


def system(canary: Path) -> bytes:
    return pickle.dumps({"state_dict": Bomb(os.system, f"touch {canary}")})


def evaluated(canary: Path) -> bytes:
    return pickle.dumps(Bomb(eval, f"open({str(canary)!r}, 'w')"), protocol=2)


def legacy(canary: Path) -> bytes:
    """A file of torch.save before 1.6: three pickles, the first a number."""
    return b"".join(pickle.dumps(part, protocol=2) for part in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})) + system(canary)


def zipped(canary: Path) -> bytes:
    """A file of torch.save since 1.6."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("archive/data.pkl", system(canary))
        archive.writestr("archive/version", "3\n")
        archive.writestr("archive/data/0", b"\0" * 16)
    return content.getvalue()


PICKLES: Final[dict[str, Callable[[Path], bytes]]] = {
    "os.system": system,
    "builtins.eval": evaluated,
    "legacy .pt": legacy,
    "zip .pt": zipped,
}


def safetensors(header: object, content: bytes = b"", length: int | None = None) -> bytes:
    written = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(written) if length is None else length) + written + content


HEADERS: Final[dict[str, bytes]] = {
    "a header of 2^60 bytes": safetensors({}, length=2**60) + b"\0" * 82,
    "a header of 2^64 - 1 bytes": safetensors({}, length=2**64 - 1),
    "a tensor of 2^60 values": safetensors({"x": {"dtype": "F32", "shape": [2**60], "data_offsets": [0, 4]}}, b"\0" * 4),
    "a size that overflows": safetensors({"x": {"dtype": "F32", "shape": [2**32, 2**32], "data_offsets": [0, 0]}}),
    "offsets beyond the end": safetensors({"x": {"dtype": "F32", "shape": [1], "data_offsets": [10**12, 10**12 + 4]}}, b"\0" * 4),
    "a dtype that is none": safetensors({"x": {"dtype": "os:system", "shape": [1], "data_offsets": [0, 4]}}, b"\0" * 4),
    "a dtype of four bits": safetensors({"x": {"dtype": "F4", "shape": [2], "data_offsets": [0, 1]}}, b"\0"),
    "deep JSON": safetensors(b"[" * 100_000),
    "no header": b"",
}


class Forger:
    """Changes files of a run."""

    def __init__(self, run: Path, canary: Path) -> None:
        self.run, self.canary = run, canary

    @property
    def steps(self) -> list[Path]:
        return sorted(self.run.glob("checkpoints/step-*"))

    def part(self, file: str, content: bytes) -> None:
        """Replace a file of every checkpoint, with a digest that fits."""
        for step in self.steps:
            forge_file(step, file, content)

    def tree(self, name: str, change: Callable[[Any], Any]) -> None:
        """Change the JSON of a part of every checkpoint."""
        for step in self.steps:
            forge_part(step, name, change)

    def text(self, name: str, text: str) -> None:
        """Write any text for the JSON of a part of every checkpoint."""
        for step in self.steps:
            forge_text(step, name, text)

    def meta(self, change: Callable[[dict[str, Any]], Any]) -> None:
        for step in self.steps:
            forge_meta(step, change)

    def record(self, file: str, change: Callable[[Any], Any]) -> None:
        """Change a JSON file of the run."""
        path = self.run / file
        path.write_text(json.dumps(change(json.loads(path.read_text()) if path.exists() else {})))

    def config(self, change: Callable[[str], str]) -> None:
        """Change the resolved config, with a digest that fits."""
        path = self.run / "resolved.yaml"
        path.write_text(change(path.read_text()))
        self.record("data.json", lambda found: {**found, "resolved": [hashlib.sha256(path.read_bytes()).hexdigest()]})

    def link(self, file: str, to: Path) -> None:
        """Put a link in the place of a file or folder."""
        path = self.run / file
        if path.is_dir():
            path.rename(self.run.parent / f"moved-{path.name}")
        path.unlink(missing_ok=True)
        path.symlink_to(to)


def _lightning(key: str, value: str) -> Callable[[Forger], None]:
    def change(forger: Forger) -> None:
        for name in ("task", "state", "fields", "protocol", "weights"):
            forger.tree(name, lambda tree: {**tree, key: value} if isinstance(tree, dict) else [{**tree[0], key: value}, *tree[1:]])

    return change


def _typed(kind: str) -> Callable[[Forger], None]:
    return lambda forger: forger.tree("fields", lambda tree: [{**field, "settings": {**field["settings"], "type": kind}} for field in tree])


def _everywhere(content: Callable[[Path], bytes]) -> Callable[[Forger], None]:
    def change(forger: Forger) -> None:
        for file in [path.name for path in forger.steps[0].iterdir() if path.name != "meta.json"]:
            forger.part(file, content(forger.canary))

    return change


def _beside(forger: Forger) -> None:
    """Files of other tools, which nobody asked for: the run is used without a look at them."""
    content = zipped(forger.canary)
    for folder in (forger.run, forger.run / "checkpoints", *forger.steps):
        for name in (
            "weights.pt",
            "last.ckpt",
            "pytorch_model.bin",
            "model.pth",
            "checkpoint.pkl",
            "rng.pt",
            "sitecustomize.py",
            "plugin.py",
        ):
            (folder / name).write_bytes(content if not name.endswith(".py") else f"open({str(forger.canary)!r}, 'w')".encode())


def _named(file: str) -> Callable[[Forger], None]:
    def change(forger: Forger) -> None:
        forger.meta(lambda meta: {**meta, "files": {**meta["files"], file: {"bytes": 0, "sha256": hashlib.sha256(b"").hexdigest()}}})

    return change


def _pointed(name: str) -> Callable[[Forger], None]:
    def change(forger: Forger) -> None:
        for pointer in ("best", "last"):
            (forger.run / "checkpoints" / pointer).write_text(name)
        for step in forger.steps:
            step.rename(step.with_name(f"gone-{step.name}"))

    return change


HARMLESS: Final = frozenset({"files of other tools beside", "members above"})
"""Payloads that most commands never look at, so that the run works."""

PAYLOADS: Final[dict[str, Callable[[Forger], Any]]] = {
    **{f"{name} in place of every part": _everywhere(content) for name, content in PICKLES.items()},
    "zip .pt as weights": lambda forger: forger.part("weights.safetensors", zipped(forger.canary)),
    "pickle as state": lambda forger: forger.part("state.safetensors", system(forger.canary)),
    "pickle as meta.json": lambda forger: [(step / "meta.json").write_bytes(system(forger.canary)) for step in forger.steps] and None,
    "files of other tools beside": _beside,
    **{f"weights with {name}": (lambda forger, content=content: forger.part("weights.safetensors", content)) for name, content in HEADERS.items()},
    "_instantiator": lambda forger: _lightning("_instantiator", "os.system")(forger) or _typed("os.system")(forger),
    "_class_path": lambda forger: _lightning("_class_path", "subprocess.Popen")(forger) or _typed("subprocess.Popen")(forger),
    "a field of type os:system": _typed("os:system"),
    "a field of type hostile_canary_module:Field": _typed("hostile_canary_module:Field"),
    "a layer of type subprocess:Popen": lambda forger: forger.config(lambda text: text.replace("type: mlp", "type: 'subprocess:Popen'")),
    "an optimizer of type os:system": lambda forger: forger.config(lambda text: text.replace("type: adamw", "type: 'os:system'")),
    "a python tag": lambda forger: forger.config(lambda text: text.replace("seed: 0", "seed: !!python/object/apply:os.system [id]")),
    "plugins in the config": lambda forger: forger.config(lambda text: f"{text}plugins: [hostile_canary_module]\n"),
    "a mark of another kind": lambda forger: forger.tree("weights", lambda _: {"@eval": "__import__('os').system('id')"}),
    "@dict of lists": lambda forger: forger.tree("weights", lambda _: {"@dict": [[[], 1]]}),
    "deep state": lambda forger: forger.text("state", '{"a":' * 50_000 + "1" + "}" * 50_000),
    "a number of 10^6 digits": lambda forger: forger.text("state", '{"progress": ' + "9" * 10**6 + "}"),
    "meta.json names a file above": _named("../../../../outside.safetensors"),
    "meta.json names /etc/passwd": _named("/etc/passwd"),
    "pointers name a folder above": _pointed("../../../stranger/0002/checkpoints/step-0000003"),
    "pointers name /etc": _pointed("/etc"),
    "a link in place of the weights": lambda forger: [forger.link(f"{step.relative_to(forger.run)}/weights.safetensors", Path("/dev/zero")) for step in forger.steps] and None,
    "a link in place of the checkpoints": lambda forger: forger.link("checkpoints", forger.run.parent / "moved-checkpoints"),
    "a link in place of the history": lambda forger: forger.link("history.jsonl", forger.canary.with_name("precious.txt")),
    "a link in place of the lock": lambda forger: forger.link("lock", forger.canary.with_name("precious.txt")),
    "a link in place of data.json": lambda forger: forger.link("data.json", Path("/dev/zero")),
    "a link in place of summary.json": lambda forger: forger.link("summary.json", Path("/dev/zero")),
    "members above": lambda forger: forger.record("members.json", lambda _: {"kind": "seeds", "count": 2, "members": [{"name": "../../../outside", "word": "seed 0", "changes": []}]}),
}  # fmt: skip
