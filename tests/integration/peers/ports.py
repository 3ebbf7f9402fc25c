"""Ports that nobody else has, for peers that can't be asked for port 0 and then tell what they got.

The kernel never gives a port below its ephemeral range to somebody who asks for any, so one that is free
there stays free unless another test picks it; a reservation holds its sockets until just before the peer
binds, and starts looking at a place of its own in every process.
"""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack
from typing import Final, Self

LOOPBACK: Final = "127.0.0.1"
_FIRST, _LAST = 10_000, 32_000  # Linux' ephemeral ports begin at 32768


class _Cursor:
    """Where this process looks next: no port is handed out twice until the range is used up."""

    def __init__(self) -> None:
        self._next = _FIRST + (os.getpid() * 997) % (_LAST - _FIRST)

    def take(self, count: int) -> int:
        first = self._next + self._next % 2
        if first + count > _LAST:
            first = _FIRST
        self._next = first + count
        return first


_cursor = _Cursor()


class Reservation:
    """`count` consecutive ports from an even one, free for UDP and for TCP, held until `release`."""

    def __init__(self, count: int = 1, host: str = LOOPBACK) -> None:
        for _ in range(200):
            first = _cursor.take(count)
            held = ExitStack()
            try:
                for port in range(first, first + count):
                    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                        held.enter_context(socket.socket(socket.AF_INET, kind)).bind((host, port))
            except OSError:
                held.close()
                continue
            self.first, self.count = first, count
            self._held = held
            return
        raise OSError(f"no {count} consecutive free ports on {host}")

    @property
    def last(self) -> int:
        return self.first + self.count - 1

    def release(self) -> Self:
        """Let the peer bind now."""
        self._held.close()
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()


def free_port() -> int:
    """One port, already let go: give it to the peer at once."""
    return Reservation().release().first
