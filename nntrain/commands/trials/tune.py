"""`nntrain fit --tune`: measures number formats, memory layouts, threads and compiling on this machine, and settles on the fastest."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from nntrain.commands.preparing.computing import computing_with, is_open
from nntrain.commands.preparing.measuring import Steps, without_trace
from nntrain.commands.screens.results import aligned
from nntrain.errors import ConfigError, UsageError
from nntrain.training.divergence import FoundDivergenceError
from nntrain.training.memory import ExhaustedError
from nntrain.training.settings import DECIDED

if TYPE_CHECKING:
    import torch

    from nntrain.commands.preparing.jobs import Job
    from nntrain.commands.screens.display import Display

ROUNDS: Final = 5
"""Measurements of each way, taken in turns, so that what slows the machine down for a while slows all of them."""
ROUND_S: Final = 0.2
"""Seconds of a measurement, one step at the least."""
GAIN: Final = 1.05
"""A way is taken where it is so many times as fast as what would be used without measuring: less may be chance."""
GAIN_OF_FEWER_DIGITS: Final = 1.2
"""The same where products have fewer digits."""
COMPILING_S: Final = 60.0
"""About what compiling takes."""
REPAYS: Final = 5
"""A run is long enough for it where it takes so many times as long: a fifth is what compiling gains at best."""

Way = dict[str, Any]
"""Settings of `training`."""


@dataclass(slots=True)
class _Measured:
    """One way of computing."""

    way: Way
    steps: Steps
    threads: int
    seconds: list[float] = field(default_factory=list[float])
    fault: str | None = None
    """Why it can't be used."""

    @property
    def median(self) -> float:
        """Seconds a step."""
        return statistics.median(self.seconds)


def tuned(job: Job, display: Display) -> Job:
    """A job with the fastest of what its config leaves open.

    Precision, memory layout, threads and, where the run is long enough to repay it, compiling are tried, each only where the config
    doesn't say it. What is chosen stands in `resolved.yaml` as if the config had said so.

    Raises:
        UsageError: The config leaves nothing open, or the first step fails.
        ConfigError: The device is not there; rendered.
    """
    from nntrain.commands.preparing.from_config import begin

    if not is_open(job) and job.blueprint.training.threads is not None:
        raise UsageError("--tune has nothing to choose: the config says it all", "precision, channels_last: auto, or leave --tune out")
    usual = begin(job)
    with without_trace(job):
        return _Tuning(job, usual, display).settle()


@dataclass(slots=True)
class _Tuning:
    job: Job
    usual: Job
    """What would be trained without measuring."""
    display: Display
    found: list[_Measured] = field(default_factory=list[_Measured])
    count: int = 1
    """Steps of a measurement."""

    def settle(self) -> Job:
        """Measure, print the table, choose."""
        training = self.usual.blueprint.training
        base: Way = {name: getattr(training, name) for name in DECIDED}
        first = self._prepared(base)
        if first.fault is not None:
            raise UsageError(f"--tune can't measure: {first.fault}", "leave --tune out: fit tells more of it")
        self.count = max(1, round(ROUND_S / min(first.steps.seconds(1) for _ in range(ROUNDS))))
        best = self._best([first, *(self._prepared({**base, "threads": threads}) for threads in self._threads(first))])
        best = self._best([best, *(self._prepared({**best.way, **way}) for way in self._formats(first))])
        if self._is_long(best):
            best = self._best([best, self._prepared({**best.way, "compile": True, "matmul": "blas"})])
        self._print(first, best)
        chosen = {**best.way, "threads": best.threads} if self.job.blueprint.training.threads is None else best.way
        return replace(computing_with(self.usual, chosen), choices=(self._words(first, best),))

    def _prepared(self, way: Way) -> _Measured:
        """A way, and the steps that are not measured, as what they need is made in them."""
        from nntrain.commands.preparing.from_config import assembled

        steps = Steps(assembled(computing_with(self.usual, way)))
        measured = _Measured(way, steps, steps.assembly.threads)
        self.found.append(measured)
        self._take(measured, 3)
        measured.seconds.clear()
        return measured

    def _take(self, measured: _Measured, count: int) -> None:
        from nntrain.training.device import use_threads

        if measured.fault is not None:
            return
        use_threads(measured.threads)
        try:
            measured.seconds.append(measured.steps.seconds(count))
        except FoundDivergenceError:
            measured.fault = "NaN or infinity"
        except ExhaustedError:
            measured.fault = "out of memory"
        except ConfigError as error:
            measured.fault = error.problems[0].message

    def _best(self, rivals: list[_Measured]) -> _Measured:
        """The fastest, where it is faster than the first by more than chance."""
        if len(rivals) > 1:
            for measured in rivals:
                measured.seconds.clear()
            for _ in range(ROUNDS):
                for measured in rivals:
                    self._take(measured, self.count)
        first = rivals[0]
        able = [
            measured for measured in rivals[1:] if measured.fault is None and first.median / measured.median >= _needed(first, measured)
        ]
        return min(able, key=lambda measured: measured.median, default=first)

    def _threads(self, first: _Measured) -> list[int]:
        """Other numbers of threads: half, and one."""
        if self.job.blueprint.training.threads is not None or first.steps.assembly.session.device.type != "cpu":
            return []
        return sorted({first.threads // 2, 1} - {0, first.threads}, reverse=True)

    def _formats(self, first: _Measured) -> list[Way]:
        """Other number formats and memory layouts."""
        from nntrain.training.device import has_fast_bfloat16

        training, device = self.job.blueprint.training, first.steps.assembly.session.device
        precisions = [first.way["precision"]]
        if training.precision == "auto" and has_fast_bfloat16(device):
            precisions.append("bfloat16")
        program = self.job.blueprint.program
        is_open = training.channels_last == "auto" and program.widest_convolution
        layouts = [False, True] if is_open else [first.way["channels_last"]]
        ways = [
            {"precision": precision, "channels_last": layout, "matmul": matmul}
            for precision in precisions
            for layout in layouts
            for matmul in (self._products(precision, device) if training.matmul == "auto" else [first.way["matmul"]])
        ]
        return [way for way in ways if any(first.way[name] != value for name, value in way.items())]

    def _products(self, precision: str, device: torch.device) -> list[str]:
        """What may compute products in a number format, on this device."""
        from nntrain.modules.products import IS_THERE

        usual = self.usual.blueprint
        has_choice = precision == "float32" and usual.training.compile is False and bool(usual.program.largest_linear)
        return ["blas", "onednn"] if has_choice and IS_THERE and device.type == "cpu" else ["blas"]

    def _is_long(self, best: _Measured) -> bool:
        """Whether compiling may be repaid."""
        from nntrain.machine_problems import compile_problems

        if self.job.blueprint.training.compile != "auto":
            return False
        blueprint = self.usual.blueprint
        if any(compile_problems(blueprint.experiment, blueprint.training, blueprint.program)):
            return False
        typical = best.median if best.seconds else best.steps.seconds(self.count)
        return best.steps.assembly.plan.total_steps * typical >= REPAYS * COMPILING_S

    def _print(self, first: _Measured, best: _Measured) -> None:
        lines = [["steps a second", "median", "least", "most", ""]]
        for measured in self.found:
            name = _name(measured)
            mark = "chosen" if measured is best else ""
            if measured.fault is not None:
                lines.append([name, "-", "-", "-", measured.fault])
            elif measured.seconds:
                rates = [measured.median, max(measured.seconds), min(measured.seconds)]
                lines.append([name, *(f"{1 / seconds:.4g}" for seconds in rates), mark])
        device = first.steps.assembly.device_name
        rounds = f"measured on {device}: {ROUNDS} times {self.count} step{'s' if self.count > 1 else ''} of each, in turns"
        self.display.note(f"{rounds}\n{aligned(lines, gap=3)}\n" if len(lines) > 2 else f"{rounds}: there is one way alone")

    def _words(self, first: _Measured, best: _Measured) -> str:
        if best is first:
            return f"{_name(best)}: nothing that was measured is faster by more than chance"
        digits = ", with fewer digits in products" if best.way["precision"] != first.way["precision"] else ""
        return f"{_name(best)}: measured {first.median / best.median:.2g} times as fast as {_name(first)}{digits}"


def _needed(first: _Measured, other: _Measured) -> float:
    return GAIN if other.way["precision"] == first.way["precision"] else GAIN_OF_FEWER_DIGITS


def _name(measured: _Measured) -> str:
    way = measured.way
    threads = f"{measured.threads} thread{'s' if measured.threads > 1 else ''}"
    is_on = (("channels_last", way["channels_last"]), ("compiled", way["compile"]), ("onednn", way["matmul"] == "onednn"))
    return ", ".join([way["precision"], *(word for word, on in is_on if on), threads])
