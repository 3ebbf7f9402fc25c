"""The registry of the calls of this moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gateway.call.cause import Cause
from gateway.switch.live_calls import CallChanged, LiveCalls, RecordingState, Stage
from tests.fakes.leg import fake_inbound

NOW = datetime(2026, 1, 1, tzinfo=UTC)


async def test_a_call_is_shown_from_its_beginning_to_its_end_and_every_change_is_told() -> None:
    calls = LiveCalls()
    changes: list[CallChanged] = []
    calls.subscribe(changes.append)
    leg, _ = fake_inbound(caller="+15551234", called="100")

    call = calls.open("abc", leg, NOW, hang_up=leg.hang_up)
    call.enter(Stage.QUEUE, NOW + timedelta(seconds=5), queue="billing", entry="e1")
    call.update(recording=RecordingState.ON)
    call.update(recording=RecordingState.ON)  # nothing new

    assert calls.find("abc") is call
    assert len(calls) == 1
    assert list(calls) == [call]
    (view,) = calls.views()
    assert (view.ani, view.dnis, view.stage, view.queue, view.entry) == (
        "+15551234",
        "100",
        Stage.QUEUE,
        "billing",
        "e1",
    )
    assert (view.agent, view.held) == ("", False)
    call.enter(Stage.CONVERSATION, NOW)
    assert call.view.queue == "billing"
    calls.close("abc")
    calls.close("abc")
    assert [change.call is None for change in changes] == [False, False, False, False, True]
    assert calls.find("abc") is None


async def test_a_broken_subscriber_keeps_nobody_from_being_told() -> None:
    calls = LiveCalls()
    told: list[str] = []

    def broken(_change: CallChanged) -> None:
        raise RuntimeError("a screen has died")

    calls.subscribe(broken)
    unsubscribe = calls.subscribe(lambda change: told.append(change.call_id))
    leg, _ = fake_inbound()
    calls.open("abc", leg, NOW, hang_up=leg.hang_up)
    unsubscribe()
    unsubscribe()
    calls.close("abc")

    assert told == ["abc"]


async def test_a_call_can_be_ended_from_outside() -> None:
    calls = LiveCalls()
    leg, far_end = fake_inbound()
    await leg.answer()
    calls.open("abc", leg, NOW, hang_up=leg.hang_up)

    found = calls.find("abc")
    assert found is not None
    await found.hang_up(Cause.NORMAL_CLEARING)

    assert far_end.ended_with == "BYE"
