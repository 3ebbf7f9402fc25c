"""Requests that are repeated because their answer was lost must not act twice."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from fastapi import HTTPException

KEPT_S: Final = 600.0
KEPT: Final = 10_000

Value = TypeVar("Value")


@dataclass(slots=True)
class Earlier(Generic[Value]):
    """What a request with this key came to; `value` is None until one has succeeded."""

    request: bytes
    at: float
    value: Value | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Repeated(Generic[Value]):
    """What was done for each Idempotency-Key of late, by whose it is."""

    def __init__(self) -> None:
        self._earlier: OrderedDict[tuple[str, str], Earlier[Value]] = OrderedDict()

    @asynccontextmanager
    async def of(self, holder: str, key: str | None, request: str) -> AsyncIterator[Earlier[Value]]:
        """Two requests with one key go one after the other. HTTPException 409 when they differ."""
        now, digest = time.monotonic(), hashlib.sha256(request.encode()).digest()
        if key is None:
            yield Earlier(digest, now)
            return
        self._forget(now)
        earlier = self._earlier.setdefault((holder, key), Earlier(digest, now))
        if earlier.request != digest:
            raise HTTPException(409, "this Idempotency-Key was used for another request: take a new one")
        async with earlier.lock:
            yield earlier

    def _forget(self, now: float) -> None:
        while self._earlier:
            oldest = next(iter(self._earlier.values()))
            if len(self._earlier) < KEPT and oldest.at + KEPT_S > now:
                return
            self._earlier.popitem(last=False)
