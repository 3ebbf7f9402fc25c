"""Calls that the PBX places for us, through its own trunks and to its own extensions.

The PBX is asked to call us (Originate), by a number that nobody can guess, and then to dial (the context
`ringback-originated`). So the audio is there from the first ringing on, the PBX's own dialplan decides which
way the call goes, and its events say how far it has come.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Final, Self

import structlog

from gateway.asterisk.actions import Action, UnsafeValue, extension, is_extension
from gateway.asterisk.connection import PbxFault
from gateway.asterisk.events import AmiEvent
from gateway.asterisk.leg import PbxLeg
from gateway.asterisk.link import PbxLink
from gateway.call.cause import Cause
from gateway.call.leg import CallLeg, Headers, Party
from gateway.errors import DialError, LegEnded

log = structlog.get_logger(__name__)

SCHEME: Final = "pbx:"
"""Of addresses that the PBX dials: "pbx:4711", "pbx:+4930123456"."""

PREFIX: Final = "ringback-"
CONTEXT: Final = "ringback-originated"
ARRIVAL_S: Final = 5.0
"""How long the PBX may take to call us."""

_VARIABLES: Final[Mapping[str, str]] = {
    "user-to-user": "__RINGBACK_UUI",
    "x-ringback-handoff": "__RINGBACK_HANDOFF",
    "x-ringback-call": "__RINGBACK_CALL",
}
"""Headers to variables that every channel of the call inherits: see dialplans/asterisk/extensions.conf."""


class PbxDialler:
    """Places calls by the PBX. Used as `async with`; leaving it waits for its legs to end.

    `trunk`: the endpoint by which the PBX reaches us, "PJSIP/ringback".
    """

    def __init__(self, link: PbxLink, trunk: str) -> None:
        self._link = link
        self._trunk = trunk
        self._expected: dict[str, asyncio.Future[CallLeg]] = {}
        self._legs: dict[str, PbxLeg] = {}  # by the Uniqueid of the trunk's channel
        self._tasks = asyncio.TaskGroup()
        link.on_event(self._heard)
        link.on_loss(self._deaf)

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._tasks.__aexit__(kind, error, trace)

    def claiming(self, otherwise: Callable[[CallLeg], None]) -> Callable[[CallLeg], None]:
        """Takes calls in: those that the PBX was asked for are ours, the others go on."""

        def accept(leg: CallLeg) -> None:
            expected = self._expected.pop(leg.local.number, None)
            if expected is None or expected.done():
                otherwise(leg)
            else:
                expected.set_result(leg)

        return accept

    async def dial(self, uri: str, *, caller: Party | None = None, headers: Headers = ()) -> CallLeg:
        """A leg in state TRYING. Raises DialError."""
        try:
            number = extension(uri.removeprefix(SCHEME))
            token = PREFIX + secrets.token_hex(12)
            action = self._originate(token, number, caller, headers)
        except UnsafeValue as unsafe:
            raise DialError(uri, str(unsafe)) from unsafe
        arrived = self._expected[token] = asyncio.get_running_loop().create_future()
        try:
            await self._link.request(action)
            async with asyncio.timeout(ARRIVAL_S):
                trunk = await arrived
        except PbxFault as fault:
            raise DialError(uri, str(fault)) from fault
        except TimeoutError:
            raise DialError(uri, "the PBX was asked, and didn't call: see its trunk to this node") from None
        finally:
            self._expected.pop(token, None)
        leg = self._legs[token] = PbxLeg(trunk, Party(number, uri=uri), caller or Party(""))
        self._tasks.create_task(self._follow(token, leg), name=f"pbx-{token}")
        with contextlib.suppress(LegEnded):  # the leg says so itself
            await trunk.answer()
        return leg

    def _originate(self, token: str, number: str, caller: Party | None, headers: Headers) -> Action:
        variables = {_VARIABLES[name.lower()]: value for name, value in headers if name.lower() in _VARIABLES}
        fields = {
            "Channel": f"{self._trunk.partition('/')[0]}/{token}@{self._trunk.partition('/')[2]}",
            "ChannelId": token,
            "Context": CONTEXT,
            "Exten": number,
            "Priority": "1",
            "Timeout": str(round(ARRIVAL_S * 1000)),
            "Async": "true",
        }
        if caller is not None and is_extension(caller.number):
            fields["CallerID"] = f"<{caller.number}>"
        return Action("Originate", fields, variables)

    async def _follow(self, token: str, leg: PbxLeg) -> None:
        try:
            await leg.follow()
        except LegEnded:
            log.warning("pbx_leg_end_unreported", leg_id=leg.id)
        finally:
            self._legs.pop(token, None)

    # ---- what the PBX says

    def _heard(self, event: AmiEvent) -> None:
        if event.name not in ("DialState", "DialEnd"):
            return
        leg = self._legs.get(event.get("Uniqueid"))
        if leg is None:
            return
        status = event.get("DialStatus")
        if event.name == "DialState":
            leg.dial_state(status)
        else:
            leg.dial_end(status)

    def _deaf(self) -> None:
        """Nobody tells any more whether they answer: those who still ring are given up."""
        for leg in list(self._legs.values()):
            if leg.unanswered:
                self._tasks.create_task(_give_up(leg))


async def _give_up(leg: PbxLeg) -> None:
    with contextlib.suppress(LegEnded):
        await leg.hang_up(Cause.TEMPORARY_FAILURE)
