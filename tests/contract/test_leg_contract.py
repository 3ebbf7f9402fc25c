"""Every promise of gateway/call/leg.py, kept by every technology."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from gateway.call.cause import Cause
from gateway.call.leg import (
    Answered,
    CallDirection,
    CallLeg,
    DigitPressed,
    DigitReleased,
    DigitSource,
    EarlyMedia,
    Ended,
    LegEvent,
    MediaDirectionChanged,
    Ringing,
    Side,
)
from gateway.call.state import LegState, MediaDirection
from gateway.errors import LegEnded, WrongState
from tests.contract.harness import DEADLINE_S, FarEnd, LegHarness

pytestmark = pytest.mark.asyncio(loop_scope="module")

Action = Callable[[CallLeg], Awaitable[None]]

ACTIONS: dict[str, Action] = {
    "ring": lambda leg: leg.ring(),
    "progress": lambda leg: leg.progress(),
    "answer": lambda leg: leg.answer(),
    "reject": lambda leg: leg.reject(Cause.USER_BUSY),
    "hold": lambda leg: leg.hold(),
    "resume": lambda leg: leg.resume(),
    "send_digits": lambda leg: leg.send_digits("1"),
}
TALKING = ("hold", "resume", "send_digits")
ANSWERING = ("ring", "progress", "answer", "reject")


async def event_of(leg: CallLeg) -> LegEvent:
    async with asyncio.timeout(DEADLINE_S):
        return await leg.next_event()


async def end_of(leg: CallLeg) -> Ended:
    """The `Ended` of a leg from which nothing else may come any more."""
    event = await event_of(leg)
    assert isinstance(event, Ended)
    return event


async def answered(legs: LegHarness, *, by: Side = Side.LOCAL) -> tuple[CallLeg, FarEnd]:
    """A leg in conversation; the answer's events are taken."""
    if by is Side.LOCAL:
        leg, far_end = await legs.inbound()
        await leg.answer()
    else:
        leg, far_end = await legs.outbound()
        await far_end.answer()
    assert await event_of(leg) == Answered()
    return leg, far_end


# -- Who and what -------------------------------------------------------------------------------------------


async def test_an_inbound_leg_tells_who_calls_and_what_was_dialled(legs: LegHarness) -> None:
    leg, _ = await legs.inbound(caller="+15557777", called="4711", headers=(("X-Account", "A-1"),))

    assert leg.direction is CallDirection.INBOUND
    assert (leg.remote.number, leg.local.number) == ("+15557777", "4711")
    assert leg.headers["x-account"] == "A-1"
    assert leg.state is LegState.TRYING


async def test_an_outbound_leg_tells_whom_we_call(legs: LegHarness) -> None:
    leg, far_end = await legs.outbound(called="201", headers=(("X-Ringback-Call", "c-9"),))

    assert leg.direction is CallDirection.OUTBOUND
    assert leg.remote.number == "201"
    assert far_end.invite_headers()["x-ringback-call"] == "c-9"
    assert leg.state is LegState.TRYING


async def test_every_leg_has_an_identity_of_its_own(legs: LegHarness) -> None:
    first, _ = await legs.inbound()
    second, _ = await legs.inbound()

    assert first.id != second.id


async def test_a_leg_has_its_place_on_the_bridge_from_the_start_and_keeps_it(legs: LegHarness) -> None:
    leg, far_end = await legs.inbound()
    place = leg.audio

    await leg.answer()
    await event_of(leg)
    place_when_answered = leg.audio
    await far_end.hold()
    await event_of(leg)

    assert place_when_answered is place
    assert leg.audio is place


# -- Inbound, before the answer -----------------------------------------------------------------------------


async def test_ringing_tells_the_caller(legs: LegHarness) -> None:
    leg, far_end = await legs.inbound()

    await leg.ring()

    await far_end.status(180)
    assert leg.state is LegState.EARLY


@pytest.mark.parametrize("rings_first", [False, True])
async def test_progress_opens_the_audio_before_the_answer(legs: LegHarness, *, rings_first: bool) -> None:
    leg, far_end = await legs.inbound()
    if rings_first:
        await leg.ring()

    await leg.progress()

    await far_end.status(183)
    assert leg.state is LegState.EARLY


@pytest.mark.parametrize("before", [(), ("ring",), ("progress",), ("ring", "progress")])
async def test_an_answer_from_any_state_before_it_confirms_the_leg(
    legs: LegHarness, before: tuple[str, ...]
) -> None:
    leg, far_end = await legs.inbound()
    for action in before:
        await ACTIONS[action](leg)

    await leg.answer(headers=(("X-Ringback-Call", "c-1"),))

    assert await event_of(leg) == Answered()
    assert leg.state is LegState.CONFIRMED
    assert leg.media_direction is MediaDirection.SENDRECV
    await far_end.status(200)
    assert far_end.final_headers()["x-ringback-call"] == "c-1"


async def test_the_answer_counts_when_it_is_acknowledged(legs: LegHarness) -> None:
    leg, far_end = await legs.inbound()
    far_end.withhold_ack()

    await leg.answer()
    await far_end.status(200)
    state_before_ack = leg.state
    await far_end.acknowledge()

    assert state_before_ack is not LegState.CONFIRMED
    assert await event_of(leg) == Answered()
    assert leg.state is LegState.CONFIRMED


@pytest.mark.parametrize("action", ANSWERING)
async def test_after_the_answer_was_sent_no_other_response_is_legal(legs: LegHarness, action: str) -> None:
    leg, far_end = await legs.inbound()
    far_end.withhold_ack()
    await leg.answer()

    with pytest.raises(WrongState):
        await ACTIONS[action](leg)

    await far_end.acknowledge()
    assert await event_of(leg) == Answered()


@pytest.mark.parametrize(
    ("cause", "status"),
    [
        (Cause.USER_BUSY, 486),
        (Cause.UNALLOCATED_NUMBER, 404),
        (Cause.CALL_REJECTED, 403),
        (Cause.SWITCHING_EQUIPMENT_CONGESTION, 503),
        (Cause.BEARER_CAPABILITY_NOT_IMPLEMENTED, 488),
    ],
)
async def test_a_rejection_has_the_status_of_its_cause(legs: LegHarness, cause: Cause, status: int) -> None:
    leg, far_end = await legs.inbound()

    await leg.reject(cause, headers=(("X-Why", "test"),))

    ended = await end_of(leg)
    assert (ended.cause, ended.by, ended.sip_status) == (cause, Side.LOCAL, status)
    assert await far_end.ending() == str(status)
    assert far_end.final_headers()["x-why"] == "test"
    assert leg.state is LegState.TERMINATED


async def test_a_rejection_can_say_when_to_try_again(legs: LegHarness) -> None:
    leg, far_end = await legs.inbound()

    await leg.reject(Cause.SWITCHING_EQUIPMENT_CONGESTION, retry_after_s=17)

    assert await far_end.ending() == "503"
    assert far_end.final_headers()["retry-after"] == "17"


@pytest.mark.parametrize("before", [(), ("ring",), ("progress",)])
async def test_a_caller_who_cancels_ends_the_leg(legs: LegHarness, before: tuple[str, ...]) -> None:
    leg, far_end = await legs.inbound()
    for action in before:
        await ACTIONS[action](leg)

    await far_end.cancel()

    ended = await end_of(leg)
    assert (ended.cause, ended.by, ended.sip_status) == (Cause.NORMAL_CLEARING, Side.REMOTE, 487)
    await far_end.status(487)
    assert leg.state is LegState.TERMINATED


# -- Outbound, before the answer ----------------------------------------------------------------------------


async def test_an_outbound_call_rings_opens_early_audio_and_is_answered(legs: LegHarness) -> None:
    leg, far_end = await legs.outbound()

    await far_end.ring()
    first = await event_of(leg)
    state_while_ringing = leg.state
    await far_end.send_early_media()
    second = await event_of(leg)
    await far_end.answer(headers=(("X-Agent", "7"),))
    third = await event_of(leg)

    assert (first, second, third) == (Ringing(), EarlyMedia(), Answered())
    assert state_while_ringing is LegState.EARLY
    assert leg.state is LegState.CONFIRMED
    assert leg.headers["x-agent"] == "7"


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (486, Cause.USER_BUSY),
        (480, Cause.NO_USER_RESPONSE),
        (404, Cause.UNALLOCATED_NUMBER),
        (488, Cause.BEARER_CAPABILITY_NOT_IMPLEMENTED),
        (503, Cause.TEMPORARY_FAILURE),
        (603, Cause.CALL_REJECTED),
    ],
)
async def test_a_rejected_outbound_call_ends_with_the_cause_of_its_status(
    legs: LegHarness, status: int, cause: Cause
) -> None:
    leg, far_end = await legs.outbound()

    await far_end.reject(status, headers=(("X-Why", "away"),))

    ended = await end_of(leg)
    assert (ended.cause, ended.by, ended.sip_status) == (cause, Side.REMOTE, status)
    assert ended.headers["x-why"] == "away"
    assert leg.headers["x-why"] == "away"
    assert leg.state is LegState.TERMINATED


async def test_the_networks_own_reason_wins_over_the_status(legs: LegHarness) -> None:
    leg, far_end = await legs.outbound()

    await far_end.reject(480, headers=(("Reason", 'Q.850;cause=17;text="User busy"'),))

    assert (await end_of(leg)).cause is Cause.USER_BUSY


@pytest.mark.parametrize("rings_first", [False, True])
async def test_hanging_up_before_the_far_end_answers_cancels(legs: LegHarness, *, rings_first: bool) -> None:
    leg, far_end = await legs.outbound()
    # RFC 3261 §9.1: a CANCEL waits for a provisional response, so one is always given.
    await (far_end.ring() if rings_first else far_end.send_early_media())
    await event_of(leg)

    await leg.hang_up(Cause.NO_ANSWER)

    ended = await end_of(leg)
    assert (ended.cause, ended.by) == (Cause.NO_ANSWER, Side.LOCAL)
    assert await far_end.ending() == "CANCEL"


# -- The conversation ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("answers", Side)
async def test_the_far_end_hangs_up(legs: LegHarness, answers: Side) -> None:
    leg, far_end = await answered(legs, by=answers)

    await far_end.hang_up()

    ended = await end_of(leg)
    assert (ended.cause, ended.by) == (Cause.NORMAL_CLEARING, Side.REMOTE)
    assert leg.state is LegState.TERMINATED


async def test_the_far_end_says_why_it_hangs_up(legs: LegHarness) -> None:
    leg, far_end = await answered(legs)

    await far_end.hang_up(headers=(("Reason", "Q.850;cause=27"), ("X-Note", "bye")))

    ended = await end_of(leg)
    assert ended.cause is Cause.DESTINATION_OUT_OF_ORDER
    assert ended.headers["x-note"] == "bye"


@pytest.mark.parametrize("answers", Side)
async def test_we_hang_up(legs: LegHarness, answers: Side) -> None:
    leg, far_end = await answered(legs, by=answers)

    await leg.hang_up(headers=(("X-Note", "done"),))

    ended = await end_of(leg)
    assert (ended.cause, ended.by) == (Cause.NORMAL_CLEARING, Side.LOCAL)
    assert await far_end.ending() == "BYE"
    assert far_end.final_headers()["x-note"] == "done"


async def test_hanging_up_an_unanswered_call_to_us_rejects_it(legs: LegHarness) -> None:
    leg, far_end = await legs.inbound()

    await leg.hang_up(Cause.USER_BUSY)

    ended = await end_of(leg)
    assert (ended.cause, ended.by, ended.sip_status) == (Cause.USER_BUSY, Side.LOCAL, 486)
    assert await far_end.ending() == "486"


async def test_hanging_up_before_the_acknowledgement_still_ends_the_call(legs: LegHarness) -> None:
    leg, far_end = await legs.inbound()
    far_end.withhold_ack()
    await leg.answer()
    await far_end.status(200)

    await leg.hang_up()

    await far_end.acknowledge()  # RFC 3261 §15: a callee's BYE waits for the ACK
    events = [await event_of(leg)]
    if events[-1] == Answered():
        events.append(await event_of(leg))
    assert isinstance(events[-1], Ended)
    assert events[-1].by is Side.LOCAL
    assert await far_end.ending() == "BYE"


async def test_we_hold_and_resume_the_far_end(legs: LegHarness) -> None:
    leg, _ = await answered(legs)

    await leg.hold()
    held = await event_of(leg)
    direction_while_held, state_while_held = leg.media_direction, leg.state
    await leg.resume()
    resumed = await event_of(leg)

    assert held == MediaDirectionChanged(MediaDirection.SENDONLY)
    assert direction_while_held is MediaDirection.SENDONLY
    assert state_while_held is LegState.CONFIRMED
    assert resumed == MediaDirectionChanged(MediaDirection.SENDRECV)


async def test_the_far_end_holds_and_resumes_us(legs: LegHarness) -> None:
    leg, far_end = await answered(legs)

    await far_end.hold()
    held = await event_of(leg)
    state_while_held = leg.state
    await far_end.resume()
    resumed = await event_of(leg)

    assert held == MediaDirectionChanged(MediaDirection.RECVONLY)
    assert state_while_held is LegState.CONFIRMED
    assert resumed == MediaDirectionChanged(MediaDirection.SENDRECV)


async def test_both_ends_hold_at_once_and_neither_hears(legs: LegHarness) -> None:
    leg, far_end = await answered(legs)
    await leg.hold()
    await event_of(leg)

    await far_end.hold()

    assert await event_of(leg) == MediaDirectionChanged(MediaDirection.INACTIVE)
    assert leg.media_direction.on_hold


# -- Digits -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", [DigitSource.RTP_EVENT, DigitSource.SIP_INFO])
async def test_every_press_is_told_once_and_its_release_follows(
    legs: LegHarness, source: DigitSource
) -> None:
    leg, far_end = await answered(legs)

    await far_end.press("15*#", source)

    events = [await event_of(leg) for _ in range(8)]
    pressed = [event for event in events if isinstance(event, DigitPressed)]
    released = [event for event in events if isinstance(event, DigitReleased)]
    assert [(event.digit, event.source) for event in pressed] == [(digit, source) for digit in "15*#"]
    assert [event.digit for event in released] == list("15*#")
    assert all(0.0 < event.duration_s < 2.0 for event in released)
    for down, up in zip(pressed, released, strict=True):
        assert events.index(down) < events.index(up)


async def test_the_same_key_twice_is_two_presses(legs: LegHarness) -> None:
    leg, far_end = await answered(legs)

    await far_end.press("55", DigitSource.RTP_EVENT)

    events = [await event_of(leg) for _ in range(4)]
    assert [type(event) for event in events] == [DigitPressed, DigitReleased] * 2


async def test_the_far_end_receives_the_keys_we_send(legs: LegHarness) -> None:
    leg, far_end = await answered(legs)

    await leg.send_digits("0192*#", duration_s=0.08)

    assert await far_end.digits(6) == "0192*#"


@pytest.mark.parametrize("digits", ["12x", "a", "1 2", "５"])
async def test_a_key_that_no_phone_has_is_never_sent(legs: LegHarness, digits: str) -> None:
    leg, far_end = await answered(legs)

    with pytest.raises(ValueError, match=r"."):
        await leg.send_digits(digits)

    assert await far_end.digits(0) == ""


# -- What is never legal ------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", TALKING)
async def test_nothing_of_a_conversation_is_legal_before_it(legs: LegHarness, action: str) -> None:
    leg, _ = await legs.inbound()

    with pytest.raises(WrongState):
        await ACTIONS[action](leg)

    assert leg.state is LegState.TRYING


@pytest.mark.parametrize("action", ANSWERING)
async def test_nothing_of_an_answer_is_legal_in_a_conversation(legs: LegHarness, action: str) -> None:
    leg, _ = await answered(legs)

    with pytest.raises(WrongState):
        await ACTIONS[action](leg)

    assert leg.state is LegState.CONFIRMED


@pytest.mark.parametrize("action", ANSWERING)
async def test_an_outbound_call_is_not_ours_to_answer(legs: LegHarness, action: str) -> None:
    leg, _ = await legs.outbound()

    with pytest.raises(WrongState):
        await ACTIONS[action](leg)

    assert leg.state is LegState.TRYING


async def test_ringing_twice_is_refused(legs: LegHarness) -> None:
    leg, _ = await legs.inbound()
    await leg.ring()

    with pytest.raises(WrongState):
        await leg.ring()

    assert leg.state is LegState.EARLY


@pytest.mark.parametrize("action", ACTIONS)
async def test_nothing_can_be_done_with_a_leg_that_has_ended(legs: LegHarness, action: str) -> None:
    leg, far_end = await answered(legs)
    await far_end.hang_up()
    await end_of(leg)

    with pytest.raises(LegEnded):
        await ACTIONS[action](leg)


async def test_hanging_up_a_leg_that_has_ended_does_nothing(legs: LegHarness) -> None:
    leg, far_end = await answered(legs)
    await far_end.hang_up()
    await end_of(leg)

    await leg.hang_up()

    assert leg.state is LegState.TERMINATED


async def test_after_the_end_no_event_comes(legs: LegHarness) -> None:
    leg, _ = await answered(legs)
    await leg.hang_up()
    await end_of(leg)

    with pytest.raises(LegEnded):
        await leg.next_event()


async def test_ended_is_last_and_comes_once_when_both_ends_hang_up(legs: LegHarness) -> None:
    leg, far_end = await answered(legs)

    await asyncio.gather(leg.hang_up(), far_end.hang_up(), leg.hang_up())

    assert isinstance(await event_of(leg), Ended)
    with pytest.raises(LegEnded):
        await leg.next_event()


async def test_events_wait_for_their_consumer_in_order(legs: LegHarness) -> None:
    leg, far_end = await answered(legs)
    await far_end.press("1", DigitSource.SIP_INFO)
    await far_end.hold()
    await far_end.hang_up()

    kinds: list[type[LegEvent]] = []
    while not kinds or kinds[-1] is not Ended:
        kinds.append(type(await event_of(leg)))

    assert kinds == [DigitPressed, DigitReleased, MediaDirectionChanged, Ended]


async def test_waiting_for_an_event_can_be_given_up_without_losing_one(legs: LegHarness) -> None:
    leg, far_end = await answered(legs)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await leg.next_event()

    await far_end.press("7", DigitSource.SIP_INFO)

    assert await event_of(leg) == DigitPressed("7", DigitSource.SIP_INFO)


async def test_a_second_consumer_is_refused_and_the_first_keeps_waiting(legs: LegHarness) -> None:
    leg, far_end = await answered(legs)
    first = asyncio.create_task(event_of(leg))
    await asyncio.sleep(0)

    with pytest.raises(RuntimeError):
        await event_of(leg)

    await far_end.press("7", DigitSource.SIP_INFO)
    assert await first == DigitPressed("7", DigitSource.SIP_INFO)
