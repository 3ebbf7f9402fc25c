"""What a process uses, from /proc: CPU in all and by thread, memory, descriptors, threads."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TICKS_A_SECOND: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Thread:
    """One thread. `cpu_s`: user plus system since it began."""

    name: str
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Usage:
    """A process at one moment. `at_s` is monotonic; `cpu_s` counts threads that have ended too."""

    at_s: float
    cpu_s: float
    resident_bytes: int
    descriptors: int
    threads: Mapping[int, Thread]


@dataclass(frozen=True, slots=True)
class Spent:
    """What was used between two moments. Millicores are thousandths of a core."""

    seconds: float
    millicores: float
    by_thread: Mapping[str, float]  # millicores by thread name; threads of one name are added up


def read(pid: int) -> Usage:
    """ProcessLookupError when there is no such process."""
    base = Path(f"/proc/{pid}")
    try:
        fields = _stat_fields(base / "stat")
        threads = {int(task.name): _thread(task) for task in (base / "task").iterdir()}
        descriptors = len(list((base / "fd").iterdir()))
        resident = int((base / "statm").read_text().split()[1]) * _PAGE
    except FileNotFoundError as error:
        raise ProcessLookupError(f"process {pid} has ended") from error
    cpu_s = (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND
    return Usage(time.monotonic(), cpu_s, resident, descriptors, threads)


def spent(before: Usage, after: Usage) -> Spent:
    seconds = after.at_s - before.at_s
    by_thread: dict[str, float] = {}
    for tid, thread in after.threads.items():
        earlier = before.threads.get(tid)
        used = thread.cpu_s - (earlier.cpu_s if earlier else 0.0)
        by_thread[thread.name] = by_thread.get(thread.name, 0.0) + used / seconds * 1000
    return Spent(seconds, (after.cpu_s - before.cpu_s) / seconds * 1000, by_thread)


def _thread(task: Path) -> Thread:
    name = (task / "comm").read_text().strip()
    try:
        # Nanoseconds where the kernel keeps them; the ticks of `stat` are 10 ms each.
        return Thread(name, int((task / "schedstat").read_text().split()[0]) / _NS)
    except FileNotFoundError:
        fields = _stat_fields(task / "stat")
        return Thread(name, (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND)


def _stat_fields(path: Path) -> list[str]:
    """The fields after the command's name, which may itself hold spaces and brackets (proc(5))."""
    return path.read_text().rpartition(")")[2].split()
