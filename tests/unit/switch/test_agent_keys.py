"""Feature codes carried out: what each does to the conversation, and what the agent hears of it."""

from __future__ import annotations

import pytest

from gateway.switch.conversation_ends import BlindTransfer, Requeued, ToNumber
from gateway.switch.conversation_state import ConversationState as State
from gateway.switch.feature_codes import Feature
from gateway.switch.hearing import Party
from tests.fakes.audio import settle
from tests.fakes.conversation import MUSIC, Scenario

DIAL_TONE = "music-dial"
CONFIRMED, REFUSED = {"1000"}, {"congestion"}


@pytest.fixture
async def scenario() -> Scenario:
    return Scenario()


async def press(scenario: Scenario, keys: str) -> None:
    scenario.agent.far_end.press(keys)
    await settle()


async def test_hold_and_mute_are_switches(scenario: Scenario) -> None:
    conversation = await scenario.start()

    await press(scenario, "*7")
    assert scenario.is_in(State.HELD)
    assert scenario.cues(scenario.agent) == CONFIRMED
    await press(scenario, "*7")
    assert scenario.is_in(State.TALKING)
    await press(scenario, "*6")
    assert conversation.scene.muted == {Party.AGENT}
    await press(scenario, "*6")
    assert conversation.scene.muted == set()
    assert scenario.caller.far_end.digits == ""
    await scenario.cancel()


async def test_while_a_number_is_pressed_the_caller_hears_music_and_the_agent_a_dial_tone(
    scenario: Scenario,
) -> None:
    await scenario.start()

    await press(scenario, "*2")

    assert scenario.hears(scenario.caller) == {MUSIC}
    assert scenario.hears(scenario.agent) == {DIAL_TONE}
    await press(scenario, "20")
    assert scenario.caller.far_end.digits == ""
    await press(scenario, "1#")
    assert await scenario.end() == BlindTransfer(ToNumber("201"), by="ann")
    assert scenario.is_in(State.ENDED)


@pytest.mark.parametrize("how", ["star", "time", "end"])
async def test_a_number_that_is_abandoned_brings_the_caller_back(scenario: Scenario, how: str) -> None:
    await scenario.start()
    await press(scenario, "*3")

    if how == "time":
        await scenario.timers.advance(scenario.parts.number_gap_s)
    else:
        await press(scenario, "5*" if how == "star" else "#")

    assert scenario.is_in(State.TALKING)
    assert scenario.hears(scenario.caller) == {"ann"}
    assert scenario.hears(scenario.agent) == {"caller"}
    await scenario.cancel()


async def test_a_caller_who_was_on_hold_before_stays_there(scenario: Scenario) -> None:
    conversation = await scenario.start()
    conversation.hold()
    await press(scenario, "*3")

    await press(scenario, "*")

    assert scenario.is_in(State.HELD)
    assert scenario.hears(scenario.agent) == set()
    await scenario.cancel()


async def test_a_consultation_by_keys(scenario: Scenario) -> None:
    conversation = await scenario.start()
    await press(scenario, "*3200#")
    colleague = scenario.reach.legs["200"]
    colleague.far_end.answer()
    await settle()

    assert scenario.is_in(State.CONSULTING)
    await press(scenario, "*9")
    assert scenario.is_in(State.ALTERNATED)
    await press(scenario, "*4")
    assert scenario.is_in(State.CONFERENCE)
    await press(scenario, "*5")
    assert scenario.is_in(State.TALKING)
    assert colleague.far_end.ended_with == "BYE"
    await press(scenario, "*3201#")
    scenario.reach.legs["201"].far_end.answer()
    await settle()
    await press(scenario, "*3")
    assert conversation.agent == ""
    assert scenario.agent.far_end.ended_with == "BYE"
    await scenario.cancel()


async def test_keys_of_a_party_outside_are_never_codes(scenario: Scenario) -> None:
    conversation = await scenario.start()
    await press(scenario, "*3200#")
    colleague = scenario.reach.legs["200"]
    colleague.far_end.answer()
    await settle()
    conversation.complete()

    colleague.far_end.press("*7")
    await settle()

    assert scenario.is_in(State.TALKING)
    assert scenario.caller.far_end.digits == "*7"
    await scenario.cancel()


async def test_a_requeue_by_key(scenario: Scenario) -> None:
    await scenario.start()

    await press(scenario, "*8")

    assert await scenario.end() == Requeued(by="ann")


@pytest.mark.parametrize("keys", ["*4", "*5", "*9", "*1"])
async def test_what_is_not_possible_now_is_refused_with_a_tone_that_only_the_agent_hears(
    scenario: Scenario, keys: str
) -> None:
    await scenario.start()

    await press(scenario, keys)

    assert scenario.cues(scenario.agent) == REFUSED
    assert scenario.cues(scenario.caller) == set()
    assert scenario.is_in(State.TALKING)
    await scenario.cancel()


async def test_half_a_code_is_passed_on_after_the_pause(scenario: Scenario) -> None:
    await scenario.start()
    await press(scenario, "*")
    assert scenario.caller.far_end.digits == ""

    await scenario.timers.advance(scenario.parts.code_gap_s)

    assert scenario.caller.far_end.digits == "*"
    await scenario.cancel()


async def test_codes_that_are_switched_off_are_keys_like_others() -> None:
    scenario = Scenario(feature_codes={Feature.HOLD: "##"})
    await scenario.start()

    await press(scenario, "*7")
    assert scenario.caller.far_end.digits == "*7"
    await press(scenario, "##")
    assert scenario.is_in(State.HELD)
    await scenario.cancel()


async def test_a_number_half_pressed_ends_with_the_conversation(scenario: Scenario) -> None:
    await scenario.start()
    await press(scenario, "*220")

    await scenario.cancel()  # and no timer runs any more
