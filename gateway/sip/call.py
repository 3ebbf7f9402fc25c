"""The half of a SIP leg that lives on the SIP owner thread: pjsua2's call, and nothing but translation.

Handlers run inside PJSIP. They read what they need at once (most of what pjsua2 hands over dies with the
handler), report it to the event loop as a frozen object, and leave. Exceptions would be printed and swallowed
by the binding, so each is caught, logged, and ends the call.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Concatenate, Final, ParamSpec

import pjsua2 as pj

from gateway.call.cause import Cause, parse_reason, sip_to_cause
from gateway.call.cdr import MediaQuality
from gateway.call.leg import Headers
from gateway.call.state import MediaDirection
from gateway.errors import LegEnded
from gateway.sip.message import Message, checked_headers, parse
from media.bridge import Port
from media.engine import Engine

log = logging.getLogger("ringback.sip")

P = ParamSpec("P")

_NO_MESSAGE: Final = Message("", ())
_DIRECTIONS: Final = {
    pj.PJMEDIA_DIR_NONE: MediaDirection.INACTIVE,
    pj.PJMEDIA_DIR_ENCODING: MediaDirection.SENDONLY,
    pj.PJMEDIA_DIR_DECODING: MediaDirection.RECVONLY,
    pj.PJMEDIA_DIR_ENCODING_DECODING: MediaDirection.SENDRECV,
}


@dataclass(frozen=True, slots=True)
class Provisional:
    """A response before the final one."""

    status: int
    audio: bool  # it opened the media


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The answer and its ACK were seen. `headers`: of the answer (outbound)."""

    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MediaChanged:
    """An offer and answer were agreed."""

    direction: MediaDirection
    rtp_keys_in: bool  # the far end sends keys as RTP events
    rtp_keys_out: bool  # and takes them


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The dialog is over."""

    status: int
    text: str
    cause: Cause
    headers: dict[str, str]
    quality: MediaQuality | None


Report = Provisional | Confirmed | MediaChanged | Disconnected


def _contained(
    handler: Callable[Concatenate[OwnerCall, P], None],
) -> Callable[Concatenate[OwnerCall, P], None]:
    """A fault in a handler ends its own call, loudly, and nothing else."""

    @functools.wraps(handler)
    def wrapper(self: OwnerCall, /, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            handler(self, *args, **kwargs)
        except Exception:
            log.exception("a SIP handler failed: leg_id=%s", self.leg_id)
            self.abandon()

    return wrapper


class OwnerCall(pj.Call):
    """pjsua2's call. Every method runs on the owner thread.

    It is referenced by its leg, and dropped through `Engine.discard` when the dialog is over: pjsua reuses
    the numbers of calls, and a late destructor would hang up whoever has the number by then.
    """

    def __init__(
        self,
        account: pj.Account,
        engine: Engine,
        port: Port,
        leg_id: str,
        report: Callable[[Report], None],
        number: int = pj.PJSUA_INVALID_ID,
    ) -> None:
        super().__init__(account, number)
        self.leg_id = leg_id
        self.ended = False
        self._number = number
        self._engine = engine
        self._port = port
        self._report: Callable[[Report], None] | None = report
        self._quality: MediaQuality | None = None
        self._answer_headers: dict[str, str] = {}
        self._local_cause: Cause | None = None

    # ---- commands

    def track(self, token: int) -> None:
        """From now on keys are reported to the subscriber of `token`."""
        self._number = self.getId()
        pj.ringback_track_call(self._number, token)

    def respond(self, status: int, headers: Headers = ()) -> None:
        self._require_live()
        parameters = _parameters(headers)
        parameters.statusCode = status
        self.answer(parameters)

    def finish(self, cause: Cause, status: int, headers: Headers = ()) -> None:
        """BYE, CANCEL or a final response, as the state of the dialog asks. Nothing if it is over already."""
        if self.ended:
            return
        self._local_cause = cause
        self._remember_quality()  # pjsua takes the stream down before it tells
        parameters = _parameters(headers)
        parameters.statusCode = status
        self.hangup(parameters)

    def offer_hold(self) -> None:
        self._require_live()
        self.setHold(_parameters(()))

    def offer_resume(self) -> None:
        self._require_live()
        parameters = _parameters(())
        parameters.opt.flag = pj.PJSUA_CALL_UNHOLD
        self.reinvite(parameters)

    def send_rtp_keys(self, digits: str, duration_ms: int) -> None:
        self._require_live()
        parameters = pj.CallSendDtmfParam()
        parameters.method = pj.PJSUA_DTMF_METHOD_RFC2833
        parameters.digits = digits
        parameters.duration = duration_ms
        self.sendDtmf(parameters)

    def abandon(self) -> None:
        """Ends the call after a fault of ours."""
        try:
            self.finish(Cause.TEMPORARY_FAILURE, 500)
        except (pj.Error, RuntimeError):
            log.exception("a broken call couldn't be hung up: leg_id=%s", self.leg_id)

    def _require_live(self) -> None:
        if self.ended:
            raise LegEnded(self.leg_id)

    # ---- handlers of PJSIP, by its names

    @_contained
    def onCallState(self, parameter: pj.OnCallStateParam) -> None:  # noqa: N802
        info = self.getInfo()
        state = info.state
        if state == pj.PJSIP_INV_STATE_EARLY and info.role == pj.PJSIP_ROLE_UAC:
            # Asked of the message, because pjsua opens the media only after this handler.
            content = _received(parameter).header("content-type") or ""
            self._tell(Provisional(info.lastStatusCode, audio=content.lower().startswith("application/sdp")))
        elif state == pj.PJSIP_INV_STATE_CONNECTING and info.role == pj.PJSIP_ROLE_UAC:
            self._answer_headers = dict(_received(parameter).mapping)
        elif state == pj.PJSIP_INV_STATE_CONFIRMED:
            self._tell(Confirmed(self._answer_headers))
        elif state == pj.PJSIP_INV_STATE_DISCONNECTED:
            self._disconnect(info, _received(parameter))

    @_contained
    def onCallMediaState(self, parameter: pj.OnCallMediaStateParam) -> None:  # noqa: N802, ARG002
        info = self.getInfo()  # kept alive: its media list dangles without it
        media = _audio(info)
        if media is None:
            self._port.detach()
            return
        if media.status == pj.PJSUA_CALL_MEDIA_ERROR:
            log.error("media failed: leg_id=%s", self.leg_id)
            self.finish(Cause.BEARER_CAPABILITY_NOT_AVAILABLE, 488)
            return
        if media.audioConfSlot != pj.PJSUA_INVALID_ID:
            self._port.attach(media.audioConfSlot)
        else:
            self._port.detach()
        self._tell(
            MediaChanged(
                _DIRECTIONS.get(media.dir, MediaDirection.INACTIVE),
                rtp_keys_in=pj.ringback_receives_rtp_keys(self._number),
                rtp_keys_out=pj.ringback_sends_rtp_keys(self._number),
            )
        )

    @_contained
    def onCallTransferRequest(self, parameter: pj.OnCallTransferRequestParam) -> None:  # noqa: N802
        # pjsua would dial wherever a REFER points. Until the switch decides on transfers, nobody may.
        parameter.statusCode = pj.PJSIP_SC_DECLINE

    @_contained
    def onCallReplaceRequest(self, parameter: pj.OnCallReplaceRequestParam) -> None:  # noqa: N802
        parameter.statusCode = pj.PJSIP_SC_DECLINE

    # ---- inside

    def _tell(self, report: Report) -> None:
        if self._report is not None:
            self._engine.notify(self._report, report)

    def _remember_quality(self) -> None:
        figures = pj.ringback_quality(self._number) if self._number >= 0 else None
        if figures is not None:
            codec, received, lost, sent, jitter_ms, round_trip_ms = figures
            self._quality = MediaQuality(
                codec, received, lost, sent, jitter_ms, round_trip_ms if round_trip_ms >= 0 else None
            )

    def _disconnect(self, info: pj.CallInfo, message: Message) -> None:
        if self.ended:
            return
        self.ended = True
        if self._quality is None:
            self._remember_quality()
        pj.ringback_track_call(self._number, 0)
        self._port.detach()
        status = int(info.lastStatusCode)
        self._tell(
            Disconnected(
                status,
                str(info.lastReason),
                self._cause(status, message),
                dict(message.mapping),
                self._quality,
            )
        )
        self._report = None  # breaks the cycle with the leg
        self._engine.discard(self)

    def _cause(self, status: int, message: Message) -> Cause:
        if self._local_cause is not None:
            return self._local_cause
        reason = message.header("reason")
        stated = parse_reason(reason) if reason else None
        if stated is not None:
            return stated
        # 487 answers the caller's own CANCEL; a status below 300 belongs to a BYE.
        return Cause.NORMAL_CLEARING if status < 300 or status == 487 else sip_to_cause(status)


def _parameters(headers: Headers) -> pj.CallOpParam:
    parameters = pj.CallOpParam(True)
    audio_only(parameters)
    if headers:
        parameters.txOption = tx_option(headers)
    return parameters


def audio_only(parameters: pj.CallOpParam) -> None:
    """pjsua would offer real-time text and video as well."""
    parameters.opt.textCount = 0
    parameters.opt.videoCount = 0


def tx_option(headers: Headers) -> pj.SipTxOption:
    """`headers` for a message of ours. ValueError when they aren't fit to be sent."""
    option = pj.SipTxOption()
    fields = pj.SipHeaderVector()
    for name, value in checked_headers(headers):
        header = pj.SipHeader()
        header.hName = name
        header.hValue = value
        fields.append(header)
    option.headers = fields
    return option


def _audio(info: pj.CallInfo) -> Any:
    """The first audio stream of a call that has media now, or None."""
    for media in info.media:
        if media.type == pj.PJMEDIA_TYPE_AUDIO and media.status != pj.PJSUA_CALL_MEDIA_NONE:
            return media
    return None


def _received(parameter: pj.OnCallStateParam) -> Message:
    """The message that brought the change, when one did."""
    event = parameter.e
    if event.type != pj.PJSIP_EVENT_TSX_STATE or event.body.tsxState.type != pj.PJSIP_EVENT_RX_MSG:
        return _NO_MESSAGE
    return parse(event.body.tsxState.src.rdata.wholeMsg)
