"""Our own prompt that comes back, and callers who talk over it."""

from __future__ import annotations

import numpy as np

from media.echo import ECHO_LIKENESS, EchoJudge
from tests.fakes.speech import RATE, Signal, companded, pink, spoken

PROMPT = spoken(
    "For your balance, press one. For fees and statements, press two. For anything else, please hold"
)


def likeness(played: Signal, heard: Signal, at_s: float, seconds: float = 0.4) -> float:
    judge = EchoJudge(RATE)
    sent, back = companded(played), companded(heard)
    for at in range(0, round(at_s * RATE), 320):
        judge.hear(back[at : at + 320], sent[at : at + 320])
    return judge.likeness(seconds)


def echo_of(prompt: Signal, delay_s: float, generator: np.random.Generator) -> Signal:
    """20 dB down, through a hybrid of 5 ms, on a line with a little noise."""
    taps = generator.standard_normal(40) * np.exp(-np.arange(40) / 8)
    late = np.concatenate((np.zeros(round(delay_s * RATE)), prompt))[: len(prompt)]
    echo = np.convolve(late, taps / np.sqrt((taps**2).sum()))[: len(prompt)] * 0.1
    return np.asarray(echo + pink(len(echo) / RATE + 0.1, generator)[: len(echo)] * 0.001)


def test_an_echo_is_known_at_any_delay() -> None:
    generator = np.random.default_rng(1)
    found = [
        likeness(PROMPT, echo_of(PROMPT, delay_s, generator), at_s)
        for delay_s in (0.02, 0.1, 0.25, 0.4)
        for at_s in (1.6, 2.8)
    ]

    assert float(np.median(found)) > ECHO_LIKENESS


def test_a_caller_who_talks_over_a_prompt_is_no_echo() -> None:
    generator = np.random.default_rng(2)
    for voice in ("en-us", "en-gb", "en-us+f3"):
        for at_s in (1.6, 2.8):
            own = np.zeros(len(PROMPT))
            said = spoken("technical help", voice)[: round(0.4 * RATE)]
            start = round((at_s - 0.4) * RATE)
            own[start : start + len(said)] = said
            assert likeness(PROMPT, own + 0.2 * echo_of(PROMPT, 0.1, generator), at_s) < ECHO_LIKENESS


def test_a_bare_tone_and_silence_are_like_nothing() -> None:
    tone = np.asarray(0.3 * np.sin(2 * np.pi * 500 * np.arange(3 * RATE) / RATE))

    assert likeness(tone, tone, 2.0) == 0.0
    assert likeness(np.zeros(3 * RATE), tone, 2.0) == 0.0
    assert likeness(tone, np.zeros(3 * RATE), 2.0) == 0.0
