"""Where calls of apps come in, and where desktops are rung: the WebRTC side of a node."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import Any, Final, Protocol, Self

import structlog

from gateway.call.cause import Cause
from gateway.call.leg import CallDirection, Headers, Party
from gateway.errors import RingbackError
from gateway.webrtc import messages
from gateway.webrtc.echo import ECHO, answer_with_echo
from gateway.webrtc.leg import WebRtcLeg
from gateway.webrtc.media import MediaServices
from gateway.webrtc.messages import Message
from gateway.webrtc.sessions import MAX_CALLS, Subject, VoiceSession
from gateway.webrtc.settings import WebRtcSettings
from gateway.webrtc.takeover import NodeCertificate, Path, problem
from gateway.webrtc.turn import ice_servers
from media.bridge import Bridge
from media.engine import Engine

log = structlog.get_logger(__name__)

REMEMBER_S: Final = 600.0
"""How long the end of a call is known, for an app that starts it again because it heard nothing."""
MAX_REMEMBERED: Final = 10_000
MAX_SESSIONS: Final = 4_000
MAX_SESSIONS_EACH: Final = 8  # of one subject: tabs, devices
GOODBYE_S: Final = 1.0


class NotConnected(RingbackError):
    """Nobody of that name is connected."""

    def __init__(self, subject: str) -> None:
        super().__init__(f"{subject} isn't connected")
        self.subject = subject


class TooManySessions(RingbackError):
    """This node, or this subject, has all the sessions it may have."""


class VoiceObserver(Protocol):
    """Whoever counts. None of these may raise or wait."""

    def session_count(self, sessions: int) -> None: ...
    def transport_connected(self, path: Path) -> None: ...
    def fault(self, code: str) -> None: ...
    def internal_error(self) -> None: ...


class WebRtcEndpoint:
    """Used as `async with`; leaving it ends what is left. `on_call` gets each inbound leg, in state
    TRYING.
    """

    def __init__(
        self,
        engine: Engine,
        bridge: Bridge,
        settings: WebRtcSettings,
        on_call: Callable[[WebRtcLeg], None],
        *,
        observer: VoiceObserver,
        epoch_s: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._on_call = on_call
        self._observer = observer
        self._epoch_s = epoch_s
        self._engine = engine
        self._bridge = bridge
        self._sessions: dict[str, VoiceSession] = {}
        self._live: dict[tuple[str, str], tuple[WebRtcLeg, VoiceSession]] = {}
        self._finished: OrderedDict[tuple[str, str], tuple[float, Message]] = OrderedDict()
        self._tasks = asyncio.TaskGroup()
        self._services: MediaServices | None = None
        self._closing = False

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        for chatty in ("aioice", "aiortc"):  # a line for each packet of ICE, with its credentials
            logging.getLogger(chatty).setLevel(logging.WARNING)
        settings = self._settings
        if settings.native_socket and (why := problem()) is not None:
            log.error("webrtc_takeover_impossible", reason=why, effect="packets go through Python")
            self._observer.fault("takeover_impossible")
            settings = replace(settings, native_socket=False)
        self._services = MediaServices(
            self._engine,
            self._bridge,
            settings,
            NodeCertificate.generateCertificate(),
            self._spawn,
            self._epoch_s,
            self._observer.transport_connected,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        for leg, _ in list(self._live.values()):
            with suppress(RingbackError):
                await leg.hang_up(Cause.NORMAL_CLEARING)
        await asyncio.sleep(0)
        for session in list(self._sessions.values()):
            session.close("the node stops")
        self._sessions.clear()
        await self._tasks.__aexit__(kind, error, trace)

    @property
    def settings(self) -> WebRtcSettings:
        return self._settings

    @property
    def calls(self) -> int:
        return len(self._live)

    # ---- sessions

    def open_session(self, subject: Subject) -> VoiceSession:
        """Raises TooManySessions."""
        theirs = [session for session in self._sessions.values() if session.subject.id == subject.id]
        if len(theirs) >= MAX_SESSIONS_EACH:
            self._make_room(theirs)
        elif len(self._sessions) >= MAX_SESSIONS:
            self._make_room(list(self._sessions.values()))
        if self._closing:
            raise TooManySessions("the node stops")
        session = VoiceSession(secrets.token_urlsafe(24), subject, self)
        self._sessions[session.id] = session
        self._observer.session_count(len(self._sessions))
        return session

    def session(self, session_id: str) -> VoiceSession | None:
        """One to resume. Its id is a secret between it and us."""
        return self._sessions.get(session_id)

    def connected(self, subject_id: str) -> bool:
        """Whether somebody of that name can be rung."""
        return self._session_of(subject_id) is not None

    # ---- calls

    def dial(self, subject_id: str, *, caller: Party, called: Party, headers: Headers = ()) -> WebRtcLeg:
        """Rings whoever is connected as `subject_id`: an agent's desktop. Raises NotConnected.

        When their socket is lost before they have accepted, the leg ends at once with
        DESTINATION_OUT_OF_ORDER.
        """
        session = self._session_of(subject_id)
        if session is None:
            raise NotConnected(subject_id)
        leg_id = _new_id()
        given = {name.lower(): value for name, value in headers}
        leg = self._leg(
            leg_id,
            leg_id,
            CallDirection.OUTBOUND,
            remote=called,
            local=caller,
            headers=given,
            session=session,
        )
        session.send(leg.key, messages.ring(caller, given))
        return leg

    def start_call(self, session: VoiceSession, message: messages.StartCall) -> WebRtcLeg | None:
        """A call of an app's, once: who starts it again gets what has become of it."""
        known = (session.subject.id, message.call)
        if (live := self._live.get(known)) is not None:
            self._move(live[0], live[1], session)
            return None
        if (finished := self._finished.get(known)) is not None:
            session.send(message.call, finished[1])
            return None
        if (why := self._refusal(session, message)) is not None:
            self._observer.fault(why[0])
            session.send(message.call, messages.error(*why, call=message.call))
            session.send(message.call, messages.ended(Cause.CALL_REJECTED, "gateway", 403, why[1], {}, None))
            return None
        subject = session.subject
        leg = self._leg(
            _new_id(),
            message.call,
            CallDirection.INBOUND,
            remote=subject.party,
            local=Party(message.to),
            headers={name.lower(): value for name, value in message.headers.items()},
            session=session,
        )
        leg.context = {**message.context, **subject.context}  # what was signed wins
        leg.introduction = subject.introduction
        if message.to == ECHO and subject.kind == "agent":
            self._spawn(answer_with_echo(leg, self._bridge))
        else:
            self._on_call(leg)
        return leg

    # ---- what sessions ask

    @property
    def resume_s(self) -> float:
        return self._settings.resume_s

    def ice_servers(self, subject: Subject) -> list[Message]:
        return ice_servers(self._settings, subject.id, self._epoch_s())

    def count_fault(self, code: str) -> None:
        self._observer.fault(code)

    def session_expired(self, session: VoiceSession) -> None:
        self._sessions.pop(session.id, None)
        self._observer.session_count(len(self._sessions))

    # ---- inside

    def _make_room(self, sessions: Sequence[VoiceSession]) -> None:
        """Forgets the oldest session without a socket and without a call. Raises TooManySessions."""
        for session in sessions:
            if not session.connected and not session.calls:
                session.close("forgotten")
                self.session_expired(session)
                return
        raise TooManySessions("too many connections: close some")

    def _session_of(self, subject_id: str) -> VoiceSession | None:
        """The one that connected last, but one that is there for a test call only when there is no other."""
        theirs = [s for s in self._sessions.values() if s.subject.id == subject_id and s.connected]
        trying = [s for s in theirs if any(leg.local.number == ECHO for leg in s.calls.values())]
        return next((s for s in reversed(theirs) if s not in trying), theirs[-1] if theirs else None)

    def _refusal(self, session: VoiceSession, message: messages.StartCall) -> tuple[str, str] | None:
        if self._closing:
            return "draining", "the node stops"
        if session.subject.to is not None and message.to not in session.subject.to:
            return "forbidden", f"this token may not call {message.to}"
        if len(session.calls) >= MAX_CALLS:
            return "too_many_calls", f"an app has at most {MAX_CALLS} calls at a time"
        if len(str(message.context)) > messages.MAX_CONTEXT:
            return "context_too_large", f"the context has at most {messages.MAX_CONTEXT} characters"
        return None

    def _leg(
        self,
        leg_id: str,
        key: str,
        direction: CallDirection,
        *,
        remote: Party,
        local: Party,
        headers: dict[str, str],
        session: VoiceSession,
    ) -> WebRtcLeg:
        if self._services is None:
            raise RuntimeError("the WebRTC endpoint isn't running")
        known = (session.subject.id, key)
        leg = WebRtcLeg(
            self._services,
            leg_id=leg_id,
            key=key,
            direction=direction,
            remote=remote,
            local=local,
            headers=headers,
            link=session,
            on_ended=lambda ended: self._forget(known, ended),
        )
        session.calls[key] = leg
        self._live[known] = (leg, session)
        return leg

    def _move(self, leg: WebRtcLeg, former: VoiceSession, session: VoiceSession) -> None:
        if former is not session:
            former.calls.pop(leg.key, None)
            session.calls[leg.key] = leg
            leg.move_to(session)
            self._live[session.subject.id, leg.key] = (leg, session)
        for message in leg.snapshot():
            session.send(leg.key, message)

    def _forget(self, known: tuple[str, str], leg: WebRtcLeg) -> None:
        _, session = self._live.pop(known)
        session.calls.pop(leg.key, None)
        now = self._epoch_s()
        if leg.ending is not None:
            self._finished[known] = (now + REMEMBER_S, leg.ending)
        while self._finished:
            oldest = next(iter(self._finished))
            if len(self._finished) <= MAX_REMEMBERED and self._finished[oldest][0] > now:
                break
            del self._finished[oldest]

    def _spawn(self, work: Coroutine[Any, Any, object]) -> asyncio.Task[Any]:
        task = self._tasks.create_task(self._contain(work))
        task.add_done_callback(lambda _done: work.close())  # one that was cancelled before it began
        return task

    async def _contain(self, work: Coroutine[Any, Any, object]) -> None:
        try:
            await work
        except Exception:  # whatever it is, it concerns one leg and no other
            self._observer.internal_error()
            log.exception("webrtc_fault")


def _new_id() -> str:
    return secrets.token_hex(8)
