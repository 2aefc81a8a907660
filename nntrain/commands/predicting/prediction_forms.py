"""Where predictions go by their forms: what holds them is checked before anything is computed, then written whole or not at all."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from nntrain.commands.predicting.prediction_files import ARRAY_SUFFIX, FRAME_SUFFIXES, TEXT_SUFFIXES
from nntrain.data.forms.form import Beside, File, Form
from nntrain.data.table import listed
from nntrain.errors import ResourceError, UsageError
from nntrain.runs import write_atomically

if TYPE_CHECKING:
    from nntrain.commands.stored.opening import Stored
    from nntrain.data.fields.field import Decoded

_NO_NAME: Final = re.compile(r"[/\\\0]")
_TABLES: Final = f"a name that ends in {', '.join(TEXT_SUFFIXES + FRAME_SUFFIXES)}"


def forms_of(stored: Stored) -> dict[str, Form]:
    """How the predictions of each target of a run are written."""
    return {name: target.form for name, target in stored.fields.targets.items()}


def is_folder(output: Path) -> bool:
    """Whether what is to be written is a folder: it is one, or its name has no ending."""
    return output.is_dir() or not (output.exists() or output.suffix)


def check_forms(output: Path | None, overlay: Path | None, forms: Mapping[str, Form], run: str) -> None:
    """Refuse what does not hold the predictions of a run, before anything is computed.

    Args:
        output: Where they are to be written; `None` for the screen.
        overlay: Folder for images with predictions drawn over them.
        forms: Their forms, by target.
        run: Name of the run, for messages.

    Raises:
        UsageError: A table for what no cell holds, arrays or a folder for what is not written so, or a folder that has files.
    """
    if overlay is not None:
        if not any(form.legend for form in forms.values()):
            raise UsageError(f"--overlay: {run} predicts no masks", "leave --overlay out")
        if not is_folder(overlay):
            raise UsageError(f"--overlay needs a folder, got {overlay.as_posix()!r}", "--overlay overlays")
        if output is not None and output.resolve() == overlay.resolve():
            raise UsageError(f"-o and --overlay are one folder, {overlay.as_posix()}", "--overlay overlays")
        check_folder(overlay, "--overlay")
    whole = {name: form for name, form in forms.items() if not form.in_cells}
    if output is not None and is_folder(output):
        if not any(form.each for form in forms.values()):
            raise UsageError(f"-o needs a file, got {output.as_posix()!r}", "-o predictions.csv")
        check_folder(output, "-o")
    elif output is not None and output.suffix.lower() == ARRAY_SUFFIX:
        if not any(form.arrays for form in forms.values()):
            raise UsageError(f"{output}: predictions are written as arrays only where they are images or masks", _TABLES)
    elif whole:
        first = next(iter(whole))
        python = f"or from Python: nntrain.load({run!r}).predict(DATA)[{first!r}].values"
        raise UsageError(
            f"{run} predicts {kinds(whole)} ({', '.join(whole)}), which no text table holds",
            f"{'   '.join(ways_to_hold(whole))}   {python}",
        )


def kinds(forms: Mapping[str, Form]) -> str:
    """What the values of some targets are: `images`."""
    return listed(list(dict.fromkeys(form.plural for form in forms.values())))


def ways_to_hold(forms: Mapping[str, Form], name: str | None = None) -> list[str]:
    """What holds values that no table does, as hints; `name` stands for the file, else one is made up."""
    every = tuple(forms.values())
    files, arrays = [form.each for form in every if form.each], [form.arrays for form in every if form.arrays]
    found = [f"{listed(list(dict.fromkeys(files)))} each: -o FOLDER"] if len(files) == len(every) else []
    return found + (
        [f"{listed(list(dict.fromkeys(arrays)))}: -o {name or every[0].plural}{ARRAY_SUFFIX}"] if len(arrays) == len(every) else []
    )


def check_folder(output: Path, flag: str) -> None:
    """Refuse a folder that has files, or can't be made, before anything is computed. Raises `UsageError`."""
    if output.is_dir() and any(output.iterdir()):
        raise UsageError(f"the folder {output.as_posix()} is not empty", f"another one: {flag} {output.as_posix().rstrip('/')}_2")
    if output.exists() and not output.is_dir():
        hint = f"another name, or one that ends in {ARRAY_SUFFIX}" if flag == "-o" else "another name"
        raise UsageError(f"{output.as_posix()} is a file, and images are written into a folder", hint)
    if not output.resolve().parent.is_dir():
        raise UsageError(f"no folder {output.parent.as_posix()} to make {output.name} in", "make it first")


def target_files(found: Mapping[str, Decoded], beside: Beside) -> Iterable[File]:
    """A file for each row of each target that is written so; several targets have their names in those of the files."""
    written = [name for name, decoded in found.items() if decoded.form.each]
    for target in written:
        for name, content in found[target].form.files(found[target], beside):
            yield (name if len(written) == 1 else named_by_target(name, target)), content


def named_by_target(name: str, target: str) -> str:
    """`a/03.png` to `a/03.mask.png`; what no name of a file can have is written as in an address, `left/right` as `left%2Fright`."""
    path = PurePosixPath(name)
    fitting = _NO_NAME.sub(lambda found: f"%{ord(found[0]):02X}", target)
    return path.with_name(f"{path.stem}.{fitting}{path.suffix}").as_posix()


def write_folder(output: Path, files: Iterable[File]) -> int:
    """Write files into a new folder, which appears whole or not at all.

    Args:
        output: The folder; not there, or empty.
        files: Names, all different, and contents.

    Returns:
        How many there are.

    Raises:
        ResourceError: It can't be written.
        DataError: What a file is made of can't be read.
        UsageError: A value is none that a file holds.
    """
    goal = output.resolve()
    count = 0
    try:
        beside = Path(tempfile.mkdtemp(prefix=f".{goal.name}-", suffix=".tmp", dir=goal.parent))
        try:
            made = beside / goal.name  # one inside: a temporary folder is its maker's alone, and this one is as all others
            made.mkdir()
            for name, content in files:
                path = made / name
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("xb") as file:
                    file.write(content)
                count += 1
            if output.is_dir():
                output.rmdir()
            made.rename(goal)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    except OSError as error:
        raise ResourceError(f"cannot write {output.as_posix()}: {error.strerror}") from None
    return count


def write_arrays(output: Path, predictions: Mapping[str, Decoded]) -> None:
    """Write the predictions of each target as an array under its name, labels as text.

    Images are float32 `[N, C, H, W]`, masks class indices uint8 `[N, H, W]`, others `[N, …]`.

    Raises:
        ResourceError: The disk is full, or the file can't be written; what was there before is whole.
    """
    import numpy as np

    arrays = {name: found.form.array(found) for name, found in predictions.items()}
    content = BytesIO()
    with ZipFile(content, "w") as archive:  # what numpy's savez writes, whatever the targets are called
        for name, array in arrays.items():
            member_info = ZipInfo(f"{name}.npy")
            member_info.compress_type = ZIP_DEFLATED
            with archive.open(member_info, "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
    write_whole(output, content.getvalue())


def write_whole(output: Path, content: bytes) -> None:
    """Write a file. Raises `ResourceError` where it can't be written; what was there before is whole."""
    try:
        write_atomically(output.resolve(), content)
    except OSError as error:
        raise ResourceError(f"cannot write {output.as_posix()}: {error.strerror}") from None


def samples_file(forms: Sequence[Form]) -> str:
    """A name for a file that holds values of these forms: `samples.png`."""
    if all(form.in_cells for form in forms):
        return f"samples{TEXT_SUFFIXES[0]}"
    sheet = forms[0].sheet if len(forms) == 1 else None
    return f"samples{sheet or ARRAY_SUFFIX}"


def count_of(found: Mapping[str, Decoded], count: int) -> str:
    """So many files in words, after what they hold: `24 masks`."""
    kinds = {decoded.form.plural for decoded in found.values() if decoded.form.each}
    kind = kinds.pop() if len(kinds) == 1 else "files"
    return f"{count:,} {kind if count != 1 else kind.removesuffix('s')}"
