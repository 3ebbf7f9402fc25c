"""Fault points: places in the code where a test can have the process die, named after what happens there.

The real thing, SIGKILL, at a known place. Nothing is armed unless RINGBACK_FAULT_POINT says so when the node
starts (`gateway.config` reads it): "12" dies at the twelfth point that is reached, "journal.committed:3" at
the third time that one is.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from typing import Final

_reached: Final[Counter[str]] = Counter()
_armed: tuple[str, int] | None = None
_watched = False


def arm(where: str) -> None:
    """From now on this process dies at `where`: "NUMBER" or "NAME:NUMBER". Raises ValueError."""
    global _armed, _watched
    name, _, number = where.rpartition(":")
    if not number.isdecimal() or int(number) < 1:
        raise ValueError(f"a fault point is NUMBER or NAME:NUMBER, not {where!r}")
    _armed, _watched = (name, int(number)), True


def watch() -> None:
    """Count what is reached, and die nowhere."""
    global _watched
    _watched = True


def reached() -> dict[str, int]:
    """How often each point was passed since it was first watched."""
    return dict(_reached)


def point(name: str, what: object = None) -> None:
    """The process has come to `name` (of the type of `what`); here it ends, if it was armed so."""
    if not _watched:
        return
    name = name if what is None else f"{name}.{type(what).__name__}"
    _reached[name] += 1
    if _armed is None:
        return
    wanted, number = _armed
    if (_reached[name] if wanted == name else 0 if wanted else _reached.total()) == number:
        os.kill(os.getpid(), signal.SIGKILL)
