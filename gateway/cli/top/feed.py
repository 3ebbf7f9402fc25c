"""The messages of a node's /v1/live, across lost connections."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, Final

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from gateway.cli.node_client import NodeUnreachable, RequestRefused

FIRST_RETRY_S: Final = 1.0
LAST_RETRY_S: Final = 10.0
OPEN_LIMIT_S: Final = 10.0
MAX_MESSAGE: Final = 64 * 1024 * 1024
"""Bytes: the snapshot of a busy node."""


@dataclass(frozen=True, slots=True)
class Lost:
    """There is no connection; it is tried again after so long."""

    reason: str
    retry_in_s: float


Message = dict[str, Any]
Feed = AsyncGenerator[Message | Lost, None]


async def follow(url: str, key: str | None, *, first_retry_s: float = FIRST_RETRY_S) -> Feed:
    """What the node says, for ever: each connection begins with a snapshot.

    Raises RequestRefused when the key isn't enough, NodeUnreachable when `url` isn't an address: trying again
    would change nothing.
    """
    scheme, _, rest = url.partition("://")
    if scheme not in ("http", "https"):
        raise NodeUnreachable(f"'{url}' isn't an http:// or https:// address")
    address = f"{'wss' if scheme == 'https' else 'ws'}://{rest}/v1/live"
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    retry_in_s = first_retry_s
    while True:
        try:
            async with connect(
                address,
                additional_headers=headers,
                open_timeout=OPEN_LIMIT_S,
                max_size=MAX_MESSAGE,
                proxy=None,
                compression=None,
            ) as socket:
                retry_in_s = first_retry_s
                async for text in socket:
                    yield json.loads(text)
                reason = "the node closed the connection"
        except InvalidStatus as refused:
            reason = _said(refused)
        except ConnectionClosed as closed:
            reason = (closed.rcvd.reason if closed.rcvd else "") or "the connection to the node broke"
        except OSError as error:
            reason = f"no node answers ({os.strerror(error.errno) if error.errno else error})"
        except (WebSocketException, ValueError) as error:
            reason = str(error) or type(error).__name__
        yield Lost(reason, retry_in_s)
        await asyncio.sleep(retry_in_s)
        retry_in_s = min(2 * retry_in_s, LAST_RETRY_S)


def _said(refused: InvalidStatus) -> str:
    status, body = refused.response.status_code, refused.response.body or b""
    try:
        problem = json.loads(body)
    except ValueError:
        problem = {}
    if not isinstance(problem, dict):
        problem = {}
    if status in (401, 403):
        raise RequestRefused(status, problem) from refused
    if status == 404:
        raise NodeUnreachable("there is no /v1/live: this isn't a node, or an older one") from refused
    return str(problem.get("detail") or f"HTTP {status}")
