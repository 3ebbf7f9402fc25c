"""Recordings from their beginning to their deletion."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import soundfile

from gateway.dialplan.queues import RecordingFormat
from gateway.switch.call_recording import CallRecording, Recordings
from gateway.switch.hearing import Channel
from gateway.switch.live_calls import RecordingState
from gateway.switch.recording_store import Keeping, RecordingNote, RecordingStore
from media.bridge import Port
from tests.fakes.audio import FakeTimers, settle
from tests.fakes.clock import FakeClock
from tests.fakes.recorder import FakeRecorder, write_call

WAV, FLAC, OPUS = RecordingFormat.WAV, RecordingFormat.FLAC, RecordingFormat.OPUS
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> RecordingStore:
    return RecordingStore(tmp_path / "recordings", Keeping(FLAC))


@pytest.fixture
def recorder() -> FakeRecorder:
    return FakeRecorder()


@pytest.fixture
def changes() -> list[tuple[str, RecordingState]]:
    return []


@pytest.fixture
async def recordings(
    store: RecordingStore, recorder: FakeRecorder, changes: list[tuple[str, RecordingState]]
) -> Recordings:
    def note(recording: CallRecording, state: RecordingState) -> None:
        changes.append((recording.id, state))

    return Recordings(store, recorder, FakeClock(FakeTimers()), on_change=note)


@asynccontextmanager
async def working(recordings: Recordings) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        work = tasks.create_task(recordings.run())
        try:
            yield
        finally:
            work.cancel()


# ---- those that go on


async def test_a_recording_begins_pauses_and_ends(
    recordings: Recordings, recorder: FakeRecorder, changes: list[tuple[str, RecordingState]]
) -> None:
    recording = recordings.begin("abc")

    assert recordings.current("abc") is recording
    assert set(recording.ports) == {Channel.CALLER, Channel.OTHERS}
    recording.pause()
    recording.resume()
    recording.finish()
    recording.finish()
    assert recordings.current("abc") is None
    assert recorder.started[0].finished
    on, paused, off = RecordingState.ON, RecordingState.PAUSED, RecordingState.OFF
    assert changes == [("abc", on), ("abc", paused), ("abc", on), ("abc", off)]


async def test_the_recording_of_a_whole_call_has_its_caller_connected_from_the_beginning(
    recordings: Recordings, recorder: FakeRecorder
) -> None:
    caller, player = Port("caller"), Port("player")

    recording = recordings.begin("abc", whole_call=True, caller=[caller], others=[player])

    assert recorder.started[0].sources == ([caller], [player])
    assert set(recording.ports) == {Channel.OTHERS}


async def test_a_call_has_one_recording_at_a_time_and_each_its_own_name(
    recordings: Recordings, recorder: FakeRecorder
) -> None:
    recordings.begin("abc")
    with pytest.raises(ValueError, match="already"):
        recordings.begin("abc")
    recordings.forget("abc")  # the call is over
    first = recordings.begin("xyz")
    first.finish()
    second = recordings.begin("xyz")

    assert (first.id, second.id) == ("xyz", "xyz-2")
    assert [recording.path.name for recording in recorder.started] == ["abc.wav", "xyz.wav", "xyz-2.wav"]


@pytest.mark.parametrize("call_id", ["", "../etc", "a/b", "a.b", "a\0b", "ä", "x" * 81])
async def test_an_id_that_could_leave_the_directory_is_refused(
    recordings: Recordings, store: RecordingStore, call_id: str
) -> None:
    with pytest.raises(ValueError, match="fit"):
        recordings.begin(call_id)
    assert store.find(call_id) is None
    assert store.of_call(call_id) == ()


# ---- in the background


@pytest.mark.parametrize(
    ("format_", "media_type"), [(FLAC, "audio/flac"), (OPUS, "audio/ogg"), (WAV, "audio/wav")]
)
async def test_what_is_complete_becomes_what_it_is_kept_as(
    recordings: Recordings, store: RecordingStore, format_: RecordingFormat, media_type: str
) -> None:
    async with working(recordings):
        recording = recordings.begin("abc", keeping=Keeping(format_), queue="billing")
        recording.heard("ann")
        recording.heard("bob")
        recording.finish()
        await recordings.idle()

    stored = store.find("abc")
    assert stored is not None
    assert stored.media_type == media_type
    path = stored.path
    audio, rate = soundfile.read(path, dtype="int16", always_2d=True)
    assert rate == 8000
    assert audio.shape[1] == 2
    assert audio[:, 0].any()
    assert (stored.call_id, stored.agents, stored.note.queue) == ("abc", ("ann", "bob"), "billing")
    assert sorted(file.name for file in path.parent.iterdir()) == sorted([path.name, "abc.json"])


async def test_a_disk_that_was_full_costs_that_recording_and_no_other(
    recordings: Recordings, store: RecordingStore, recorder: FakeRecorder
) -> None:
    async with working(recordings):
        recorder.full = True
        recordings.begin("bad").finish()
        recorder.full = False
        recordings.begin("good").finish()
        await recordings.idle()

    good = store.find("good")
    assert good is not None
    assert good.media_type == "audio/flac"
    assert store.find("bad") is None


async def test_a_node_that_stops_says_whose_everything_is_and_converts_it_after_the_next_start(
    store: RecordingStore, recorder: FakeRecorder
) -> None:
    clock = FakeClock(FakeTimers())
    stopping = Recordings(store, recorder, clock)
    stopping.begin("abc").heard("ann")
    await stopping.close()
    stored = store.find("abc")
    assert stored is not None
    assert (stored.media_type, stored.agents) == ("audio/wav", ("ann",))

    restarted = Recordings(store, recorder, clock)
    async with working(restarted):
        await settle()
        await restarted.idle()

    again = store.find("abc")
    assert again is not None
    assert (again.media_type, again.agents) == ("audio/flac", ("ann",))


async def test_what_is_recorded_already_while_the_start_is_seen_to_is_left_alone(
    recordings: Recordings, store: RecordingStore
) -> None:
    recording = recordings.begin("abc")
    partial = write_call(store.path_of("abc", recording.note))
    live = partial.rename(partial.with_name("abc.wav.part"))

    async with working(recordings):
        await settle()
        await recordings.idle()

    assert live.exists()


# ---- after a crash


def crashed(store: RecordingStore, id_: str) -> Path:
    """What a process leaves that is killed in the middle: a header without the length, half a frame."""
    note = RecordingNote(id_, NOW, Keeping(FLAC))
    path = write_call(store.path_of(id_, note), seconds=1.0)
    partial = path.with_name(path.name + ".part")
    path.rename(partial)
    content = bytearray(partial.read_bytes())
    content[4:8] = content[40:44] = bytes(4)
    partial.write_bytes(bytes(content) + b"\x01\x02\x03")
    store.write_note(path, note)
    return path


def test_a_file_without_its_end_is_completed_and_kept(store: RecordingStore) -> None:
    path = crashed(store, "abc")

    assert store.recover() == [path]

    audio, _ = soundfile.read(path, dtype="int16", always_2d=True)
    assert len(audio) == 8000
    assert audio[:, 0].any()
    assert not audio[:, 1].any()
    assert store.convert(path).suffix == ".flac"


def test_a_file_without_any_audio_is_no_recording(store: RecordingStore) -> None:
    path = crashed(store, "abc")
    partial = path.with_name(path.name + ".part")
    partial.write_bytes(partial.read_bytes()[:44])
    (path.parent / "xyz.wav.part").write_bytes(b"")

    assert store.recover() == []

    assert list(path.parent.iterdir()) == []


def test_half_a_conversion_is_begun_again(store: RecordingStore) -> None:
    note = RecordingNote("abc", NOW, Keeping(FLAC))
    path = write_call(store.path_of("abc", note))
    store.write_note(path, note)
    (path.parent / "abc.flac.part").write_bytes(b"fLaC")

    assert store.recover() == [path]

    assert sorted(file.name for file in path.parent.iterdir()) == ["abc.json", "abc.wav"]


# ---- looking up, and deleting


def keep(
    store: RecordingStore, id_: str, *, call_id: str = "", days_old: float = 0.0, days: float | None = None
) -> Path:
    retention_s = None if days is None else days * 86_400
    note = RecordingNote(call_id or id_, NOW - timedelta(days=days_old), Keeping(FLAC, retention_s))
    path = write_call(store.path_of(id_, note))
    store.write_note(path, note)
    return store.convert(path)


def test_the_recordings_of_a_call_come_in_their_order_and_without_those_of_others(
    store: RecordingStore,
) -> None:
    for number in (10, 2):
        keep(store, f"abc-{number}", call_id="abc")
    keep(store, "abc")
    keep(store, "abc-x")
    keep(store, "abcd")

    assert [stored.id for stored in store.of_call("abc")] == ["abc", "abc-2", "abc-10"]
    assert store.find("nothing") is None


def test_what_its_time_is_over_is_deleted_with_its_note(store: RecordingStore) -> None:
    old = keep(store, "old", days_old=31, days=30)
    keep(store, "young", days_old=29, days=30)
    keep(store, "ever", days_old=400)

    assert store.sweep(NOW) == 1

    assert store.find("old") is None
    assert not old.parent.exists()
    assert store.find("young") is not None
    assert store.find("ever") is not None


def test_a_recording_whose_note_is_lost_is_found_and_kept_as_the_node_keeps_them(tmp_path: Path) -> None:
    store = RecordingStore(tmp_path, Keeping(FLAC, 86_400.0))
    path = keep(store, "abc", days_old=3, days=900)
    path.with_suffix(".json").write_text("{", encoding="utf-8")

    stored = store.find("abc")
    assert stored is not None
    assert stored.call_id == "abc"
    assert store.sweep(NOW) == 1


def test_other_files_in_the_directory_are_left_alone(store: RecordingStore) -> None:
    keep(store, "old", days_old=31, days=30)
    day = next(store.directory.iterdir())
    (day / "README").write_text("ours", encoding="utf-8")
    (store.directory / "elsewhere").mkdir()

    store.sweep(NOW)

    assert [file.name for file in day.iterdir()] == ["README"]
    assert (store.directory / "elsewhere").is_dir()


def test_no_directory_is_no_recordings(tmp_path: Path) -> None:
    store = RecordingStore(tmp_path / "none")

    assert (store.recover(), store.sweep(NOW), store.find("abc"), store.of_call("abc")) == ([], 0, None, ())
