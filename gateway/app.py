"""The composition root: builds every part of a node, wires them, and takes them down again.

The only module that knows all parts. Parts are entered in the order in which they depend on each other and
left in the reverse one, so a start that fails half-way leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import structlog

from gateway.api.app import create_app
from gateway.api.auth import HashedKey, Holder, Keyring, Role
from gateway.api.dialplans import DialplanDesk
from gateway.api.server import HttpServer
from gateway.call.cdr import CallRecord
from gateway.call.leg import CallLeg, LegEvent
from gateway.clock import SystemClock
from gateway.config import Settings
from gateway.dialplan.files import AudioFiles
from gateway.dialplan.lookups import Lookups
from gateway.dialplan.model import Prompt
from gateway.dialplan.prompts import ActivePlan, activate
from gateway.dialplan.reload import PlanKeeper
from gateway.dialplan.versions import Loaded, VersionStore
from gateway.errors import RingbackError, StartupError
from gateway.sip.endpoint import SipEndpoint, SipEndpointSettings
from gateway.sip.leg import SipLeg
from gateway.storage.calls import CallStore
from gateway.storage.database import Database
from gateway.storage.unsaved import UnsavedCalls
from gateway.storage.writer import CallWriter
from gateway.switch import testcall
from gateway.switch.admission import Admission
from gateway.switch.metering import MetricsObserver
from gateway.switch.recording import RecordedPlayer, recording_path
from gateway.switch.session import SwitchServices
from gateway.switch.switchboard import Switchboard
from gateway.version import VERSION
from media.bridge import Bridge
from media.clip import Clip, ClipError
from media.engine import Engine, EngineError, EngineSettings
from media.engine import State as EngineState
from media.player import Player
from media.prompts.cache import PromptCache
from media.recorder import Recorder, Recording, RecordingError
from media.speech.espeak import EspeakSettings, EspeakSynthesiser
from media.speech.synthesiser import SynthesisError
from monitoring.event_loop import watch_event_loop
from monitoring.health import Health, Phase
from monitoring.metrics import MediaStats, Metrics

log = structlog.get_logger(__name__)

OUTBOUND_ROOM: Final = 100
"""Calls that PJSIP makes room for beyond those admitted: refusals, and legs of our own."""
STALLED_AFTER_S: Final = 1.0
STUCK_AFTER_S: Final = 5.0


class EngineDied(RingbackError):
    """The media engine failed while the node was running."""


# ---- parts


@asynccontextmanager
async def _engine(settings: Settings) -> AsyncIterator[Engine]:
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
async def _sip(
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
async def _call_log(settings: Settings, metrics: Metrics, health: Health) -> AsyncIterator[CallWriter]:
    database = Database.open(settings.database_url)
    try:
        await database.upgrade()
        writer = CallWriter(
            CallStore(database), UnsavedCalls(settings.data_dir / "unsaved-calls.jsonl"), metrics
        )
        health.register("storage", writer.problem)
        try:
            async with _background(writer.run()):
                yield writer
        finally:
            await writer.close()
    finally:
        await database.close()


@asynccontextmanager
async def _background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Runs a coroutine beside the block and ends it afterwards; its failure is the block's."""
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(work)
        try:
            yield
        finally:
            task.cancel()


@asynccontextmanager
async def _http(
    settings: Settings, health: Health, metrics: Metrics, dialplans: DialplanDesk
) -> AsyncIterator[int]:
    app = create_app(health=health, metrics=metrics, keyring=_keyring(settings), dialplans=dialplans)
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


async def _plan_keeper(settings: Settings, engine: Engine, metrics: Metrics) -> PlanKeeper:
    try:
        voice = await EspeakSynthesiser.detect(_voices(settings))
    except SynthesisError as error:
        raise StartupError(f"no voice for the prompts: {error}") from error

    def unplayable(prompt: Prompt, error: Exception) -> None:
        metrics.prompt_failures.inc()
        log.error("prompt_failed", prompt=str(prompt), error=str(error))

    cache = PromptCache(
        settings.data_dir / "prompts",
        voice,
        engine.rate,
        on_store_error=lambda path, error: log.error("prompt_not_kept", file=str(path), error=str(error)),
    )

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
async def _reloads(
    settings: Settings, plans: PlanKeeper, switchboard: Switchboard, desk: DialplanDesk
) -> AsyncIterator[None]:
    """Plans that come into force reach the calls that begin then, whoever asked for them."""

    def put_in_force(active: ActivePlan) -> None:
        switchboard.active = active

    plans.on_change(put_in_force)
    desk.keeper, desk.calls = plans, switchboard.calls_by_version
    async with AsyncExitStack() as stack:
        if settings.dialplan.watch:
            await stack.enter_async_context(_background(plans.watch()))
        yield


def _voices(settings: Settings) -> EspeakSettings:
    defaults = EspeakSettings()
    return EspeakSettings(voices={**defaults.voices, **settings.speech.voices})


# ---- the node


async def run(settings: Settings, *, on_ready: Callable[[], object] | None = None) -> None:
    """Runs a node until SIGTERM or SIGINT; then takes no new calls and gives the present ones time to end.

    A second signal ends the wait. Raises RingbackError when the node can't start or its engine dies.
    """
    metrics, health, dialplans = Metrics(), Health(), DialplanDesk()
    metrics.node.info({"version": VERSION, "name": settings.node.name})
    stopping = asyncio.Event()
    hurry = asyncio.Event()
    fatal: list[BaseException] = []
    async with AsyncExitStack() as stack:
        stack.enter_context(_signals(stopping, hurry))
        http_port = await stack.enter_async_context(_http(settings, health, metrics, dialplans))
        await stack.enter_async_context(_background(watch_event_loop(metrics.event_loop_lag.observe)))
        writer = await stack.enter_async_context(_call_log(settings, metrics, health))
        engine = await stack.enter_async_context(_engine(settings))

        def die(error: BaseException) -> None:
            fatal.append(error)
            stopping.set()

        engine.on_fatal(die)
        _watch(engine, metrics, health)
        bridge = Bridge(engine)
        plans = await _plan_keeper(settings, engine, metrics)
        active = await plans.start()
        admission = Admission(settings.sip.max_calls, settings.sip.full_response)
        recorder = _recorder(engine, bridge, metrics)
        stack.push_async_callback(recorder.close)
        secrets = {name: value.get_secret_value() for name, value in settings.dialplan.secrets.items()}
        lookups = await stack.enter_async_context(Lookups(secrets, SystemClock().now))
        services = replace(_services(settings, engine, bridge, recorder, writer, metrics), look_up=lookups)
        switchboard = await stack.enter_async_context(Switchboard(active, admission, services))
        await stack.enter_async_context(_reloads(settings, plans, switchboard, dialplans))
        sip = await stack.enter_async_context(
            _sip(settings, engine, bridge, switchboard.accept, rtp_ports=settings.sip.rtp_ports)
        )
        health.phase = Phase.SERVING
        log.info(
            "node_ready",
            version=VERSION,
            sip_udp=sip.listening.udp_port,
            sip_tcp=sip.listening.tcp_port,
            http=http_port,
            dialplan=active.plan.version,
            clock=engine.stats().clock.scheduling,
        )
        if on_ready is not None:
            on_ready()
        await stopping.wait()
        health.phase = Phase.DRAINING
        metrics.draining.set(1)
        if not fatal:
            await _drain(switchboard, settings.node.drain_timeout_s, hurry)
    log.info("node_stopped")
    if fatal:
        raise EngineDied(f"the media engine died: {fatal[0]!r}") from fatal[0]


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


def _services(
    settings: Settings,
    engine: Engine,
    bridge: Bridge,
    recorder: Recorder,
    writer: CallWriter,
    metrics: Metrics,
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
    )


def _recorder(engine: Engine, bridge: Bridge, metrics: Metrics) -> Recorder:
    def failed(error: RecordingError) -> None:
        metrics.recording_failures.inc()
        log.error("recording_failed", file=str(error.path), reason=error.reason)

    return Recorder(engine, bridge, on_failure=failed)


def _watch(engine: Engine, metrics: Metrics, health: Health) -> None:
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
        engine = await stack.enter_async_context(_engine(settings))
        bridge = Bridge(engine)
        clip = await _say(play, engine)
        recorder = Recorder(engine, bridge)
        stack.push_async_callback(recorder.close)
        player = Player(engine, bridge, "test-call")
        stack.callback(player.close)
        sip = await stack.enter_async_context(_sip(settings, engine, bridge, _turn_away, rtp_ports=None))
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
