"""Values as every database takes them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set
from datetime import datetime
from enum import Enum
from typing import Any


def text(value: str, limit: int) -> str:
    """What the network sent, as every database takes it: within the column, no NUL, no half characters."""
    if value.isascii() and "\0" not in value:
        return value[:limit]  # nearly always, and a restart reads hundreds of thousands of them
    return value.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")[:limit]


def plain(value: object) -> Any:
    """A value as JSON has it. Never raises: what JSON doesn't know becomes its text.

    NaN and infinities become None; PostgreSQL refuses them, as RFC 8259 §6 does.
    """
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return text(value, len(value))
    if isinstance(value, dict):
        return {str(plain(name)): plain(item) for name, item in value.items()}
    match value:
        case float():
            return value if math.isfinite(value) else None
        case Enum():
            return plain(value.value)
        case datetime():
            return value.isoformat()
        case Mapping():
            return {str(plain(name)): plain(item) for name, item in value.items()}
        case Sequence() | Set():
            return [plain(item) for item in value]
        case _:
            return text(str(value), 255)
