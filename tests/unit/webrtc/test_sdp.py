"""Offers of browsers, and everything that isn't one."""

from __future__ import annotations

import pytest

from gateway.call.state import MediaDirection
from gateway.webrtc.sdp import MAX_CANDIDATES, Answerer, BadOffer, make_answer, parse_offer

AUDIO = """\
m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 110 126
c=IN IP4 0.0.0.0
a=ice-ufrag:Yf3k
a=ice-pwd:a/ZlYWyTZPsbNcb2cYEX1Zxt
a=ice-options:trickle
a=fingerprint:sha-256 0A:1B:2C:3D:0A:1B:2C:3D:0A:1B:2C:3D:0A:1B:2C:3D:0A:1B:2C:3D:0A:1B:2C:3D:0A:1B:2C:3D:0A:1B:2C:3D
a=setup:actpass
a=mid:0
a=sendrecv
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:110 telephone-event/48000
a=rtpmap:126 telephone-event/8000
a=ssrc:1001 cname:x
"""  # noqa: E501
VIDEO = """\
m=video 9 UDP/TLS/RTP/SAVPF 96
c=IN IP4 0.0.0.0
a=ice-ufrag:Yf3k
a=ice-pwd:a/ZlYWyTZPsbNcb2cYEX1Zxt
a=fingerprint:sha-256 0A:1B
a=setup:actpass
a=mid:1
a=sendrecv
a=rtcp-mux
a=rtpmap:96 VP8/90000
"""
HEAD = "v=0\no=- 1 2 IN IP4 127.0.0.1\ns=-\nt=0 0\na=group:BUNDLE 0 1\n"
OURS = Answerer("uuuu", "p" * 22, ("sha-256", "AA:BB"), "active", MediaDirection.SENDRECV, 42, "ringback")


def sdp(*sections: str) -> str:
    return (HEAD + "".join(sections)).replace("\n", "\r\n")


def without(line: str) -> str:
    return sdp("\n".join(each for each in AUDIO.splitlines() if not each.startswith(line)) + "\n")


def test_a_browsers_offer_is_understood() -> None:
    offer = parse_offer(sdp(AUDIO))

    assert (offer.codec, offer.payload_type) == ("opus", 111)
    assert (offer.key_type, offer.key_clock) == (110, 48000)
    assert (offer.ufrag, offer.setup) == ("Yf3k", "actpass")
    assert offer.direction is MediaDirection.SENDRECV


@pytest.mark.parametrize(("codecs", "chosen"), [(("PCMA", "opus"), "PCMA"), (("PCMU",), "PCMU")])
def test_our_preference_decides_on_the_codec(codecs: tuple[str, ...], chosen: str) -> None:
    offer = parse_offer(sdp(AUDIO), codecs)

    assert offer.codec == chosen
    assert (offer.key_type, offer.key_clock) == (126, 8000)


def test_firefox_has_keys_at_another_clock_than_opus() -> None:
    offer = parse_offer(sdp(AUDIO.replace("a=rtpmap:110 telephone-event/48000\n", "")))

    assert (offer.codec, offer.key_type, offer.key_clock) == ("opus", 126, 8000)


def test_an_answer_is_audio_alone_and_refuses_the_rest() -> None:
    answer = make_answer(parse_offer(sdp(AUDIO, VIDEO)), OURS, 7)

    assert "m=audio 9 UDP/TLS/RTP/SAVPF 111 110\r\n" in answer
    assert "m=video 0 UDP/TLS/RTP/SAVPF 96\r\n" in answer
    assert "a=group:BUNDLE 0\r\n" in answer
    assert "a=setup:active\r\n" in answer
    assert answer.count("m=") == 2


def test_an_offer_of_one_direction_is_answered_in_the_other() -> None:
    offer = parse_offer(sdp(AUDIO.replace("a=sendrecv", "a=sendonly")))

    assert MediaDirection.SENDRECV.answer_to(offer.direction) is MediaDirection.RECVONLY


@pytest.mark.parametrize(
    ("offered", "code"),
    [
        ("", "not_sdp"),
        ("hello", "not_sdp"),
        ("v=0\r\n" * 20, "not_sdp"),
        ("\x00\xff" * 50, "not_sdp"),
        ("m=audio nine UDP/TLS/RTP/SAVPF 0\r\n", "not_sdp"),
        (HEAD, "not_sdp"),
        (sdp(VIDEO), "no_audio"),
        (sdp(AUDIO.replace("m=audio 9", "m=audio 0")), "no_audio"),
        (sdp(AUDIO.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP")), "not_encrypted"),
        (without("a=fingerprint"), "not_encrypted"),
        (sdp(AUDIO.replace("sha-256", "md5")), "not_encrypted"),
        (without("a=setup"), "not_encrypted"),
        (without("a=ice-pwd"), "no_ice"),
        (without("a=rtcp-mux"), "no_rtcp_mux"),
        (without("a=rtpmap"), "not_sdp"),
        ("x" * 40_000, "offer_too_large"),
        ("a=b\n" * 2_000, "offer_too_large"),
        (sdp(*[AUDIO] * 20), "offer_too_large"),
    ],
)
def test_what_is_not_an_offer_is_refused_with_its_reason(offered: str, code: str) -> None:
    with pytest.raises(BadOffer) as bad:
        parse_offer(offered)

    assert bad.value.code == code


def test_an_offer_without_a_common_codec_is_refused() -> None:
    with pytest.raises(BadOffer) as bad:
        parse_offer(
            sdp(AUDIO.replace("opus/48000/2", "ilbc/8000").replace("a=fmtp:111", "a=x-fmtp:111")), ("opus",)
        )

    assert bad.value.code == "no_codec"


def test_hundreds_of_candidates_are_not_all_kept() -> None:
    candidate = "a=candidate:1 1 udp 1 192.0.2.1 {} typ host\n"
    lines = "".join(candidate.format(port) for port in range(5000, 5400))

    assert len(parse_offer(sdp(AUDIO + lines)).candidates) == MAX_CANDIDATES


def test_nothing_of_an_offer_gets_into_the_answer_but_what_has_to() -> None:
    hostile = sdp(AUDIO.replace("a=mid:0", "a=mid:0 a=evil"))

    with pytest.raises(BadOffer):
        make_answer(parse_offer(hostile), OURS, 7)
