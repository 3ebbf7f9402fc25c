"""The composition root: builds every part of a node, wires them, and takes them down again.

The only module that knows all parts. Parts are entered in the order in which they depend on each other and
left in the reverse one, so a start that fails half-way leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from gateway import hearing, parts
from gateway.api.calendars import CalendarDesk
from gateway.api.dialplans import DialplanDesk
from gateway.call.cdr import CallRecord
from gateway.call.leg import LegEvent
from gateway.clock import SystemClock
from gateway.config import Settings
from gateway.errors import RingbackError, StartupError
from gateway.sip.leg import SipLeg
from gateway.switch import testcall
from gateway.switch.admission import Admission
from gateway.switch.switchboard import Switchboard
from gateway.version import VERSION
from media.bridge import Bridge
from media.clip import Clip, ClipError
from media.engine import Engine
from media.engine import State as EngineState
from media.player import Player
from media.recorder import Recorder, Recording, RecordingError
from monitoring.event_loop import watch_event_loop
from monitoring.health import Health, Phase
from monitoring.metrics import Metrics

log = structlog.get_logger(__name__)


class EngineDied(RingbackError):
    """The media engine failed while the node was running."""


# ---- the node


async def run(settings: Settings, *, on_ready: Callable[[], object] | None = None) -> None:
    """Runs a node until SIGTERM or SIGINT; then takes no new calls and gives the present ones time to end.

    A second signal ends the wait. Raises RingbackError when the node can't start or its engine dies.
    """
    stopping, hurry = asyncio.Event(), asyncio.Event()
    async with AsyncExitStack() as stack:
        stack.enter_context(_signals(stopping, hurry))
        node = await _Node.start(settings, stack)
        node.engine.on_fatal(lambda _error: stopping.set())
        node.health.phase = Phase.SERVING
        if on_ready is not None:
            on_ready()
        await stopping.wait()
        node.health.phase = Phase.DRAINING
        node.metrics.draining.set(1)
        died = node.engine.state is EngineState.FAILED
        if not died:
            await _drain(node.switchboard, settings.node.drain_timeout_s, hurry)
    log.info("node_stopped")
    if died:
        raise EngineDied("the media engine died: the log says of what")


@dataclass(frozen=True, slots=True)
class _Node:
    """What `run` has to know of a node that serves."""

    engine: Engine
    switchboard: Switchboard
    health: Health
    metrics: Metrics

    @classmethod
    async def start(cls, settings: Settings, stack: AsyncExitStack) -> _Node:
        """Builds every part in the order in which they depend on each other; `stack` takes them down."""
        metrics, health = Metrics(), Health()
        desk, calendars = DialplanDesk(), CalendarDesk()
        metrics.node.info({"version": VERSION, "name": settings.node.name})
        enter = stack.enter_async_context
        http_port = await enter(parts.http_server(settings, health, metrics, desk, calendars))
        await enter(parts.background(watch_event_loop(metrics.event_loop_lag.observe)))
        writer = await enter(parts.call_log(settings, metrics, health))
        engine = await enter(parts.media_engine(settings))
        parts.watch_engine(engine, metrics, health)
        bridge = Bridge(engine)
        plans = await parts.plan_keeper(settings, engine, metrics)
        active = await plans.start()
        recorder = parts.recorder(engine, bridge, metrics)
        stack.push_async_callback(recorder.close)
        look_up = await enter(parts.lookups(settings))
        overrides = await parts.calendar_overrides(settings)
        services = parts.services(settings, engine, bridge, recorder, writer, metrics, look_up, overrides)
        open_listener = await enter(hearing.hearing(settings, engine, bridge, metrics))
        services = replace(services, open_listener=open_listener)
        admission = Admission(settings.sip.max_calls, settings.sip.full_response)
        switchboard = await enter(Switchboard(active, admission, services))
        await enter(parts.reloads(settings, plans, switchboard, desk))
        parts.open_calendars(calendars, switchboard, overrides)
        rtp_ports = settings.sip.rtp_ports
        sip = await enter(
            parts.sip_endpoint(settings, engine, bridge, switchboard.accept, rtp_ports=rtp_ports)
        )
        log.info(
            "node_ready",
            version=VERSION,
            sip_udp=sip.listening.udp_port,
            sip_tcp=sip.listening.tcp_port,
            http=http_port,
            dialplan=active.plan.version,
            clock=engine.stats().clock.scheduling,
        )
        return cls(engine, switchboard, health, metrics)


async def _drain(switchboard: Switchboard, limit_s: float, hurry: asyncio.Event) -> None:
    log.info("draining", calls=switchboard.calls, limit_s=limit_s)
    async with asyncio.TaskGroup() as tasks:
        patient = tasks.create_task(switchboard.drain(limit_s))
        hurried = tasks.create_task(hurry.wait())
        await asyncio.wait({patient, hurried}, return_when=asyncio.FIRST_COMPLETED)
        if not patient.done():
            patient.cancel()
            tasks.create_task(switchboard.drain(0.0))
        hurried.cancel()


@contextmanager
def _signals(stopping: asyncio.Event, hurry: asyncio.Event) -> Iterator[None]:
    """SIGTERM and SIGINT stop the node; the second one doesn't wait for calls."""
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)

    def handle() -> None:
        (hurry if stopping.is_set() else stopping).set()

    for number in numbers:
        loop.add_signal_handler(number, handle)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


# ---- a call placed by hand


async def place_call(
    settings: Settings,
    uri: str,
    *,
    play: Path | None = None,
    digits: str = "",
    record: Path | None = None,
    timeout_s: float = 30.0,
    on_event: Callable[[LegEvent], object] = lambda _event: None,
) -> CallRecord:
    """Calls `uri` from a node of its own that exists only for this call, and returns the call's record.

    Raises DialError for an address that can't be called, StartupError for a file that can't be played or a
    recording that can't be written.
    """
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(parts.media_engine(settings))
        bridge = Bridge(engine)
        clip = await _say(play, engine)
        recorder = Recorder(engine, bridge)
        stack.push_async_callback(recorder.close)
        player = Player(engine, bridge, "test-call")
        stack.callback(player.close)
        sip = await stack.enter_async_context(
            parts.sip_endpoint(settings, engine, bridge, _turn_away, rtp_ports=None)
        )
        leg = await sip.dial(uri)
        bridge.connect(player.port, leg.audio)
        recording = recorder.start(record, [leg.audio]) if record else None
        result = await testcall.follow(
            leg,
            SystemClock(),
            digits=digits,
            timeout_s=timeout_s,
            on_event=on_event,
            on_answer=lambda: player.play([clip]) if clip else None,
        )
        if recording is not None:
            await _keep(recording)
        return result


async def _say(file: Path | None, engine: Engine) -> Clip | None:
    if file is None:
        return None
    try:
        return await asyncio.to_thread(Clip.load, file, engine.rate)
    except ClipError as error:
        raise StartupError(str(error)) from error


async def _keep(recording: Recording) -> None:
    try:
        await recording.stop()
    except RecordingError as error:
        raise StartupError(f"the recording wasn't kept: {error}") from error


def _turn_away(leg: SipLeg) -> None:
    """A test call takes no calls; pjsua answers 480 when the leg is dropped."""
    log.info("call_refused", leg_id=leg.id, reason="a test call takes none")
