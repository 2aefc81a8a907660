"""What `architecture.init` names: a run, or a file of weights. Names and shapes are read without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from nntrain.architectures.starting import Init
from nntrain.config.reading import Config
from nntrain.errors import CheckpointError, NNTrainError, Problem, YamlPath
from nntrain.runs import MEMBERS, Run, find_run, is_run, runs_root
from nntrain.training.meta import META, Needed, read_meta

if TYPE_CHECKING:
    from torch import Tensor

    from nntrain.weights.reading import Weights

WEIGHTS: Final = (".safetensors", ".pt", ".pth", ".bin", ".ckpt")
"""How files of weights are called."""

PATH: Final[YamlPath] = ("architecture", "init")


@dataclass(frozen=True, slots=True)
class Origin:
    """Trained weights, before they are read."""

    given: str
    """What a saved config says: of a folder of runs the run that was taken."""
    keys: Mapping[str, str]
    """Name of each tensor to its name in the file."""
    weights: Weights
    run: Run | None = None
    fields: tuple[Mapping[str, Any], ...] = ()
    """The fields of the run, without their numbers."""
    notes: tuple[str, ...] = ()

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes by name."""
        return {name: self.weights.shapes[key] for name, key in self.keys.items()}

    @property
    def words(self) -> str:
        """What it is, for messages."""
        return self.given if self.run is not None else self.weights.path.as_posix()

    def target(self, name: str) -> Mapping[str, Any] | None:
        """The field of the run that is a target of this name."""
        return next((field for field in self.fields if field["name"] == name and field["role"] == "target"), None)

    def fingerprint(self) -> str:
        """SHA-256 of the file."""
        return self.weights.digest()

    def tensors(self, names: Mapping[str, str]) -> dict[str, Tensor]:
        """Read some tensors.

        Args:
            names: Our names to theirs.

        Raises:
            CheckpointError: The file was changed or damaged meanwhile.
        """
        found = self.weights.tensors({self.keys[name] for name in names.values()})
        return {ours: found[self.keys[name]] for ours, name in names.items()}


def init_of(config: Config) -> Init | None:
    """What a config starts from."""
    return None if config.experiment.architecture is None else config.experiment.architecture.init


def find_origin(config: Config, init: Init) -> Origin:
    """Find what `init.from` names, and read the names and shapes of its tensors.

    Raises:
        ConfigError: There is no such run or file, or it can't be read; rendered.
    """
    try:
        return _found(config.folder, init.from_)
    except NNTrainError as error:
        raise config.error([Problem((*PATH, "from"), error.message, error.hint)]) from None


def _found(folder: Path, given: str) -> Origin:
    beside = folder / given
    if beside.is_file():
        weights = _weights(beside)
        return Origin(given, {name: name for name in weights.stored}, weights, notes=weights.notes)
    if Path(given).suffix in WEIGHTS:
        raise CheckpointError(f"there is no file {beside.as_posix()}", "name it from the folder of the config")
    if (beside / "config.json").is_file():
        what = "is a folder of a trained body, as Hugging Face has them, and no run"
        raise CheckpointError(f"{beside.as_posix()} {what}", f"fix:  architecture.pretrained: {given}   in the place of init")
    run = find_run(beside.as_posix() if is_run(beside) else given, runs_root(None))
    return _of_run(run, given.rstrip("/"))


def _weights(path: Path) -> Weights:
    """Names and shapes of a file. Raises `CheckpointError`, where its name is none of weights without guesses at damage."""
    from nntrain.weights.reading import read_weights
    from nntrain.weights.stored import TRUST

    try:
        return read_weights(path)
    except CheckpointError as error:
        if path.suffix in WEIGHTS or error.hint == TRUST:
            raise
        raise CheckpointError(f"{path.as_posix()} is no file of weights", f"accepted: a run, or a file {', '.join(WEIGHTS)}") from None


def _of_run(run: Run, given: str) -> Origin:
    """The best state of a run. Raises `CheckpointError` where it has none, or it is damaged or in pieces."""
    from nntrain.weights.reading import read_weights

    if run.is_export and not (run.path / MEMBERS).is_dir():
        return _of_export(run, given)
    folder = _pointed(run)
    if folder is None and (run.path / MEMBERS).is_dir():
        first = min((path.name for path in (run.path / MEMBERS).iterdir()), default="1")
        raise CheckpointError(f"{run.name} has members and no state of its own", f"name one: {given}/{MEMBERS}/{first}")
    if folder is None:
        raise CheckpointError(f"{run.name} has no state to start from yet", f"train it: nntrain fit --resume {run.name}")
    meta = read_meta(folder, Needed(("weights", "fields")))
    part = "ema" if "ema" in meta.parts else "weights"
    state, file = meta.parts["ema"] if part == "ema" else meta.parts, f"{part}.safetensors"
    if any(each.startswith(f"{part}-") for each in meta.files):
        what = f"{run.name} has its weights in pieces, those of each process that has trained it"
        raise CheckpointError(what, f"write them as one: nntrain export {run.name} -o FOLDER, and start from FOLDER")
    name = given if given.endswith(run.path.name) else f"{given}/{run.path.name}"
    return _known(name, run, state, meta.parts["fields"], read_weights(folder / file))


def _of_export(run: Run, given: str) -> Origin:
    """What `nntrain export` has made of a run. Raises `CheckpointError` where it is damaged."""
    from nntrain.exporting.state_file import WEIGHTS as FILE
    from nntrain.exporting.state_file import read_content
    from nntrain.weights.reading import read_weights

    content = read_content(run.path)
    return _known(given, run, content, content.get("fields"), read_weights(run.path / FILE))


def _known(name: str, run: Run, state: Any, fields: Any, file: Weights) -> Origin:
    """A state whose tensors and fields are known. Raises `CheckpointError` where they are not what nntrain writes."""
    try:
        keys = {str(name): str(told["@tensor"]) for name, told in cast("dict[str, Any]", state["weights"]).items()}
        listed = cast("list[dict[str, Any]]", fields)
        known = tuple({**field, "name": str(field["name"]), "role": str(field["role"])} for field in listed)
        missing = next((name for name, key in keys.items() if key not in file.stored), None)
        if missing is not None:
            raise ValueError(f"no tensor {missing}")
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{run.name}: its state is damaged ({error})") from None
    return Origin(name, keys, file, run, known)


def _pointed(run: Run) -> Path | None:
    """Folder of the best state, else of the last one."""
    for pointer in ("best", "last"):
        path = run.checkpoints / pointer
        if path.is_file():
            folder = run.checkpoints / path.read_text(encoding="utf-8", errors="replace").strip()
            if folder.parent == run.checkpoints and (folder / META).is_file():
                return folder
    return None
