"""One node for a module's tests, with agents whose desktops are open when a test opens them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from gateway.api.auth import hash_of, new_key
from tests.integration.gateway import Gateway
from tests.integration.handoff.plan import write_plan
from tests.integration.peers.ua import UserAgent
from tests.integration.queues.centre import Agent, Centre

BANK_KEY = new_key()
SHOP_KEY = new_key()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_centre(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Centre]:
    directory, key = tmp_path_factory.mktemp("handoff"), new_key()
    async with AsyncExitStack() as stack:
        phones = {
            name: Agent(name, await stack.enter_async_context(await UserAgent.open(name)))
            for name in ("ann", "ben")
        }
        plan = write_plan(directory / "dialplan", {agent.id: agent.phone.uri for agent in phones.values()})
        keys = (
            f"boss:admin:{hash_of(key)}",
            f"bank:app:{hash_of(BANK_KEY)}",
            f"shop:app:{hash_of(SHOP_KEY)}",
        )
        environment = {"RINGBACK_HTTP__API_KEYS": ",".join(keys)}
        gateway = Gateway(directory / "gateway", dialplan=plan, environment=environment)
        await stack.enter_async_context(gateway)
        yield Centre(gateway, key, phones, stack)


@pytest_asyncio.fixture(loop_scope="module")
async def centre(shared_centre: Centre) -> AsyncIterator[Centre]:
    yield shared_centre
    await shared_centre.clear()
