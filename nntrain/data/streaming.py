"""Rows that are read when their batch comes: by this process, or ahead of it by several others."""

from __future__ import annotations

import atexit
import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import torch
from torch import Tensor

from nntrain.data.row_numbers import RowNumbers
from nntrain.errors import DataError, ResourceError

if TYPE_CHECKING:
    from nntrain.data.batches import TensorData
    from nntrain.data.settings import DataSettings

AHEAD: Final = 2
"""Batches that each process has ready or in work."""
SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108
"""Where Linux keeps what processes share; other systems have no such limit."""
IGNORED: Final = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1")
"""Signals that a terminal or a job scheduler sends to all processes of a run: the run itself decides what becomes of its workers."""
PARENT_DEATH: Final = 1
"""`PR_SET_PDEATHSIG` of Linux' prctl."""
MAPPED_ABOVE: Final = (-3, 2**20)
"""`M_MMAP_THRESHOLD` of glibc's mallopt, in bytes: a batch that is freed goes back to the system, not to a heap that keeps it."""


TRIMMED: Final = 16
"""Requests after which the heap gives back what is free in it: freed batches leave holes there that are no longer large enough for the
next (glibc takes up to 32 MB from the heap), and what is streamed is too large for the memory."""


class Request(Protocol):
    """Rows that are wanted: small, as it may travel to another process."""

    def read(self) -> Mapping[str, Tensor]:
        """Their values `[B, …]` by field, as they are stored. Raises `DataError` that names the row or file."""
        ...


class RowStore(Protocol):
    """Where rows lie that are not in memory."""

    @property
    def names(self) -> tuple[str, ...]:
        """The fields."""
        ...

    @property
    def values_per_row(self) -> int:
        """Values of a row, of all fields."""
        ...

    @property
    def bytes_per_row(self) -> int:
        """Their memory once they are read."""
        ...

    @property
    def in_blocks(self) -> bool:
        """Whether rows are read a block at a time, and an order that jumps between them reads each block again and again."""
        ...

    @property
    def lost(self) -> str | None:
        """Why rows that were to be kept for later epochs could not be, in words; `None` where nothing is amiss."""
        ...

    def filled(self, data: TensorData, found: Mapping[str, Tensor]) -> TensorData:
        """Some rows with what was read for them."""
        ...

    def request(self, places: Tensor) -> Request:
        """Some rows by their place in the store, int64 `[B]`."""
        ...


class Opened(Protocol):
    """A store that the processes have too, so that requests need only name it."""

    def open_as(self, number: int) -> None:
        """Be found by requests that name this number."""
        ...


@dataclass(frozen=True, slots=True)
class Streamed:
    """Inputs of rows that are not in memory."""

    store: RowStore
    places: Tensor | RowNumbers
    """Where each row lies in the store, int64 `[N]` on the CPU."""
    reading: Reading

    def __len__(self) -> int:
        return len(self.places)

    def take(self, index: Tensor) -> Streamed:
        """Some rows, by position `[M]`."""
        return Streamed(self.store, self.places.index_select(0, index.cpu()), self.reading)

    def narrow(self, start: int, end: int) -> Streamed:
        """The rows from `start` to before `end`."""
        return Streamed(self.store, self.places[start:end], self.reading)

    def load(self) -> Mapping[str, Tensor]:
        """All rows, read by this process. Raises `DataError`."""
        return self.store.request(self.places[:].long()).read()

    def batches(self, positions: Callable[[int], Tensor], count: int) -> Iterator[Mapping[str, Tensor]]:
        """Some batches in their order, read ahead where processes do so.

        Args:
            positions: Of each batch from 0 on, the rows by position, int64 `[B]` on the CPU.
            count: How many there are.

        Raises:
            DataError: A row can't be read.
            ResourceError: A process that reads was killed.
        """
        return self.reading.read(lambda batch: self.store.request(self.places.index_select(0, positions(batch))), count)


class Reading:
    """Who reads the rows of a run: this process (`workers` 0), or `workers` others by torch's `DataLoader`.

    Nothing is drawn from a global generator, and what is read is a function of the request alone: batches are the same bytes
    whoever reads them. All splits share the processes. Whoever finds that another split was read in between asks again for
    what it had asked for: an order can be entered anywhere.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._turn = 0
        """Whose batches the processes read: it grows each time that somebody else's are asked for."""
        self._keepers = 0
        self._line = _Line()
        self._loader: Any = None
        self._batches: Iterator[Any] | None = None
        self._processes: tuple[Any, ...] = ()
        self._stores: dict[int, Opened] = {}

    def know(self, number: int, store: Opened) -> None:
        """Let the processes know a store, whose requests name it by a number."""
        self._stores[number] = store

    @contextmanager
    def kept(self) -> Generator[None]:
        """Keep the processes from one batch to another split's; outside of it they end with the batches that they were started for."""
        self._keepers += 1
        try:
            yield
        finally:
            self._keepers -= 1
            if not self._keepers:
                self.close()

    def read(self, request: Callable[[int], Request], count: int, trimmed: int = TRIMMED) -> Iterator[Mapping[str, Tensor]]:
        """What requests 0 to `count - 1` want, in their order; see `TRIMMED`. Raises `DataError`, `ResourceError`."""
        trim()  # what came before, such as metrics of all rows, is not needed beside what is read now
        found = self._read_ahead(request, count) if self.workers else (request(place).read() for place in range(count))
        for place, batch in enumerate(found):
            if place % trimmed == trimmed - 1:
                trim()
            yield batch

    def _read_ahead(self, request: Callable[[int], Request], count: int) -> Iterator[Mapping[str, Tensor]]:
        done, turn = 0, -1
        try:
            while done < count:
                if turn != self._turn:
                    turn = self._begin(map(request, range(done, count)))
                found = self._next()
                done += 1
                yield found
        finally:
            if not self._keepers and turn == self._turn:
                self.close()

    def close(self) -> None:
        """End the processes and wait until they have."""
        processes, self._processes = self._processes, ()
        self._turn += 1
        self._batches = self._loader = None  # with its last reference torch asks them to end
        for process in processes:
            if process.is_alive():  # an error that is on its way holds a reference: they have nothing to lose
                process.kill()
            process.join()
        atexit.unregister(self.close)

    def _begin(self, requests: Iterable[Request]) -> int:
        """Let the processes read these requests from now on; returns the number of the turn."""
        self._turn += 1
        self._line.requests = requests
        with self._told():
            if self._loader is None:
                self._start()
            else:
                self._batches = iter(self._loader)
        return self._turn

    def _start(self) -> None:
        from torch.utils.data import DataLoader

        before = set(multiprocessing.active_children())
        desk: Any = _Desk(self._stores)
        # polars has threads, and a forked process would wait for them for ever
        context = "spawn" if self._stores else None
        atexit.register(self.close)
        try:
            with _undisturbed(), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # more processes than cores: somebody's decision
                self._loader = DataLoader(
                    desk,
                    batch_size=None,
                    sampler=self._line,
                    num_workers=self.workers,
                    collate_fn=_unchanged,
                    worker_init_fn=_settle,
                    generator=torch.Generator(),  # else it would draw from the global one
                    prefetch_factor=AHEAD,
                    persistent_workers=True,
                    multiprocessing_context=context,
                )
                self._batches = iter(self._loader)
        finally:
            self._processes = tuple(set(multiprocessing.active_children()) - before)

    def _next(self) -> Mapping[str, Tensor]:
        assert self._batches is not None
        with self._told():
            found = next(self._batches)
        if isinstance(found, _Fault):
            raise (ResourceError if found.is_memory else DataError)(found.message, found.hint)
        return found

    @contextmanager
    def _told(self) -> Generator[None]:
        """Tell in words that a process was killed."""
        try:
            yield
        except Exception:  # what a process that dies in the middle of a message leaves is of any kind; others' faults go on below
            for process in self._processes:
                process.join(0.1)
            dead = [process for process in self._processes if not process.is_alive()]
            if not dead:
                raise
            how = ", ".join(f"process {process.pid} ({_ending(process.exitcode)})" for process in dead)
            self.close()
            raise ResourceError(
                f"a worker that reads batches is gone: {how}",
                "killed for want of memory? fewer data.workers, or a smaller data.batch_size. What was saved before is whole:"
                " nntrain fit --resume RUN",
            ) from None


def reading_of(settings: DataSettings) -> Reading | None:
    """Who reads the inputs that are not kept in memory, where the settings stream them."""
    return Reading(settings.workers) if settings.streaming else None


def check_shared_memory(workers: int, batch_bytes: int) -> None:
    """Make sure that what the processes have ready fits in shared memory, which containers often have 64 MB of.

    Args:
        workers: Processes that read.
        batch_bytes: The largest batch.

    Raises:
        ResourceError: It does not.
    """
    if not workers or not SHARED_MEMORY.is_dir():
        return
    system = os.statvfs(SHARED_MEMORY)
    free, needed = system.f_bavail * system.f_frsize, (AHEAD * workers + 1) * batch_bytes
    if free < needed:
        raise ResourceError(
            f"{SHARED_MEMORY} has {free / 1e6:,.0f} MB free, and data.workers: {workers} (num_workers) may need {needed / 1e6:,.0f} MB"
            f" there: {AHEAD * workers + 1} batches of {batch_bytes / 1e6:,.1f} MB",
            "fewer data.workers, 0 needs none; a smaller data.batch_size; or a larger one: docker run --shm-size=1g",
        )


@dataclass(frozen=True, slots=True)
class _Fault:
    """What went wrong in another process, in words."""

    message: str
    hint: str | None
    is_memory: bool = False


class _Desk:
    """What torch takes for a data set: an index is a request, an item what it wants."""

    def __init__(self, stores: Mapping[int, Opened]) -> None:
        self._stores = stores
        self._is_open = False

    def __getitem__(self, request: Request) -> dict[str, Tensor] | _Fault:
        if not self._is_open:
            for number, store in self._stores.items():
                store.open_as(number)
            self._is_open = True
        try:
            found = request.read()
        except DataError as error:
            return _Fault(error.message, error.hint)
        try:
            return {name: values.share_memory_() for name, values in found.items()}
        except RuntimeError as error:  # here, as torch would do it in a thread whose errors nobody hears
            return _Fault(f"no shared memory left for a batch: {error}", "fewer data.workers, or a smaller data.batch_size", is_memory=True)


class _Line:
    """What is to be read next; torch asks for it anew each time that it begins."""

    requests: Iterable[Request] = ()

    def __iter__(self) -> Iterator[Request]:
        return iter(self.requests)

    def __len__(self) -> int:
        raise TypeError("nobody knows")


def _unchanged(batch: Any) -> Any:
    return batch


def _settle(_number: int) -> None:
    """Make a new process one that reads and nothing else: no signal but its parent's end ends it, and it never saves."""
    ignored = _ignored()
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ignored)
    if sys.platform == "linux":  # elsewhere torch's own watchdog sees within 5 s that the parent is gone
        system = ctypes.CDLL(None)
        if hasattr(system, "mallopt"):
            system.mallopt(*MAPPED_ABOVE)
        system.prctl(PARENT_DEATH, signal.SIGKILL, 0, 0, 0)
        parent = multiprocessing.parent_process()
        if parent is not None and not parent.is_alive():  # it ended before
            os._exit(1)


def trim() -> None:
    """Give back what is free in the heap, where the system keeps it (glibc)."""
    if sys.platform == "linux":
        system = ctypes.CDLL(None)
        if hasattr(system, "malloc_trim"):  # glibc has it
            system.malloc_trim(0)


def _ignored() -> list[int]:
    """The numbers of `IGNORED` that this system has."""
    return [getattr(signal, name) for name in IGNORED if hasattr(signal, name)]


@contextmanager
def _undisturbed() -> Generator[None]:
    """Start processes without a signal in between, which a new one would take for its own before `_settle` has told it not to.

    Torch's handler of ended children is kept out: it raises wherever the run happens to be, in the middle of a save for one. That
    a process was killed is found when its batch is waited for.
    """
    if not hasattr(signal, "pthread_sigmask") or threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.getsignal(signal.SIGCHLD)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _ignored())
    try:
        yield
    finally:
        signal.signal(signal.SIGCHLD, handler if handler is not None else signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _ending(code: int | None) -> str:
    if code is None or code >= 0:
        return f"ended with {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
