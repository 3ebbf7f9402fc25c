"""The one owner of pjsua2's endpoint: a thread that makes every call into PJSIP, and the door to it.

Why one thread: two Python threads inside pjsua2 deadlock on the interpreter lock (pjproject#3125), handlers
on PJSIP's own worker threads crash (#3616, #4283, #2685), and objects that the collector destroys elsewhere
crash as well (#2416). So PJSIP gets no threads of its own (`threadCnt = 0`); the owner thread polls it, runs
what `Engine.run` posts, and is woken for that at once by a socket on PJSIP's own I/O queue.

What happens in native code (keys, finished clips, audio to read, log lines) reaches asyncio directly through
an eventfd, at most once a tick for all ports together, and never touches the owner thread.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Any, Final, TypeVar

import pjsua2 as pj

from media.figures import ClockFigures, EngineStats
from media.limits import NEEDED_LIMITS, check_limits
from media.pjsip_log import PjsipLog

T = TypeVar("T")

_tokens = itertools.count(1)
"""Never given twice in a process, so that a late event of one engine means nothing to the next."""

_one_a_process = threading.Lock()
"""Held by the engine that runs: PJSIP has one endpoint, and a second one crashes."""

log = logging.getLogger("ringback.media")

POLL_MS: Final = 500
"""Upper bound of one poll; the waker ends it sooner whenever there is work."""

SWITCH_INTERVAL_S: Final = 0.0005
"""A Python loop on another thread delays signalling by this much and not by 5 ms a turn (INVITE to 200 at 20
calls a second beside such a loop: p50 112 ms with the default, 4 ms with this)."""


class EngineError(Exception):
    """The media engine can't do what was asked."""


class EngineStopped(EngineError):
    """The engine isn't running (any more)."""


class PjsipError(EngineError):
    """PJSIP refused: its status code, and its own words."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class State(Enum):
    NEW = "new"
    RUNNING = "running"
    STOPPED = "stopped"
    FAILED = "failed"


class EventKind(IntEnum):
    """What native code reports; media/native/src/hub.hpp says what `a` and `b` mean."""

    CLIP_FINISHED = 1
    PCM_READABLE = 2
    PCM_LOW = 3
    PCM_MARK = 4
    PCM_ENDED = 5
    KEY_DOWN = 6
    KEY_UP = 7
    REINVITE_REFUSED = 8
    RTC_DATAGRAMS = 9


Subscriber = Callable[[int, int, int], None]
"""Called on the event loop with (EventKind, a, b)."""


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """`rate`: Hz of the bridge, 8000 or 16000. `max_calls`: legs that PJSIP makes room for."""

    rate: int = 8000
    ptime_ms: int = 20
    max_calls: int = 1000
    user_agent: str = "Ringback"
    realtime: bool = True
    log_level: int = 2  # PJSIP's: 1 errors, 2 warnings, 3 information, 4 debugging


@dataclass(slots=True)
class _Command:
    run: Callable[[], Any]
    future: asyncio.Future[Any] | None = None


@dataclass(slots=True)
class _Results:
    """Outcomes of one batch of commands, handed to asyncio together."""

    done: list[tuple[asyncio.Future[Any], Any, BaseException | None]] = field(default_factory=list)

    def deliver(self) -> None:
        for future, value, error in self.done:
            if future.done():  # its waiter was cancelled
                continue
            if error is None:
                future.set_result(value)
            else:
                future.set_exception(error)


class Engine:
    """Starts PJSIP and the media clock, runs commands on the owner thread, and stops both.

    All methods are called on the event loop that called `start`, except where they say otherwise.
    """

    def __init__(self, settings: EngineSettings | None = None) -> None:
        self.settings = settings or EngineSettings()
        self.state = State.NEW
        self.underruns = 0
        self.overruns = 0
        self._commands: deque[_Command] = deque()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._subscribers: dict[int, Subscriber] = {}
        self._pjsip_log = PjsipLog()
        self._fatal: Callable[[BaseException], None] | None = None
        self._commands_failed = 0
        self._turned_at = time.monotonic()
        # The owner thread's own.
        self._endpoint: pj.Endpoint | None = None
        self._clock: pj.MediaClock | None = None
        self._discarded: list[object] = []
        self._stopping = False

    @property
    def rate(self) -> int:
        """Samples a second on the bridge."""
        return self.settings.rate

    @property
    def samples_per_tick(self) -> int:
        return self.settings.rate * self.settings.ptime_ms // 1000

    @property
    def owner_idle_s(self) -> float:
        """Seconds since the owner thread was last seen to move; it does twice a second at least."""
        return time.monotonic() - self._turned_at

    # ---- start and stop

    async def start(self) -> None:
        """Returns when PJSIP runs and the clock ticks. Raises EngineError when either can't."""
        if self.state is not State.NEW:
            raise EngineError("an engine starts once")
        try:
            check_limits()
        except RuntimeError as error:
            raise EngineError(str(error)) from error
        if not _one_a_process.acquire(blocking=False):
            raise EngineError("another media engine runs in this process")
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        self._loop = asyncio.get_running_loop()
        started: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._own, args=(started,), name="sip-owner", daemon=True)
        self._thread.start()
        await started
        self._loop.add_reader(pj.ringback_fd(), self._collect)

    async def stop(self) -> None:
        """Ends what still runs. Afterwards every future is resolved, and the thread is gone."""
        if self._thread is None:
            return
        if self.state is State.RUNNING:
            self.post(self._request_stop)
        await asyncio.to_thread(self._thread.join)
        self._thread = None
        if self._loop is not None:
            self._loop.remove_reader(pj.ringback_fd())
        if self.state is not State.FAILED:
            self.state = State.STOPPED

    def on_fatal(self, handler: Callable[[BaseException], None]) -> None:
        """`handler` is told, on the event loop, when the owner thread dies: the node can't go on."""
        self._fatal = handler

    # ---- commands

    async def run(self, fn: Callable[[], T]) -> T:
        """Runs `fn` on the owner thread and returns what it returns, or raises what it raises.

        The only door to PJSIP. `fn` must not wait for anything. Raises EngineStopped when there is no thread.
        """
        if self.state is not State.RUNNING:
            raise EngineStopped("the media engine isn't running")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._commands.append(_Command(fn, future))
        pj.ringback_wake()
        return await future

    def post(self, fn: Callable[[], object]) -> None:
        """Runs `fn` on the owner thread after everything posted before it, and doesn't wait. Any thread.

        An error in `fn` is logged and counted. Nothing happens when the engine has stopped.
        """
        if self.state is State.RUNNING:
            self._commands.append(_Command(fn))
            pj.ringback_wake()

    def discard(self, thing: object) -> None:
        """Owner thread: keeps `thing` until PJSIP isn't inside it, then drops it here.

        A pj.Call that is collected late, or elsewhere, hangs up whichever call has its number by then.
        """
        self._discarded.append(thing)

    # ---- events

    def subscribe(self, subscriber: Subscriber) -> int:
        """Returns the token under which native code reports to `subscriber`; never given twice."""
        token = next(_tokens)
        self._subscribers[token] = subscriber
        return token

    def unsubscribe(self, token: int) -> None:
        """Events that are under way still are dropped from now on."""
        self._subscribers.pop(token, None)

    def notify(self, fn: Callable[..., object], *args: object) -> None:
        """Owner thread: calls `fn` on the event loop, in order."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(fn, *args)

    def stats(self) -> EngineStats:
        """Figures since the start; any time."""
        clock = ClockFigures(*self._clock.stats()) if self._clock else ClockFigures(0, 0, 0, 0, 0, "plain")
        lost, malformed, portless = pj.ringback_counters()
        return EngineStats(
            clock=clock,
            events_lost=lost,
            malformed=malformed,
            portless=portless,
            commands_failed=self._commands_failed,
            underruns=self.underruns,
            overruns=self.overruns,
            responses=tuple(pj.ringback_responses()),
        )

    def _collect(self) -> None:
        events, lines = pj.ringback_collect()
        if lines:
            self._pjsip_log.write(lines)
        for kind, token, a, b in events:
            subscriber = self._subscribers.get(token)
            if subscriber is None:
                continue
            try:
                subscriber(kind, a, b)
            except Exception:
                log.exception("a subscriber failed: kind=%s token=%s", kind, token)

    # ---- the owner thread

    def _own(self, started: asyncio.Future[None]) -> None:
        try:
            self._live(started)
        finally:
            _one_a_process.release()

    def _live(self, started: asyncio.Future[None]) -> None:
        try:
            endpoint = self._open()
        except Exception as error:  # noqa: BLE001  # whoever started us gets it
            self.state = State.FAILED
            self.notify(started.set_exception, EngineError(f"PJSIP doesn't start: {_reason(error)}"))
            self._close()
            return
        self.state = State.RUNNING
        self.notify(started.set_result, None)
        try:
            while not self._stopping:
                self._turn(endpoint)
        except BaseException as error:
            log.critical("the SIP owner thread died", exc_info=error)
            self.state = State.FAILED
            if self._fatal is not None:
                self.notify(self._fatal, error)
        else:
            self.state = State.STOPPED
        self._reject_commands()
        self._close()

    def _turn(self, endpoint: pj.Endpoint) -> None:
        endpoint.libHandleEvents(POLL_MS)
        self._turned_at = time.monotonic()
        self._run_commands()
        self._discarded.clear()
        pj.ringback_reap()

    def _run_commands(self) -> None:
        results = _Results()
        try:
            # Only what is here now: commands that post commands mustn't keep SIP waiting.
            for _ in range(len(self._commands)):
                self._run_command(self._commands[0], results)
                self._commands.popleft()  # afterwards: one that ends the thread is rejected with the rest
        finally:
            if results.done:
                self.notify(results.deliver)
        if self._commands:
            pj.ringback_wake()

    def _run_command(self, command: _Command, results: _Results) -> None:
        value, error = None, None
        try:
            value = command.run()
        except Exception as raised:  # its waiter gets it, whatever it is
            error = _translated(raised)
            if command.future is None:
                self._commands_failed += 1
                log.exception("a posted command failed")
        if command.future is not None:
            results.done.append((command.future, value, error))

    def _reject_commands(self) -> None:
        results = _Results()
        while self._commands:
            command = self._commands.popleft()
            if command.future is not None:
                results.done.append((command.future, None, EngineStopped("the media engine has stopped")))
        if results.done:
            self.notify(results.deliver)

    def _request_stop(self) -> None:
        self._stopping = True

    def _open(self) -> pj.Endpoint:
        # A plain Endpoint: a Python subclass would put a handler on the media clock's thread.
        pj.ringback_redirect_log(self.settings.log_level)
        self._endpoint = endpoint = pj.Endpoint()
        endpoint.libCreate()
        endpoint.libInit(self._endpoint_config())
        pj.ringback_install(self.settings.log_level)
        endpoint.libStart()
        self._clock = pj.MediaClock()
        self._clock.start(self.settings.realtime)
        return endpoint

    def _endpoint_config(self) -> pj.EpConfig:
        config = pj.EpConfig()
        config.uaConfig.threadCnt = 0
        config.uaConfig.mainThreadOnly = True
        config.uaConfig.maxCalls = self.settings.max_calls
        config.uaConfig.userAgent = self.settings.user_agent
        config.logConfig.level = self.settings.log_level
        config.logConfig.consoleLevel = 0
        config.logConfig.msgLogging = 0
        config.medConfig.clockRate = self.settings.rate
        config.medConfig.audioFramePtime = self.settings.ptime_ms
        config.medConfig.ptime = self.settings.ptime_ms
        # Each port costs eight bytes for every port there may be; a call has two or three.
        config.medConfig.maxMediaPorts = min(
            self.settings.max_calls * 3 + 64, NEEDED_LIMITS["PJSUA_MAX_CONF_PORTS"]
        )
        config.medConfig.hasIoqueue = True  # polled by our clock, see native/src/clock.cpp
        config.medConfig.threadCnt = 1  # asked for, because pjsua insists; stopped by ringback_install
        config.medConfig.noVad = True  # silence is sent too: NATs and RTP timeouts need the stream
        config.medConfig.ecTailLen = 0
        config.medConfig.quality = 4
        return config

    def _close(self) -> None:
        """Takes PJSIP down, in the one order that doesn't crash."""
        try:
            if self._clock is not None:
                self._clock.stop()  # before libDestroy frees the bridge under it
            if self._endpoint is not None:
                self._discarded.clear()
                pj.ringback_uninstall()
                self._endpoint.libDestroy()
        except Exception:
            log.exception("PJSIP didn't stop cleanly")
        if self._endpoint is not None:
            # At once, and not when the last traceback that mentions it is collected: a second endpoint beside
            # it would abort the process.
            pj.ringback_delete_endpoint(self._endpoint)
            self._endpoint = None


def _reason(error: BaseException) -> str:
    """PJSIP's own words for one of its errors."""
    return str(error.reason) if isinstance(error, pj.Error) else str(error)


def _translated(error: Exception) -> Exception:
    """PJSIP's errors have no text of their own, and are nobody's business above the media plane."""
    if not isinstance(error, pj.Error):
        return error
    translated = PjsipError(error.status, _reason(error))
    translated.__cause__ = error
    return translated
