"""A leg that the PBX dialled: what the PBX says counts, not that its trunk is up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.asterisk.leg import PbxLeg
from gateway.call.cause import Cause
from gateway.call.leg import Answered, CallDirection, DigitPressed, EarlyMedia, Ended, Party, Ringing, Side
from gateway.call.state import LegState
from gateway.errors import LegEnded, WrongState
from tests.fakes.leg import FakeFarEnd, fake_inbound


@asynccontextmanager
async def dialled() -> AsyncIterator[tuple[PbxLeg, FakeFarEnd]]:
    """The PBX has called us, and we have answered."""
    trunk, pbx = fake_inbound()
    leg = PbxLeg(trunk, Party("4711"), Party("100"))
    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(leg.follow())
        await trunk.answer()
        try:
            yield leg, pbx
        finally:
            following.cancel()


async def test_the_trunks_answer_isnt_the_far_ends() -> None:
    async with dialled() as (leg, _):
        assert (leg.state, leg.direction) == (LegState.TRYING, CallDirection.OUTBOUND)
        leg.dial_state("PROCEEDING")
        leg.dial_state("RINGING")
        leg.dial_state("RINGING")
        leg.dial_state("PROGRESS")
        leg.dial_end("ANSWER")
        leg.dial_end("ANSWER")
        leg.dial_state("RINGING")  # too late to matter

        assert [await leg.next_event() for _ in range(3)] == [Ringing(), EarlyMedia(), Answered()]
        assert leg.state is LegState.CONFIRMED


@pytest.mark.parametrize(
    ("said", "cause"),
    [("BUSY", Cause.USER_BUSY), ("NOANSWER", Cause.NO_ANSWER), ("CHANUNAVAIL", Cause.SUBSCRIBER_ABSENT)],
)
async def test_why_nobody_answered_is_the_pbxs_word(said: str, cause: Cause) -> None:
    async with dialled() as (leg, pbx):
        pbx.hang_up()
        leg.dial_end(said)  # the BYE came first

        ended = await leg.next_event()
        assert isinstance(ended, Ended)
        assert (ended.cause, ended.by) == (cause, Side.REMOTE)
        with pytest.raises(LegEnded):
            await leg.next_event()


async def test_an_end_before_the_answer_is_never_a_normal_one() -> None:
    async with dialled() as (leg, pbx):
        leg.dial_end("CANCEL")
        pbx.hang_up()

        ended = await leg.next_event()
        assert isinstance(ended, Ended)
        assert ended.cause is Cause.NETWORK_OUT_OF_ORDER


async def test_keys_and_the_end_of_a_talk_are_the_trunks() -> None:
    async with dialled() as (leg, pbx):
        leg.dial_end("ANSWER")
        pbx.press("5")
        pbx.hang_up()

        events = [await leg.next_event() for _ in range(4)]
        assert isinstance(events[1], DigitPressed)
        assert isinstance(events[-1], Ended)
        assert events[-1].cause is Cause.NORMAL_CLEARING
        assert leg.state is LegState.TERMINATED


async def test_what_isnt_legal_of_an_outbound_leg_in_this_state_is_refused() -> None:
    async with dialled() as (leg, _):
        for act in (leg.ring, leg.progress, leg.answer, leg.hold, leg.resume):
            with pytest.raises(WrongState):
                await act()
        with pytest.raises(WrongState):
            await leg.reject(Cause.USER_BUSY)
        with pytest.raises(WrongState):
            await leg.send_digits("1")
        leg.dial_end("ANSWER")
        await leg.hold()
        await leg.resume()
        await leg.send_digits("12")
        await leg.hang_up()

        assert isinstance(await leg.next_event(), Answered)
