"""The link against what a network and a broken PBX do to it: a peer that goes silent, or lies."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

from gateway.asterisk.actions import Action
from gateway.asterisk.connection import PbxRefused, PbxUnavailable
from gateway.asterisk.events import AmiEvent
from gateway.asterisk.link import PbxAccount, PbxLink
from tests.integration.peers.ports import LOOPBACK
from tests.integration.peers.wait import until

GREETING = b"Asterisk Call Manager/9.0.0\r\n"


class Manager:
    """Answers every action with Success; what it doesn't answer, and what it says first, a test decides."""

    def __init__(self) -> None:
        self.greeting = GREETING
        self.ignores: set[str] = set()
        self.echoes = True
        self.refuses: set[str] = set()
        self.logins = 0
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    def say(self, text: str) -> None:
        self._writers[-1].write(text.replace("\n", "\r\n").encode() + b"\r\n\r\n")

    async def __aenter__(self) -> Manager:
        self._server = await asyncio.start_server(self._serve, LOOPBACK, 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        for writer in self._writers:
            writer.transport.abort()
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        writer.write(self.greeting)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                text = (await reader.readuntil(b"\r\n\r\n")).decode()
                self._answer(dict(line.split(": ", 1) for line in text.split("\r\n") if line))
        writer.close()

    def _answer(self, fields: dict[str, str]) -> None:
        action = fields["Action"]
        if action in self.ignores:
            return
        self.logins += action == "Login"
        verdict = "Error" if action in self.refuses else "Success"
        self.say(f"Response: {verdict}\nActionID: {fields['ActionID']}\nChallenge: 1234\nMessage: so it is")
        if action == "UserEvent" and self.echoes:
            self.say(f"Event: UserEvent\nUserEvent: {fields['UserEvent']}\nNonce: {fields['Nonce']}")


@pytest.fixture
async def manager() -> AsyncIterator[Manager]:
    async with Manager() as running:
        yield running


@contextlib.asynccontextmanager
async def linked(
    manager: Manager, *, heartbeat_s: float = 0.05, deaf_s: float = 0.4
) -> AsyncIterator[PbxLink]:
    account = PbxAccount(
        LOOPBACK, manager.port, "ringback", "secret", "test", heartbeat_s, deaf_s, (0.02, 0.05), answer_s=2.0
    )
    link = PbxLink(account)
    task = asyncio.get_running_loop().create_task(link.run())
    try:
        yield link
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_pbx_that_answers_but_tells_nothing_is_deaf(manager: Manager) -> None:
    async with linked(manager) as link:
        await until(lambda: link.health().ping_s is not None, "it is heard")
        manager.echoes = False
        await until(lambda: link.health().connections >= 2, "the link is made anew", deadline_s=10.0)
        manager.echoes = True
        await until(lambda: link.connected and link.health().ping_s is not None, "it is heard again")


async def test_a_pbx_that_says_nothing_at_all_is_given_up(manager: Manager) -> None:
    async with linked(manager) as link:
        await until(lambda: link.connected, "it is connected")
        manager.ignores |= {"Ping", "UserEvent", "Challenge"}
        await until(lambda: not link.connected, "it is given up", deadline_s=10.0)
        assert "no answer" in link.health().trouble or "nothing was heard" in link.health().trouble
        manager.ignores.clear()
        await until(lambda: link.connected, "it is back", deadline_s=10.0)


async def test_an_account_without_user_events_is_told_of_and_goes_by_pings(manager: Manager) -> None:
    manager.refuses.add("UserEvent")
    async with linked(manager) as link:
        await until(lambda: not link.health().hears_itself, "it knows that it can't hear itself")
        assert link.connected


@pytest.mark.parametrize("greeting", [b"220 mail.example ESMTP\r\n", b"\x00\xff\x13\r\n"])
async def test_what_isnt_a_manager_is_no_pbx(manager: Manager, greeting: bytes) -> None:
    manager.greeting = greeting
    async with linked(manager) as link:
        await until(lambda: "not a manager" in link.health().trouble, "it says what is wrong")
        assert not link.connected
        manager.greeting = GREETING
        await until(lambda: link.connected, "it goes on trying")


async def test_a_wrong_secret_is_said_and_tried_again(manager: Manager) -> None:
    manager.refuses.add("Login")
    async with linked(manager) as link:
        await until(lambda: "refused Login" in link.health().trouble, "it says what is wrong")
        manager.refuses.clear()
        await until(lambda: link.connected, "it goes on trying")


async def test_an_action_without_an_answer_leaves_nothing_behind(manager: Manager) -> None:
    async with linked(manager, heartbeat_s=30.0, deaf_s=60.0) as link:
        await until(lambda: link.connected, "it is connected")
        manager.ignores.add("QueueStatus")
        with pytest.raises(PbxUnavailable):
            await link.request(Action("QueueStatus"))
        manager.refuses.add("Redirect")
        with pytest.raises(PbxRefused, match="so it is"):
            await link.request(Action("Redirect", {"Channel": "PJSIP/ann-1"}))


async def test_a_handler_that_fails_costs_nobody_else_the_event(manager: Manager) -> None:
    heard: list[str] = []

    def fails(event: AmiEvent) -> None:
        raise ValueError(event.name)

    keeps: Callable[[AmiEvent], None] = lambda event: heard.append(event.get("Uniqueid"))  # noqa: E731
    async with linked(manager) as link:
        link.on_event(fails)
        link.on_event(keeps)
        await until(lambda: link.connected, "it is connected")
        manager.say("Event: Hangup\nUniqueid: 1.1\nnonsense without a colon\nChanVariable: a=b")
        manager.say("Event: VarSet\nUniqueid: 1.2")
        manager.say("Event: Hangup\nUniqueid: 1.3")
        await until(lambda: heard == ["1.1", "1.3"], "both are heard, what nobody wants isn't")


async def test_a_flood_of_events_is_bounded_and_counted(manager: Manager) -> None:
    async with linked(manager, heartbeat_s=30.0, deaf_s=60.0) as link:
        await until(lambda: link.connected, "it is connected")
        flood = "".join(f"Event: Hangup\r\nUniqueid: {n}\r\n\r\n" for n in range(30_000))
        manager._writers[-1].write(flood.encode())
        await until(lambda: _counted(link) >= 30_000, "each is handled, or counted", deadline_s=20.0)
        assert link.connected


def _counted(link: PbxLink) -> int:
    health = link.health()
    return health.events + health.dropped
