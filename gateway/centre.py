"""The contact centre of a node: queues, agents, conversations and what they need, made and wired.

One of the two halves of the composition root, beside `gateway.parts`: that one makes a node that answers
calls, this one what makes a contact centre of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from gateway.agents.presence import Presence
from gateway.call.leg import CallLeg, Headers, Party
from gateway.clock import Clock, SteadyEpoch
from gateway.config import Settings
from gateway.dialplan.ports import LookupHandler
from gateway.dialplan.prompts import ActivePlan
from gateway.dialplan.queue_facts import queue_facts
from gateway.dialplan.queues import RecordingFormat
from gateway.errors import DialError, RingbackError
from gateway.handoff.desk import HandoffDesk
from gateway.queues.engine import QueueEngine
from gateway.queues.forecasts import Forecasts
from gateway.queues.journal import Journal, JournalEvent, JournalKind
from gateway.queues.metering import JournalMeter, queue_stats
from gateway.queues.reports import thresholds_of
from gateway.queues.runner import QueueRunner
from gateway.queues.signals import AgentReleased, LogIn, SetEngaged, SetPresence
from gateway.queues.today import Today
from gateway.storage.journal_store import JournalStore
from gateway.storage.reports import replay
from gateway.switch.actions import ActionParts, CallActions, MakeActions
from gateway.switch.agent_lines import SipAgentLines
from gateway.switch.browser_lines import SCHEME, BrowserFirstLines, Browsers
from gateway.switch.call_recording import CallRecording, Recordings
from gateway.switch.callbacks import CallbackDesk, CallbackParts
from gateway.switch.consulting import Consulting
from gateway.switch.conversation_parts import ConversationParts, ConversationTones
from gateway.switch.dialling import PBX, THROUGH_PBX, Addresses, Dialling, Redirect
from gateway.switch.feature_codes import Feature
from gateway.switch.journeys import Journeys
from gateway.switch.listening import OpenListener
from gateway.switch.live_calls import CallChanged, LiveCalls, RecordingState
from gateway.switch.music import MusicOnHold
from gateway.switch.offers import OfferDesk
from gateway.switch.origination import OriginationParts, Originations
from gateway.switch.outbound import Dialler, Outbound
from gateway.switch.ports import CallLog, CallObserver
from gateway.switch.queue_sounds import QueueSounds
from gateway.switch.queueing import QueueParts, QueueVisit, Visitor
from gateway.switch.recording_store import Keeping, RecordingStore
from gateway.switch.restoring import NOTHING, Remains
from gateway.switch.survey_links import SurveyLinks
from gateway.switch.surveying import Surveys
from gateway.switch.telling import Teller
from gateway.switch.voicemail import Voicemail
from gateway.switch.waiting_room import WaitingRoomParts
from gateway.webhooks.events import Subscriptions
from media.answer_ear import AnswerEar
from media.bridge import Bridge, Port
from media.engine import Engine
from media.player import Player
from media.recorder import Recorder
from monitoring.metrics import Metrics

log = structlog.get_logger(__name__)


class Doorway:
    """Where calls go out, once there are endpoints. Before that nobody can be dialled."""

    def __init__(self) -> None:
        self.dialler: Dialler | None = None
        self.browsers: Browsers | None = None
        self.pbx: Dialler | None = None
        self.pbx_redirect: Redirect | None = None

    def connected(self, agent: str) -> bool:
        """Whether the browser of this agent can be rung."""
        return self.browsers is not None and self.browsers.connected(agent)

    async def redirect(self, leg: CallLeg, to: str) -> bool:
        """`gateway.switch.dialling.Redirect`."""
        return self.pbx_redirect is not None and await self.pbx_redirect(leg, to)

    async def dial(self, uri: str, *, caller: Party | None = None, headers: Headers = ()) -> CallLeg:
        if uri.startswith(SCHEME):
            return self._ring(uri.removeprefix(SCHEME), caller or Party(""), headers)
        if uri.startswith(PBX):
            if self.pbx is None:
                raise DialError(uri, "this node has no PBX: set pbx.host")
            return await self.pbx.dial(uri, caller=caller, headers=headers)
        if self.dialler is None:
            raise DialError(uri, "the node is starting or stopping")
        return await self.dialler.dial(uri, caller=caller, headers=headers)

    def _ring(self, agent: str, caller: Party, headers: Headers) -> CallLeg:
        if self.browsers is None:
            raise DialError(agent, "the node is starting or stopping")
        try:
            return self.browsers.dial(agent, caller=caller, called=Party(agent), headers=headers)
        except RingbackError as error:
            raise DialError(agent, str(error)) from error


@dataclass(frozen=True, slots=True)
class Media:
    """The media plane, as the contact centre uses it."""

    engine: Engine
    bridge: Bridge
    recorder: Recorder


class PlanInForce:
    """The plan that whatever begins now goes by. There is one before the first call."""

    def __init__(self) -> None:
        self._active: ActivePlan | None = None

    @property
    def active(self) -> ActivePlan:
        if self._active is None:
            raise RuntimeError("no plan is in force yet")
        return self._active

    def replace(self, active: ActivePlan) -> None:
        self._active = active


@dataclass(frozen=True, slots=True)
class ContactCentre:
    """What the rest of the node has to know of its contact centre."""

    runner: QueueRunner
    forecasts: Forecasts
    today: Today
    offers: OfferDesk
    conversations: ConversationParts
    recordings: Recordings
    outbound: Outbound
    callbacks: CallbackDesk
    door: Doorway
    act: MakeActions
    plan: PlanInForce
    originations: Originations
    metrics: Metrics

    @property
    def live_calls(self) -> LiveCalls:
        return self.conversations.live_calls

    def facts(self) -> Mapping[str, Mapping[str, Any]]:
        """What expressions know of every queue."""
        return {
            view.name: queue_facts(view, self._expected_s(view.name), self.runner.now)
            for view in self.runner.queues()
        }

    def _expected_s(self, queue: str) -> float | None:
        estimate = self.forecasts.of_newcomer(queue)
        return None if estimate is None else estimate.median_s

    def offer_callbacks(self) -> int:
        """The node stops soon: whoever waits is told, and offered a callback. Returns how many wait."""
        waiting = [
            visit
            for queue in self.runner.queues()
            for entry in self.runner.entries(queue.name)
            if isinstance(visit := self.offers.call_at(entry.id), QueueVisit)
        ]
        for visit in waiting:
            visit.closing()
        return len(waiting)

    def put_in_force(self, active: ActivePlan) -> None:
        """The queues and agents of this plan, from now on, for those who wait already too."""
        self.plan.replace(active)
        plan, runner = active.plan, self.runner
        runner.configure([queue.settings for queue in plan.queues.values()])
        for agent in plan.agents.values():
            runner.post(LogIn(agent.profile))
        for view in runner.agents():
            if view.id not in plan.agents and view.presence is not Presence.LOGGED_OUT:
                runner.post(SetPresence(view.id, Presence.LOGGED_OUT, "no longer in the plan"))


@asynccontextmanager
async def contact_centre(
    settings: Settings,
    media: Media,
    journal: Journal,
    history: JournalStore,
    call_log: CallLog,
    observer: CallObserver,
    metrics: Metrics,
    clock: Clock,
    look_up: LookupHandler,
    calendars: Callable[[], Mapping[str, str]],
    remains: Remains = NOTHING,
    subscriptions: Subscriptions | None = None,
    survey_links: SurveyLinks | None = None,
    open_listener: OpenListener | None = None,
    envelopes: HandoffDesk | None = None,
) -> AsyncIterator[ContactCentre]:
    """Queues without a plan yet; `put_in_force` gives them one. Left, it ends whatever is still going on.

    `history`: the journal of before, for today's figures. `calendars`: those set by hand. `remains`: what the
    last run left open. `subscriptions`: what webhooks are told. `open_listener`: hears callers, where speech
    is understood. `envelopes`: what is known of customers.
    """
    loop = asyncio.get_running_loop()
    engine, bridge = media.engine, media.bridge
    runner = QueueRunner(QueueEngine(), journal, SteadyEpoch(clock, not_before=remains.latest), loop)
    zone = ZoneInfo(settings.node.timezone)
    today = Today(clock.utc, lambda queue: thresholds_of(runner.settings())(queue), zone)
    today.catch_up()
    meter = JournalMeter(metrics)
    runner.observe(today.add)
    runner.observe(meter.observe)
    metrics.watch_queues(lambda: queue_stats(runner.queues(), runner.agents(), today, runner.now))
    forecasts = Forecasts(runner, settings.data_dir / "estimates.json")
    await forecasts.load()
    async with AsyncExitStack() as stack:
        stack.callback(runner.close)
        door = Doorway()
        outbound = await stack.enter_async_context(Outbound(door, call_log, observer, clock))
        phones = await stack.enter_async_context(SipAgentLines(runner, outbound))
        lines = BrowserFirstLines(door, outbound, phones)

        def open_player(name: str) -> Player:
            return Player(engine, bridge, name)

        def open_player_to(leg: CallLeg) -> Player:
            player = open_player(f"{leg.id}-whisper")
            bridge.connect(player.port, leg.audio)
            return player

        offers = await stack.enter_async_context(OfferDesk(runner, lines, open_player_to))
        runner.observe(Journeys(offers, envelopes).observe)
        music = MusicOnHold(bridge, open_player, loop.time)
        stack.callback(music.close)
        by_pbx = settings.pbx.originates
        addresses = Addresses(THROUGH_PBX if by_pbx == "numbers" else settings.sip.outbound)
        live_calls = LiveCalls()
        teller = Teller(subscriptions or Subscriptions(), offers, clock, runner.write, survey_links)
        runner.tell_by(teller.deliveries)
        live_calls.subscribe(teller.call_changed)
        recordings = _recordings(settings, media.recorder, clock, live_calls, runner)
        stack.push_async_callback(recordings.close)
        conversations = ConversationParts(
            connector=bridge,
            open_player=open_player,
            music=music,
            tones=ConversationTones.at(engine.rate),
            reach=Consulting(runner, lines, door, outbound, addresses),
            clock=clock,
            timers=loop,
            journal=runner.write,
            recordings=recordings,
            live_calls=live_calls,
            agent_left=_agent_left(runner),
            feature_codes={Feature(name): code for name, code in settings.calls.feature_codes if code},
            code_gap_s=settings.calls.code_gap_s,
            number_gap_s=settings.calls.number_gap_s,
            consult_ring_s=settings.calls.consult_ring_s,
            supervision_tone=settings.calls.supervision_tone,
        )
        dialling = Dialling(outbound, conversations, addresses, door.redirect)
        sounds = QueueSounds(engine.rate)
        waiting = WaitingRoomParts(runner, forecasts, music, sounds)
        plan = PlanInForce()
        callbacks = await stack.enter_async_context(
            CallbackDesk(
                CallbackParts(
                    runner=runner,
                    offers=offers,
                    outbound=outbound,
                    addresses=Addresses(THROUGH_PBX) if by_pbx == "callbacks" else addresses,
                    conversations=conversations,
                    sounds=sounds,
                    forecasts=forecasts,
                    active=lambda: plan.active,
                    calendars=calendars,
                    open_player=open_player_to,
                    open_ear=lambda leg: AnswerEar(engine, bridge, leg.audio),
                    envelopes=envelopes,
                    history=history,
                )
            )
        )
        metrics.watch_callbacks(lambda: callbacks.book.stats(view.name for view in runner.queues()))
        voicemail = Voicemail(
            settings.data_dir / "voicemail", media.recorder, _loudness(bridge), clock, engine.rate
        )
        surveys = Surveys(runner, sounds, voicemail, clock)
        queues = QueueParts(runner, offers, conversations, waiting, dialling, callbacks, surveys)
        actions = ActionParts(
            queues=queues,
            dialling=dialling,
            voicemail=voicemail,
            surveys=surveys,
            look_up=look_up,
        )

        def act(visitor: Visitor) -> CallActions:
            return CallActions(actions, visitor)

        originations = await stack.enter_async_context(
            Originations(
                OriginationParts(
                    outbound=outbound,
                    runner=runner,
                    live_calls=live_calls,
                    addresses=addresses,
                    open_player=open_player_to,
                    observer=observer,
                    act=act,
                    active=lambda: plan.active,
                    world=lambda: (centre.facts(), calendars()),
                    open_listener=open_listener,
                )
            )
        )
        callbacks.attach(queues, originations.carry_on)
        centre = ContactCentre(
            runner=runner,
            forecasts=forecasts,
            today=today,
            offers=offers,
            conversations=conversations,
            recordings=recordings,
            outbound=outbound,
            callbacks=callbacks,
            door=door,
            act=act,
            plan=plan,
            originations=originations,
            metrics=metrics,
        )
        async with asyncio.TaskGroup() as tasks:
            background = [
                tasks.create_task(replay(history, today, clock.utc())),
                tasks.create_task(forecasts.run()),
                tasks.create_task(recordings.run()),
            ]
            runner.record(JournalKind.STARTED)
            try:
                yield centre
            finally:
                runner.record(JournalKind.STOPPED)
                for task in background:
                    task.cancel()


def _recordings(
    settings: Settings, recorder: Recorder, clock: Clock, live_calls: LiveCalls, runner: QueueRunner
) -> Recordings:
    rules = settings.recording
    retention_s = None if rules.keep_days is None else rules.keep_days * 86_400.0
    store = RecordingStore(
        settings.data_dir / "recordings", Keeping(RecordingFormat(rules.format), retention_s)
    )

    def show(recording: CallRecording, state: RecordingState) -> None:
        if (call := live_calls.find(recording.note.call_id)) is not None:
            begun = call.view.recordings
            ids = begun if recording.id in begun else (*begun, recording.id)
            call.update(recording=state, recordings=ids)

    def kept(recording: CallRecording) -> None:
        note = recording.note
        details = {"what": "ready", "file": recording.id, "agents": list(recording.agents)}
        runner.write(
            JournalEvent(clock.utc(), JournalKind.RECORDING, note.queue, "", note.call_id, "", details)
        )

    recordings = Recordings(store, recorder, clock, on_change=show, on_kept=kept)

    def forget(change: CallChanged) -> None:
        if change.call is None:
            recordings.forget(change.call_id)

    live_calls.subscribe(forget)
    return recordings


def _agent_left(runner: QueueRunner) -> Callable[[str], None]:
    def left(agent: str) -> None:
        # One of the two is news, whichever way the agent came into the call: offered, or consulted.
        runner.post(AgentReleased(agent))
        runner.post(SetEngaged(agent, False))

    return left


def _loudness(bridge: Bridge) -> Callable[[Port], Awaitable[int]]:
    async def loudness(port: Port) -> int:
        levels = await bridge.levels(port)
        return 0 if levels is None else levels.sends

    return loudness
