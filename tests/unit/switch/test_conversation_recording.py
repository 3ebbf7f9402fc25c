"""The recording of a conversation: begun by rule or on demand, paused, and what takes part in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import WrongState
from gateway.queues.journal import JournalKind
from gateway.switch.call_recording import Recordings
from gateway.switch.conversation_ends import AgentHungUp, ToAgent
from gateway.switch.conversation_recording import RecordingRules
from gateway.switch.recording_store import RecordingStore
from tests.fakes.audio import FakeTimers, settle, silence
from tests.fakes.clock import FakeClock
from tests.fakes.conversation import Scenario
from tests.fakes.recorder import FakeRecorder

AT_ONCE = RecordingRules(at_once=True)
LEFT, RIGHT = "tap-call-1-0", "tap-call-1-1"


@pytest.fixture
def recorder() -> FakeRecorder:
    return FakeRecorder()


@pytest.fixture
async def recordings(tmp_path: Path, recorder: FakeRecorder) -> Recordings:
    return Recordings(RecordingStore(tmp_path), recorder, FakeClock(FakeTimers()))


@pytest.fixture
async def scenario(recordings: Recordings) -> Scenario:
    return Scenario(recordings=recordings)


def taps(scenario: Scenario) -> tuple[set[str], set[str]]:
    """Who is heard on the two channels."""
    names = {scenario.caller.audio.name: "caller", scenario.agent.audio.name: "ann"}
    names |= {leg.audio.name: name for name, leg in scenario.reach.legs.items()}
    left, right = (scenario.bridge.hears.get(tap, {}) for tap in (LEFT, RIGHT))
    return {names.get(name, name) for name in left}, {names.get(name, name) for name in right}


async def test_a_recording_by_rule_begins_with_the_join_and_ends_with_the_conversation(
    scenario: Scenario, recorder: FakeRecorder
) -> None:
    conversation = await scenario.start(recording=AT_ONCE)

    assert taps(scenario) == ({"caller"}, {"ann"})
    conversation.hold()
    assert taps(scenario) == (set(), set())
    conversation.resume()
    conversation.hang_up()
    assert isinstance(await scenario.end(), AgentHungUp)
    assert recorder.started[0].finished
    said = [details["what"] for details in scenario.details(JournalKind.RECORDING)]
    assert said == ["started", "stopped"]


async def test_a_caller_who_is_gone_ends_the_recording(scenario: Scenario, recorder: FakeRecorder) -> None:
    await scenario.start(recording=AT_ONCE)

    await scenario.cancel()

    assert recorder.started[0].finished


async def test_on_demand_it_begins_says_so_and_ends(scenario: Scenario, recorder: FakeRecorder) -> None:
    conversation = await scenario.start(recording=RecordingRules(consent=silence("consent")))
    assert recorder.started == []

    conversation.recording.start(by="ann")
    await settle()

    assert scenario.cues(scenario.caller) == scenario.cues(scenario.agent) == {"consent"}
    assert "cue-consent" in scenario.bridge.hears[RIGHT]  # the proof
    with pytest.raises(WrongState):
        conversation.recording.start()
    conversation.recording.stop(by="ann")
    assert recorder.started[0].finished
    with pytest.raises(WrongState):
        conversation.recording.stop()
    conversation.recording.start()
    assert recorder.started[1].path.name == "call-1-2.wav"
    await scenario.cancel()


async def test_pausing_and_resuming_are_each_possible_once(
    scenario: Scenario, recorder: FakeRecorder
) -> None:
    conversation = await scenario.start(recording=AT_ONCE)
    recording = conversation.recording

    recording.pause(by="ann")
    assert recorder.started[0].paused
    with pytest.raises(WrongState):
        recording.pause()
    recording.resume(by="ann")
    with pytest.raises(WrongState):
        recording.resume()

    assert [details["what"] for details in scenario.details(JournalKind.RECORDING)] == [
        "started",
        "paused",
        "resumed",
    ]
    await scenario.cancel()


async def test_whoever_talked_with_the_caller_is_named(scenario: Scenario, recordings: Recordings) -> None:
    conversation = await scenario.start(recording=AT_ONCE)
    conversation.consult(ToAgent("bob"))
    await settle()
    scenario.reach.legs["bob"].far_end.answer()
    await settle()
    current = recordings.current("call-1")
    assert current is not None
    assert "bob" not in current.agents  # the caller hasn't heard him

    conversation.complete()

    assert current.agents == ("ann", "bob")
    assert taps(scenario) == ({"caller"}, {"bob"})
    await scenario.cancel()


async def test_the_recording_of_the_whole_call_is_joined_and_goes_on(
    scenario: Scenario, recordings: Recordings, recorder: FakeRecorder
) -> None:
    recordings.begin("call-1", whole_call=True)
    conversation = await scenario.start(recording=AT_ONCE)

    assert taps(scenario) == (set(), {"ann"})  # the caller is connected already
    conversation.recording.toggle()
    assert recorder.started[0].paused
    conversation.recording.toggle()
    conversation.hang_up()
    await scenario.end()
    assert len(recorder.started) == 1
    assert not recorder.started[0].finished


async def test_a_recorder_that_is_broken_keeps_nobody_from_talking(
    scenario: Scenario, recorder: FakeRecorder
) -> None:
    recorder.broken = True

    await scenario.start(recording=AT_ONCE)

    assert scenario.hears(scenario.caller) == {"ann"}
    await scenario.cancel()


async def test_what_must_not_be_recorded_is_not(scenario: Scenario) -> None:
    conversation = await scenario.start(recording=RecordingRules(allowed=False))

    with pytest.raises(WrongState):
        conversation.recording.start()
    await scenario.cancel()


async def test_a_node_without_recordings_says_so() -> None:
    scenario = Scenario()
    conversation = await scenario.start(recording=AT_ONCE)

    with pytest.raises(WrongState):
        conversation.recording.start()
    with pytest.raises(WrongState):
        conversation.recording.pause()
    await scenario.cancel()


async def test_the_agents_key_switches_it_on_and_off(scenario: Scenario, recorder: FakeRecorder) -> None:
    await scenario.start()

    scenario.agent.far_end.press("*1")
    await settle()
    scenario.agent.far_end.press("*1")
    await settle()

    assert [recording.finished for recording in recorder.started] == [True]
    await scenario.cancel()
