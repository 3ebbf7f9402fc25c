"""Supervisors on real phones: who hears them, and whom they hear."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.queues.journal import JournalKind
from gateway.switch.conversation import Conversation
from gateway.switch.conversation_ends import ToAgent, ToNumber
from gateway.switch.hearing import SupervisionMode
from tests.integration.conversation_rig import (
    ANN_HZ,
    BOB_HZ,
    CALLER_HZ,
    SUPERVISOR_HZ,
    Phone,
    Rig,
    rig,
    settled,
)

LISTEN, WHISPER, JOIN = SupervisionMode.LISTEN, SupervisionMode.WHISPER, SupervisionMode.JOIN


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path / "recordings", "ann", "bob", "sue", "tom") as made:
        yield made


async def supervised(
    node: Rig, mode: SupervisionMode, name: str = "sue"
) -> tuple[Conversation, Phone, Phone, Phone]:
    """The caller and ann talk, and a supervisor is there: the conversation and the three phones."""
    conversation, _, caller, ann = await node.converse()
    await caller.hears(ANN_HZ)
    await conversation.supervision.call_in(name, ToNumber(name), mode)
    supervisor = await node.picks_up(name, SUPERVISOR_HZ)
    await supervisor.hears(CALLER_HZ, ANN_HZ)
    return conversation, caller, ann, supervisor


async def test_who_listens_hears_both_and_is_heard_by_nobody(node: Rig) -> None:
    _, caller, ann, supervisor = await supervised(node, LISTEN)

    await settled([caller, ann, supervisor])

    assert caller.hears_now() == {ANN_HZ}
    assert ann.hears_now() == {CALLER_HZ}
    assert supervisor.hears_now() == {CALLER_HZ, ANN_HZ}


async def test_a_whisper_is_heard_by_the_agent_alone(node: Rig) -> None:
    _, caller, ann, _ = await supervised(node, WHISPER)

    await ann.hears(CALLER_HZ, SUPERVISOR_HZ)
    await settled([caller])

    # Never, not only now: nothing of it in all that the caller has heard.
    assert not _ever_heard(caller, SUPERVISOR_HZ)


async def test_who_joins_is_heard_by_both(node: Rig) -> None:
    _, caller, ann, _ = await supervised(node, JOIN)

    await caller.hears(ANN_HZ, SUPERVISOR_HZ)
    await ann.hears(CALLER_HZ, SUPERVISOR_HZ)


async def test_supervisors_change_their_mode_by_key(node: Rig) -> None:
    _, caller, ann, supervisor = await supervised(node, LISTEN)

    await supervisor.press("5")
    await ann.hears(CALLER_HZ, SUPERVISOR_HZ)
    await supervisor.press("6")
    await caller.hears(ANN_HZ, SUPERVISOR_HZ)
    await supervisor.press("4")
    await caller.hears(ANN_HZ)
    await ann.hears(CALLER_HZ)


async def test_a_supervisor_who_hangs_up_leaves_the_conversation_as_it_is(node: Rig) -> None:
    conversation, caller, ann, supervisor = await supervised(node, JOIN)
    await caller.hears(ANN_HZ, SUPERVISOR_HZ)

    supervisor.hang_up()

    await caller.hears(ANN_HZ)
    await ann.hears(CALLER_HZ)
    assert not conversation.supervision.modes
    said = [event.details["mode"] for event in node.journal if event.kind is JournalKind.SUPERVISED]
    assert said == ["join", "ended"]


async def test_the_end_of_the_conversation_ends_every_supervisors_call(node: Rig) -> None:
    conversation, _, _, sue = await supervised(node, LISTEN)
    await conversation.supervision.call_in("tom", ToNumber("tom"), WHISPER)
    tom = await node.picks_up("tom", 2900.0)
    await tom.hears(CALLER_HZ, ANN_HZ)

    conversation.hang_up()

    await sue.is_hung_up()
    await tom.is_hung_up()


async def test_on_hold_the_supervisor_hears_the_agent_and_not_the_caller(node: Rig) -> None:
    conversation, _, _, supervisor = await supervised(node, LISTEN)

    conversation.hold()

    await supervisor.hears(ANN_HZ)


async def test_a_whisper_reaches_nobody_outside_after_a_transfer(node: Rig) -> None:
    conversation, caller, ann, supervisor = await supervised(node, WHISPER)
    conversation.consult(ToNumber("bob"))
    bob = await node.picks_up("bob", BOB_HZ)
    await ann.hears(BOB_HZ, SUPERVISOR_HZ)
    assert SUPERVISOR_HZ not in bob.hears_now()

    conversation.complete()

    await bob.hears(CALLER_HZ)
    await supervisor.hears(CALLER_HZ, BOB_HZ)
    await settled([caller, bob])
    assert bob.hears_now() == {CALLER_HZ}
    assert not _ever_heard(caller, SUPERVISOR_HZ)


async def test_a_whisper_reaches_the_agent_to_whom_the_call_was_transferred(node: Rig) -> None:
    conversation, _, ann, _ = await supervised(node, WHISPER)
    conversation.consult(ToAgent("bob"))
    bob = await node.picks_up("bob", BOB_HZ)
    await ann.hears(BOB_HZ, SUPERVISOR_HZ)

    conversation.complete()

    await bob.hears(CALLER_HZ, SUPERVISOR_HZ)


def _ever_heard(phone: Phone, frequency_hz: float) -> bool:
    from tests.integration.peers.tones import spans

    return any(
        span.duration_s > 0.05 for span in spans(phone.call.rtp.audio(), frequency_hz, least_purity=0.1)
    )
