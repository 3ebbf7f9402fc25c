"""Lines to agents who answer in a browser: it is rung when it is connected, else the phone of their profile.

Who connects a desktop's audio has chosen the browser with it; who disconnects it has their phone back.
"""

from __future__ import annotations

from typing import Final, Protocol

from gateway.agents.profile import AgentProfile
from gateway.call.leg import CallLeg, Headers, Party
from gateway.switch.offers import AgentLines
from gateway.switch.outbound import DialledLine, Outbound
from gateway.switch.ports import Line

SCHEME: Final = "browser:"
"""Of the addresses of browsers, "browser:ann"; neither a plan nor a caller can name one."""


class Browsers(Protocol):
    """Connected desktops: `gateway.webrtc.endpoint.WebRtcEndpoint` is one."""

    def connected(self, subject_id: str, /) -> bool: ...

    def dial(self, subject_id: str, /, *, caller: Party, called: Party, headers: Headers = ()) -> CallLeg:
        """Rings whoever is connected under this name. Raises RingbackError when nobody is (any more)."""
        ...


class Connections(Protocol):
    """Whose browser is connected."""

    def connected(self, agent: str, /) -> bool: ...


class BrowserFirstLines:
    """`AgentLines`: the agent's browser if it can be rung, `otherwise` if not."""

    def __init__(self, browsers: Connections, outbound: Outbound, otherwise: AgentLines) -> None:
        self._browsers = browsers
        self._outbound = outbound
        self._otherwise = otherwise

    async def reach(self, profile: AgentProfile, *, call_id: str, caller: Party, headers: Headers) -> Line:
        if not self._browsers.connected(profile.id):
            return await self._otherwise.reach(profile, call_id=call_id, caller=caller, headers=headers)
        leg = await self._outbound.place(
            SCHEME + profile.id,
            call_id=call_id,
            caller=caller,
            headers=headers,
            attributes={"agent": profile.id},
        )
        return DialledLine(leg)
