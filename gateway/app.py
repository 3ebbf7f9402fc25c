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
from typing import Any, Final

import structlog

from gateway import durable, ears, parts
from gateway.api.webhooks import WebhookDesk
from gateway.call.cdr import CallRecord
from gateway.call.leg import LegEvent
from gateway.centre import ContactCentre, Media, contact_centre
from gateway.clock import SystemClock
from gateway.config import NodeSettings, Settings
from gateway.errors import RingbackError, StartupError
from gateway.floor import floor_of
from gateway.floor.records import RecordLink
from gateway.floor.surveys import LinkedSurveys
from gateway.pbx import pbx
from gateway.sip.leg import SipLeg
from gateway.switch import testcall
from gateway.switch.admission import Admission
from gateway.switch.metering import MetricsObserver
from gateway.switch.restoring import restore
from gateway.switch.resuming import ResumedCallbacks
from gateway.switch.survey_links import SurveyLinks
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


DRAIN_SHOWN_EVERY_S: Final = 5.0


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
        await _until_stopping(stopping, node.lost)
        node.health.phase = Phase.DRAINING
        node.metrics.draining.set(1)
        died = node.engine.state is EngineState.FAILED
        if not died:
            await _drain(node, settings.node, hurry)
    log.info("node_stopped")
    if died:
        raise EngineDied("the media engine died: the log says of what")


async def _until_stopping(stopping: asyncio.Event, lost: asyncio.Event) -> None:
    """Somebody says so; or two processes have one name, of which this one is no longer the owner."""
    async with asyncio.TaskGroup() as tasks:
        waiting = [tasks.create_task(event.wait()) for event in (stopping, lost)]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
    stopping.set()


@dataclass(frozen=True, slots=True)
class _Node:
    """What `run` has to know of a node that serves."""

    engine: Engine
    centre: ContactCentre
    switchboard: Switchboard
    lost: asyncio.Event  # another process has taken our name
    health: Health
    metrics: Metrics

    @classmethod
    async def start(cls, settings: Settings, stack: AsyncExitStack) -> _Node:
        """Builds every part in the order in which they depend on each other; `stack` takes them down."""
        metrics, health = Metrics(), Health()
        desks = parts.Desks()
        metrics.node.info({"version": VERSION, "name": settings.node.name})
        enter = stack.enter_async_context
        http_port = await enter(parts.http_server(settings, health, metrics, desks))
        await enter(parts.background(watch_event_loop(metrics.event_loop_lag.observe)))
        writer, archive = await enter(parts.call_log(settings, metrics, health))
        engine = await enter(parts.media_engine(settings))
        parts.watch_engine(engine, metrics, health)
        bridge = Bridge(engine)
        plans = await parts.plan_keeper(settings, engine, metrics)
        active = await plans.start()
        recorder = parts.recorder(engine, bridge, metrics)
        stack.push_async_callback(recorder.close)
        look_up = await enter(parts.lookups(settings))
        overrides = await parts.calendar_overrides(settings)
        webhooks = await enter(durable.webhooks(settings, metrics))
        journal = await enter(durable.journal(settings, metrics, health, webhooks.wake))
        envelopes = await enter(parts.handoffs(settings, webhooks.subscriptions, webhooks.wake, metrics))
        desks.handoffs.desk = envelopes
        desks.webhooks.desk = WebhookDesk(
            settings.webhooks.endpoints, webhooks.outbox, webhooks.wake, SystemClock(), settings.node.name
        )
        survey_links = SurveyLinks(envelopes.token_key.material)
        media = Media(engine, bridge, recorder)
        observer = MetricsObserver(metrics)
        open_listener = await enter(ears.hearing(settings, engine, bridge, metrics))
        centre = await enter(
            contact_centre(
                settings,
                media,
                journal.writer,
                journal.store,
                writer,
                observer,
                metrics,
                SystemClock(),
                look_up,
                overrides.states,
                journal.remains,
                webhooks.subscriptions,
                survey_links,
                open_listener,
                envelopes,
            )
        )
        services = parts.services(settings, engine, bridge, writer, metrics, overrides, centre, envelopes)
        services = replace(services, open_listener=open_listener)
        admission = Admission(settings.sip.max_calls, settings.sip.full_response)
        switchboard = await enter(Switchboard(active, admission, services))
        await enter(parts.reloads(settings, plans, switchboard, centre, desks.dialplans))
        centre.put_in_force(active)
        restore(journal.remains, centre.runner, ResumedCallbacks(centre.callbacks))
        claiming = await enter(pbx(settings, centre, metrics, desks.pbx))
        parts.open_calendars(desks.calendars, switchboard, overrides)
        parts.open_reports(desks.reports, settings, journal.store, centre)
        rtp_ports = settings.sip.rtp_ports
        sip = await enter(
            parts.sip_endpoint(settings, engine, bridge, claiming(switchboard.accept), rtp_ports=rtp_ports)
        )
        centre.door.browsers = await enter(
            parts.voice_endpoint(
                settings, engine, bridge, switchboard.accept, metrics, desks.voice, envelopes
            )
        )
        centre.door.dialler = sip
        desks.floor.floor = floor_of(centre, archive, RecordLink.of(settings.desktop))
        desks.surveys.shelf = LinkedSurveys(survey_links, centre, journal.store, envelopes, SystemClock())
        log.info(
            "node_ready",
            version=VERSION,
            sip_udp=sip.listening.udp_port,
            sip_tcp=sip.listening.tcp_port,
            http=http_port,
            dialplan=active.plan.version,
            clock=engine.stats().clock.scheduling,
        )
        if settings.voice.sample_page:
            base = f"http://localhost:{http_port}"
            log.info("samples", app=f"{base}/demo/app/", crm=f"{base}/demo/crm/", agent=f"{base}/agent/")
        return cls(engine, centre, switchboard, journal.lost, health, metrics)


async def _drain(node: _Node, rules: NodeSettings, hurry: asyncio.Event) -> None:
    """No new calls; the present ones end by themselves, or at the limit, or when somebody is in a hurry."""
    board, keep_places = node.switchboard, node.centre.runner.keep_places
    async with asyncio.TaskGroup() as tasks:
        called = tasks.create_task(_until_called(node.centre, rules.drain_timeout_s))
        patient = tasks.create_task(board.drain(rules.drain_timeout_s, keep_places))
        hurried = tasks.create_task(hurry.wait())
        offering = tasks.create_task(_offer_callbacks(node.centre, rules.drain_offer_s))
        showing = tasks.create_task(_show_progress(board, rules.drain_timeout_s))
        ended = tasks.create_task(_all_of(patient, called))
        await asyncio.wait({ended, hurried}, return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            log.warning("drain_forced", calls=board.calls, called_back=node.centre.callbacks.under_way)
            patient.cancel()
            keep_places()
            tasks.create_task(board.drain(0.0))
        for task in (hurried, offering, showing, called, ended):
            task.cancel()


async def _until_called(centre: ContactCentre, limit_s: float) -> None:
    """Customers who are being called back, or talk, are calls in progress too."""
    try:
        async with asyncio.timeout(limit_s):
            await centre.callbacks.drain()
    except TimeoutError:
        centre.runner.keep_places()


async def _all_of(*tasks: asyncio.Task[Any]) -> None:
    await asyncio.wait(tasks)


async def _offer_callbacks(centre: ContactCentre, after_s: float) -> None:
    await asyncio.sleep(after_s)
    log.info("drain_offers_callbacks", waiting=centre.offer_callbacks())


async def _show_progress(board: Switchboard, limit_s: float) -> None:
    began_at = asyncio.get_running_loop().time()
    while True:
        left_s = limit_s - (asyncio.get_running_loop().time() - began_at)
        log.info("draining", calls=board.calls, limit_s=limit_s, left_s=round(max(0.0, left_s)))
        await asyncio.sleep(DRAIN_SHOWN_EVERY_S)


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
