"""Numbers, acknowledgements and repetitions of one session's messages."""

from __future__ import annotations

import pytest

from gateway.webrtc.channel import MAX_UNACKNOWLEDGED, Channel, ChannelFull, Gap


def test_what_is_said_is_numbered_and_kept_until_it_is_acknowledged() -> None:
    channel = Channel()
    said = [channel.say({"n": n}) for n in range(3)]

    channel.acknowledge(2)

    assert [message["seq"] for message in said] == [1, 2, 3]
    assert list(channel.again()) == [{"seq": 3, "n": 2}]


def test_a_message_counts_once_and_none_is_missing() -> None:
    channel = Channel()

    assert channel.take(1)
    assert not channel.take(1)
    with pytest.raises(Gap):
        channel.take(3)
    assert channel.take(2)


def test_who_acknowledges_nothing_is_not_kept_for_ever() -> None:
    channel = Channel()
    for _ in range(MAX_UNACKNOWLEDGED):
        channel.say({})

    with pytest.raises(ChannelFull):
        channel.say({})


def test_who_has_forgotten_everything_hears_nothing_old() -> None:
    channel = Channel()
    channel.say({})

    channel.forget()

    assert list(channel.again()) == []
    assert channel.say({})["seq"] == 2
