"""Lookups over HTTP: one question, a time limit, and a label for everything that can go wrong.

Only hosts that the plan lists are asked, redirects to others included, so that nothing a caller or an app
says can make a node ask an address inside the network (SSRF). Answers are limited in size and depth, because
they become variables of a call.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urljoin

import httpx
import structlog

from gateway.dialplan.expressions import MAX_VALUE
from gateway.dialplan.ports import Outcome
from gateway.dialplan.requests import LookupRequest
from gateway.dialplan.sections import host_of

log = structlog.get_logger(__name__)

MAX_ANSWER_BYTES: Final = MAX_VALUE
MAX_DEPTH: Final = 24
MAX_REDIRECTS: Final = 3
MAX_CACHED: Final = 1_000
MAX_CONNECTIONS: Final = 100
FIRST_PAUSE_S: Final = 0.1
"""Before the second try; each further pause is twice as long."""

_RETRIED: Final = frozenset({"server_error", "unavailable", "garbage"})
_GONE: Final = frozenset({404, 410})


@dataclass(frozen=True, slots=True)
class _Cached:
    until_s: float
    outcome: Outcome


class Lookups:
    """Asks other systems for every call of a node. Used as `async with`.

    `secrets`: name to value, as a plan's `secrets` name them; a lookup that names another one fails with
    `error`. `clock`: seconds that don't jump, for the cache; `transport` is for tests.
    """

    def __init__(
        self,
        secrets: Mapping[str, str],
        clock: Callable[[], float],
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._secrets = secrets
        self._clock = clock
        self._cache: OrderedDict[tuple[Any, ...], _Cached] = OrderedDict()
        self._client = httpx.AsyncClient(
            follow_redirects=False,
            trust_env=False,
            transport=transport,
            limits=httpx.Limits(max_connections=MAX_CONNECTIONS),
            headers={"Accept": "application/json", "User-Agent": "Ringback"},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def __call__(self, request: LookupRequest) -> Outcome:
        """The outcome of a lookup, at the latest after its `timeout_s`. Raises nothing but KeyError, for a
        secret that the configuration lacks.
        """
        headers = {**dict(request.headers), **{name: self._secrets[key] for name, key in request.secrets}}
        body = None if request.body is None else json.dumps(request.body, sort_keys=True)
        question = (request.method, request.url, tuple(sorted(headers.items())), body)
        known = self._cache.get(question)
        if request.cache_s > 0 and known is not None and known.until_s > self._clock():
            return known.outcome
        try:
            async with asyncio.timeout(request.timeout_s):
                outcome = await self._with_retries(request, headers, body)
        except TimeoutError:
            outcome = Outcome("timed_out")
        log.debug("lookup", host=host_of(request.url), outcome=outcome.label)
        if request.cache_s > 0 and outcome.label in ("next", "not_found"):
            self._keep(question, _Cached(self._clock() + request.cache_s, outcome))
        return outcome

    def _keep(self, question: tuple[Any, ...], cached: _Cached) -> None:
        self._cache[question] = cached
        self._cache.move_to_end(question)
        while len(self._cache) > MAX_CACHED:
            self._cache.popitem(last=False)

    async def _with_retries(
        self, request: LookupRequest, headers: dict[str, str], body: str | None
    ) -> Outcome:
        pause_s = FIRST_PAUSE_S
        for left in range(request.retries, -1, -1):
            outcome = await self._once(request, headers, body)
            if outcome.label not in _RETRIED or left == 0:
                return outcome
            await asyncio.sleep(pause_s)
            pause_s *= 2
        raise AssertionError("the last try returns")

    async def _once(self, request: LookupRequest, headers: dict[str, str], body: str | None) -> Outcome:
        url = request.url
        for _ in range(MAX_REDIRECTS + 1):
            if not url.startswith(("http://", "https://")) or host_of(url) not in request.hosts:
                log.warning("lookup_host_refused", host=host_of(url))
                return Outcome("unavailable")
            try:
                answer = await self._ask(request.method, url, headers, body)
            except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
                log.warning("lookup_failed", host=host_of(url), error=type(error).__name__)
                return Outcome("unavailable")
            if not isinstance(answer, str):
                return answer
            if url.startswith("https://") and answer.startswith("http://"):
                return Outcome("refused")  # what was asked in private isn't repeated in public
            url = answer
        return Outcome("refused")

    async def _ask(self, method: str, url: str, headers: dict[str, str], body: str | None) -> Outcome | str:
        """The outcome, or where the other side sends us. Raises httpx.HTTPError."""
        sent = {**headers, "Content-Type": "application/json"} if body is not None else headers
        # Without a limit of its own: the whole lookup has one.
        async with self._client.stream(method, url, headers=sent, content=body, timeout=None) as response:
            status = response.status_code
            if status in (307, 308) or (status in (301, 302, 303) and method == "GET"):
                return urljoin(url, str(response.headers.get("Location", "")))
            if status in _GONE:
                return Outcome("not_found")
            if status >= 500:
                return Outcome("server_error")
            if not 200 <= status < 300:
                return Outcome("refused")
            return await _answer(response)


async def _answer(response: httpx.Response) -> Outcome:
    content = bytearray()
    async for part in response.aiter_bytes():
        content += part
        if len(content) > MAX_ANSWER_BYTES:
            return Outcome("garbage")
    try:
        value = json.loads(content.decode("utf-8-sig"), parse_constant=_no_number)
        _check_depth(value, MAX_DEPTH)
    except (ValueError, RecursionError):
        return Outcome("garbage")
    return Outcome("next", value)


def _no_number(word: str) -> float:
    raise ValueError(f"{word} isn't JSON")


def _check_depth(value: object, left: int) -> None:
    if left == 0:
        raise ValueError("nested too deep")
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            _check_depth(item, left - 1)
