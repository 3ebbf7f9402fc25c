"""Sending a caller on inside the PBX: their channel goes to an extension there, and our leg ends.

A call that came to us by the PBX needn't stay in this node to get back into it (a "trombone"). Which channel
is the caller's is found by the SIP Call-ID of our leg, which only the two ends of it know; nothing that an
INVITE could say is believed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import structlog

from gateway.asterisk.actions import Action, UnsafeValue, extension
from gateway.asterisk.connection import PbxFault, PbxRefused
from gateway.asterisk.devices import device_of
from gateway.asterisk.events import AmiEvent
from gateway.asterisk.link import PbxLink
from gateway.asterisk.originate import SCHEME
from gateway.call.leg import CallLeg

log = structlog.get_logger(__name__)

CONTEXT: Final = "ringback-transfer"
"""It has what is inside the PBX: what goes out has to pass our own toll rules, so it goes through us."""


class PbxRedirect:
    """Redirects callers. `trunks`: the endpoints by which the PBX reaches us."""

    def __init__(self, link: PbxLink, trunks: Iterable[str]) -> None:
        self._link = link
        self._trunks = frozenset(trunks)

    async def __call__(self, leg: CallLeg, to: str) -> bool:
        """`to`: "pbx:4711". True: the PBX has the caller, and our leg ends. False: it isn't a call of the
        PBX, or the number is outside, or the PBX can't do it; nothing has changed.
        """
        try:
            exten = extension(to.removeprefix(SCHEME))
            if exten.startswith("+"):
                return False
            channel = await self._callers_channel(leg.network_id)
            if not channel:
                return False
            fields = {"Channel": channel, "Context": CONTEXT, "Exten": exten, "Priority": "1"}
            await self._link.request(Action("Redirect", fields))
        except (PbxFault, UnsafeValue) as fault:
            log.info("pbx_redirect_impossible", leg_id=leg.id, reason=str(fault))
            return False
        log.info("pbx_redirected", leg_id=leg.id)
        return True

    async def _callers_channel(self, call_id: str) -> str:
        """Whoever our leg is bridged with at the PBX; "" when it is nobody, or more than one."""
        channels = await self._link.listing(Action("CoreShowChannels"))
        for trunk in channels:
            bridged = device_of(trunk.get("Channel")) in self._trunks and trunk.get("BridgeId")
            if bridged and await self._call_id_of(trunk.get("Channel")) == call_id:
                return _peer(trunk, channels)
        return ""

    async def _call_id_of(self, channel: str) -> str:
        try:
            fields = {"Channel": channel, "Variable": "CHANNEL(pjsip,call-id)"}
            return (await self._link.request(Action("Getvar", fields))).fields.get("Value", "")
        except PbxRefused:  # gone meanwhile
            return ""


def _peer(trunk: AmiEvent, channels: list[AmiEvent]) -> str:
    others = [
        channel.get("Channel")
        for channel in channels
        if channel.get("BridgeId") == trunk.get("BridgeId")
        and channel.get("Uniqueid") != trunk.get("Uniqueid")
    ]
    return others[0] if len(others) == 1 else ""
