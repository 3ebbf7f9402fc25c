"""Connecting a caller with somebody outside: the dialplan's `dial`, and transfers to a number."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from gateway.call.cause import Cause
from gateway.call.leg import Answered, CallLeg, EarlyMedia, Ended, Party, Ringing
from gateway.dialplan.ports import Keys, Outcome
from gateway.dialplan.requests import DialRequest
from gateway.errors import DialError
from gateway.switch.conversation import Conversation
from gateway.switch.conversation_ends import ConversationEnd
from gateway.switch.conversation_parts import CallIdentity, ConversationParts
from gateway.switch.outbound import DialledLine, Outbound, OutboundLeg

TRANSFER_RING_S: Final = 45.0
REDIRECTED_S: Final = 10.0
"""How long the PBX may take to hang up a caller whom it took over."""

_EXITS: Final[Mapping[Cause, str]] = {
    Cause.USER_BUSY: "busy",
    Cause.NO_ANSWER: "no_answer",
    Cause.NO_USER_RESPONSE: "no_answer",
}
"""The exit of the dial node by why a call of ours isn't answered; `rejected` for any other reason."""


class NoNumbers(DialError):
    """A number, and nowhere to send it."""

    def __init__(self, number: str) -> None:
        super().__init__(number, "no trunk takes numbers: set sip.outbound to the address of one")


PBX: Final = "pbx:"
"""Of addresses that the PBX dials (`gateway.asterisk.originate`): an extension of it, or a number."""

THROUGH_PBX: Final = "pbx:{number}"


class Addresses:
    """From what people dial to where it goes.

    `template`: of numbers, "sip:{number}@trunk.example" or THROUGH_PBX; "" for nowhere.
    """

    def __init__(self, template: str = "") -> None:
        self._template = template

    def of(self, to: str) -> str:
        """An address as it is; a number by the template. Raises DialError."""
        if to.lower().startswith(("sip:", "sips:", PBX)):
            return to
        number = "".join(character for character in to if character not in " -./()")
        if not number.lstrip("+").isdigit() or not number.isascii():
            raise DialError(to, "neither a number nor an address")
        if not self._template:
            raise NoNumbers(number)
        return self._template.replace("{number}", number)


Redirect = Callable[[CallLeg, str], Awaitable[bool]]
"""The PBX takes a leg's caller to an address of its own, "pbx:4711", and the leg ends. False: it can't."""


class Dialling:
    """Dials for callers. `redirect`: who is at the PBX already needn't come back to it through us."""

    def __init__(
        self,
        outbound: Outbound,
        conversations: ConversationParts,
        addresses: Addresses,
        redirect: Redirect | None = None,
    ) -> None:
        self._outbound = outbound
        self._parts = conversations
        self._addresses = addresses
        self._redirect = redirect

    async def dial(
        self, call_id: str, caller: CallLeg, request: DialRequest, keys: Keys
    ) -> tuple[Outcome, ConversationEnd | None]:
        """Ring, connect, and stay until it is over: the exit, and how the talk ended if there was one.

        The caller hears what the far end's network plays, or a ringing tone. Cancelled when they hang up.
        """
        try:
            address = self._addresses.of(request.to)
            redirect = self._redirect if request.to.startswith(PBX) else None
            if redirect is not None and await redirect(caller, address):
                await asyncio.sleep(REDIRECTED_S)  # cancelled by the end of the caller's leg
                return Outcome("unavailable"), None
            leg = await self._outbound.place(
                address,
                call_id=call_id,
                caller=Party(caller.remote.number, caller.remote.display_name),
                headers=request.headers,
            )
        except DialError:
            return Outcome("unavailable"), None
        try:
            refused = await self._ring(caller, leg, request.timeout_s)
            if refused is not None:
                return Outcome(refused), None
            conversation = Conversation(CallIdentity(call_id), caller, self._parts)
            end = await conversation.run("", DialledLine(leg), keys)
            return Outcome("next"), end
        finally:
            leg.retire()

    async def _ring(self, caller: CallLeg, leg: OutboundLeg, limit_s: float) -> str | None:
        """Until it is answered: None, else the exit."""
        connector = self._parts.connector
        ringing = self._parts.music.play_to(caller.audio, [self._parts.tones.ringback])
        try:
            async with asyncio.timeout(limit_s):
                while True:
                    match await leg.next_event():
                        case EarlyMedia():
                            ringing.stop()
                            connector.connect(leg.audio, caller.audio)
                        case Answered():
                            return None
                        case Ended(cause=cause):
                            return _EXITS.get(cause, "rejected")
                        case Ringing():
                            continue
                        case _:
                            pass
        except TimeoutError:
            return "no_answer"
        finally:
            ringing.stop()
            connector.disconnect(leg.audio, caller.audio)
