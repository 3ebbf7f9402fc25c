"""Session descriptions: what a browser offers, and our answer (RFC 8829, RFC 3264). Pure.

The browser always offers, whoever calls whom: a leg that we ring is told of it in the signalling and offers
then. So there is one direction of negotiation, and we are always the answerer. We take the first audio
section and refuse every other one; DTLS-SRTP over one multiplexed socket is the only transport (RFC 8827
§6.5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aiortc import sdp as aiortc_sdp
from aiortc.rtcdtlstransport import RTCDtlsFingerprint, RTCDtlsParameters
from aiortc.rtcicetransport import RTCIceParameters
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from gateway.call.state import MediaDirection
from gateway.errors import RingbackError

MAX_SDP: Final = 32_768  # characters; Chromium's with audio and video have 7,000
MAX_LINES: Final = 800
MAX_SECTIONS: Final = 8
MAX_CANDIDATES: Final = 40  # of the far end, in one negotiation

CODECS: Final = ("opus", "PCMU", "PCMA")
_CLOCKS: Final = {"opus": 48000, "PCMU": 8000, "PCMA": 8000}
_PROFILES: Final = frozenset({"UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "RTP/SAVPF"})


class BadOffer(RingbackError):
    """What was offered can't be answered. `code`: for programs; the message: for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Section:
    """A media section, as far as an answer has to repeat it."""

    kind: str
    profile: str
    formats: str
    mid: str


@dataclass(frozen=True, slots=True)
class Offer:
    """What of an offer concerns us. `key_type`: payload type of telephone-event at `key_clock`, or None."""

    sections: tuple[Section, ...]
    audio: int  # which of the sections is ours
    codec: str
    payload_type: int
    key_type: int | None
    key_clock: int
    direction: MediaDirection  # as the offerer sees it
    ufrag: str
    password: str
    ice_lite: bool
    fingerprints: tuple[tuple[str, str], ...]
    setup: str  # "actpass", "active" or "passive" (RFC 5763 §5)
    candidates: tuple[str, ...]
    candidates_complete: bool


@dataclass(frozen=True, slots=True)
class Answerer:
    """Our side of an answer."""

    ufrag: str
    password: str
    fingerprint: tuple[str, str]
    setup: str
    direction: MediaDirection
    ssrc: int
    cname: str
    candidates: Sequence[str] = ()
    candidates_complete: bool = False


def parse_offer(text: str, codecs: Sequence[str] = CODECS) -> Offer:
    """Reads an offer. `codecs`: those that we take, in our order of preference. Raises BadOffer."""
    if len(text) > MAX_SDP or text.count("\n") > MAX_LINES:
        raise BadOffer("offer_too_large", f"an offer has at most {MAX_SDP} characters and {MAX_LINES} lines")
    try:
        session = aiortc_sdp.SessionDescription.parse(text)
    except Exception as error:
        # The parser meets bad input with whatever its parts raise: ValueError, KeyError, AssertionError …
        raise BadOffer("not_sdp", f"the offer isn't SDP: {type(error).__name__}") from error
    if not session.media:
        raise BadOffer("not_sdp", "the offer has no media section")
    if len(session.media) > MAX_SECTIONS:
        raise BadOffer("offer_too_large", f"an offer has at most {MAX_SECTIONS} media sections")
    index = next((i for i, m in enumerate(session.media) if m.kind == "audio" and m.port != 0), None)
    if index is None:
        raise BadOffer("no_audio", "the offer has no audio")
    audio = session.media[index]
    ice, dtls = _require_webrtc(audio)
    codec = _choose(audio.rtp.codecs, codecs)
    keys = _keys_at(audio.rtp.codecs, codec.clockRate)
    return Offer(
        sections=tuple(_section(media) for media in session.media),
        audio=index,
        codec=_named(codec),
        payload_type=codec.payloadType or 0,
        key_type=keys.payloadType if keys is not None else None,
        key_clock=keys.clockRate if keys is not None else 8000,
        direction=MediaDirection(audio.direction or "sendrecv"),
        ufrag=ice.usernameFragment or "",
        password=ice.password or "",
        ice_lite=bool(ice.iceLite),
        fingerprints=tuple((f.algorithm, f.value) for f in dtls.fingerprints),
        setup=aiortc_sdp.DTLS_ROLE_SETUP[dtls.role],
        candidates=tuple(
            aiortc_sdp.candidate_to_sdp(candidate) for candidate in audio.ice_candidates[:MAX_CANDIDATES]
        ),
        candidates_complete=audio.ice_candidates_complete,
    )


def make_answer(offer: Offer, ours: Answerer, session_id: int) -> str:
    """The answer: our audio, and a refusal (port 0, RFC 3264 §6) of every other section."""
    mid = offer.sections[offer.audio].mid
    lines = [
        "v=0",
        f"o=ringback {session_id} 1 IN IP4 0.0.0.0",
        "s=-",
        "t=0 0",
        f"a=group:BUNDLE {mid}",
    ]
    for index, section in enumerate(offer.sections):
        if index == offer.audio:
            lines += _audio_lines(offer, ours, section)
        else:
            lines += [f"m={section.kind} 0 {section.profile} {section.formats}", "c=IN IP4 0.0.0.0"]
            lines += ["a=inactive", f"a=mid:{section.mid}"]
    return "\r\n".join(lines) + "\r\n"


def _audio_lines(offer: Offer, ours: Answerer, section: Section) -> list[str]:
    clock = _CLOCKS[offer.codec]
    types = [offer.payload_type] if offer.key_type is None else [offer.payload_type, offer.key_type]
    lines = [
        f"m=audio 9 {section.profile} {' '.join(map(str, types))}",
        "c=IN IP4 0.0.0.0",
        "a=rtcp:9 IN IP4 0.0.0.0",
        f"a=ice-ufrag:{ours.ufrag}",
        f"a=ice-pwd:{ours.password}",
        "a=ice-options:trickle",
        f"a=fingerprint:{ours.fingerprint[0]} {ours.fingerprint[1]}",
        f"a=setup:{ours.setup}",
        f"a=mid:{section.mid}",
        f"a={ours.direction.value}",
        "a=rtcp-mux",
        f"a=rtpmap:{offer.payload_type} {offer.codec}/{clock}{'/2' if offer.codec == 'opus' else ''}",
    ]
    if offer.codec == "opus":
        # RFC 7587 §6.1. One channel, because a conversation has no stereo; packets of 20 ms, as the bridge
        # has.
        lines.append(
            f"a=fmtp:{offer.payload_type} minptime=20;useinbandfec=1;stereo=0;maxaveragebitrate=32000"
        )
    if offer.key_type is not None:
        lines.append(f"a=rtpmap:{offer.key_type} telephone-event/{offer.key_clock}")
        lines.append(f"a=fmtp:{offer.key_type} 0-15")
    lines += ["a=ptime:20", "a=maxptime:20", f"a=ssrc:{ours.ssrc} cname:{ours.cname}"]
    # Without a stream's name browsers make none of the track, and pages look for one.
    lines.append("a=msid:ringback audio")
    lines += [f"a=candidate:{candidate}" for candidate in ours.candidates]
    if ours.candidates_complete:
        lines.append("a=end-of-candidates")
    return lines


def _require_webrtc(audio: aiortc_sdp.MediaDescription) -> tuple[RTCIceParameters, RTCDtlsParameters]:
    ice, dtls = audio.ice, audio.dtls
    if audio.profile not in _PROFILES or dtls is None or not dtls.fingerprints:
        raise BadOffer("not_encrypted", "the audio isn't offered over DTLS-SRTP, and nothing else is taken")
    if not any(f.algorithm.lower() in ("sha-256", "sha-384", "sha-512") for f in dtls.fingerprints):
        raise BadOffer("not_encrypted", "the offer has no fingerprint by SHA-256 or better")
    if ice is None or not ice.usernameFragment or not ice.password:
        raise BadOffer("no_ice", "the offer has no ICE credentials")
    if not audio.rtcp_mux:
        raise BadOffer("no_rtcp_mux", "the offer doesn't multiplex RTCP")
    return ice, dtls


def _choose(offered: Sequence[RTCRtpCodecParameters], wanted: Sequence[str]) -> RTCRtpCodecParameters:
    for name in wanted:
        for codec in offered:
            if codec.name.lower() == name.lower() and codec.clockRate == _CLOCKS[name]:
                return codec
    raise BadOffer("no_codec", f"the offer has none of the codecs {', '.join(wanted)}")


def _named(codec: RTCRtpCodecParameters) -> str:
    return next(name for name in CODECS if name.lower() == codec.name.lower())


def _keys_at(offered: Sequence[RTCRtpCodecParameters], clock: int) -> RTCRtpCodecParameters | None:
    """telephone-event at the codec's own clock (RFC 4733 §2.1). Firefox has one at 8 kHz alone."""
    events = [codec for codec in offered if codec.name.lower() == "telephone-event"]
    return next((codec for codec in events if codec.clockRate == clock), events[0] if events else None)


def _section(media: aiortc_sdp.MediaDescription) -> Section:
    mid = media.rtp.muxId
    for value in (media.kind, media.profile, mid):
        if not value.isprintable() or " " in value or len(value) > 64:
            raise BadOffer("not_sdp", "the offer has a media section with an impossible name")
    return Section(media.kind, media.profile, " ".join(map(str, media.fmt[:32])), mid)


def fingerprints_of(offer: Offer) -> list[RTCDtlsFingerprint]:
    """As aiortc wants them."""
    return [RTCDtlsFingerprint(algorithm=algorithm, value=value) for algorithm, value in offer.fingerprints]
