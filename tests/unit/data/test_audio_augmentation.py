"""Random changes of training sounds: what each does, and that it depends on nothing but (seed, epoch, row)."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from nntrain.data.audio.hearing import Hearing
from nntrain.data.audio.settings import AUDIO_AUGMENTATIONS
from nntrain.data.augmentation.augmenter import Augmenter
from nntrain.data.augmentation.draws import Draws
from nntrain.data.batches import Batch, TensorData, ordered_batches
from nntrain.data.fields.audio import Audio
from nntrain.data.fields.field import RaggedArray
from nntrain.data.orders import epoch_order
from nntrain.data.packed import PackedSteps
from nntrain.data.packed_sounds import PackedSounds
from nntrain.data.table import Table
from nntrain.errors import SpecError

RATE = 8000
EACH: list[Any] = [{"gain": 6}, {"noise": {"snr_db": [0, 20], "p": 0.9}}, {"shift": 20}, "spec_augment"]


def field(*augment: Any, **options: Any) -> Audio:
    return Audio.parse({"type": "audio", "sample_rate": RATE, "augment": list(augment), **options})


def state(made: Audio) -> dict[str, Any]:
    width = made.features.width
    return {"offset": torch.zeros(width, dtype=torch.float64), "scale": torch.ones(width, dtype=torch.float64), "steps": None}


def sounds(made: Audio, rows: list[Tensor]) -> PackedSounds:
    if not made.keeps_samples:  # then it reads steps
        rows = [row[: 5 + len(row) % 40, None] + torch.arange(made.features.width) for row in rows]
    packed = PackedSteps.of(torch.cat(rows), torch.tensor([len(row) for row in rows]))
    return PackedSounds(packed, Hearing.of(made, state(made)))


def noises(count: int, shortest: int = 400, longest: int = 900) -> list[Tensor]:
    return [torch.randn(shortest + (longest - shortest) * number // (count - 1)) * 0.1 for number in range(count)]


def changed(made: Audio, rows: list[Tensor], *, numbers: Tensor | None = None, epoch: int = 0) -> Tensor:
    """What training shows of rows."""
    augmenter = Augmenter.of({"x": made}, seed=5)
    assert augmenter is not None
    numbers = torch.arange(len(rows)) if numbers is None else numbers
    return sounds(made, rows).changed("x", augmenter.at(epoch), numbers)["x"]


def test_every_augmentation_is_among_these() -> None:
    assert {field(written).augment[0].type for written in EACH} == set(AUDIO_AUGMENTATIONS)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]


@pytest.mark.parametrize("length", [None, 0.08])
@pytest.mark.parametrize("augment", [*([each] for each in EACH), EACH], ids=str)
def test_what_happens_to_a_row_does_not_depend_on_its_batch(augment: list[Any], length: float | None) -> None:
    made = field(*augment, features={"log_mel": 12}, **({} if length is None else {"length": length, "crop": "random"}))
    rows = noises(12)
    whole = changed(made, rows)
    assert torch.isfinite(whole).all()
    assert not torch.equal(whole, sounds(made, rows).tensors("x")["x"])
    assert not torch.equal(whole, changed(made, rows, epoch=1))
    order = torch.randperm(12)
    assert torch.equal(changed(made, [rows[int(row)] for row in order], numbers=order), whole[order])
    for row in (0, 7):
        alone = changed(made, [rows[row]], numbers=torch.tensor([row]))
        assert torch.equal(alone[0], whole[row, : alone.shape[1]])
        assert not whole[row, alone.shape[1] :].any(), "what is behind a row stays empty"


@pytest.mark.parametrize("features", [{"log_mel": 12}, {"type": "mfcc", "bins": 12, "coefficients": 9}, "raw"], ids=str)
@pytest.mark.parametrize("options", [{}, {"length": 0.1}, {"length": 0.1, "crop": "centre", "pad": "both"}], ids=str)
@pytest.mark.extra("audio")
def test_features_of_kept_samples_are_those_that_are_stored(tmp_path: Path, features: Any, options: Any) -> None:
    import soundfile

    for row, samples in enumerate(noises(6, 500, 1300)):
        soundfile.write(tmp_path / f"{row}.wav", samples.numpy(), RATE)
    from nntrain.data.file_store import FileStore

    names = pl.Series("x", [f"{row}.wav" for row in range(6)])
    table = Table("t", {"x": names}, 6, store=FileStore(tmp_path))
    plain, keeping = field(features=features, **options), field({"gain": 6}, features=features, **options)
    read, kept = plain.read(table, ("x",)), keeping.read(table, ("x",))
    assert isinstance(kept, RaggedArray)
    assert kept.values.ndim == 1
    learned, same = plain.fit(read, is_target=False), keeping.fit(kept, is_target=False)
    assert torch.equal(learned["offset"], same["offset"])
    assert torch.equal(learned["scale"], same["scale"])
    assert learned["steps"] == same["steps"]
    wanted, found = plain.encode(read, learned, is_target=False), keeping.encode(kept, same, is_target=False)
    assert wanted.sounds is None
    assert found.sounds is not None
    assert found.lengths is not None
    packed = PackedSounds(PackedSteps.of(torch.from_numpy(found.values), torch.from_numpy(found.lengths)), found.sounds)
    tensors = packed.tensors("x")
    if options:
        assert tensors.keys() == {"x"}
        assert packed.lengths is None
        assert torch.equal(tensors["x"], torch.from_numpy(wanted.values))
    else:
        assert wanted.lengths is not None
        stored = PackedSteps.of(torch.from_numpy(wanted.values), torch.from_numpy(wanted.lengths))
        assert torch.equal(tensors["x"], stored.pad()[0])
        assert torch.equal(tensors["x.lengths"], stored.lengths)
        assert packed.lengths is not None
        assert torch.equal(packed.lengths, stored.lengths)
    assert packed.values_per_row == tensors["x"][0].numel()


def test_shift_moves_a_click_by_up_to_so_much_and_silence_comes_in() -> None:
    click = torch.zeros(800)
    click[400] = 1
    found = changed(field({"shift": 10}, features="raw"), [click] * 200)[:, :, 0]
    assert torch.equal(found.sum(1), torch.ones(200))
    moved = found.argmax(1) - 400
    assert -80 <= int(moved.min()) < -70
    assert 70 < int(moved.max()) <= 80
    lost = changed(field({"shift": 90}, features="raw"), [click] * 200)[:, :, 0].sum(1)
    assert 0 < float(lost.mean()) < 1, "what leaves is gone"


def test_noise_has_the_ratio_that_it_says() -> None:
    tones = [torch.sin(torch.arange(2000) * 0.3) * 0.2] * 200
    made = field({"noise": {"snr_db": [5, 25], "p": 0.7}}, features="raw")
    noise = changed(made, tones)[:, :, 0] - torch.stack(tones)
    noisy = noise.square().mean(1) > 0
    assert 0.6 < float(noisy.float().mean()) < 0.8
    ratio = 10 * torch.log10(torch.stack(tones).square().mean(1) / noise.square().mean(1))[noisy]
    assert 4 < float(ratio.min()) < 7
    assert 23 < float(ratio.max()) < 26
    standard = noise[noisy] / noise[noisy].std(1, keepdim=True)
    assert abs(float(standard.pow(4).mean()) - 3) < 0.1, "it is normal"
    assert abs(float((standard[:, 1:] * standard[:, :-1]).mean())) < 0.01, "and white"
    silence = changed(made, [torch.zeros(500)] * 4)
    assert not silence.any()


def test_the_noise_of_a_filled_up_sound_is_measured_by_the_sound_alone() -> None:
    made = field({"noise": {"snr_db": [10, 10], "p": 1.0}}, features="raw", length=0.5)
    found = changed(made, [torch.ones(400)] * 20)[:, :, 0]
    assert abs(float(found[:, 400:].square().mean()) - 0.1) < 0.005, "the silence gets it too"


def test_gain_is_a_factor_in_decibels() -> None:
    factors = changed(field({"gain": [-20, 6]}, features="raw"), [torch.ones(3)] * 300)[:, :, 0]
    assert torch.equal(factors[:, 0], factors[:, 2])
    decibels = 20 * torch.log10(factors[:, 0])
    assert -20 <= float(decibels.min()) < -19
    assert 5 < float(decibels.max()) <= 6
    assert field({"gain": 6}).augment[0].build(RATE).keywords == {"low": -6, "high": 6}  # pyright: ignore[reportFunctionMemberAccess]


def test_spec_augment_covers_whole_steps_and_whole_bands() -> None:
    masks = {"time_masks": 1, "time_width": 5, "time_share": 1.0, "band_masks": 1, "band_width": 3}
    made = field({"spec_augment": masks}, features={"log_mel": 10})
    assert not made.keeps_samples
    rows = torch.ones(300 * 20, 10)
    packed = PackedSounds(PackedSteps.of(rows, torch.full((300,), 20)), Hearing.of(made, state(made)))
    augmenter = Augmenter.of({"x": made}, seed=5)
    assert augmenter is not None
    hidden = packed.changed("x", augmenter.at(0), torch.arange(300))["x"] == 0
    steps, bands = hidden.all(2), hidden.all(1)
    assert torch.equal(hidden, steps[:, :, None] | bands[:, None])
    assert steps.sum(1).unique().tolist() == [0, 1, 2, 3, 4, 5]
    assert bands.sum(1).unique().tolist() == [0, 1, 2, 3]
    assert steps.any(0).all(), "a mask may lie anywhere"
    assert bands.any(0).all()
    few = field({"spec_augment": {"time_masks": 1, "time_width": 15, "time_share": 0.1, "band_masks": 0}}, features={"log_mel": 10})
    narrow = PackedSounds(packed.rows, Hearing.of(few, state(few))).changed("x", augmenter.at(0), torch.arange(300))["x"] == 0
    assert int(narrow.all(2).sum(1).max()) == 2
    assert torch.equal(packed.tensors("x")["x"], torch.ones(300, 20, 10)), "measured rows are not changed"


@pytest.mark.parametrize(("crop", "wanted"), [("start", 0), ("centre", 3), ("random", 3)])
def test_the_part_that_is_heard(crop: str, wanted: int) -> None:
    made = field(*([] if crop == "random" else [{"gain": 1}]), features="raw", length=10 / RATE, crop=crop, pad="both")
    counting = torch.arange(1.0, 17.0)
    measured = sounds(made, [counting, counting[:7]]).tensors("x")["x"][:, :, 0]
    assert measured[0].tolist() == list(range(wanted + 1, wanted + 11))
    assert measured[1].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 0, 0]
    if crop == "random":
        found = changed(made, [counting] * 200)[:, :, 0]
        assert found[:, 0].unique().tolist() == [1, 2, 3, 4, 5, 6, 7]
        assert torch.equal(found.diff(dim=1), torch.ones(200, 9))
        assert torch.equal(changed(made, [counting[:7]] * 3)[:, :, 0], measured[1].expand(3, 10))


def test_batches_can_be_entered_anywhere_and_measured_rows_are_as_they_are() -> None:
    made = field({"shift": 5}, {"noise": [10, 20]}, "spec_augment", features={"log_mel": 12}, length=0.08, crop="random")
    data = TensorData({}, {}, None, torch.arange(20) + 100, stored={"x": sounds(made, noises(20))})
    augmenter = Augmenter.of({"x": made}, seed=3)
    assert augmenter is not None

    def epoch(number: int, rows: int = 4, start: int = 0) -> list[Batch]:
        order = epoch_order(len(data), seed=3, epoch=number)
        return list(ordered_batches(data, rows, order, start=start, augment=augmenter.at(number)))

    def by_row(batches: list[Batch]) -> dict[int, Tensor]:
        return {int(row): steps for batch in batches for row, steps in zip(batch.rows, batch.inputs["x"], strict=True)}

    first = epoch(0)
    assert all(torch.equal(one.inputs["x"], two.inputs["x"]) for one, two in zip(first[2:], epoch(0, start=2), strict=True))
    assert all(torch.equal(steps, by_row(first)[row]) for row, steps in by_row(epoch(0, rows=7)).items())
    assert not any(torch.equal(steps, by_row(first)[row]) for row, steps in by_row(epoch(1)).items())
    assert torch.equal(data.batch(0, 4).inputs["x"], data.stored["x"].narrow(0, 4).tensors("x")["x"])


def test_numbers_are_the_same_however_many_are_drawn() -> None:
    draw = partial(Draws(7, torch.arange(200)).white, "x")
    assert torch.equal(draw(101)[:, :40], draw(40))
    assert abs(float(draw(100).mean())) < 0.02
    assert abs(float(draw(100).std()) - 1) < 0.02
    assert abs(float(np.corrcoef(draw(100).numpy().T)[0, 1])) < 0.2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"augment": [{"gain": 1}, {"shift": 500}], "length": 0.5}, r"augment\[1\] shift: max_ms: 500 moves all of a sound of 500 ms away"),
        ({"augment": ["spec_augment"], "features": "raw"}, "raw samples have no bands; band_masks: 0"),
        ({"augment": ["spec_augment"], "features": {"log_mel": 8}}, "band_width: 8 covers bands, and there are 8"),
        ({"augment": ["spec_augment"], "normalize": "none"}, "fix:  normalize: standard"),
    ],
)
def test_augmentations_that_do_not_fit_the_sounds(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        Audio.parse({"type": "audio", "sample_rate": RATE, **options}).plan_spec("x", None, is_target=False)


@pytest.mark.parametrize(
    "written",
    [
        {"gain": 0},
        {"gain": [3, -3]},
        {"noise": [20, 10]},
        "noise",
        "shift",
        {"spec_augment": {"time_masks": 0, "band_masks": 0}},
        {"spec_augment": {"time_share": 1.5}},
        {"rotate": 10},
    ],
    ids=str,
)
def test_augmentations_that_change_nothing_or_make_no_sense(written: Any) -> None:
    with pytest.raises(ValidationError):
        field(written)


def test_where_to_cut_needs_a_length() -> None:
    assert set(field(crop="random", pad="both").idle_options(frozenset({"input"}))) == {"crop", "pad"}
    assert not field(crop="random", length=1.0).idle_options(frozenset({"input"}))
