"""A call from its INVITE to its record, whatever happens in between."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs

from gateway.call.cause import Cause
from gateway.call.cdr import CallResult
from gateway.call.leg import Ended, LegEvent, Side
from gateway.call.state import LegState
from gateway.switch.admission import Admission
from media.playback import PlaybackEnd
from tests.fakes.audio import settle
from tests.fakes.leg import FakeFarEnd
from tests.unit.switch.conftest import QUALITY, CallingLeg, Node


async def test_a_call_hears_the_menu_presses_a_key_and_is_hung_up(node: Node) -> None:
    call = await node.call()
    await call.player.finish()
    await call.press("1")
    await call.player.finish()

    record = await call.over()
    assert call.player.played == [("Welcome.",), ("Choose.",), ("Bye.",)]
    assert call.far_end.ended_with == "BYE"
    assert record.result is CallResult.ANSWERED
    assert record.path == ("welcome", "top", "bye", "end")


async def test_the_record_says_everything_about_the_call(node: Node) -> None:
    call = await node.call()
    await node.timers.advance(30)
    call.far_end.hang_up()

    record = await call.over()
    assert record.call_id == "call-1"
    assert record.leg_id == call.leg.id
    assert (record.ani, record.dnis) == ("+15551234", "100")
    assert (record.technology, record.direction) == ("sip", "inbound")
    assert (record.cause, record.cause_text, record.sip_status) == (16, "normal clearing", 200)
    assert record.ended_by == "remote"
    assert record.sip_call_id == "abc@far"
    assert record.started_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert record.duration_s == 30.0
    assert record.quality == QUALITY
    assert record.dialplan == "main"
    assert record.attributes == {"dialplan_version": node.active.plan.version}
    assert node.log.records == [record]


async def test_everything_is_released_when_the_caller_hangs_up(node: Node) -> None:
    call = await node.call()
    assert node.admission.active == 1
    call.far_end.hang_up()
    await call.over()

    assert call.player.closed == 1
    assert node.admission.active == 0
    assert node.timers.running == 0
    assert node.observer.started == len(node.observer.ended) == 1


@pytest.mark.parametrize(
    "moment", ["before anything", "while answering", "while speaking", "while listening"]
)
async def test_a_caller_may_hang_up_at_any_moment(node: Node, moment: str) -> None:
    far_end = FakeFarEnd(acknowledges=moment != "while answering")
    leg = CallingLeg(far_end=far_end)
    if moment == "before anything":
        far_end.cancel()
    call = await node.run(leg)
    if moment == "while listening":
        await call.player.finish()
        await call.player.finish()
    if moment != "before anything":
        far_end.hang_up()

    record = await call.over()
    expected = CallResult.ANSWERED if record.answered_at else CallResult.CANCELLED
    assert record.result is expected
    assert record.ended_by == "remote"
    assert all(player.closed == 1 for player in node.players)
    assert node.observer.errors == 0


async def test_a_call_that_is_full_out_is_refused(node: Node) -> None:
    node.admission = Admission(1)
    first = await node.call()
    second = await node.call()

    record = await second.over()
    assert second.far_end.ended_with == "503"
    assert second.far_end.final_headers["retry-after"] == "10"
    assert record.result is CallResult.REJECTED
    assert node.observer.rejected == ["full"]
    assert node.admission.active == 1
    first.far_end.hang_up()
    await first.over()
    assert node.admission.active == 0


async def test_a_number_without_a_route_is_unallocated(node: Node) -> None:
    call = await node.call("999")

    record = await call.over()
    assert call.far_end.ended_with == "404"
    assert record.cause == Cause.UNALLOCATED_NUMBER
    assert record.dialplan == ""
    assert node.observer.rejected == ["no_route"]
    assert node.players == []


async def test_a_plan_may_reject(node: Node) -> None:
    call = await node.call("300")

    record = await call.over()
    assert call.far_end.ended_with == "486"
    assert record.result is CallResult.REJECTED


async def test_a_route_without_an_answer_speaks_before_it(node: Node) -> None:
    call = await node.call("200")

    assert call.far_end.statuses == [183]
    assert call.player.played == [("Welcome.",)]
    call.far_end.cancel()
    assert (await call.over()).result is CallResult.CANCELLED


async def test_the_call_goes_on_without_a_prompt_that_never_got_on_the_bridge(node: Node) -> None:
    call = await node.call()
    await call.player.finish(PlaybackEnd.FAILED)

    assert node.observer.outcomes == [("welcome", "audio_failed")]
    assert call.player.played[-1] == ("Choose.",)
    call.far_end.hang_up()
    await call.over()


async def test_a_prompt_still_being_rendered_does_not_keep_a_key_waiting(node: Node) -> None:
    node.prompts.slow = {"Choose."}
    call = await node.call()
    await call.player.finish()
    await call.press("1")

    assert call.player.played == [("Welcome.",), ("Bye.",)]
    node.prompts.released.set()
    await settle()
    assert call.player.played == [("Welcome.",), ("Bye.",)]
    call.far_end.hang_up()
    await call.over()


async def test_hold_and_releases_of_keys_change_nothing(node: Node) -> None:
    call = await node.call()
    call.far_end.hold()
    await call.press("2")

    assert call.player.played == [("Welcome.",), ("Choose.",)]
    call.far_end.hang_up()
    await call.over()


async def test_digits_appear_in_no_line_above_debug(node: Node) -> None:
    with capture_logs() as lines:
        call = await node.call()
        await call.press("21")
        call.far_end.hang_up()
        await call.over()

    assert all("digit" not in line for line in lines if line["log_level"] != "debug")
    assert all({"call_id", "leg_id"} <= line.keys() for line in lines)


class BrokenLeg(CallingLeg):
    """A leg with a fault in one of its methods."""

    def __init__(self, broken: str) -> None:
        super().__init__()
        self._broken = broken

    async def answer(self, headers: object = ()) -> None:
        if self._broken == "answer":
            raise ZeroDivisionError("ours")
        await super().answer()

    async def next_event(self) -> LegEvent:
        if self._broken == "next_event":
            raise ZeroDivisionError("ours")
        return await super().next_event()

    async def hang_up(self, cause: Cause = Cause.NORMAL_CLEARING, *, headers: object = ()) -> None:
        if self._broken == "hang_up":
            self.end(Ended(Cause.NETWORK_OUT_OF_ORDER, Side.LOCAL))
            raise ZeroDivisionError("ours")
        await super().hang_up(cause)


@pytest.mark.parametrize("broken", ["answer", "next_event"])
async def test_a_fault_of_ours_ends_the_call_and_is_on_record(node: Node, broken: str) -> None:
    leg = BrokenLeg(broken)
    call = await node.run(leg)

    record = await call.over()
    assert record.result is CallResult.FAILED
    assert (record.cause, record.cause_text) == (41, "internal fault: ZeroDivisionError")
    assert record.attributes["fault"] == "ours"
    assert node.observer.errors == 1
    assert leg.state is LegState.TERMINATED
    assert node.admission.active == 0


async def test_a_leg_that_breaks_while_hanging_up_still_gets_its_record(node: Node) -> None:
    leg = BrokenLeg("hang_up")
    call = await node.run(leg)
    call.task.cancel()
    await settle()

    assert node.log.records[0].result is CallResult.FAILED
    assert call.task.cancelled()


async def test_a_cancel_that_crosses_our_rejection_is_no_fault(node: Node) -> None:
    leg = CallingLeg("999")
    leg.far_end.cancel()
    call = await node.run(leg)

    record = await call.over()
    assert record.result is CallResult.CANCELLED
    assert node.observer.errors == 0


async def test_a_leg_that_cannot_be_rejected_is_hung_up(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_arguments: object, **_options: object) -> None:
        raise ZeroDivisionError("ours")

    leg = CallingLeg("999")
    monkeypatch.setattr(leg, "reject", refuse)
    call = await node.run(leg)

    assert (await call.over()).result is CallResult.FAILED
    assert leg.far_end.ended_with == "503"


async def test_a_player_that_cannot_be_closed_does_not_keep_the_leg(node: Node) -> None:
    call = await node.call()
    call.player.breaks_on_close = True
    call.far_end.hang_up()

    record = await call.over()
    assert record.attributes["fault"] == "the bridge is gone"
    assert node.admission.active == 0


async def test_a_fault_of_one_session_does_not_touch_another(node: Node) -> None:
    good = await node.call()
    leg = BrokenLeg("answer")
    bad = await node.run(leg)
    await bad.over()
    await good.player.finish()

    assert node.players[0].played[-1] == ("Choose.",)
    good.far_end.hang_up()
    assert (await good.over()).result is CallResult.ANSWERED


async def test_a_record_that_cannot_be_kept_is_no_fault_of_the_call(node: Node) -> None:
    node.log.full = True
    call = await node.call()
    call.far_end.hang_up()

    assert (await call.over()).result is CallResult.ANSWERED
    assert len(node.observer.ended) == 1


async def test_a_cancelled_session_hangs_up_and_writes_its_record(node: Node) -> None:
    call = await node.call()
    call.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call.task

    assert call.far_end.ended_with == "BYE"
    assert call.player.closed == 1
    assert len(node.log.records) == 1


async def test_an_end_that_is_never_reported_is_a_failed_call(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.switch.session.END_LIMIT_S", 0.0)
    leg = CallingLeg("300")
    monkeypatch.setattr(leg, "end", lambda _ended: None)
    call = await node.run(leg)
    call.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call.task

    assert node.log.records[0].cause_text == "the end of the leg wasn't reported"
    assert node.log.records[0].result is CallResult.FAILED
