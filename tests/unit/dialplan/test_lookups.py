"""Lookups: every way another system can fail has its label, and none of them reaches further than it may."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from gateway.dialplan import lookups
from gateway.dialplan.lookups import MAX_ANSWER_BYTES, Lookups
from gateway.dialplan.requests import LookupRequest

HOSTS = frozenset({"bank.example", "other.example"})
Answer = Callable[[httpx.Request], httpx.Response]


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookups, "FIRST_PAUSE_S", 0.0)


class Bank:
    """Another system. `answer`: what it says; `asked`: what it was asked."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: list[httpx.Request] = []
        self.now_s = 0.0

    async def ask(
        self, url: str = "https://bank.example/a", *, retries: int = 0, cache_s: float = 0.0, times: int = 1
    ) -> str:
        def handle(request: httpx.Request) -> httpx.Response:
            self.asked.append(request)
            return self.answer(request)

        secrets = {"bank": "Bearer very-secret"}
        request = LookupRequest(
            url, HOSTS, secrets=(("Authorization", "bank"),), retries=retries, cache_s=cache_s
        )
        async with Lookups(secrets, lambda: self.now_s, httpx.MockTransport(handle)) as look_up:
            labels = [(await look_up(request)).label for _ in range(times)]
        return labels[-1]


@pytest.mark.parametrize(
    ("response", "label"),
    [
        (httpx.Response(200, json={"a": 1}), "next"),
        (httpx.Response(404), "not_found"),
        (httpx.Response(410), "not_found"),
        (httpx.Response(403), "refused"),
        (httpx.Response(500), "server_error"),
        (httpx.Response(503), "server_error"),
        (httpx.Response(200, text="<html>"), "garbage"),
        (httpx.Response(200, content=b"\xff\xfe"), "garbage"),
        (httpx.Response(200, text=""), "garbage"),
        (httpx.Response(200, text="NaN"), "garbage"),
        (httpx.Response(200, text="[" * 50 + "]" * 50), "garbage"),
        (httpx.Response(200, text="[" * 60_000), "garbage"),
        (httpx.Response(200, text=" " * MAX_ANSWER_BYTES + "1"), "garbage"),
        (httpx.Response(302, headers={"Location": "https://evil.example/"}), "unavailable"),
        (httpx.Response(302, headers={"Location": "http://169.254.169.254/latest"}), "refused"),
        (httpx.Response(302, headers={"Location": "file:///etc/passwd"}), "unavailable"),
        (httpx.Response(302, headers={"Location": "http://other.example/"}), "refused"),
        (httpx.Response(302, headers={"Location": "/a"}), "refused"),
    ],
)
async def test_every_answer_has_its_label(response: httpx.Response, label: str) -> None:
    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(response.status_code, headers=response.headers, content=response.content)

    assert await Bank(answer).ask() == label


async def test_what_cannot_be_reached_is_unavailable() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    bank = Bank(answer)
    assert await bank.ask(retries=2) == "unavailable"
    assert len(bank.asked) == 3


async def test_a_second_try_may_succeed_and_a_refusal_is_not_repeated() -> None:
    statuses = iter([500, 200])
    flaky = Bank(lambda _request: httpx.Response(next(statuses), json={}))
    strict = Bank(lambda _request: httpx.Response(403))

    assert await flaky.ask(retries=1) == "next"
    assert await strict.ask(retries=3) == "refused"
    assert len(strict.asked) == 1


async def test_only_hosts_that_the_plan_lists_are_asked() -> None:
    bank = Bank(lambda _request: httpx.Response(200, json={}))

    for url in ("https://evil.example/", "https://bank.example@evil.example/", "https://bank.example:8443/"):
        assert await bank.ask(url) == "unavailable"
    assert bank.asked == []


async def test_a_secret_is_sent_and_one_that_is_not_configured_is_a_fault() -> None:
    bank = Bank(lambda _request: httpx.Response(200, json={}))
    await bank.ask()

    assert bank.asked[0].headers["Authorization"] == "Bearer very-secret"
    async with Lookups({}, lambda: 0.0, httpx.MockTransport(bank.answer)) as look_up:
        with pytest.raises(KeyError):
            await look_up(LookupRequest("https://bank.example/", HOSTS, secrets=(("X", "nobody"),)))


async def test_an_equal_question_is_answered_from_memory_for_a_while() -> None:
    bank = Bank(lambda _request: httpx.Response(200, json={}))
    await bank.ask(cache_s=10.0, times=3)

    assert len(bank.asked) == 1


async def test_a_failure_is_not_remembered() -> None:
    bank = Bank(lambda _request: httpx.Response(500))
    await bank.ask(cache_s=10.0, times=2)

    assert len(bank.asked) == 2


class _Never(httpx.AsyncByteStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"["
        await asyncio.Event().wait()


async def test_a_system_that_never_finishes_is_given_up_in_time() -> None:
    request = LookupRequest("https://bank.example/", HOSTS, timeout_s=0.01, retries=5)
    transport = httpx.MockTransport(lambda _request: httpx.Response(200, stream=_Never()))
    async with Lookups({}, lambda: 0.0, transport) as look_up:
        outcome = await look_up(request)

    assert outcome.label == "timed_out"


async def test_a_body_is_sent_as_json() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={})

    request = LookupRequest("https://bank.example/", HOSTS, method="POST", body={"pin": "1234"})
    async with Lookups({}, lambda: 0.0, httpx.MockTransport(answer)) as look_up:
        await look_up(request)

    assert json.loads(asked[0].content) == {"pin": "1234"}
    assert asked[0].headers["Content-Type"] == "application/json"
