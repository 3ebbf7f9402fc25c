"""One try: a signed POST to an endpoint, and what it says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from types import TracebackType
from typing import Final, Self

import httpx

from gateway.version import VERSION
from gateway.webhooks.addresses import AddressRefused, Network, resolve
from gateway.webhooks.events import Delivery
from gateway.webhooks.signing import headers

MAX_ANSWER: Final = 64 * 1024
"""Bytes that are read of an answer; nobody looks at them, but a connection can be used again after them."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where messages go. `keys` are asked for at every try: whoever changes a secret needn't restart us."""

    name: str
    url: str
    keys: Callable[[], Sequence[bytes]] = field(repr=False)
    concurrency: int = 4


class Verdict(Enum):
    """What an answer means."""

    DELIVERED = "delivered"
    FAILED = "failed"  # try again
    GONE = "gone"  # 410: never again


@dataclass(frozen=True, slots=True)
class Answer:
    """`status`: None when there was no answer; then `error` says why."""

    verdict: Verdict
    status: int | None = None
    error: str = ""
    retry_after_s: float | None = None


class Sender:
    """Sends to one endpoint. Used as `async with`."""

    def __init__(self, endpoint: Endpoint, allowed: Sequence[Network], timeout_s: float) -> None:
        self._endpoint = endpoint
        self._url = httpx.URL(endpoint.url)
        self._allowed = allowed
        self._timeout_s = timeout_s
        # One for each endpoint: a connection to an address is only used again under the same name.
        self._client = httpx.AsyncClient(
            follow_redirects=False,
            trust_env=False,
            timeout=None,  # noqa: S113  # the whole try has one
            limits=httpx.Limits(max_connections=endpoint.concurrency),
            headers={"user-agent": f"Ringback/{VERSION}", "content-type": "application/json"},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def send(self, delivery: Delivery, epoch_s: float) -> Answer:
        """Never raises for what the other side does."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._send(delivery, epoch_s)
        except TimeoutError:
            return Answer(Verdict.FAILED, error=f"no answer within {self._timeout_s:g} s")
        except AddressRefused as refused:
            return Answer(Verdict.FAILED, error=str(refused))
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            # ValueError: a secret's file that holds none any more.
            return Answer(Verdict.FAILED, error=f"{type(error).__name__}: {error}"[:255])

    async def _send(self, delivery: Delivery, epoch_s: float) -> Answer:
        keys = await asyncio.to_thread(self._endpoint.keys)
        url, body = self._url, delivery.body.encode()
        port = url.port or (443 if url.scheme == "https" else 80)
        address = await resolve(url.host, port, self._allowed)
        # To the address that was looked at; the name is for TLS, and for the other side.
        named = {"host": url.netloc.decode("ascii"), **headers(keys, delivery.message, int(epoch_s), body)}
        async with self._client.stream(
            "POST",
            url.copy_with(host=str(address)),
            content=body,
            headers=named,
            extensions={"sni_hostname": url.host},
        ) as response:
            await _skip(response)
        return _answer(response)


async def _skip(response: httpx.Response) -> None:
    size = 0
    async for part in response.aiter_raw():
        size += len(part)
        if size > MAX_ANSWER:
            return


def _answer(response: httpx.Response) -> Answer:
    status = response.status_code
    if 200 <= status < 300:
        return Answer(Verdict.DELIVERED, status)
    if status == httpx.codes.GONE:
        return Answer(Verdict.GONE, status, "410: the endpoint wants nothing any more")
    retry_after = response.headers.get("retry-after", "")
    after_s = float(retry_after) if retry_after.isascii() and retry_after.isdecimal() else None
    return Answer(Verdict.FAILED, status, f"the answer was {status}", after_s)
