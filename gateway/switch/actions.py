"""What a plan can ask for on one call, carried out: the dialplan's `Actions` on a live call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from gateway.call.screen import CallbackPromised, screen_of
from gateway.callbacks.numbers import NumberRefused
from gateway.callbacks.request import CallbackFault, CallbackRefused, CallbackWish
from gateway.dialplan.ports import UNAVAILABLE, Keys, LookupHandler, NoActions, Outcome
from gateway.dialplan.requests import (
    CallbackRequest,
    ContextRequest,
    DialRequest,
    LookupRequest,
    QueueRequest,
    RecordRequest,
    SurveyRequest,
)
from gateway.dialplan.waiting_words import WaitingFacts
from gateway.switch.callback_asking import Agreed, Asker, CallbackAsking
from gateway.switch.conversation_ends import BlindTransfer, ConversationEnd, ToFlow, ToNumber, ToQueue
from gateway.switch.dialling import TRANSFER_RING_S, Dialling
from gateway.switch.live_calls import Served, Stage
from gateway.switch.queueing import QueueParts, QueueVisit, Visitor
from gateway.switch.surveying import Surveys
from gateway.switch.voicemail import Voicemail


@dataclass(frozen=True, slots=True)
class ActionParts:
    """What the actions of a node's calls use."""

    queues: QueueParts
    dialling: Dialling
    voicemail: Voicemail
    surveys: Surveys
    look_up: LookupHandler | None = None


class CallActions(NoActions):
    """The actions of one call. What has no part behind it yet takes its exit `unavailable`."""

    def __init__(self, parts: ActionParts, visitor: Visitor) -> None:
        super().__init__(parts.look_up)
        self._parts = parts
        self._visitor = visitor

    async def look_up(self, request: LookupRequest) -> Outcome:
        outcome = await super().look_up(request)
        envelope = self._visitor.envelope
        if not request.envelope or outcome.label != "next" or envelope is None:
            return outcome
        envelope.learn(outcome.value, urlsplit(request.url).hostname or "")
        return replace(outcome, context=envelope.plan_view())

    async def exchange_context(self, request: ContextRequest) -> Outcome:
        envelope = self._visitor.envelope
        return UNAVAILABLE if envelope is None else await envelope.exchange(request)

    async def queue(self, request: QueueRequest, keys: Keys) -> Outcome:
        if (envelope := self._visitor.envelope) is not None:
            envelope.keep()
            envelope.walk_menu()
        return self._back(await QueueVisit(request, keys, self._visitor, self._parts.queues).run())

    async def call_back(self, request: CallbackRequest, keys: Keys) -> Outcome:
        visitor, caller, number, at = self._visitor, self._visitor.leg.remote, request.number, None
        if request.ask:
            agreed = await self._agree(request, keys)
            if agreed is None:
                return Outcome("declined")
            number, at = agreed.number.dialled, agreed.when.at
        wish = CallbackWish(
            queue=request.queue,
            number=number,
            at=at,
            name=caller.display_name,
            identity=request.identity,
            language=request.language,
            skills=request.skills,
            source="dialplan",
            asked_in=visitor.call_id,
            caller_id=visitor.leg.local.number,
            context=visitor.context(),
        )
        try:
            pending, new = await self._parts.queues.callbacks.requests.request(wish)
        except NumberRefused as refused:
            visitor.log.info("callback_refused", queue=request.queue, reason=refused.fault.value)
            return Outcome("refused")
        except CallbackRefused as refused:
            visitor.log.info("callback_refused", queue=request.queue, reason=refused.fault.value)
            unavailable = refused.fault in (CallbackFault.UNKNOWN_QUEUE, CallbackFault.NOT_STORED)
            return UNAVAILABLE if unavailable else Outcome("refused")
        callback = pending.callback
        screen_of(visitor.leg).show_callback_promised(
            CallbackPromised(request.queue, callback.id, callback.number.dialled, callback.promised_s)
        )
        return Outcome("next" if new else "duplicate", callback.id)

    async def _agree(self, request: CallbackRequest, keys: Keys) -> Agreed | None:
        """Number and time, as the caller confirms them."""
        queues, visitor = self._parts.queues, self._visitor
        caller = {
            "number": visitor.leg.remote.number,
            "name": visitor.leg.remote.display_name,
            "language": request.language,
        }
        facts = WaitingFacts(caller=caller, context=visitor.context(), queue_name=request.queue)
        asker = Asker("", request.queue, request.identity, request.language, facts)
        asking = CallbackAsking(queues.callbacks, queues.waiting, visitor, keys)
        return await asking.agree(asker, request.number)

    async def dial(self, request: DialRequest, keys: Keys) -> Outcome:
        visitor = self._visitor
        outcome, end = await self._parts.dialling.dial(visitor.call_id, visitor.leg, request, keys)
        while isinstance(end, BlindTransfer) and isinstance(end.target, ToNumber):
            onwards = DialRequest(end.target.number, TRANSFER_RING_S)
            outcome, end = await self._parts.dialling.dial(visitor.call_id, visitor.leg, onwards, keys)
        return self._back(await self._carry_on(outcome, end, keys))

    async def record(self, request: RecordRequest, keys: Keys) -> Outcome:
        return await self._parts.voicemail.record(self._visitor, request, keys)

    async def survey(self, request: SurveyRequest, keys: Keys) -> Outcome:
        visitor = self._visitor
        caller, served = visitor.leg.remote, visitor.live.served or Served()
        facts = WaitingFacts(
            caller={"number": caller.number, "name": caller.display_name, "language": request.language},
            context=visitor.context(),
            queue_name=served.queue,
            agent_id=served.agent,
        )
        survey = visitor.active.plan.surveys[request.survey]
        return await self._parts.surveys.ask(survey, visitor, keys, request.language, facts)

    async def _carry_on(self, outcome: Outcome, end: ConversationEnd | None, keys: Keys) -> Outcome:
        if isinstance(end, BlindTransfer):
            match end.target:
                case ToFlow(flow):
                    return Outcome("next", flow=flow)
                case ToQueue(queue):
                    return await self.queue(QueueRequest(queue), keys)
                case _:
                    return UNAVAILABLE
        return outcome

    def _back(self, outcome: Outcome) -> Outcome:
        """The call is the dialplan's again."""
        self._visitor.live.enter(
            Stage.DIALPLAN, self._parts.queues.conversations.clock.utc(), queue="", entry=""
        )
        return outcome


MakeActions = Callable[[Visitor], CallActions]
