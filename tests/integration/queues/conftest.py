"""One contact centre for a module's tests: its agents are logged out and its queues empty between them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.integration.queues.centre import Centre, contact_centre

AGENTS = ("ann", "ben", "nell")
"""Nell's line stands between calls."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_centre(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Centre]:
    async with contact_centre(tmp_path_factory.mktemp("centre"), AGENTS) as centre:
        yield centre


@pytest_asyncio.fixture(loop_scope="module")
async def centre(shared_centre: Centre) -> AsyncIterator[Centre]:
    yield shared_centre
    await shared_centre.clear()

    assert await shared_centre.gateway.metric("ringback_callers_lost_total") == 0
    assert await shared_centre.gateway.metric("ringback_internal_errors_total") == 0
