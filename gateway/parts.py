"""The parts of a node, each made from the settings and taken down again by the block that entered it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import structlog

from gateway.api.app import create_app
from gateway.api.auth import HashedKey, Holder, Keyring, Role
from gateway.api.calendars import CalendarDesk, CalendarParts
from gateway.api.dialplans import DialplanDesk
from gateway.api.server import HttpServer
from gateway.call.leg import CallLeg
from gateway.clock import SystemClock
from gateway.config import Settings
from gateway.dialplan.files import AudioFiles
from gateway.dialplan.lookups import Lookups
from gateway.dialplan.model import Prompt
from gateway.dialplan.overrides import CalendarOverrides
from gateway.dialplan.prompts import ActivePlan, activate
from gateway.dialplan.reload import PlanKeeper
from gateway.dialplan.versions import Loaded, VersionStore
from gateway.errors import StartupError
from gateway.sip.endpoint import SipEndpoint, SipEndpointSettings
from gateway.sip.leg import SipLeg
from gateway.speech import prompt_cache
from gateway.storage.calls import CallStore
from gateway.storage.database import Database
from gateway.storage.unsaved import UnsavedCalls
from gateway.storage.writer import CallWriter
from gateway.switch.metering import MetricsObserver
from gateway.switch.recording import RecordedPlayer, recording_path
from gateway.switch.session import SwitchServices
from gateway.switch.switchboard import Switchboard
from media.bridge import Bridge
from media.engine import Engine, EngineError, EngineSettings
from media.engine import State as EngineState
from media.player import Player
from media.recorder import Recorder, RecordingError
from monitoring.health import Health
from monitoring.metrics import MediaStats, Metrics

log = structlog.get_logger(__name__)

OUTBOUND_ROOM: Final = 100
"""Calls that PJSIP makes room for beyond those admitted: refusals, and legs of our own."""
STALLED_AFTER_S: Final = 1.0
STUCK_AFTER_S: Final = 5.0


@asynccontextmanager
async def media_engine(settings: Settings) -> AsyncIterator[Engine]:
    engine = Engine(
        EngineSettings(
            rate=settings.media.rate,
            ptime_ms=settings.media.ptime_ms,
            max_calls=settings.sip.max_calls + OUTBOUND_ROOM,
            user_agent=settings.sip.user_agent,
            realtime=settings.media.realtime_priority == "auto",
        )
    )
    try:
        await engine.start()
    except EngineError as error:
        raise StartupError(str(error)) from error
    try:
        yield engine
    finally:
        await engine.stop()


@asynccontextmanager
async def sip_endpoint(
    settings: Settings,
    engine: Engine,
    bridge: Bridge,
    on_invite: Callable[[SipLeg], None],
    *,
    rtp_ports: tuple[int, int] | None,
) -> AsyncIterator[SipEndpoint]:
    endpoint = SipEndpoint(
        engine,
        bridge,
        SipEndpointSettings(
            bind_address=settings.sip.bind_address,
            udp_port=settings.sip.udp_port,
            tcp_port=settings.sip.tcp_port,
            public_address=settings.sip.public_address,
            rtp_ports=rtp_ports,
            codecs=settings.sip.codecs,
            inband_dtmf=settings.sip.inband_dtmf,
        ),
        on_invite,
    )
    await endpoint.start()
    try:
        yield endpoint
    finally:
        await endpoint.stop()


@asynccontextmanager
async def call_log(settings: Settings, metrics: Metrics, health: Health) -> AsyncIterator[CallWriter]:
    database = Database.open(settings.database_url)
    try:
        await database.upgrade()
        writer = CallWriter(
            CallStore(database), UnsavedCalls(settings.data_dir / "unsaved-calls.jsonl"), metrics
        )
        health.register("storage", writer.problem)
        try:
            async with background(writer.run()):
                yield writer
        finally:
            await writer.close()
    finally:
        await database.close()


@asynccontextmanager
async def background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Runs a coroutine beside the block and ends it afterwards; its failure is the block's."""
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(work)
        try:
            yield
        finally:
            task.cancel()


@asynccontextmanager
async def http_server(
    settings: Settings, health: Health, metrics: Metrics, dialplans: DialplanDesk, calendars: CalendarDesk
) -> AsyncIterator[int]:
    app = create_app(
        health=health,
        metrics=metrics,
        keyring=_keyring(settings),
        dialplans=dialplans,
        calendars=calendars,
    )
    server = HttpServer(app, settings.http.host, settings.http.port)
    port = server.bind()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.run())
        try:
            yield port
        finally:
            server.stop()


def _keyring(settings: Settings) -> Keyring:
    parts = (key.split(":") for key in settings.http.api_keys)
    return Keyring([HashedKey(Holder(name, Role(role)), sha256) for name, role, sha256 in parts])


async def plan_keeper(settings: Settings, engine: Engine, metrics: Metrics) -> PlanKeeper:
    cache = await prompt_cache(settings, engine.rate, metrics)

    def unplayable(prompt: Prompt, error: Exception) -> None:
        metrics.prompt_failures.inc()
        log.error("prompt_failed", prompt=str(prompt), error=str(error))

    async def make_ready(loaded: Loaded) -> ActivePlan:
        files = AudioFiles(loaded.directory, engine.rate)
        return await activate(loaded.plan, cache, files, on_failure=unplayable)

    return PlanKeeper(
        settings.dialplan.path,
        VersionStore(settings.data_dir / "dialplans"),
        make_ready,
        observe=lambda outcome: metrics.dialplan_reloads.labels(outcome.value).inc(),
    )


@asynccontextmanager
async def reloads(
    settings: Settings, plans: PlanKeeper, switchboard: Switchboard, desk: DialplanDesk
) -> AsyncIterator[None]:
    """Plans that come into force reach the calls that begin then, whoever asked for them."""

    def put_in_force(active: ActivePlan) -> None:
        switchboard.active = active

    plans.on_change(put_in_force)
    desk.keeper, desk.calls = plans, switchboard.calls_by_version
    async with AsyncExitStack() as stack:
        if settings.dialplan.watch:
            await stack.enter_async_context(background(plans.watch()))
        yield


async def calendar_overrides(settings: Settings) -> CalendarOverrides:
    overrides = CalendarOverrides(settings.data_dir / "calendar-overrides.json", SystemClock().utc)
    await overrides.load()
    return overrides


def open_calendars(desk: CalendarDesk, switchboard: Switchboard, overrides: CalendarOverrides) -> None:
    """Let the API see and set the calendars of the plan that new calls begin on."""
    desk.parts = CalendarParts(lambda: switchboard.active.plan.calendars, overrides, SystemClock())


def services(
    settings: Settings,
    engine: Engine,
    bridge: Bridge,
    recorder: Recorder,
    writer: CallWriter,
    metrics: Metrics,
    look_up: Lookups,
    overrides: CalendarOverrides,
) -> SwitchServices:
    clock = SystemClock()

    def open_player(leg: CallLeg) -> Player | RecordedPlayer:
        player = Player(engine, bridge, f"{leg.id}-player")
        bridge.connect(player.port, leg.audio)
        if not settings.recording.calls:
            return player
        path = recording_path(settings.data_dir / "recordings", leg, clock)
        return RecordedPlayer(player, leg, recorder, path)

    return SwitchServices(
        open_player=open_player,
        call_log=writer,
        observer=MetricsObserver(metrics),
        clock=clock,
        headers_in=settings.sip.headers_in,
        look_up=look_up,
        world=lambda: ({}, overrides.states()),
    )


def lookups(settings: Settings) -> Lookups:
    secrets = {name: value.get_secret_value() for name, value in settings.dialplan.secrets.items()}
    return Lookups(secrets, SystemClock().now)


def recorder(engine: Engine, bridge: Bridge, metrics: Metrics) -> Recorder:
    def failed(error: RecordingError) -> None:
        metrics.recording_failures.inc()
        log.error("recording_failed", file=str(error.path), reason=error.reason)

    return Recorder(engine, bridge, on_failure=failed)


def watch_engine(engine: Engine, metrics: Metrics, health: Health) -> None:
    """The engine's figures and state, for Prometheus and for whoever asks whether we live."""

    def stats() -> MediaStats:
        figures = engine.stats()
        return MediaStats(
            ticks=figures.clock.ticks,
            late_ticks=figures.clock.late,
            skipped_ticks=figures.clock.skipped,
            pcm_underruns=figures.underruns // engine.samples_per_tick,
            pcm_overruns=figures.overruns // engine.samples_per_tick,
            handler_errors=figures.commands_failed,
            events_lost=figures.events_lost,
            malformed=figures.malformed,
            portless=figures.portless,
            responses=figures.responses,
        )

    metrics.watch_media(stats)
    health.register("media", _Heartbeat(engine, SystemClock()), vital=True)
    health.register("sip", lambda: _owner_problem(engine), vital=True)


def _owner_problem(engine: Engine) -> str | None:
    idle_s = engine.owner_idle_s
    return None if idle_s < STUCK_AFTER_S else f"the SIP thread hasn't moved for {idle_s:.1f} s"


class _Heartbeat:
    """A health probe: the media clock ticks 50 times a second, or something is very wrong."""

    def __init__(self, engine: Engine, clock: SystemClock) -> None:
        self._engine = engine
        self._clock = clock
        self._ticks = -1
        self._moved_at = clock.now()

    def __call__(self) -> str | None:
        if self._engine.state is not EngineState.RUNNING:
            return f"the media engine is {self._engine.state.value}"
        now, ticks = self._clock.now(), self._engine.stats().clock.ticks
        if ticks != self._ticks:
            self._ticks, self._moved_at = ticks, now
            return None
        if now - self._moved_at < STALLED_AFTER_S:
            return None
        return f"the media clock hasn't ticked for {now - self._moved_at:.1f} s"
