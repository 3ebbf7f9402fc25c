"""A body that is too large is refused before anybody reads all of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx

from gateway.api.limits import MAX_BODY
from tests.fakes.floor import FakeFloor

PRESENCE = "/v1/agents/ann/presence"


async def test_a_body_that_says_it_is_too_large_is_413(
    supervisor: httpx.AsyncClient, floor: FakeFloor
) -> None:
    answer = await supervisor.put(PRESENCE, content=b" " * (MAX_BODY + 1))

    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")
    assert floor.queueing.posted == []


async def test_a_body_that_does_not_say_its_length_is_counted(
    supervisor: httpx.AsyncClient, floor: FakeFloor
) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            sent += 64 * 1024
            yield b" " * 64 * 1024

    answer = await supervisor.put(PRESENCE, content=endless())

    assert answer.status_code == 413
    assert floor.queueing.posted == []


async def test_a_body_of_the_limit_is_read(supervisor: httpx.AsyncClient) -> None:
    body = b'{"presence": "available"}'

    answer = await supervisor.put(
        PRESENCE, content=body + b" " * (MAX_BODY - len(body)), headers={"content-type": "application/json"}
    )

    assert answer.status_code == 200
