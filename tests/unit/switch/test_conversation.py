"""A conversation on fake legs: every operation, every way to leave, and that nothing stays behind."""

from __future__ import annotations

import asyncio

import pytest

from gateway.call.cause import Cause
from gateway.call.leg import DigitPressed, DigitSource
from gateway.call.state import LegState
from gateway.errors import WrongState
from gateway.queues.journal import JournalKind
from gateway.switch.conversation_ends import (
    AgentHungUp,
    BlindTransfer,
    Faulted,
    Requeued,
    Target,
    ToAgent,
    ToFlow,
    ToNumber,
    ToQueue,
    TransferFailed,
    name_of,
)
from gateway.switch.conversation_parts import Unreachable
from gateway.switch.conversation_state import ConversationState as State
from gateway.switch.hearing import Party
from gateway.switch.live_calls import PartyState
from tests.fakes.audio import settle
from tests.fakes.conversation import MUSIC, RINGBACK, Scenario
from tests.fakes.leg import FakeLeg


@pytest.fixture
async def scenario() -> Scenario:
    return Scenario()


async def consulting(scenario: Scenario) -> FakeLeg:
    """The agent talks with agent bob, the caller hears music. Bob's leg."""
    conversation = await scenario.start()
    conversation.consult(ToAgent("bob"), note="wants a refund", by="ann")
    await settle()
    bob = scenario.reach.legs["bob"]
    bob.far_end.answer()
    await settle()
    return bob


# ---- two on the line


async def test_caller_and_agent_hear_each_other_until_the_agent_hangs_up(scenario: Scenario) -> None:
    conversation = await scenario.start()

    assert conversation.state is State.TALKING
    assert scenario.hears(scenario.caller) == {"ann"}
    assert scenario.hears(scenario.agent) == {"caller"}
    scenario.agent.far_end.hang_up()
    assert await scenario.end() == AgentHungUp("ann", Cause.NORMAL_CLEARING, "ann")
    assert scenario.left == ["ann"]
    assert scenario.caller.state is LegState.CONFIRMED


async def test_a_caller_who_is_gone_ends_the_agents_leg_and_nothing_stays_behind(scenario: Scenario) -> None:
    await scenario.start()

    await scenario.cancel()

    assert scenario.agent.far_end.ended_with == "BYE"
    assert scenario.left == ["ann"]


async def test_an_agent_whose_network_failed_is_told_from_one_who_hung_up(scenario: Scenario) -> None:
    await scenario.start()

    scenario.agent.far_end.hang_up([("Reason", "Q.850;cause=41")])

    end = await scenario.end()
    assert isinstance(end, AgentHungUp)
    assert end.lost


async def test_hold_plays_music_to_the_caller_and_resume_ends_it(scenario: Scenario) -> None:
    conversation = await scenario.start()

    conversation.hold(by="ann")

    assert scenario.hears(scenario.caller) == {MUSIC}
    assert scenario.hears(scenario.agent) == set()
    with pytest.raises(WrongState):
        conversation.hold(by="ann")
    conversation.resume(by="ann")
    assert scenario.hears(scenario.caller) == {"ann"}
    assert scenario.hears(scenario.agent) == {"caller"}
    assert scenario.noted() == [JournalKind.HELD, JournalKind.RESUMED]
    assert scenario.journal[0].entry == "entry-1"
    assert scenario.journal[0].agent == "ann"
    await scenario.cancel()


async def test_a_phone_that_holds_us_brings_the_caller_our_music_and_not_its_own(scenario: Scenario) -> None:
    conversation = await scenario.start()

    scenario.agent.far_end.hold()
    await settle()

    assert scenario.hears(scenario.caller) == {MUSIC}
    assert scenario.hears(scenario.agent) == set()
    assert conversation.state is State.TALKING
    scenario.agent.far_end.resume()
    await settle()
    assert scenario.hears(scenario.caller) == {"ann"}
    assert scenario.noted() == [JournalKind.HELD, JournalKind.RESUMED]
    await scenario.cancel()


@pytest.mark.parametrize(("party", "other"), [(Party.AGENT, "caller"), (Party.CALLER, "agent")])
async def test_a_muted_party_hears_and_is_not_heard(scenario: Scenario, party: Party, other: str) -> None:
    conversation = await scenario.start()
    listener = scenario.caller if other == "caller" else scenario.agent
    muted = scenario.agent if other == "caller" else scenario.caller

    conversation.mute(party)

    assert scenario.hears(listener) == set()
    assert len(scenario.hears(muted)) == 1
    conversation.unmute(party)
    assert len(scenario.hears(listener)) == 1
    await scenario.cancel()


async def test_nobody_who_is_not_there_can_be_muted(scenario: Scenario) -> None:
    conversation = await scenario.start()

    with pytest.raises(WrongState):
        conversation.mute(Party.CONSULTED)
    await scenario.cancel()


@pytest.mark.parametrize("held", [False, True])
async def test_a_blind_transfer_ends_the_agents_leg_and_says_where_the_caller_goes(
    scenario: Scenario, held: bool
) -> None:
    conversation = await scenario.start()
    if held:
        conversation.hold()

    conversation.transfer(ToQueue("sales"), note="wants two", by="ann")

    assert await scenario.end() == BlindTransfer(ToQueue("sales"), "wants two", "ann")
    assert scenario.agent.far_end.ended_with == "BYE"
    (details,) = scenario.details(JournalKind.TRANSFERRED)
    assert (details["to"], details["how"], details["by"]) == ("queue:sales", "blind", "ann")


async def test_a_requeue_carries_its_wishes(scenario: Scenario) -> None:
    conversation = await scenario.start()

    conversation.requeue(queue="tech", priority=5, skills={"linux": 3}, note="again", by="ann")

    assert await scenario.end() == Requeued("tech", 5, {"linux": 3}, "again", "ann")


async def test_the_agent_can_hang_up_from_a_screen(scenario: Scenario) -> None:
    conversation = await scenario.start()

    conversation.hang_up(by="ann")

    assert await scenario.end() == AgentHungUp("ann", by="ann")
    assert scenario.agent.far_end.ended_with == "BYE"


# ---- consultations


async def test_the_caller_hears_music_while_the_consulted_party_rings_and_talks(scenario: Scenario) -> None:
    conversation = await scenario.start()
    conversation.consult(ToAgent("bob"), note="wants a refund", by="ann")
    await settle()

    assert scenario.hears(scenario.caller) == {MUSIC}
    assert scenario.hears(scenario.agent) == {RINGBACK}
    assert conversation.consults == "agent:bob"
    assert scenario.reach.asked[0].note == "wants a refund"
    bob = scenario.reach.legs["bob"]
    bob.far_end.answer()
    await settle()
    assert conversation.state is State.CONSULTING
    assert scenario.hears(scenario.caller) == {MUSIC}
    assert scenario.hears(scenario.agent) == {"bob"}
    assert scenario.hears(bob) == {"ann"}
    await scenario.cancel()
    assert bob.far_end.ended_with == "BYE"
    assert sorted(scenario.left) == ["ann", "bob"]


async def test_early_media_of_the_consulted_party_takes_the_place_of_our_ringing(scenario: Scenario) -> None:
    conversation = await scenario.start()
    conversation.consult(ToNumber("200"))
    await settle()

    scenario.reach.legs["200"].far_end.send_early_media()
    await settle()

    assert scenario.hears(scenario.agent) == {"200"}
    assert scenario.hears(scenario.reach.legs["200"]) == set()
    await scenario.cancel()


@pytest.mark.parametrize("how", ["complete", "hang_up", "by phone"])
async def test_a_completed_transfer_leaves_the_caller_with_the_consulted_agent(
    scenario: Scenario, how: str
) -> None:
    bob = await consulting(scenario)

    if how == "complete":
        scenario.conversation.complete(by="ann")
    elif how == "hang_up":
        scenario.conversation.hang_up(by="ann")
    else:
        scenario.agent.far_end.hang_up()
    await settle()

    assert scenario.conversation.state is State.TALKING
    assert scenario.conversation.agent == "bob"
    assert scenario.hears(scenario.caller) == {"bob"}
    assert scenario.hears(bob) == {"caller"}
    assert scenario.hears(scenario.agent) == set()
    assert scenario.agent.state is LegState.TERMINATED
    assert scenario.left == ["ann"]
    (details,) = scenario.details(JournalKind.TRANSFERRED)
    assert (details["to"], details["how"]) == ("agent:bob", "attended")
    bob.far_end.hang_up()
    assert await scenario.end() == AgentHungUp("bob", by="bob")


async def test_after_a_transfer_the_next_agent_can_do_all_the_same(scenario: Scenario) -> None:
    await consulting(scenario)
    scenario.conversation.complete()
    await settle()

    scenario.conversation.consult(ToAgent("eve"))
    await settle()
    scenario.reach.legs["eve"].far_end.answer()
    await settle()
    scenario.conversation.complete()
    await settle()

    assert scenario.conversation.agent == "eve"
    assert scenario.hears(scenario.caller) == {"eve"}
    assert scenario.left == ["ann", "bob"]
    await scenario.cancel()


async def test_a_cancelled_consultation_leads_back_to_the_caller(scenario: Scenario) -> None:
    bob = await consulting(scenario)

    scenario.conversation.cancel(by="ann")
    await settle()

    assert scenario.conversation.state is State.TALKING
    assert scenario.hears(scenario.caller) == {"ann"}
    assert bob.far_end.ended_with == "BYE"
    assert scenario.left == ["bob"]
    await scenario.cancel()


async def test_a_consultation_that_is_cancelled_before_it_rings_leaves_no_leg(scenario: Scenario) -> None:
    scenario.reach.holds_back = asyncio.Event()
    conversation = await scenario.start()
    conversation.consult(ToNumber("200"))
    await settle()

    conversation.cancel()
    scenario.reach.holds_back.set()
    await settle()

    assert scenario.reach.legs == {}
    assert scenario.hears(scenario.caller) == {"ann"}
    await scenario.cancel()


@pytest.mark.parametrize("how", ["unreachable", "broken", "busy", "no answer"])
async def test_who_cannot_be_reached_leads_back_to_the_caller_with_a_tone_for_the_agent(
    scenario: Scenario, how: str
) -> None:
    if how == "unreachable":
        scenario.reach.refuses = Unreachable("logged out")
    elif how == "broken":
        scenario.reach.refuses = RuntimeError("the trunk is on fire")
    conversation = await scenario.start()
    conversation.consult(ToNumber("200"))
    await settle()
    if how == "busy":
        scenario.reach.legs["200"].far_end.reject(486)
    elif how == "no answer":
        await scenario.timers.advance(scenario.parts.consult_ring_s)
    await settle()

    assert conversation.state is State.TALKING
    assert scenario.hears(scenario.caller) == {"ann"}
    assert scenario.cues(scenario.agent) == {"busy"}
    assert scenario.cues(scenario.caller) == set()
    if how == "no answer":
        assert scenario.reach.legs["200"].far_end.ended_with == "CANCEL"
    await scenario.cancel()


async def test_a_consulted_party_who_hangs_up_leads_back_to_the_caller(scenario: Scenario) -> None:
    bob = await consulting(scenario)

    bob.far_end.hang_up()
    await settle()

    assert scenario.conversation.state is State.TALKING
    assert scenario.hears(scenario.caller) == {"ann"}
    await scenario.cancel()


async def test_alternating_swaps_who_hears_music(scenario: Scenario) -> None:
    bob = await consulting(scenario)

    scenario.conversation.alternate(by="ann")

    assert scenario.hears(scenario.caller) == {"ann"}
    assert scenario.hears(bob) == {MUSIC}
    scenario.conversation.alternate(by="ann")
    assert scenario.hears(scenario.caller) == {MUSIC}
    assert scenario.hears(bob) == {"ann"}
    await scenario.cancel()


async def test_a_target_that_has_answered_when_it_is_reached_is_talked_with_at_once(
    scenario: Scenario,
) -> None:
    scenario.reach.answers_at_once = True
    conversation = await scenario.start()

    conversation.consult(ToAgent("bob"))
    await settle()

    assert conversation.state is State.CONSULTING
    await scenario.cancel()


# ---- the agent leaves while it rings


@pytest.mark.parametrize("answers", [True, False])
async def test_an_agent_who_leaves_while_it_rings_leaves_the_caller_with_the_ringing(
    scenario: Scenario, answers: bool
) -> None:
    conversation = await scenario.start()
    conversation.consult(ToAgent("bob"), note="note", by="ann")
    await settle()

    conversation.complete(by="ann")
    await settle()

    assert conversation.state is State.UNATTENDED
    assert scenario.hears(scenario.caller) == {RINGBACK}
    bob = scenario.reach.legs["bob"]
    if answers:
        bob.far_end.answer()
        await settle()
        assert conversation.agent == "bob"
        assert scenario.hears(scenario.caller) == {"bob"}
        await scenario.cancel()
    else:
        bob.far_end.reject(486)
        assert await scenario.end() == TransferFailed(ToAgent("bob"), Cause.USER_BUSY, "note", "ann")
        assert scenario.caller.state is LegState.CONFIRMED


# ---- conference


async def test_in_a_conference_each_hears_both_others(scenario: Scenario) -> None:
    bob = await consulting(scenario)

    scenario.conversation.conference(by="ann")

    assert scenario.hears(scenario.caller) == {"ann", "bob"}
    assert scenario.hears(scenario.agent) == {"caller", "bob"}
    assert scenario.hears(bob) == {"caller", "ann"}
    assert scenario.details(JournalKind.CONFERENCED) == [{"with": "agent:bob", "by": "ann"}]
    await scenario.cancel()


@pytest.mark.parametrize("dropped", [False, True])
async def test_two_stay_when_the_agent_leaves_a_conference(scenario: Scenario, dropped: bool) -> None:
    bob = await consulting(scenario)
    scenario.conversation.conference()

    if dropped:
        scenario.conversation.drop(Party.AGENT)
    else:
        scenario.agent.far_end.hang_up()
    await settle()

    assert scenario.hears(scenario.caller) == {"bob"}
    assert scenario.hears(bob) == {"caller"}
    await scenario.cancel()


@pytest.mark.parametrize("dropped", [False, True])
async def test_two_stay_when_the_consulted_party_leaves_a_conference(
    scenario: Scenario, dropped: bool
) -> None:
    bob = await consulting(scenario)
    scenario.conversation.conference()

    if dropped:
        scenario.conversation.drop(Party.CONSULTED)
    else:
        bob.far_end.hang_up()
    await settle()

    assert scenario.conversation.state is State.TALKING
    assert scenario.hears(scenario.caller) == {"ann"}
    await scenario.cancel()


async def test_the_caller_cannot_be_dropped(scenario: Scenario) -> None:
    await consulting(scenario)

    with pytest.raises(WrongState):
        scenario.conversation.drop(Party.CALLER)
    await scenario.cancel()


async def test_a_phone_that_holds_a_conference_leaves_the_others_talking(scenario: Scenario) -> None:
    bob = await consulting(scenario)
    scenario.conversation.conference()

    scenario.agent.far_end.hold()
    await settle()

    assert scenario.hears(scenario.caller) == {"bob"}
    assert scenario.hears(bob) == {"caller"}
    assert scenario.hears(scenario.agent) == set()
    await scenario.cancel()


# ---- keys


async def test_keys_reach_whom_the_presser_talks_with(scenario: Scenario) -> None:
    bob = await consulting(scenario)

    scenario.keys.press("1")  # nobody: the caller is on hold
    scenario.agent.far_end.press("23")
    bob.far_end.press("4")
    await settle()

    assert bob.far_end.digits == "23"
    assert scenario.agent.far_end.digits == "4"
    assert scenario.caller.far_end.digits == ""
    scenario.conversation.complete()
    scenario.keys.press("567")
    await settle()
    assert bob.far_end.digits == "23567"
    await scenario.cancel()


async def test_keys_can_be_pressed_on_a_screen(scenario: Scenario) -> None:
    conversation = await scenario.start()

    conversation.press("42")
    await settle()

    assert scenario.caller.far_end.digits == "42"
    with pytest.raises(ValueError, match="not keys"):
        conversation.press("x")
    await scenario.cancel()


# ---- faults


async def test_a_standing_line_stays_up(scenario: Scenario) -> None:
    await scenario.start(standing=True)

    scenario.conversation.hang_up()

    assert isinstance(await scenario.end(), AgentHungUp)
    assert scenario.agent.state is LegState.CONFIRMED
    scenario.agent.far_end.press("1")  # its events are whoever's who lent it
    assert await scenario.agent.next_event() == DigitPressed("1", DigitSource.RTP_EVENT)


async def test_a_fault_of_ours_ends_the_conversation_and_says_so(scenario: Scenario) -> None:
    def broken(_event: object) -> None:
        raise OSError("no journal")

    scenario = Scenario(journal=broken)
    conversation = await scenario.start()
    scenario.agent.far_end.hold()  # is journalled

    end = await scenario.end()

    assert isinstance(end, Faulted)
    assert conversation.state is State.ENDED
    assert scenario.agent.far_end.ended_with == "BYE"


async def test_a_bridge_that_breaks_at_the_join_ends_the_agents_leg(scenario: Scenario) -> None:
    scenario.bridge.broken = True
    await scenario.start()

    assert isinstance(await scenario.end(), Faulted)
    assert scenario.agent.far_end.ended_with == "BYE"


# ---- what screens see


async def test_the_registry_shows_the_conversation_and_its_parties(scenario: Scenario) -> None:
    live_states: list[State | None] = []
    await scenario.start()
    scenario.live.subscribe(
        lambda change: live_states.append(
            change.call.conversation.state if change.call and change.call.conversation else None
        )
    )
    scenario.conversation.hold()

    live = scenario.live.find("call-1")
    assert live is not None
    assert live.conversation is scenario.conversation
    assert live.view.agent == "ann"
    assert live.view.held
    view = live.view.conversation
    assert view is not None
    assert [(party.party, party.state) for party in view.parties] == [
        (Party.CALLER, PartyState.HELD),
        (Party.AGENT, PartyState.ALONE),
    ]
    await scenario.cancel()
    assert live_states == [State.HELD, None]
    assert live.conversation is None


# ---- legs that break


async def test_an_agents_leg_that_cannot_be_read_is_a_lost_agent(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_leg: FakeLeg) -> None:
        raise RuntimeError("the leg is broken")

    await scenario.start()
    monkeypatch.setattr(type(scenario.agent), "next_event", broken)
    scenario.agent.far_end.press("1")  # taken by the read that went on before

    end = await scenario.end()

    assert isinstance(end, AgentHungUp)
    assert end.lost


async def test_keys_that_cannot_be_sent_disturb_nobody(scenario: Scenario) -> None:
    conversation = await scenario.start()
    scenario.caller.far_end.hang_up()  # its session hasn't noticed yet

    conversation.press("1")
    await settle()

    assert conversation.state is State.TALKING
    await scenario.cancel()


@pytest.mark.parametrize(
    ("target", "name"),
    [
        (ToNumber("200"), "number:200"),
        (ToQueue("sales"), "queue:sales"),
        (ToFlow("survey"), "flow:survey"),
        (ToAgent("bob"), "agent:bob"),
    ],
)
def test_targets_have_names(target: Target, name: str) -> None:
    assert name_of(target) == name


async def test_the_place_of_an_agent_is_known(scenario: Scenario) -> None:
    await consulting(scenario)

    assert scenario.conversation.party_of("ann") is Party.AGENT
    assert scenario.conversation.party_of("bob") is Party.CONSULTED
    assert scenario.conversation.party_of("") is None
    await scenario.cancel()
