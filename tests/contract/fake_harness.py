"""The contract suite's harness over the fake leg: what the far end does has happened at once."""

from __future__ import annotations

from gateway.call.leg import DigitSource, Headers
from tests.fakes.leg import FakeFarEnd, FakeLeg, fake_inbound, fake_outbound


class FakeFarEndDriver:
    """A FakeFarEnd as the suite sees it."""

    def __init__(self, far_end: FakeFarEnd) -> None:
        self._far_end = far_end

    async def ring(self) -> None:
        self._far_end.ring()

    async def send_early_media(self) -> None:
        self._far_end.send_early_media()

    async def answer(self, headers: Headers = ()) -> None:
        self._far_end.answer(headers)

    async def reject(self, status: int, headers: Headers = ()) -> None:
        self._far_end.reject(status, headers=headers)

    async def cancel(self) -> None:
        self._far_end.cancel()

    async def hang_up(self, headers: Headers = ()) -> None:
        self._far_end.hang_up(headers)

    async def press(self, digits: str, source: DigitSource) -> None:
        self._far_end.press(digits, source)

    async def hold(self) -> None:
        self._far_end.hold()

    async def resume(self) -> None:
        self._far_end.resume()

    def withhold_ack(self) -> None:
        self._far_end.acknowledges = False

    async def acknowledge(self) -> None:
        self._far_end.acknowledge()

    async def status(self, wanted: int) -> None:
        assert wanted in self._far_end.statuses

    async def ending(self) -> str:
        assert self._far_end.ended_with is not None
        return self._far_end.ended_with

    async def digits(self, expected: int) -> str:
        return self._far_end.digits

    def invite_headers(self) -> dict[str, str]:
        return self._far_end.invite_headers

    def final_headers(self) -> dict[str, str]:
        return self._far_end.final_headers


class FakeLegHarness:
    """Legs in memory."""

    async def inbound(
        self, *, caller: str = "+15551234", called: str = "100", headers: Headers = ()
    ) -> tuple[FakeLeg, FakeFarEndDriver]:
        leg, far_end = fake_inbound(caller=caller, called=called, headers=headers)
        return leg, FakeFarEndDriver(far_end)

    async def outbound(
        self, *, called: str = "200", headers: Headers = ()
    ) -> tuple[FakeLeg, FakeFarEndDriver]:
        leg, far_end = fake_outbound(called=called, headers=headers)
        return leg, FakeFarEndDriver(far_end)
