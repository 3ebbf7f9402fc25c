"""Recordings of real conversations: whose tone is on which channel, and when."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from gateway.dialplan.queues import RecordingFormat
from gateway.queues.journal import JournalKind
from gateway.switch.conversation_ends import ToAgent
from gateway.switch.conversation_recording import RecordingRules
from gateway.switch.recording_store import Keeping
from media import tone
from tests.integration.conversation_rig import (
    ALL_HZ,
    ANN_HZ,
    BOB_HZ,
    CALLER_HZ,
    MUSIC_HZ,
    RATE,
    Phone,
    Rig,
    rig,
    settled,
)
from tests.integration.peers.tones import Samples, Span, gaps, heard, spans
from tests.integration.peers.wait import until

CONSENT_HZ = 1700.0
AT_ONCE = RecordingRules(at_once=True, keeping=Keeping(RecordingFormat.WAV))


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path / "recordings", "ann", "bob") as made:
        yield made


async def recorded(node: Rig, id_: str = "call-1") -> tuple[Samples, Samples]:
    """The two channels of a complete recording."""
    store = node.recordings.store
    await until(lambda: (found := store.find(id_)) is not None and found.agents, "the complete recording")
    stored = store.find(id_)
    assert stored is not None
    audio, rate = soundfile.read(stored.path, dtype="int16", always_2d=True)
    assert rate == RATE
    left, right = (np.ascontiguousarray(audio[:, channel]) for channel in (0, 1))
    return left, right


async def test_the_caller_is_on_the_left_and_the_agent_on_the_right(node: Rig) -> None:
    conversation, run, caller, ann = await node.converse(recording=AT_ONCE)
    await caller.hears(ANN_HZ)
    await settled([caller, ann])

    conversation.hang_up(by="ann")
    await run

    left, right = await recorded(node)
    assert len(left) == len(right)
    assert heard(left, ALL_HZ, least_share=0.02) == {CALLER_HZ}
    assert heard(right, ALL_HZ, least_share=0.02) == {ANN_HZ}
    stored = node.recordings.store.find("call-1")
    assert stored is not None
    assert (stored.media_type, stored.note.queue, stored.note.call_id) == ("audio/wav", "billing", "call-1")
    said = [event.details["what"] for event in node.journal if event.kind is JournalKind.RECORDING]
    assert said == ["started", "stopped"]


async def test_the_channels_stay_aligned_to_the_sample(node: Rig) -> None:
    conversation, run, caller, ann = await node.converse(recording=AT_ONCE)
    await caller.hears(ANN_HZ)
    player = node.open_player("both")
    recording = conversation.recording.current
    assert recording is not None
    for port in recording.ports.values():
        node.bridge.connect(player.port, port)

    await player.play([tone.tone([2100.0], 0.2, RATE, dbfs=-6.0)]).finished()
    await settled([caller, ann])
    player.close()
    conversation.hang_up()
    await run

    left, right = await recorded(node)
    (first,), (second,) = (spans(channel, 2100.0, least_purity=0.6) for channel in (left, right))
    # To the sample: where the two correlate best.
    at = round(first.start_s * RATE)
    piece = left[at : at + 800].astype(float)
    shifts = {
        shift: float(np.dot(piece, right[at + shift : at + shift + 800].astype(float)))
        for shift in range(-3, 4)
    }
    assert max(shifts, key=lambda shift: shifts[shift]) == 0
    assert first == second


async def test_a_pause_is_silence_on_both_channels_and_times_stay_true(node: Rig) -> None:
    conversation, run, caller, ann = await node.converse(recording=AT_ONCE)
    await caller.hears(ANN_HZ)
    await settled([caller, ann])

    conversation.recording.pause(by="ann")
    await settled([caller, ann])
    conversation.recording.resume(by="ann")
    await settled([caller, ann])
    conversation.hang_up()
    await run

    for channel, frequency in zip(await recorded(node), (CALLER_HZ, ANN_HZ), strict=True):
        stretches = [span for span in spans(channel, frequency) if span.duration_s > 0.2]
        (gap,) = gaps(stretches)
        assert gap >= 0.4
        between = channel[round(stretches[0].end_s * RATE) + 160 : round(stretches[1].start_s * RATE) - 160]
        assert not between.any()  # not even the beginning of a digit


async def test_what_the_caller_had_no_part_in_is_silence(node: Rig) -> None:
    conversation, run, caller, ann = await node.converse(recording=AT_ONCE)
    await caller.hears(ANN_HZ)
    await settled([caller, ann])
    conversation.consult(ToAgent("bob"))
    bob = await node.picks_up("bob", BOB_HZ)
    await ann.hears(BOB_HZ)
    await settled([caller, ann, bob])
    conversation.conference()
    await caller.hears(ANN_HZ, BOB_HZ)
    await settled([caller, ann, bob])
    conversation.hang_up()
    await caller.hears(BOB_HZ)
    await settled([caller, bob])
    bob.hang_up()
    await run

    left, right = await recorded(node)
    assert heard(left, ALL_HZ, least_share=0.02) == {CALLER_HZ}
    (pause,) = [gap for gap in gaps(_stretches(left, CALLER_HZ)) if gap > 0.2]
    assert pause > 0.4  # the consultation: the caller on hold says nothing to anybody
    assert MUSIC_HZ not in heard(right, ALL_HZ, least_share=0.02)
    assert heard(right[-round(0.4 * RATE) : -round(0.1 * RATE)], ALL_HZ) == {BOB_HZ}
    stored = node.recordings.store.find("call-1")
    assert stored is not None
    assert stored.agents == ("ann", "bob")


async def test_a_recording_on_demand_says_so_to_both_and_keeps_the_proof(node: Rig) -> None:
    consent = tone.tone([CONSENT_HZ], 1.0, RATE, dbfs=-6.0)
    rules = RecordingRules(consent=consent, keeping=Keeping(RecordingFormat.WAV))
    conversation, run, caller, ann = await node.converse(recording=rules)
    await caller.hears(ANN_HZ)

    conversation.recording.start(by="ann")
    for phone in (caller, ann):
        await until(lambda phone=phone: CONSENT_HZ in _heard_now(phone), "the consent prompt")  # type: ignore[misc]
    await settled([caller, ann])
    await caller.hears(ANN_HZ)
    conversation.recording.stop(by="ann")

    left, right = await recorded(node)
    assert CONSENT_HZ in heard(right, [CONSENT_HZ])
    assert heard(left, [CONSENT_HZ, *ALL_HZ], least_share=0.02) == {CALLER_HZ}
    conversation.recording.start(by="ann")
    await settled([caller, ann])
    conversation.hang_up()
    await run
    await recorded(node, "call-1-2")


async def test_complete_recordings_are_converted_in_the_background(node: Rig) -> None:
    rules = RecordingRules(at_once=True, keeping=Keeping(RecordingFormat.OPUS, 3600.0))
    conversation, run, caller, ann = await node.converse(recording=rules)
    await caller.hears(ANN_HZ)
    await settled([caller, ann])
    conversation.hang_up()
    await run

    store = node.recordings.store

    def converted() -> bool:
        stored = store.find("call-1")
        return stored is not None and stored.media_type == "audio/ogg" and bool(stored.agents)

    await until(converted, "the Opus file", deadline_s=10.0)
    stored = store.find("call-1")
    assert stored is not None
    assert stored.agents == ("ann",)
    audio, rate = soundfile.read(stored.path, dtype="int16", always_2d=True)
    assert rate == RATE
    assert heard(np.ascontiguousarray(audio[:, 0]), ALL_HZ) == {CALLER_HZ}
    assert heard(np.ascontiguousarray(audio[:, 1]), ALL_HZ) == {ANN_HZ}
    assert sorted(path.suffix for path in stored.path.parent.iterdir()) == [".json", ".opus"]


def _heard_now(phone: Phone) -> set[float]:
    return heard(phone.call.rtp.audio()[-2400:], [CONSENT_HZ], least_share=0.3)


def _stretches(channel: Samples, frequency: float) -> list[Span]:
    return [span for span in spans(channel, frequency) if span.duration_s > 0.2]
