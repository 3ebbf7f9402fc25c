"""The WebSocket /v1/agents/{id}/desktop: the screen pop before the answer, and the controls of the call.

What an agent's screen shows is state, not history: after `hello` each message says how something is now (the
agent, the offer, a call), so a desktop that connects again has missed nothing. Commands carry an `id` of the
client's and are answered by an `ack` or an `error` with the same. `desktop.asyncapi.yaml` describes them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, Final

import structlog
from fastapi import APIRouter, HTTPException, WebSocket
from pydantic import Field, TypeAdapter, ValidationError

from gateway.api.agents import agent_of
from gateway.api.auth import Holder, Role, check_acts_for
from gateway.api.desktop_commands import Accept, Command, Decline, SetPresence, WrapUp, carry_out
from gateway.api.ports import CallView, Change, Floor, FloorDesk, Unsubscribe
from gateway.api.sockets import NORMAL, Channel, Closed, Gate
from gateway.api.states import AgentFound, CallFound, OfferFound

log = structlog.get_logger(__name__)

PROTOCOL: Final = "ringback.desktop.v1"
AT_A_TIME: Final = 8
"""Commands of one desktop under way: a hang-up needn't wait for a hold that the far end doesn't answer."""
LOOK_S: Final = 15.0
"""A desktop looks again even when it was told of nothing."""

_COMMAND: Final[TypeAdapter[Command]] = TypeAdapter(Annotated[Command, Field(discriminator="type")])


def routes(desk: FloorDesk, gate: Gate) -> APIRouter:
    """For the agent themselves; supervisors and admins may stand in."""
    router = APIRouter()
    bell = _Bell(desk)

    @router.websocket("/v1/agents/{agent}/desktop")
    async def desktop(socket: WebSocket, agent: str) -> None:
        def check(holder: Holder) -> None:
            check_acts_for(holder, agent)
            agent_of(desk.ready().queueing, agent)

        if await gate.admit(socket, PROTOCOL, check) is None:
            return
        floor, channel = desk.ready(), Channel(socket)
        async with asyncio.TaskGroup() as commands:  # who closes the page still means what they clicked
            with bell.rung_for(agent) as rung, _opened(floor, agent):
                log.info("desktop_opened", agent=agent)
                screen = _Screen(floor, agent, channel, bell)
                await channel.run(screen.follow(rung), screen.obey(commands))
            log.info("desktop_closed", agent=agent)

    return router


@contextmanager
def _opened(floor: Floor, agent: str) -> Iterator[None]:
    floor.offers.desktop_opened(agent)
    try:
        yield
    finally:
        floor.offers.desktop_closed(agent)


class _Bell:
    """Wakes the desktops that a change concerns: of its agent, and of those who take part in its call."""

    def __init__(self, desk: FloorDesk) -> None:
        self._desk = desk
        self._floor: Floor | None = None
        self._unsubscribe: tuple[Unsubscribe, ...] = ()
        self._rung: dict[str, set[asyncio.Event]] = {}
        self._calls: dict[str, tuple[str, ...]] = {}  # who took part in each call when we last looked

    @contextmanager
    def rung_for(self, agent: str) -> Iterator[asyncio.Event]:
        """An event that is set when there may be something new for this agent."""
        self._subscribe()
        rung = asyncio.Event()
        self._rung.setdefault(agent, set()).add(rung)
        try:
            yield rung
        finally:
            self._rung[agent].discard(rung)
            if not self._rung[agent]:
                del self._rung[agent]

    def calls_of(self, agent: str) -> list[CallView]:
        """In which this agent takes part."""
        conversations = self._desk.ready().conversations
        ids = [call_id for call_id, agents in self._calls.items() if agent in agents]
        return [view for call_id in ids if (view := conversations.call(call_id)) is not None]

    def _subscribe(self) -> None:
        floor = self._desk.ready()
        if floor is self._floor:
            return
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        self._floor = floor
        self._calls = {view.id: view.agents for view in floor.conversations.calls() if view.agents}
        self._unsubscribe = (
            floor.queueing.subscribe(self._changed),
            floor.conversations.subscribe(self._changed),
        )

    def _changed(self, change: Change) -> None:
        if change.kind == "agent":
            self._ring(change.id)
        elif change.kind == "call" and self._floor is not None:
            view = self._floor.conversations.call(change.id)
            before, now = self._calls.pop(change.id, ()), view.agents if view is not None else ()
            if now:
                self._calls[change.id] = now
            for agent in {*before, *now}:
                self._ring(agent)

    def _ring(self, agent: str) -> None:
        for rung in self._rung.get(agent, ()):
            rung.set()


class _Screen:
    """What one desktop shows, and what it asks for."""

    def __init__(self, floor: Floor, agent: str, channel: Channel, bell: _Bell) -> None:
        self._floor = floor
        self._agent = agent
        self._channel = channel
        self._bell = bell
        self._holder = Holder(agent, Role.AGENT)
        self._agent_shown: dict[str, Any] = {}
        self._offer_shown: dict[str, Any] | None = None
        self._calls_shown: dict[str, dict[str, Any]] = {}

    # ---- what it shows

    async def follow(self, rung: asyncio.Event) -> None:
        """`hello`, then each change. Raises Closed when there is no such agent any more."""
        self._agent_shown, self._offer_shown, self._calls_shown = self._look()
        self._channel.put(
            {
                "type": "hello",
                "at": datetime.now(UTC).isoformat(),
                "agent": self._agent_shown,
                "offer": self._offer_shown,
                "calls": list(self._calls_shown.values()),
            }
        )
        while True:
            try:
                async with asyncio.timeout(LOOK_S):
                    await rung.wait()
            except TimeoutError:
                pass
            rung.clear()
            if (offer := self._show()) is not None:
                await self._channel.flushed()
                self._floor.offers.screened(offer)

    def _look(self) -> tuple[dict[str, Any], dict[str, Any] | None, dict[str, dict[str, Any]]]:
        queueing = self._floor.queueing
        try:
            agent = AgentFound.of(agent_of(queueing, self._agent))
        except HTTPException as gone:
            raise Closed(NORMAL, gone.detail) from gone
        offer = self._floor.offers.offer(self._agent)
        calls = self._bell.calls_of(self._agent)
        return (
            agent.model_dump(mode="json"),
            None if offer is None else OfferFound.of(offer, queueing).model_dump(mode="json"),
            {view.id: CallFound.of(view, self._holder).model_dump(mode="json") for view in calls},
        )

    def _show(self) -> str | None:
        """What has changed. The id of an offer that is new on it."""
        agent, offer, calls = self._look()
        put = self._channel.put
        before = self._offer_shown
        if before is not None and (offer is None or offer["id"] != before["id"]):
            outcome = self._floor.offers.outcome(before["id"])
            put({"type": "offer_ended", "offer": before["id"], "outcome": outcome})
        if agent != self._agent_shown:
            put({"type": "agent", "agent": agent})
        if offer is not None and offer != before:
            put({"type": "offer", "offer": offer})
        for call_id, call in calls.items():
            if call != self._calls_shown.get(call_id):
                put({"type": "call", "call": call})
        for call_id in self._calls_shown:
            if call_id not in calls:
                put({"type": "call_ended", "call": call_id})
        self._agent_shown, self._offer_shown, self._calls_shown = agent, offer, calls
        new = offer is not None and (before is None or before["id"] != offer["id"])
        return str(offer["id"]) if offer is not None and new else None

    # ---- what it asks for

    async def obey(self, commands: asyncio.TaskGroup) -> None:
        """Carry out commands, several at a time; returns when the desktop has gone."""
        running: set[asyncio.Task[None]] = set()
        async for message in self._channel.messages():
            if len(running) >= AT_A_TIME:
                self._fail(message.get("id"), HTTPException(429, "too many commands at a time"))
                continue
            task = commands.create_task(self._answer(message))
            running.add(task)
            task.add_done_callback(running.discard)

    async def _answer(self, message: dict[str, Any]) -> None:
        name, call = message.pop("id", None), message.pop("call", None)
        if message == {"type": "ping"}:
            self._channel.put({"type": "pong", "id": name})
            return
        try:
            command = _COMMAND.validate_python(message)
            await carry_out(self._floor, self._agent, command, self._call_meant(command, call))
        except ValidationError as invalid:
            self._fail(name, HTTPException(422, _first_fault(invalid)))
        except HTTPException as refusal:
            self._fail(name, refusal)
        except Exception:
            log.exception("desktop_command_failed", agent=self._agent, command=message.get("type"))
            self._fail(name, HTTPException(500))
        else:
            self._channel.put({"type": "ack", "id": name})

    def _call_meant(self, command: Command, call: object) -> str:
        """The call that is named, or the only one there is. HTTPException 403, 409 or 422."""
        if isinstance(command, Accept | Decline | SetPresence | WrapUp):
            return ""
        calls = [view.id for view in self._bell.calls_of(self._agent)]
        if isinstance(call, str):
            if call not in calls:
                raise HTTPException(403, f"agent {self._agent} isn't in call {call}")
            return call
        if call is not None:
            raise HTTPException(422, "`call` is the id of a call")
        if len(calls) != 1:
            said = "you are in no call" if not calls else "you are in several calls: say which in `call`"
            raise HTTPException(409 if not calls else 422, said)
        return calls[0]

    def _fail(self, name: object, refusal: HTTPException) -> None:
        phrase = HTTPStatus(refusal.status_code).phrase
        self._channel.put(
            {
                "type": "error",
                "id": name,
                "status": refusal.status_code,
                "title": phrase,
                "detail": refusal.detail,
            }
        )


def _first_fault(invalid: ValidationError) -> str:
    """Where and what, without the input: it may be a number."""
    fault = invalid.errors(include_input=False, include_url=False)[0]
    place = "/".join(str(part) for part in fault["loc"])
    return f"{place}: {fault['msg']}" if place else str(fault["msg"])
