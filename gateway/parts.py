"""The parts of a node, each made from the settings and taken down again by the block that entered it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any, Final
from zoneinfo import ZoneInfo

import structlog

from gateway.api.app import create_app
from gateway.api.auth import HashedKey, Holder, Keyring, Role
from gateway.api.calendars import CalendarDesk, CalendarParts
from gateway.api.dialplans import DialplanDesk
from gateway.api.handoffs import HandoffSlot
from gateway.api.pbx import PbxDesk
from gateway.api.ports import FloorDesk
from gateway.api.reports import ReportDesk, ReportParts
from gateway.api.samples import CRM, Samples
from gateway.api.server import HttpServer
from gateway.api.surveys import SurveySlot
from gateway.api.voice import VoiceDesk
from gateway.api.webhooks import WebhookSlot
from gateway.call.leg import CallLeg
from gateway.centre import ContactCentre
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
from gateway.handoff.desk import HandoffDesk, HandoffRules
from gateway.handoff.keyfile import secret_at
from gateway.handoff.peers import TrustedPeers
from gateway.handoff.telling import handoff_deliveries
from gateway.handoff.tokens import TokenKey, TokenVerifier
from gateway.queues.reports import thresholds_of
from gateway.sip.endpoint import SipEndpoint, SipEndpointSettings
from gateway.sip.leg import SipLeg
from gateway.speech import prompt_cache
from gateway.storage.calls import CallStore
from gateway.storage.database import Database
from gateway.storage.handoffs import HandoffStore
from gateway.storage.journal_store import JournalStore
from gateway.storage.unsaved import UnsavedCalls
from gateway.storage.writer import CallWriter
from gateway.switch.metering import MetricsObserver, MetricsVoiceObserver
from gateway.switch.ports import Player as CallPlayer
from gateway.switch.recording import recorded
from gateway.switch.session import SwitchServices
from gateway.switch.switchboard import Switchboard
from gateway.webhooks.events import Subscriptions
from gateway.webhooks.signing import key_of
from gateway.webrtc.endpoint import WebRtcEndpoint
from gateway.webrtc.leg import WebRtcLeg
from gateway.webrtc.settings import TurnServer, WebRtcSettings
from media.bridge import Bridge
from media.engine import Engine, EngineError, EngineSettings
from media.engine import State as EngineState
from media.player import Player
from media.recorder import Recorder, RecordingError
from monitoring.health import Health
from monitoring.metrics import MediaStats, Metrics

log = structlog.get_logger(__name__)

MOST_LEGS: Final = 2000  # PJSUA_MAX_CALLS in media/native/config_site.h
OUTBOUND_ROOM: Final = 100
"""Legs that PJSIP makes room for beyond two for each admitted call, the caller's and the agent's."""
STALLED_AFTER_S: Final = 1.0
STUCK_AFTER_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Desks:
    """Where the API finds the parts of a node. It answers before they are there, and says so."""

    dialplans: DialplanDesk = field(default_factory=DialplanDesk)
    calendars: CalendarDesk = field(default_factory=CalendarDesk)
    floor: FloorDesk = field(default_factory=FloorDesk)
    reports: ReportDesk = field(default_factory=ReportDesk)
    voice: VoiceDesk = field(default_factory=VoiceDesk)
    handoffs: HandoffSlot = field(default_factory=HandoffSlot)
    surveys: SurveySlot = field(default_factory=SurveySlot)
    pbx: PbxDesk = field(default_factory=PbxDesk)
    webhooks: WebhookSlot = field(default_factory=WebhookSlot)


@asynccontextmanager
async def media_engine(settings: Settings) -> AsyncIterator[Engine]:
    engine = Engine(
        EngineSettings(
            rate=settings.media.rate,
            ptime_ms=settings.media.ptime_ms,
            max_calls=min(2 * settings.sip.max_calls + OUTBOUND_ROOM, MOST_LEGS),
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
async def call_log(
    settings: Settings, metrics: Metrics, health: Health
) -> AsyncIterator[tuple[CallWriter, CallStore]]:
    """Where finished calls are written, and where they are read."""
    database = Database.open(settings.database_url)
    try:
        await database.upgrade()
        archive = CallStore(database)
        writer = CallWriter(archive, UnsavedCalls(settings.data_dir / "unsaved-calls.jsonl"), metrics)
        health.register("storage", writer.problem)
        try:
            async with background(writer.run()):
                yield writer, archive
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
    settings: Settings,
    health: Health,
    metrics: Metrics,
    desks: Desks,
) -> AsyncIterator[int]:
    app = create_app(
        health=health,
        metrics=metrics,
        keyring=_keyring(settings),
        dialplans=desks.dialplans,
        calendars=desks.calendars,
        floor=desks.floor,
        reports=desks.reports,
        voice=desks.voice,
        handoffs=desks.handoffs,
        pbx=desks.pbx,
        webhooks=desks.webhooks,
        samples=_samples(settings),
        surveys=desks.surveys,
        origins=settings.http.origins,
    )
    server = HttpServer(app, settings.http.host, settings.http.port)
    port = server.bind()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.run())
        try:
            yield port
        finally:
            server.stop()


@asynccontextmanager
async def handoffs(
    settings: Settings, subscriptions: Subscriptions, delivering: Callable[[], None], metrics: Metrics
) -> AsyncIterator[HandoffDesk]:
    """Envelopes, on connections that wait for the disk: what was handed over is kept; after `call_log`."""
    database = Database.open(settings.database_url, durable=True)
    try:
        given = settings.handoff.secret
        path = settings.data_dir / "handoff.key"
        secret = given.get_secret_value() if given else await asyncio.to_thread(secret_at, path)
        rules = HandoffRules(
            pin_digits=settings.handoff.pin_digits,
            pin_ttl=timedelta(seconds=settings.handoff.pin_ttl_s),
            ani_window=timedelta(seconds=settings.handoff.ani_window_s),
            retention=timedelta(days=settings.handoff.keep_days),
            number_pools=settings.handoff.number_pools,
            lend=timedelta(seconds=settings.handoff.lend_s),
        )
        store = HandoffStore(database, partial(handoff_deliveries, subscriptions), delivering)
        desk = HandoffDesk(store, SystemClock(), secret, rules, metrics.handed_over)
        try:
            async with background(desk.run()):
                yield desk
        finally:
            await desk.close()
    finally:
        await database.close()


def _samples(settings: Settings) -> Samples:
    crm = [endpoint for endpoint in settings.webhooks.endpoints if endpoint.name == CRM]
    secrets = (secret.get_secret_value() for endpoint in crm for secret in endpoint.secrets)
    plain = [secret for secret in secrets if not secret.startswith(("file:", "env:"))]
    return Samples(settings.voice.sample_page, [key_of(secret) for secret in plain])


def _keyring(settings: Settings) -> Keyring:
    parts = (key.split(":") for key in settings.http.api_keys)
    return Keyring([HashedKey(Holder(name, Role(role)), sha256) for name, role, sha256 in parts])


@asynccontextmanager
async def voice_endpoint(
    settings: Settings,
    engine: Engine,
    bridge: Bridge,
    on_call: Callable[[WebRtcLeg], None],
    metrics: Metrics,
    desk: VoiceDesk,
    envelopes: HandoffDesk,
) -> AsyncIterator[WebRtcEndpoint]:
    """Calls from apps, as long as the block lasts; then `desk` refuses them."""
    clock = SystemClock()
    endpoint = WebRtcEndpoint(
        engine,
        bridge,
        _webrtc_settings(settings),
        on_call,
        observer=MetricsVoiceObserver(metrics),
        epoch_s=lambda: clock.utc().timestamp(),
    )
    secret = settings.voice.app_secret
    keys = [*_app_keys(settings), envelopes.token_key]
    desk.verifier = TokenVerifier(keys, lambda: clock.utc().timestamp(), envelopes.used_tokens)
    if secret is not None and settings.voice.sample_page:
        desk.sample_secret = secret.get_secret_value()
    async with endpoint:
        desk.endpoint = endpoint
        try:
            yield endpoint
        finally:
            desk.endpoint = None


def _app_keys(settings: Settings) -> list[TokenKey]:
    """What verifies apps' tokens: the one shared secret, and each app's own keys."""
    secret = settings.voice.app_secret
    shared = [] if secret is None else [TokenKey("", "HS256", secret.get_secret_value())]
    own = [
        TokenKey(key.id, key.algorithm, key.key.get_secret_value(), key.app)
        for key in settings.handoff.app_keys
    ]
    return [*shared, *own]


def _webrtc_settings(settings: Settings) -> WebRtcSettings:
    voice = settings.voice
    turn = None
    if voice.turn_urls and voice.turn_secret is not None:
        turn = TurnServer(voice.turn_urls, voice.turn_secret.get_secret_value(), voice.turn_lifetime_s)
    return WebRtcSettings(
        addresses=voice.addresses,
        public_address=voice.public_address,
        udp_ports=voice.udp_ports,
        stun_urls=voice.stun_urls,
        turn=turn,
        relay_own=voice.relay == "offer",
        relay_only=voice.relay == "only",
        codecs=voice.codecs,
        opus_complexity=voice.opus_complexity,
        resume_s=voice.resume_s,
        media_timeout_s=voice.media_timeout_s,
        consent_timeout_s=voice.consent_timeout_s,
        native_socket=voice.native_socket == "auto",
    )


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
    settings: Settings,
    plans: PlanKeeper,
    switchboard: Switchboard,
    centre: ContactCentre,
    desk: DialplanDesk,
) -> AsyncIterator[None]:
    """Plans that come into force reach the calls that begin then, whoever asked for them."""

    def put_in_force(active: ActivePlan) -> None:
        switchboard.active = active
        centre.put_in_force(active)

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


def open_reports(desk: ReportDesk, settings: Settings, store: JournalStore, centre: ContactCentre) -> None:
    """Let the API compute reports, with the thresholds of the queues that are in force."""
    zone = ZoneInfo(settings.node.timezone)
    desk.parts = ReportParts(store, lambda: thresholds_of(centre.runner.settings()), SystemClock(), zone)


def open_calendars(desk: CalendarDesk, switchboard: Switchboard, overrides: CalendarOverrides) -> None:
    """Let the API see and set the calendars of the plan that new calls begin on."""
    desk.parts = CalendarParts(lambda: switchboard.active.plan.calendars, overrides, SystemClock())


def services(
    settings: Settings,
    engine: Engine,
    bridge: Bridge,
    writer: CallWriter,
    metrics: Metrics,
    overrides: CalendarOverrides,
    centre: ContactCentre,
    envelopes: HandoffDesk,
) -> SwitchServices:
    clock = SystemClock()

    def open_player(call_id: str, leg: CallLeg) -> CallPlayer:
        player = Player(engine, bridge, f"{leg.id}-player")
        bridge.connect(player.port, leg.audio)
        if not settings.recording.calls:
            return player
        return recorded(player, call_id, leg, centre.recordings)

    return SwitchServices(
        open_player=open_player,
        call_log=writer,
        observer=MetricsObserver(metrics),
        clock=clock,
        headers_in=settings.sip.headers_in,
        act=centre.act,
        world=lambda: (centre.facts(), overrides.states()),
        live_calls=centre.live_calls,
        handoffs=envelopes,
        peers=TrustedPeers(settings.handoff.trusted_peers, settings.handoff.headers_in),
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
