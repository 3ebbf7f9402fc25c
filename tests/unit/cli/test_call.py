"""What `ringback call` prints."""

from __future__ import annotations

import pytest

from gateway.call.cause import Cause
from gateway.call.leg import (
    Answered,
    DigitPressed,
    DigitReleased,
    DigitSource,
    EarlyMedia,
    Ended,
    LegEvent,
    MediaDirectionChanged,
    Ringing,
    Side,
)
from gateway.call.state import MediaDirection
from gateway.cli.call import describe, summary
from tests.unit.storage.builders import ANSWERED, record


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (Ringing(), "ringing"),
        (EarlyMedia(), "audio before the answer"),
        (Answered(), "answered"),
        (MediaDirectionChanged(MediaDirection.RECVONLY), "audio is recvonly now"),
        (DigitPressed("5", DigitSource.RTP_EVENT), "key 5 pressed (rtp_event)"),
        (DigitReleased("5", DigitSource.RTP_EVENT, 0.12), "key 5 released after 0.12 s"),
        (Ended(Cause.NORMAL_CLEARING, Side.REMOTE), "ended by the remote side: cause 16"),
        (
            Ended(Cause.USER_BUSY, Side.REMOTE, 486, "Busy Here"),
            "ended by the remote side: cause 17, SIP 486 Busy Here",
        ),
    ],
)
def test_every_event_has_words(event: LegEvent, words: str) -> None:
    assert describe(event) == words


def test_a_summary_says_what_became_of_the_call_and_of_its_audio() -> None:
    assert summary(ANSWERED).splitlines() == [
        "answered: 16 Normal call clearing",
        "lasted 60.5 s",
        "PCMA: 3000 packets received, 3001 sent, 3 lost, jitter 1.5 ms",
    ]


def test_a_call_without_audio_has_no_line_about_it() -> None:
    assert len(summary(record(quality=None)).splitlines()) == 2
