"""Music on hold: one player a piece, whoever listens."""

from __future__ import annotations

import gc
import weakref

import pytest

from gateway.switch.music import DUCKED, FULL, MusicOnHold
from media.bridge import Port
from media.clip import Clip
from tests.fakes.audio import FakeTimers, silence
from tests.fakes.bridge import FakeBridge


@pytest.fixture
def bridge() -> FakeBridge:
    return FakeBridge()


@pytest.fixture
def timers() -> FakeTimers:
    return FakeTimers()


@pytest.fixture
def music(bridge: FakeBridge, timers: FakeTimers) -> MusicOnHold:
    return MusicOnHold(bridge, bridge.open_player, timers.time)


def piece(name: str = "tune", seconds: float = 10.0) -> Clip:
    return silence(name, samples=round(seconds * 8000))


async def test_many_ears_share_one_player_and_the_last_to_leave_closes_it(
    bridge: FakeBridge, music: MusicOnHold
) -> None:
    tune = piece()

    first, second = music.play_to(Port("ann"), [tune]), music.play_to(Port("bob"), [tune])

    assert bridge.hears == {"ann": {"music-tune": FULL}, "bob": {"music-tune": FULL}}
    assert len(bridge.players) == music.playing == 1
    assert bridge.players[0].loops == [True]
    first.stop()
    first.stop()
    assert bridge.hears == {"bob": {"music-tune": FULL}}
    second.stop()
    assert bridge.hears == {}
    assert len(bridge.players) == music.playing == 0


async def test_ducking_changes_the_level_of_one_ear_and_restarts_nothing(
    bridge: FakeBridge, music: MusicOnHold
) -> None:
    tune = piece()
    ann = music.play_to(Port("ann"), [tune])
    music.play_to(Port("bob"), [tune])

    ann.duck()

    assert bridge.hears == {"ann": {"music-tune": DUCKED}, "bob": {"music-tune": FULL}}
    assert len(bridge.opened) == 1
    assert bridge.opened[0].starts_s == [0.0]
    ann.unduck()
    assert bridge.hears["ann"] == {"music-tune": FULL}


async def test_a_level_set_after_the_end_connects_nothing(bridge: FakeBridge, music: MusicOnHold) -> None:
    ann = music.play_to(Port("ann"), [piece()])
    ann.stop()

    ann.duck()

    assert bridge.hears == {}


async def test_a_piece_goes_on_by_the_clock_while_nobody_listens(
    bridge: FakeBridge, music: MusicOnHold, timers: FakeTimers
) -> None:
    tune = piece(seconds=10.0)
    music.play_to(Port("ann"), [tune]).stop()
    await timers.advance(13.5)

    music.play_to(Port("bob"), [tune])

    assert bridge.players[0].starts_s == [pytest.approx(3.5)]


async def test_pieces_are_told_apart_by_their_clips(bridge: FakeBridge, music: MusicOnHold) -> None:
    music.play_to(Port("ann"), [piece("one")])
    music.play_to(Port("ann"), [piece("other")])

    assert bridge.hears == {"ann": {"music-one": FULL, "music-other": FULL}}


async def test_a_piece_that_nobody_holds_any_more_is_forgotten(music: MusicOnHold) -> None:
    tune = piece()
    gone = weakref.ref(tune)
    listening = music.play_to(Port("ann"), [tune])
    del tune
    gc.collect()
    assert gone() is not None  # on the air

    listening.stop()
    gc.collect()

    assert gone() is None


async def test_music_that_cannot_be_played_leaves_no_player_behind(
    bridge: FakeBridge, music: MusicOnHold
) -> None:
    with pytest.raises(ValueError, match="without any audio"):
        music.play_to(Port("ann"), [silence("empty", samples=0)])

    assert bridge.opened == []


async def test_the_clips_of_a_piece_follow_each_other(
    bridge: FakeBridge, music: MusicOnHold, timers: FakeTimers
) -> None:
    one, other = piece("one", seconds=10.0), piece("other", seconds=10.0)
    music.play_to(Port("ann"), [one, other]).stop()
    await timers.advance(33.0)

    music.play_to(Port("bob"), [one, other])

    assert bridge.opened[-1].inner.played == [("one", "other")]
    assert bridge.opened[-1].starts_s == [pytest.approx(13.0)]


async def test_closing_takes_everything_off_the_air_and_late_stops_do_no_harm(
    bridge: FakeBridge, music: MusicOnHold
) -> None:
    listening = music.play_to(Port("ann"), [piece()])

    music.close()
    listening.stop()

    assert bridge.players == []
    assert bridge.hears == {}
