"""What the contract suite needs of a technology: legs, and a far end to every leg.

A harness makes legs with something real or fake at their far end. `FarEnd` is what a phone could do, and
what it would have noticed; each observation waits for it, with a deadline, because real networks take time.
"""

from __future__ import annotations

from typing import Protocol

from gateway.call.leg import CallLeg, DigitSource, Headers

DEADLINE_S = 5.0


class FarEnd(Protocol):
    """The other end of one leg."""

    async def ring(self) -> None: ...
    async def send_early_media(self) -> None: ...
    async def answer(self, headers: Headers = ()) -> None: ...
    async def reject(self, status: int, headers: Headers = ()) -> None: ...
    async def cancel(self) -> None: ...
    async def hang_up(self, headers: Headers = ()) -> None: ...
    async def press(self, digits: str, source: DigitSource) -> None: ...
    async def hold(self) -> None: ...
    async def resume(self) -> None: ...

    def withhold_ack(self) -> None:
        """Inbound: don't acknowledge our answer until `acknowledge`."""
        ...

    async def acknowledge(self) -> None: ...

    async def status(self, wanted: int) -> None:
        """Wait until it has received a response with this status."""
        ...

    async def ending(self) -> str:
        """Wait for how we ended the leg: "BYE", "CANCEL", or the final status as text."""
        ...

    async def digits(self, expected: int) -> str:
        """Wait for as many keys from us, and return all that came."""
        ...

    def invite_headers(self) -> dict[str, str]:
        """Outbound: of our INVITE, names in lower case."""
        ...

    def final_headers(self) -> dict[str, str]:
        """Of our final response, BYE or CANCEL, the last of these that it saw; names in lower case."""
        ...


class LegHarness(Protocol):
    """Makes legs of one technology."""

    async def inbound(
        self, *, caller: str = "+15551234", called: str = "100", headers: Headers = ()
    ) -> tuple[CallLeg, FarEnd]:
        """The far end calls us: a leg in TRYING."""
        ...

    async def outbound(self, *, called: str = "200", headers: Headers = ()) -> tuple[CallLeg, FarEnd]:
        """We call the far end, which hasn't responded yet: a leg in TRYING."""
        ...
