"""Memory that the processes of a run on one machine share, in which they add up what each of them has computed.

`torch.distributed` has no such way on processors: gloo sends what is summed through sockets, also to a process on the same machine, which
takes five times as long for the gradients of a middling network and takes the time from the backward pass beside it.

The memory has no name (`memfd_create`), so that nothing is left of it however a process ends, and processes wait for each other at
sockets, so that one that is gone is noticed at once.
"""

from __future__ import annotations

import mmap
import os
import secrets
import socket
import struct
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

import torch
from torch import Tensor

from nntrain.errors import ResourceError
from nntrain.training.peers import PeerLostError

IS_SUPPORTED: Final = sys.platform == "linux" and hasattr(os, "memfd_create")
"""Memory without a name, and sockets that no file stands for."""
PATIENCE_S: Final = 300.0
"""How long the processes wait for each other to come; from then on one that is late is waited for, and one that is gone is noticed."""
ALIGNMENT: Final = 64
"""Bytes of a cache line: what two processes write lies on different ones."""

_NUMBER: Final = struct.Struct("=q")
_PEER: Final = struct.Struct("=iII")
"""Process, user and group at the other end of a socket, as Linux says them."""


class Machine:
    """The processes of a run on one machine, as one of them sees them: the first is connected to each, the others to it."""

    def __init__(self, rank: int, size: int, links: Sequence[socket.socket]) -> None:
        """Take the connections: those of the first process in the order of the others, of another one that to the first."""
        self.rank, self.size, self._links = rank, size, tuple(links)

    @classmethod
    def meet(cls, rank: int, size: int, tell: Callable[[Callable[[], str]], str]) -> Machine:
        """Connect the processes.

        Args:
            rank: Of this process, from 0.
            size: How many there are, all of them on this machine.
            tell: Gives all processes what the first one says.

        Raises:
            PeerLostError: Another process is gone.
        """
        if rank == 0:
            with socket.socket(socket.AF_UNIX) as door:
                address = "\0nntrain-" + secrets.token_hex(16)
                door.bind(address)
                door.listen(size)
                door.settimeout(PATIENCE_S)
                tell(lambda: address)
                return cls(0, size, _came(door, size - 1))
        link = socket.socket(socket.AF_UNIX)
        try:
            link.connect(tell(str))
            link.sendall(_NUMBER.pack(rank))
        except OSError:
            raise PeerLostError.told() from None
        return cls(rank, size, [link])

    def wait(self) -> None:
        """Come to the same place as all others.

        Raises:
            PeerLostError: Another process is gone.
        """
        try:
            if self.rank:
                self._links[0].sendall(b"-")
            if not all(link.recv(1) for link in self._links):
                raise PeerLostError.told()
            if not self.rank:
                for link in self._links:
                    link.sendall(b"-")
        except OSError:
            raise PeerLostError.told() from None

    def memory(self, nbytes: int) -> Tensor:
        """Memory that all share, zeros, uint8 `[nbytes]`; all ask for the same.

        Raises:
            PeerLostError: Another process is gone.
            ResourceError: The system gives none.
        """
        try:
            file = self._received() if self.rank else self._sent(nbytes)
            with open(file, "r+b") as opened:  # noqa: PTH123 (it has no path)
                return torch.frombuffer(mmap.mmap(opened.fileno(), nbytes), dtype=torch.uint8)
        except OSError as error:
            said = error.strerror or error
            raise ResourceError(f"no {nbytes / 2**20:.0f} MiB of memory for processes to share: {said}", "fewer --processes") from None

    def _sent(self, nbytes: int) -> int:
        """A file in memory, of which the others are told. Raises `OSError` where there is none to be had."""
        file = os.memfd_create("nntrain")
        os.ftruncate(file, nbytes)
        try:
            for link in self._links:
                socket.send_fds(link, [b"-"], [file])
        except OSError:
            raise PeerLostError.told() from None
        return file

    def _received(self) -> int:
        """That file."""
        try:
            _, (file,), _, _ = socket.recv_fds(self._links[0], 1, 1)
        except (OSError, ValueError):  # the latter: nothing came
            raise PeerLostError.told() from None
        return file

    def close(self) -> None:
        """Leave the others, who notice it when they wait."""
        for link in self._links:
            with suppress(OSError):  # they may have left before
                link.shutdown(socket.SHUT_RDWR)  # also of what a child of this process has of it
            link.close()


def _came(door: socket.socket, count: int) -> list[socket.socket]:
    """Those who have come, by their rank. Other users of the machine, who might guess the address, are turned away."""
    links: dict[int, socket.socket] = {}
    while len(links) < count:
        try:
            link, _ = door.accept()
        except TimeoutError:
            late = ", ".join(str(rank) for rank in range(1, count + 1) if rank not in links)
            raise PeerLostError(f"processes that have not come within {PATIENCE_S:g} s: {late}") from None
        _, user, _ = _PEER.unpack(link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
        if user != os.geteuid():
            link.close()
            continue
        link.settimeout(PATIENCE_S)
        try:
            (rank,) = _NUMBER.unpack(link.recv(_NUMBER.size, socket.MSG_WAITALL))
        except (OSError, struct.error):
            raise PeerLostError.told() from None
        link.settimeout(None)
        links[rank] = link
    return [links[rank] for rank in sorted(links)]


class SharedSums:
    """Pieces of memory, each as large as some numbers, one of each for every process, and one for the sums."""

    def __init__(self, machine: Machine, sizes: Sequence[tuple[int, torch.dtype]]) -> None:
        """Take the memory, the same in all processes: of each piece how many numbers it has, and their type."""
        self._machine = machine
        starts: list[int] = []
        total = 0
        for count, dtype in sizes:
            starts.append(total)
            total += -(-count * dtype.itemsize // ALIGNMENT) * ALIGNMENT
        memory = machine.memory(total * (machine.size + 1))
        regions = [
            [
                memory[place * total + start : place * total + start + count * dtype.itemsize].view(dtype)
                for start, (count, dtype) in zip(starts, sizes, strict=True)
            ]
            for place in range(machine.size + 1)
        ]
        *self._terms, self._sums = regions
        self.own = self._terms[machine.rank]
        """The pieces of this process, to be filled."""

    def add_up(self, into: Sequence[Tensor]) -> None:
        """Add the pieces of all processes, in the order of their ranks; each process adds a share of the numbers and reads the others'.

        Args:
            into: What is to have the sums, one for each piece.

        Raises:
            PeerLostError: Another process is gone.
        """
        rank, size = self._machine.rank, self._machine.size
        self._machine.wait()
        for place, sums in enumerate(self._sums):
            first, last = len(sums) * rank // size, len(sums) * (rank + 1) // size
            share = sums[first:last]
            torch.add(self._terms[0][place][first:last], self._terms[1][place][first:last], out=share)
            for terms in self._terms[2:]:
                share.add_(terms[place][first:last])
        self._machine.wait()
        for mine, sums in zip(into, self._sums, strict=True):
            mine.copy_(sums)
