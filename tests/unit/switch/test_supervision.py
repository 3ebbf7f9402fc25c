"""Supervisors on fake legs: coming, changing, leaving, at every moment."""

from __future__ import annotations

import pytest

from gateway.errors import WrongState
from gateway.queues.journal import JournalKind
from gateway.switch.conversation_ends import ToNumber
from gateway.switch.conversation_parts import Reached, Unreachable
from gateway.switch.hearing import SupervisionMode
from tests.fakes.audio import settle
from tests.fakes.conversation import FakeLine, Scenario, answered
from tests.fakes.leg import FakeLeg

LISTEN, WHISPER, JOIN = SupervisionMode.LISTEN, SupervisionMode.WHISPER, SupervisionMode.JOIN


@pytest.fixture
async def scenario() -> Scenario:
    return Scenario()


async def supervised(scenario: Scenario, mode: SupervisionMode) -> FakeLeg:
    """Sue is there: her leg."""
    await scenario.start()
    await scenario.conversation.supervision.call_in("sue", ToNumber("900"), mode)
    sue = scenario.reach.legs["900"]
    sue.far_end.answer()
    await settle()
    return sue


async def test_a_supervisor_is_there_when_their_phone_is_answered(scenario: Scenario) -> None:
    conversation = await scenario.start()
    await conversation.supervision.call_in("sue", ToNumber("900"), JOIN)
    sue = scenario.reach.legs["900"]
    await settle()
    assert scenario.hears(scenario.caller) == {"ann"}
    assert not conversation.supervision.modes

    sue.far_end.answer()
    await settle()

    assert scenario.hears(sue) == {"caller", "ann"}
    assert scenario.hears(scenario.caller) == {"ann", "900"}
    assert conversation.supervision.modes == {"sue": JOIN}
    await scenario.cancel()
    assert sue.far_end.ended_with == "BYE"


async def test_a_leg_that_is_up_already_is_in_at_once(scenario: Scenario) -> None:
    conversation = await scenario.start()
    leg, _ = await answered("900")

    conversation.supervision.begin("sue", Reached(FakeLine(leg)), WHISPER)

    assert leg.audio.name in scenario.bridge.hears[scenario.agent.audio.name]
    assert leg.audio.name not in scenario.bridge.hears[scenario.caller.audio.name]
    await scenario.cancel()


@pytest.mark.parametrize("key", ["4", "5", "6"])
async def test_the_mode_changes_by_key_and_by_call(scenario: Scenario, key: str) -> None:
    sue = await supervised(scenario, LISTEN)
    mode = {"4": LISTEN, "5": WHISPER, "6": JOIN}[key]

    sue.far_end.press("1" + key)
    await settle()

    assert scenario.conversation.supervision.modes == {"sue": mode}
    scenario.conversation.supervision.set_mode("sue", JOIN)
    assert scenario.hears(scenario.caller) == {"ann", "900"}
    assert scenario.caller.far_end.digits == scenario.agent.far_end.digits == ""
    await scenario.cancel()


async def test_a_supervisor_leaves_by_hanging_up_or_is_sent_away(scenario: Scenario) -> None:
    sue = await supervised(scenario, JOIN)

    sue.far_end.hang_up()
    await settle()

    assert scenario.hears(scenario.caller) == {"ann"}
    await scenario.conversation.supervision.call_in("sue", ToNumber("900"), JOIN)
    again = scenario.reach.legs["900"]
    again.far_end.answer()
    await settle()
    scenario.conversation.supervision.end("sue")
    await settle()
    assert again.far_end.ended_with == "BYE"
    assert scenario.hears(scenario.caller) == {"ann"}
    modes = [details["mode"] for details in scenario.details(JournalKind.SUPERVISED)]
    assert modes == ["join", "ended", "join", "ended"]
    await scenario.cancel()


async def test_a_phone_that_holds_us_is_not_heard(scenario: Scenario) -> None:
    sue = await supervised(scenario, JOIN)

    sue.far_end.hold()
    await settle()

    assert scenario.hears(scenario.caller) == {"ann"}
    sue.far_end.resume()
    await settle()
    assert scenario.hears(scenario.caller) == {"ann", "900"}
    await scenario.cancel()


async def test_nobody_supervises_twice_or_what_is_over(scenario: Scenario) -> None:
    await supervised(scenario, LISTEN)
    supervision = scenario.conversation.supervision
    leg, _ = await answered("901")

    with pytest.raises(WrongState):
        await supervision.call_in("sue", ToNumber("900"), LISTEN)
    with pytest.raises(WrongState):
        supervision.set_mode("tom", LISTEN)
    with pytest.raises(WrongState):
        supervision.end("tom")
    await scenario.cancel()
    with pytest.raises(WrongState):
        supervision.begin("tom", Reached(FakeLine(leg)), LISTEN)


async def test_a_supervisor_who_cannot_be_reached_changes_nothing(scenario: Scenario) -> None:
    conversation = await scenario.start()
    scenario.reach.refuses = Unreachable("no such phone")

    with pytest.raises(Unreachable):
        await conversation.supervision.call_in("sue", ToNumber("900"), LISTEN)

    assert scenario.hears(scenario.caller) == {"ann"}
    await scenario.cancel()


@pytest.mark.parametrize(
    ("tone", "caller", "agent"),
    [("nobody", False, False), ("agent", False, True), ("everyone", True, True)],
)
async def test_who_hears_that_a_supervisor_has_come(tone: str, caller: bool, agent: bool) -> None:
    scenario = Scenario(supervision_tone=tone)
    await supervised(scenario, LISTEN)

    assert bool(scenario.cues(scenario.caller)) is caller
    assert bool(scenario.cues(scenario.agent)) is agent
    await scenario.cancel()


async def test_supervisors_are_shown_with_their_mode(scenario: Scenario) -> None:
    await supervised(scenario, WHISPER)

    live = scenario.live.find("call-1")

    assert live is not None
    assert live.view.conversation is not None
    assert live.view.conversation.supervisors == (("sue", WHISPER),)
    await scenario.cancel()
