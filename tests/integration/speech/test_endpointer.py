"""Where speech begins and ends: voices that a machine makes, on lines that are noisy to a known degree."""

from __future__ import annotations

import numpy as np
import pytest

from media.detectors import SileroDetector, webrtc_detector
from media.prompts import music
from media.vad import (
    Endpointer,
    EndpointerSettings,
    Frame,
    NoiseFloor,
    SpeechDropped,
    SpeechEnded,
    SpeechEvent,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    ToneDetector,
    level_dbfs,
)
from tests.fakes.speech import RATE, Signal, companded, cough, on_line, pink, spoken

BEFORE_S = 2.0
PHRASES = ("technical help", "my balance", "no", "cancel my contract", "operator")
VOICES = ("en-us", "en-gb", "en-us+f3", "en-gb+m4")
CALL_TONES = {
    "dial": (350, 440),
    "ringing": (440, 480),
    "busy": (480, 620),
    "key 5": (770, 1336),
    "modem": (2100,),
}


def hear(samples: Frame, settings: EndpointerSettings | None = None) -> list[SpeechEvent]:
    """What the endpointer of live calls makes of them, fed as a bridge would: 20 ms and a bit at a time."""
    endpointer = Endpointer(RATE, webrtc_detector(RATE), settings, confirm=SileroDetector(RATE))
    events: list[SpeechEvent] = []
    for at in range(0, len(samples), 167):
        events += endpointer.feed(samples[at : at + 167])
    return events


def of(kind: type[SpeechEvent], events: list[SpeechEvent]) -> list[SpeechEvent]:
    return [event for event in events if isinstance(event, kind)]


@pytest.mark.parametrize(("snr_db", "least"), [(20, 1.0), (10, 0.95), (5, 0.9), (0, 0.5)])
def test_speech_is_found_in_noise(snr_db: int, least: float) -> None:
    found, late_s = 0, []
    generator = np.random.default_rng(snr_db)
    utterances = [spoken(phrase, voice) for phrase in PHRASES for voice in VOICES]
    for utterance in utterances:
        events = hear(on_line(utterance, snr_db, generator, before_s=BEFORE_S))
        starts = [event for event in events if isinstance(event, SpeechStarted)]
        assert all(start.at_s > BEFORE_S - 0.1 for start in starts), "noise was taken for speech"
        if any(isinstance(event, SpeechEnded) for event in events):
            found += 1
            late_s.append(starts[0].at_s - BEFORE_S)

    assert found >= least * len(utterances)
    assert float(np.median(late_s)) < (0.1 if snr_db >= 10 else 0.2)


def test_an_utterance_holds_all_of_it_and_little_else() -> None:
    voice = spoken("technical help")
    (ended,) = of(SpeechEnded, hear(on_line(voice, 20, np.random.default_rng(1), before_s=BEFORE_S)))

    assert isinstance(ended, SpeechEnded)
    utterance = ended.utterance
    assert utterance.began_s == pytest.approx(BEFORE_S, abs=0.2)
    assert utterance.ended_s == pytest.approx(BEFORE_S + len(voice) / RATE, abs=0.2)
    assert len(utterance.audio) / RATE == pytest.approx(len(voice) / RATE + 0.55, abs=0.25)


def test_a_pause_is_told_and_taken_back_when_the_caller_goes_on() -> None:
    gap = np.zeros(round(0.45 * RATE))
    both = np.concatenate((spoken("my card"), gap, spoken("was stolen")))
    events = hear(on_line(both, 25, np.random.default_rng(2), before_s=1.0))

    kinds = [type(event) for event in events if not isinstance(event, SpeechStarted)]
    assert kinds == [SpeechPaused, SpeechResumed, SpeechPaused, SpeechEnded]
    paused, ended = events[1], events[-1]
    assert isinstance(paused, SpeechPaused)
    assert isinstance(ended, SpeechEnded)
    assert len(ended.utterance.audio) > 1.5 * len(paused.utterance.audio)


def test_an_endless_talker_is_cut() -> None:
    story = np.concatenate([spoken("the train leaves at noon and everybody has to go")] * 3)
    settings = EndpointerSettings(longest_s=3.0)
    ended = of(SpeechEnded, hear(on_line(story, 25, np.random.default_rng(3)), settings))

    assert isinstance(ended[0], SpeechEnded)
    assert ended[0].too_long


def silence_but(noise: Signal) -> Frame:
    generator = np.random.default_rng(4)
    return companded(noise + 0.002 * pink(len(noise) / RATE + 0.1, generator)[: len(noise)])


def test_line_noise_of_any_loudness_is_no_speech() -> None:
    for amplitude in (0.002, 0.01, 0.05):
        assert hear(companded(pink(20.0, np.random.default_rng(5)) * amplitude)) == []


def test_noise_that_grows_louder_becomes_the_floor() -> None:
    quiet, loud = (pink(6.0, np.random.default_rng(n)) * a for n, a in ((6, 0.002), (7, 0.03)))
    assert of(SpeechEnded, hear(companded(np.concatenate((quiet, loud))))) == []


@pytest.mark.parametrize("name", CALL_TONES)
def test_call_tones_and_keys_are_no_speech(name: str) -> None:
    time_s = np.arange(6 * RATE) / RATE
    tone = sum(0.1 * np.sin(2 * np.pi * hertz * time_s) for hertz in CALL_TONES[name])
    cadence = (time_s % 1.0) < 0.5
    assert hear(silence_but(np.asarray(tone) * cadence)) == []


def test_coughs_and_breaths_are_no_speech() -> None:
    generator = np.random.default_rng(8)
    rest = np.zeros(RATE)
    noises = [part for _ in range(8) for part in (cough(generator), rest)]
    noises += [part for _ in range(8) for part in (pink(0.6, generator) * np.hanning(4800) * 0.05, rest)]
    assert of(SpeechEnded, hear(silence_but(np.concatenate(noises)))) == []


def test_music_on_hold_is_no_speech() -> None:
    tune = music.render(music.HOLD_MUSIC)[: 40 * music.RATE : music.RATE // RATE]
    assert of(SpeechEnded, hear(companded(tune))) == []


def test_a_click_that_a_detector_falls_for_is_dropped() -> None:
    endpointer = Endpointer(
        RATE, lambda _frame: True, EndpointerSettings(minimum_s=0.12, quietest_dbfs=-40.0)
    )
    click = np.concatenate((np.zeros(RATE), np.random.default_rng(9).normal(0, 0.2, 640), np.zeros(RATE)))
    events = endpointer.feed((click * 32767).clip(-32768, 32767).astype(np.int16))

    assert [type(event) for event in events] == [SpeechStarted, SpeechDropped]
    assert not endpointer.speaking


def test_reset_forgets_the_utterance_and_keeps_the_floor() -> None:
    endpointer = Endpointer(RATE, lambda _frame: True)
    noise = np.random.default_rng(10).normal(0, 0.01, RATE)
    voice = np.random.default_rng(11).normal(0, 0.3, RATE // 2)
    endpointer.feed((np.concatenate((noise, voice)) * 32767).clip(-32768, 32767).astype(np.int16))
    floor = endpointer.floor_dbfs
    assert endpointer.voiced_s > 0.0

    endpointer.reset()

    assert endpointer.voiced_s == 0.0
    assert not endpointer.speaking
    assert endpointer.floor_dbfs == floor


def test_the_floor_falls_at_once_and_rises_slowly() -> None:
    floor = NoiseFloor()
    for level in [-50.0] * 40 + [-20.0] * 40:
        floor.hear(level)
    assert floor.dbfs == pytest.approx(-48.5, abs=0.5), "speech of 0.8 s isn't noise"
    for _ in range(120):
        floor.hear(-20.0)
    assert floor.dbfs == pytest.approx(-18.5, abs=0.5)
    for _ in range(8):
        floor.hear(-60.0)
    assert floor.dbfs < -50.0


def test_levels_and_tones() -> None:
    sine = (np.sin(2 * np.pi * 440 * np.arange(480) / RATE) * 32767).astype(np.int16)
    assert level_dbfs(sine[:160]) == pytest.approx(-3.0, abs=0.1)
    assert level_dbfs(np.zeros(160, np.int16)) == -96.0
    detector = ToneDetector(RATE)
    for frame in sine.reshape(3, 160):
        detector.hear(frame)
    assert detector.heard
    for frame in (spoken("aah")[800:1280] * 32767).astype(np.int16).reshape(3, 160):
        detector.hear(frame)
    assert not detector.heard
