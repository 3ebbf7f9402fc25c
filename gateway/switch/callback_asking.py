"""A caller in the queue and the callback that they ask for, or have already: the talk, and what is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from gateway.call.screen import CallbackPromised, screen_of
from gateway.callbacks.numbers import CallableNumber
from gateway.callbacks.request import Callback, CallbackRefused
from gateway.dialplan.ports import Keys
from gateway.dialplan.waiting_words import WaitingFacts
from gateway.dialplan.wording import Wording
from gateway.queues.estimate import Estimate
from gateway.switch.callback_talk import CallbackTalk, PendingChoice
from gateway.switch.waiting_room import WaitingRoomParts

if TYPE_CHECKING:
    from gateway.switch.callbacks import CallbackDesk
    from gateway.switch.pending_callback import PendingCallback
    from gateway.switch.queueing import Visitor

SOON_S: Final = 60.0
"""Below this no number of minutes is told."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, as they wait now. `facts`: what texts may name."""

    entry: str
    queue: str
    identity: str
    language: str
    facts: WaitingFacts


class CallbackAsking:
    """Of one visit to the queues."""

    def __init__(self, desk: CallbackDesk, waiting: WaitingRoomParts, visitor: Visitor, keys: Keys) -> None:
        self._desk = desk
        self._waiting = waiting
        self._visitor = visitor
        self._keys = keys

    async def about_pending(self, asker: Asker, position: int) -> PendingChoice | None:
        """What is to become of the callback that they have; None when they don't say."""
        return await self._talk(asker).about_pending(position)

    async def say(self, asker: Asker, words: str | Wording) -> None:
        """`words`: what follows `ringback.callback.` in the key of a catalogue, or other ones."""
        await self._talk(asker).say(words)

    async def agree(self, asker: Asker) -> CallableNumber | None:
        """The number to call, confirmed; None when they would rather wait, or there can't be a callback."""
        desk, queue, log = self._desk, asker.queue, self._visitor.log
        number_of_caller = self._visitor.leg.remote.number
        try:
            talk = self._talk(asker)
            number = await talk.agree_on(number_of_caller, lambda text: desk.check(queue, text))
            if number is not None:
                desk.check_limits(queue, asker.identity, number)
        except CallbackRefused as refused:
            log.info("callback_refused", queue=queue, reason=refused.fault.value)
            await self.say(asker, "later")
            return None
        except Exception:  # a callback that can't be offered costs nobody their place
            log.exception("callback_talk_fault")
            return None
        return number

    def keep(self, asker: Asker, number: CallableNumber) -> PendingCallback:
        """The place is a callback's from now on, maybe an earlier one's; not to be told before `settled`."""
        estimate, visitor = self._waiting.forecasts.of(asker.entry), self._visitor
        return self._desk.convert(
            Callback(
                id=asker.entry,
                queue=asker.queue,
                number=number,
                requested_at=self._waiting.runner.now,
                call_id=uuid4().hex,
                caller_id=visitor.leg.local.number,
                name=visitor.leg.remote.display_name,
                identity=asker.identity,
                language=asker.language,
                asked_in=visitor.call_id,
                promised_s=None if estimate is None else (estimate.low_s, estimate.high_s),
                context=visitor.context(),
            )
        )

    async def tell_kept(self, asker: Asker, pending: PendingCallback, estimate: Estimate | None) -> None:
        """It is on disk: they may go."""
        callback, talk = pending.callback, self._talk(asker)
        screen_of(self._visitor.leg).show_callback_promised(
            CallbackPromised(callback.queue, callback.id, callback.number.dialled, callback.promised_s)
        )
        if callback.id != asker.entry:
            await talk.say("exists")
        elif estimate is None or estimate.median_s < SOON_S:
            await talk.say("kept")
        else:
            await talk.say("kept_minutes", minutes=round(estimate.median_s / 60.0))

    def _talk(self, asker: Asker) -> CallbackTalk:
        visitor = self._visitor
        return CallbackTalk(
            visitor.control,
            self._keys,
            self._waiting.sounds,
            visitor.active,
            asker.language,
            asker.facts,
        )
