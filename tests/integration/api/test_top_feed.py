"""What `ringback top` reads from a real server, and what it does when that goes away."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from gateway.api.server import HttpServer
from gateway.cli.node_client import NodeUnreachable, RequestRefused
from gateway.cli.top.feed import Lost, follow
from tests.fakes.floor import KEYS
from tests.integration.api.conftest import Node


def url(node: Node) -> str:
    return f"http://127.0.0.1:{node.port}"


async def test_each_connection_begins_with_a_snapshot(node: Node) -> None:
    async with aclosing(follow(url(node), KEYS["sue"], first_retry_s=0.02)) as feed:
        first = await anext(feed)
        node.desk.floor = None  # the node restarts
        node.floor.queueing.set_agent("ann", calls=9)
        lost = await anext(feed)
        node.desk.floor = node.floor.floor
        while isinstance(again := await anext(feed), Lost):
            pass

    assert isinstance(first, dict)
    assert isinstance(lost, Lost)
    assert (first["type"], lost.reason, again["type"]) == ("snapshot", "the node is starting", "snapshot")


async def test_a_server_that_is_gone_is_tried_again_until_it_is_back(node: Node) -> None:
    async with aclosing(follow(url(node), KEYS["sue"], first_retry_s=0.02)) as feed:
        await anext(feed)
        node.http.stop()
        while not isinstance(lost := await anext(feed), Lost):
            pass
        second = HttpServer(node.app, "127.0.0.1", node.port)
        while True:
            try:
                second.bind()
            except Exception:  # noqa: BLE001 -- the first one hasn't let go of the port yet
                await asyncio.sleep(0.02)
                continue
            break
        running = asyncio.create_task(second.run())
        while not isinstance(again := await anext(feed), dict):
            pass
    second.stop()
    await running

    assert lost.retry_in_s == 0.02
    assert again["type"] == "snapshot"


@pytest.mark.parametrize(("key", "status"), [("ann", 403), (None, 401)])
async def test_a_key_that_is_not_enough_is_not_tried_again(node: Node, key: str | None, status: int) -> None:
    async with aclosing(follow(url(node), KEYS[key] if key else None)) as feed:
        with pytest.raises(RequestRefused) as refused:
            await anext(feed)

    assert refused.value.status == status
    assert "RINGBACK_API_KEY" in str(refused.value)


@pytest.mark.parametrize("address", ["ftp://node", "node:8080"])
async def test_an_address_that_is_none_is_said(address: str) -> None:
    async with aclosing(follow(address, None)) as feed:
        with pytest.raises(NodeUnreachable, match="isn't an http:// or https:// address"):
            await anext(feed)
