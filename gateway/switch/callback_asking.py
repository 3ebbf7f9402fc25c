"""A caller and the callback that they ask for, or have already: the talk, and what is kept."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from uuid import uuid4
from zoneinfo import ZoneInfo

from gateway.call.screen import CallbackPromised, screen_of
from gateway.callbacks.numbers import CallableNumber
from gateway.callbacks.request import Callback, CallbackRefused
from gateway.dialplan.ports import Keys
from gateway.dialplan.waiting_words import WaitingFacts
from gateway.dialplan.wording import Wording
from gateway.queues.estimate import Estimate
from gateway.switch.callback_requests import Conversion
from gateway.switch.callback_talk import CallbackTalk, Chosen, PendingChoice
from gateway.switch.waiting_room import WaitingRoomParts

if TYPE_CHECKING:
    from gateway.switch.callbacks import CallbackDesk
    from gateway.switch.queueing import Visitor

SOON_S: Final = 60.0
"""Below this no number of minutes is told."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, as they are now. `entry`: "" for somebody who doesn't wait. `facts`: what texts may name."""

    entry: str
    queue: str
    identity: str
    language: str
    facts: WaitingFacts


@dataclass(frozen=True, slots=True)
class Agreed:
    """What a caller has confirmed."""

    number: CallableNumber
    when: Chosen


class CallbackAsking:
    """Of one caller."""

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

    async def agree(self, asker: Asker, number: str = "") -> Agreed | None:
        """The number to call, and when, confirmed; None when they would rather wait, or there can't be one.

        `number`: the one that is offered; the caller's own when left out.
        """
        queue, log = asker.queue, self._visitor.log
        try:
            return await self._agree(asker, number or self._visitor.leg.remote.number)
        except CallbackRefused as refused:
            log.info("callback_refused", queue=queue, reason=refused.fault.value)
            await self.say(asker, "later")
            return None
        except Exception:  # a callback that can't be offered costs nobody their place
            log.exception("callback_talk_fault")
            return None

    async def _agree(self, asker: Asker, offered: str) -> Agreed | None:
        requests, times, queue = self._desk.requests, self._desk.times, asker.queue
        talk, check = self._talk(asker), self._checker(queue)
        number = await talk.agree_on(offered, check)
        if number is None:
            return None
        requests.check_limits(queue, asker.identity, number)
        zone = ZoneInfo(number.zones[0]) if len(number.zones) == 1 else times.zone_of_slots(queue)
        now = self._desk.conversations.clock.utc()
        when = await talk.agree_on_time(times.slots(queue, number.zones), zone, now)
        return None if when is None else Agreed(number, when)

    def changing(self, asker: Asker, agreed: Agreed) -> AbstractAsyncContextManager[object]:
        """Around `keep` and `undo`: one request of a customer after the other."""
        return self._desk.requests.changing(asker.queue, asker.identity, agreed.number)

    def keep(self, asker: Asker, agreed: Agreed) -> Conversion:
        """The place is a callback's from now on, maybe an earlier one's; not to be told before `settled`.

        Raises CallbackRefused when the time that was chosen has been taken meanwhile.
        """
        estimate, visitor, at = self._waiting.forecasts.of(asker.entry), self._visitor, agreed.when.at
        promised = None if estimate is None or at is not None else (estimate.low_s, estimate.high_s)
        callback = Callback(
            id=asker.entry,
            queue=asker.queue,
            number=agreed.number,
            requested_at=self._waiting.runner.now,
            call_id=uuid4().hex,
            caller_id=visitor.leg.local.number,
            name=visitor.leg.remote.display_name,
            identity=asker.identity,
            language=asker.language,
            asked_in=visitor.call_id,
            not_before=at,
            promised_s=promised,
            context=visitor.context(),
        )
        slot = self._desk.times.slot_of(asker.queue, at, agreed.number.zones)
        return self._desk.requests.convert(replace(callback, slot=slot))

    def undo(self, conversion: Conversion) -> None:
        """It couldn't be stored."""
        self._desk.requests.undo(conversion)

    async def tell_kept(
        self, asker: Asker, callback: Callback, agreed: Agreed, estimate: Estimate | None
    ) -> None:
        """It is on disk: they may go."""
        talk = self._talk(asker)
        screen_of(self._visitor.leg).show_callback_promised(
            CallbackPromised(callback.queue, callback.id, callback.number.dialled, callback.promised_s)
        )
        if agreed.when.spoken and callback.not_before == agreed.when.at:
            await talk.say("kept_at", when=agreed.when.spoken)
        elif callback.id != asker.entry:
            await talk.say("exists")
        elif estimate is None or estimate.median_s < SOON_S:
            await talk.say("kept")
        else:
            await talk.say("kept_minutes", minutes=round(estimate.median_s / 60.0))

    def _checker(self, queue: str) -> Callable[[str], CallableNumber]:
        return lambda text: self._desk.requests.check(queue, text)

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
