"""Hypothesis looks for a press that is lost or doubled, and for a header that doesn't survive the journey."""

from __future__ import annotations

import random
from dataclasses import dataclass

from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.call.cause import Cause, cause_to_sip, format_reason, parse_reason, parse_reasons, sip_to_cause
from gateway.call.digits import DIGITS, WINDOW_S, DigitEvent, DigitMerger
from gateway.call.leg import DigitPressed, DigitReleased, DigitSource
from gateway.call.state import LegSignal, LegState, MediaDirection, next_state
from gateway.errors import WrongState

directions = st.sampled_from(MediaDirection)


@dataclass(frozen=True, slots=True)
class Report:
    """What one source says at one moment."""

    at: float
    digit: str
    source: DigitSource
    pressed: bool


@st.composite
def typing(draw: st.DrawFn) -> tuple[str, list[Report]]:
    """A caller types; one or more sources report every key, each late by up to just under the window."""
    digits = draw(st.text(st.sampled_from(sorted(DIGITS)), min_size=1, max_size=12))
    sources = draw(st.sets(st.sampled_from(DigitSource), min_size=1))
    gaps = [draw(st.floats(0.05, 8.0)) for _ in digits]
    reports: list[Report] = []
    for source in sources:
        at, last = 100.0, 0.0
        for digit, gap in zip(digits, gaps, strict=True):
            at += gap
            # In order for each source: a report can't overtake the one before it.
            pressed_at = max(last, at + draw(st.floats(0.0, WINDOW_S * 0.99)))
            # The lag stays below the window: order alone can push a report back no further than its elders.
            last = pressed_at
            reports.append(Report(pressed_at, digit, source, pressed=True))
            reports.append(Report(pressed_at, digit, source, pressed=False))
    return digits, sorted(reports, key=lambda report: report.at)


def merge(reports: list[Report]) -> list[DigitEvent]:
    merger = DigitMerger()
    events: list[DigitEvent] = []
    for report in reports:
        if report.pressed:
            events.extend(merger.press(report.digit, report.source, report.at))
        else:
            events.extend(merger.release(report.digit, report.source, 0.04))
    return [*events, *merger.finish(reports[-1].at)]


@given(typing())
def test_no_press_is_lost_and_none_is_doubled(typed: tuple[str, list[Report]]) -> None:
    digits, reports = typed

    events = merge(reports)

    assert sorted(digits) == sorted(event.digit for event in events if isinstance(event, DigitPressed))


@given(typing(), st.randoms(use_true_random=False))
def test_every_press_has_exactly_one_release_after_it_whatever_is_lost(
    typed: tuple[str, list[Report]], chance: random.Random
) -> None:
    reports = [report for report in typed[1] if chance.random() < 0.7]
    assume(reports)

    down: dict[tuple[str, DigitSource], int] = {}
    for event in merge(reports):
        key = (event.digit, event.source)
        down[key] = down.get(key, 0) + (1 if isinstance(event, DigitPressed) else -1)
        assert down[key] in (0, 1)
        assert not isinstance(event, DigitReleased) or event.duration_s >= 0

    assert set(down.values()) <= {0}


@given(st.lists(st.sampled_from(LegSignal), max_size=20))
def test_a_leg_ends_once_and_for_good_whatever_happens(signals: list[LegSignal]) -> None:
    state = LegState.TRYING
    ends = 0
    for signal in signals:
        before = state
        try:
            state = next_state(state, signal)
        except WrongState:
            continue
        ends += state is LegState.TERMINATED and before is not LegState.TERMINATED
        assert before is not LegState.TERMINATED

    assert ends == (state is LegState.TERMINATED)
    assert (state is LegState.TERMINATED) == (LegSignal.ENDED in signals)


@given(directions, directions)
def test_both_ends_agree_on_who_sends(wish: MediaDirection, offer: MediaDirection) -> None:
    answer = wish.answer_to(offer)

    assert not (answer.sends and not offer.receives)
    assert not (answer.receives and not offer.sends)
    assert answer.mirrored.mirrored is answer
    assert wish.answer_to(answer.mirrored) is answer  # offering the agreement again changes nothing


@given(st.sampled_from(Cause))
def test_every_cause_rejects_with_a_failure_that_has_a_cause(cause: Cause) -> None:
    status = cause_to_sip(cause)

    assert 400 <= status <= 699
    assert cause_to_sip(sip_to_cause(status)) in range(400, 700)


@given(st.sampled_from(Cause), st.text(max_size=40))
def test_a_reason_survives_the_journey(cause: Cause, text: str) -> None:
    header = format_reason(cause, text)
    (reason,) = parse_reasons(header)

    assert parse_reason(header) is cause
    assert "\n" not in header
    assert "\r" not in header
    assert [character for character in text if character.isprintable()] == [
        received for received, sent in zip(reason.text, text, strict=True) if sent.isprintable()
    ]


@given(st.text(max_size=200))
def test_no_header_breaks_the_parser(header: str) -> None:
    assert parse_reason(header) in {None, *Cause}
