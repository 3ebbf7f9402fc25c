"""Calls between the gateway and a real Asterisk 22, over the trunk that dialplans/asterisk makes of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.integration.gateway import Gateway
from tests.integration.gateway_dialplan import KEY_1_HZ, MENU_HZ
from tests.integration.peers.asterisk import Asterisk
from tests.integration.peers.ua import UserAgent
from tests.integration.peers.wait import until
from tests.integration.queues.centre import hears


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pbx(gateway: Gateway, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asterisk]:
    async with Asterisk(tmp_path_factory.mktemp("asterisk"), gateway=gateway.address) as running:
        await running.trunk_is_up()
        yield running


@pytest.mark.asyncio(loop_scope="module")
async def test_a_call_through_asterisk_hears_the_menu_and_its_keys_work(pbx: Asterisk) -> None:
    async with await UserAgent.open("caller") as phone:
        call = await phone.call(pbx.uri("2100"))
        await call.status(200)
        await until(lambda: hears(call, MENU_HZ, (MENU_HZ, KEY_1_HZ)), "the menu is heard")
        await call.rtp.press("1")
        await until(lambda: hears(call, KEY_1_HZ, (MENU_HZ, KEY_1_HZ)), "the key leads on")
        call.bye()
