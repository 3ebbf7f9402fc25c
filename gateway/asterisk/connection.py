"""One connection to the PBX's manager: package asterisk-ami on threads of its own, posting to the event loop.

Two threads a connection. `ami-reader` is the package's: it frames and parses, and hands each message over.
`ami-writer` connects and sends, so a PBX that reads nothing stops nobody else. A connection is never mended:
when anything is wrong with it, it is over, says so once, and `link` makes another.

What of the package isn't used, and why: its futures leak when they time out, its AutoReconnect doesn't notice
a connection that was reset, its sends aren't serialised, and it knows no lists of events.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import queue
import socket
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

import structlog
from asterisk.ami import Action as AmiAction
from asterisk.ami import AMIClient
from asterisk.ami.event import Event
from asterisk.ami.response import Response

from gateway.asterisk.actions import Action
from gateway.asterisk.events import WANTED, AmiEvent, AmiResponse
from gateway.errors import RingbackError

log = structlog.get_logger(__name__)

MAX_WAITING: Final = 10_000
"""Messages that were read and not handled yet; further events are dropped and counted."""
MAX_UNSENT: Final = 1_000
TURN: Final = 200
"""So many messages are handled before anything else of the event loop has its turn."""


class PbxFault(RingbackError):
    """The PBX isn't there, or doesn't do what it was asked."""


class PbxUnavailable(PbxFault):
    """No connection, or it was lost before the answer."""


class PbxRefused(PbxFault):
    """The PBX answered with an error."""

    def __init__(self, action: str, message: str) -> None:
        super().__init__(f"the PBX refused {action}: {message}")
        self.action = action
        self.message = message


@dataclass(slots=True)
class _Pending:
    """An action without its whole answer. `wants_list`: events follow, until one is the last."""

    action: str
    answer: asyncio.Future[AmiResponse]
    wants_list: bool = False
    events: list[AmiEvent] = field(default_factory=list)
    response: AmiResponse | None = None


class AmiConnection:
    """From `open` to `close`, or until it is lost. On the event loop, but for what is marked."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        on_event: Callable[[AmiEvent], None],
        on_lost: Callable[[str], None],
        silence_s: float,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_event = on_event
        self._on_lost = on_lost
        self._client = _Client(host, port, silence_s, self._read, self._broken)
        self._unsent: queue.Queue[AmiAction | None] = queue.Queue(MAX_UNSENT)
        self._waiting: deque[AmiEvent | tuple[str, AmiResponse]] = deque()
        self._woken = False
        self._lock = threading.Lock()  # of the two above
        self._pending: dict[str, _Pending] = {}
        self._ids = count(1)
        self._greeted: asyncio.Future[None] = self._loop.create_future()
        self._lost = ""
        self.dropped = 0
        """Events that found too many before them."""
        self._writer = threading.Thread(target=self._write, name="ami-writer", daemon=True)

    # ---- the way in and out

    async def open(self, username: str, secret: str, limit_s: float) -> None:
        """Connects and logs in. Raises PbxUnavailable, PbxRefused. The secret itself isn't sent."""
        self._writer.start()
        try:
            async with asyncio.timeout(limit_s):
                await self._greeted
                challenge = await self.request(Action("Challenge", {"AuthType": "MD5"}), limit_s)
                text = challenge.fields.get("Challenge", "") + secret
                key = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
                login = {"AuthType": "MD5", "Username": username, "Key": key}
                await self.request(Action("Login", login), limit_s)
        except TimeoutError:
            raise PbxUnavailable(f"no answer within {limit_s:g} s") from None

    def close(self) -> None:
        """Ends it and its threads. Returns at once; safe to repeat."""
        self._end("closed")

    # ---- asking

    async def request(self, action: Action, limit_s: float) -> AmiResponse:
        """The answer. Raises PbxRefused, and PbxUnavailable when there is none."""
        pending = await self._ask(action, limit_s, wants_list=False)
        return pending.answer.result()

    async def listing(self, action: Action, limit_s: float) -> list[AmiEvent]:
        """The events that an action lists. Raises as `request` does."""
        return (await self._ask(action, limit_s, wants_list=True)).events

    async def _ask(self, action: Action, limit_s: float, *, wants_list: bool) -> _Pending:
        if self._lost:
            raise PbxUnavailable(self._lost)
        action_id = f"ringback-{next(self._ids)}"
        pending = _Pending(action.name, self._loop.create_future(), wants_list)
        self._pending[action_id] = pending
        try:
            self._unsent.put_nowait(_wire(action, action_id))
            async with asyncio.timeout(limit_s):
                await pending.answer
        except queue.Full:
            raise PbxUnavailable("the PBX doesn't read what it is sent") from None
        except TimeoutError:
            raise PbxUnavailable(f"no answer to {action.name} within {limit_s:g} s") from None
        finally:
            self._pending.pop(action_id, None)
        return pending

    # ---- the writer's thread

    def _write(self) -> None:
        try:
            self._client.connect()
            while (action := self._unsent.get()) is not None:
                self._client.send(action)
        except OSError as error:
            self._broken(f"{error.strerror or error}")
        finally:
            self._client.end()

    # ---- the reader's thread

    def _read(self, message: AmiEvent | tuple[str, AmiResponse] | None) -> None:
        """A message has come; None: the PBX has greeted us."""
        with self._lock:
            if message is not None:
                if isinstance(message, AmiEvent) and len(self._waiting) >= MAX_WAITING:
                    self.dropped += 1
                    return
                self._waiting.append(message)
                if self._woken:
                    return
                self._woken = True
        self._post(self._greet if message is None else self._drain)

    def _broken(self, reason: str) -> None:
        self._post(lambda: self._end(reason))

    def _post(self, handler: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is there to be told
            self._loop.call_soon_threadsafe(handler)

    # ---- the event loop

    def _greet(self) -> None:
        if not self._greeted.done():
            self._greeted.set_result(None)

    def _drain(self) -> None:
        for _ in range(TURN):
            with self._lock:
                if not self._waiting:
                    self._woken = False
                    return
                message = self._waiting.popleft()
            if not self._lost:
                self._handle(message)
        self._loop.call_soon(self._drain)

    def _handle(self, message: AmiEvent | tuple[str, AmiResponse]) -> None:
        if isinstance(message, tuple):
            self._answered(*message)
            return
        pending = self._pending.get(message.get("ActionID"))
        if pending is None or not pending.wants_list:
            self._on_event(message)
            return
        if message.get("EventList").lower() == "complete":
            if not pending.answer.done():
                pending.answer.set_result(pending.response or AmiResponse(True, ""))
        else:
            pending.events.append(message)

    def _answered(self, action_id: str, response: AmiResponse) -> None:
        pending = self._pending.get(action_id)
        if pending is None or pending.answer.done():
            return
        pending.response = response
        if not response.ok:
            pending.answer.set_exception(PbxRefused(pending.action, response.message))
        elif not pending.wants_list:
            pending.answer.set_result(response)

    def _end(self, reason: str) -> None:
        if self._lost:
            return
        self._lost = reason
        lost = PbxUnavailable(reason)
        if not self._greeted.done():
            self._greeted.set_exception(lost)
            self._greeted.exception()  # looked at, should nobody wait for it
        for pending in self._pending.values():
            if not pending.answer.done():
                pending.answer.set_exception(lost)
        self._client.end()
        with contextlib.suppress(queue.Full):
            self._unsent.put_nowait(None)
        self._on_lost(reason)


class _Client(AMIClient):  # type: ignore[misc]  # the package has no types
    """The package's client with its defects mended: see the module.

    `heard` gets each message on the reader's thread, None for the greeting; `broken` why it is over.
    """

    def __init__(
        self,
        host: str,
        port: int,
        silence_s: float,
        heard: Callable[[AmiEvent | tuple[str, AmiResponse] | None], None],
        broken: Callable[[str], None],
    ) -> None:
        super().__init__(address=host, port=port, timeout=silence_s, buffer_size=2**16)
        self._heard = heard
        self._broken = broken
        self.add_listener(on_connect=lambda **_: heard(None))

    def connect(self) -> None:
        """IPv6 too, which the package's own can't."""
        self._socket = socket.create_connection((self._address, self._port), timeout=self._timeout)
        self.finished = threading.Event()
        self._thread = threading.Thread(target=self.listen, name="ami-reader", daemon=True)
        self._thread.start()

    def send(self, pack: AmiAction) -> None:
        """All of it: the package's own sends what fits."""
        self._socket.sendall(f"{pack}\r\n".encode())

    def listen(self) -> None:
        """Says why it ends; the package's own ends silently when the greeting is wrong."""
        reason = "the PBX closed the connection"
        try:
            super().listen()
        except TimeoutError:
            reason = f"nothing was heard for {self._timeout:g} s"
        except Exception as error:  # noqa: BLE001  # whatever a peer sends, it ends this connection alone
            reason = f"not a manager interface, or a broken one: {str(error) or type(error).__name__}"
        finally:
            self.finished.set()
            self._broken(reason)

    def _fire_on_disconnect(self, error: Exception | None = None, **_: Any) -> None:
        if isinstance(error, TimeoutError):
            raise error
        if isinstance(error, OSError):
            self._broken(f"{error.strerror or error}")

    def fire_recv_pack(self, pack: str) -> None:
        if Response.match(pack):
            response = Response.read(pack)
            fields: Mapping[str, str] = response.keys
            answer = AmiResponse(not response.is_error(), fields.get("Message", ""), fields)
            self._heard((fields.get("ActionID", ""), answer))
        elif Event.match(pack):
            event = Event.read(pack)
            # A list's events have the ActionID of what asked for them.
            if event.name in WANTED or "ActionID" in event.keys:
                self._heard(AmiEvent(event.name, {k: v for k, v in event.keys.items() if isinstance(v, str)}))

    def end(self) -> None:
        """Wakes whoever reads or writes. Any thread; safe to repeat."""
        if self.finished is not None:
            self.finished.set()
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()


def _wire(action: Action, action_id: str) -> AmiAction:
    return AmiAction(action.name, {**action.fields, "ActionID": action_id}, dict(action.variables))
