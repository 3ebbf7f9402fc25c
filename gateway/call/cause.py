"""Why calls end: ITU-T Q.850 causes, SIP statuses, and the Reason header that carries both.

Q.850 is our own word for a cause, whatever the technology, since it is the one vocabulary that trunks, PBXs
and reports share. The tables are those of RFC 3398: §8.2.6.1 from a cause to the status of a rejection, and
§7.2.4.1 from a status back. They aren't inverses of each other: several causes share a status (1, 2 and 3
are all 404), and 480 comes back as "no user responding". Read one way only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Final


class Cause(IntEnum):
    """ITU-T Q.850 (10/2018) §2.2.7: the cause values that reach a SIP gateway."""

    # Normal class (000, 001)
    UNALLOCATED_NUMBER = 1
    NO_ROUTE_TO_TRANSIT_NETWORK = 2
    NO_ROUTE_TO_DESTINATION = 3
    SEND_SPECIAL_INFORMATION_TONE = 4
    MISDIALLED_TRUNK_PREFIX = 5
    CHANNEL_UNACCEPTABLE = 6
    CALL_AWARDED = 7
    PREEMPTION = 8
    NORMAL_CLEARING = 16
    USER_BUSY = 17
    NO_USER_RESPONSE = 18
    NO_ANSWER = 19
    SUBSCRIBER_ABSENT = 20
    CALL_REJECTED = 21
    NUMBER_CHANGED = 22
    REDIRECTION_TO_NEW_DESTINATION = 23
    EXCHANGE_ROUTING_ERROR = 25
    NON_SELECTED_USER_CLEARING = 26
    DESTINATION_OUT_OF_ORDER = 27
    INVALID_NUMBER_FORMAT = 28
    FACILITY_REJECTED = 29
    RESPONSE_TO_STATUS_ENQUIRY = 30
    NORMAL_UNSPECIFIED = 31
    # Resource unavailable class (010)
    NO_CIRCUIT = 34
    NETWORK_OUT_OF_ORDER = 38
    TEMPORARY_FAILURE = 41
    SWITCHING_EQUIPMENT_CONGESTION = 42
    ACCESS_INFORMATION_DISCARDED = 43
    REQUESTED_CIRCUIT_NOT_AVAILABLE = 44
    PRECEDENCE_CALL_BLOCKED = 46
    RESOURCE_UNAVAILABLE = 47
    # Service or option not available class (011)
    QUALITY_OF_SERVICE_NOT_AVAILABLE = 49
    FACILITY_NOT_SUBSCRIBED = 50
    OUTGOING_CALLS_BARRED = 53
    INCOMING_CALLS_BARRED = 55
    BEARER_CAPABILITY_NOT_AUTHORIZED = 57
    BEARER_CAPABILITY_NOT_AVAILABLE = 58
    SERVICE_NOT_AVAILABLE = 63
    # Service or option not implemented class (100)
    BEARER_CAPABILITY_NOT_IMPLEMENTED = 65
    CHANNEL_TYPE_NOT_IMPLEMENTED = 66
    FACILITY_NOT_IMPLEMENTED = 69
    ONLY_RESTRICTED_DIGITAL_AVAILABLE = 70
    SERVICE_NOT_IMPLEMENTED = 79
    # Invalid message class (101)
    INVALID_CALL_REFERENCE = 81
    USER_NOT_MEMBER_OF_GROUP = 87
    INCOMPATIBLE_DESTINATION = 88
    INVALID_TRANSIT_NETWORK = 91
    INVALID_MESSAGE = 95
    # Protocol error class (110)
    MANDATORY_ELEMENT_MISSING = 96
    MESSAGE_TYPE_NOT_IMPLEMENTED = 97
    INVALID_ELEMENT_CONTENTS = 100
    MESSAGE_NOT_COMPATIBLE_WITH_STATE = 101
    RECOVERY_ON_TIMER_EXPIRY = 102
    PROTOCOL_ERROR = 111
    # Interworking class (111)
    INTERWORKING = 127


CAUSE_TO_SIP: Final[Mapping[Cause, int]] = MappingProxyType(
    {
        Cause.UNALLOCATED_NUMBER: 404,
        Cause.NO_ROUTE_TO_TRANSIT_NETWORK: 404,
        Cause.NO_ROUTE_TO_DESTINATION: 404,
        # The RFC leaves 16 open, because clearing normally is a BYE or a CANCEL. When it has to be a
        # response we say what 31 (normal, unspecified) says, not the default 500: nothing is broken.
        Cause.NORMAL_CLEARING: 480,
        Cause.USER_BUSY: 486,
        Cause.NO_USER_RESPONSE: 408,
        Cause.NO_ANSWER: 480,
        Cause.SUBSCRIBER_ABSENT: 480,
        Cause.CALL_REJECTED: 403,
        Cause.NUMBER_CHANGED: 410,
        Cause.REDIRECTION_TO_NEW_DESTINATION: 410,
        Cause.NON_SELECTED_USER_CLEARING: 404,
        Cause.DESTINATION_OUT_OF_ORDER: 502,
        Cause.INVALID_NUMBER_FORMAT: 484,
        Cause.FACILITY_REJECTED: 501,
        Cause.NORMAL_UNSPECIFIED: 480,
        Cause.NO_CIRCUIT: 503,
        Cause.NETWORK_OUT_OF_ORDER: 503,
        Cause.TEMPORARY_FAILURE: 503,
        Cause.SWITCHING_EQUIPMENT_CONGESTION: 503,
        Cause.RESOURCE_UNAVAILABLE: 503,
        Cause.INCOMING_CALLS_BARRED: 403,
        Cause.BEARER_CAPABILITY_NOT_AUTHORIZED: 403,
        Cause.BEARER_CAPABILITY_NOT_AVAILABLE: 503,
        Cause.BEARER_CAPABILITY_NOT_IMPLEMENTED: 488,
        Cause.ONLY_RESTRICTED_DIGITAL_AVAILABLE: 488,
        Cause.SERVICE_NOT_IMPLEMENTED: 501,
        Cause.USER_NOT_MEMBER_OF_GROUP: 403,
        Cause.INCOMPATIBLE_DESTINATION: 503,
        Cause.RECOVERY_ON_TIMER_EXPIRY: 504,
        Cause.PROTOCOL_ERROR: 500,
        Cause.INTERWORKING: 500,
    }
)

SIP_TO_CAUSE: Final[Mapping[int, Cause]] = MappingProxyType(
    {
        400: Cause.TEMPORARY_FAILURE,
        401: Cause.CALL_REJECTED,
        402: Cause.CALL_REJECTED,
        403: Cause.CALL_REJECTED,
        404: Cause.UNALLOCATED_NUMBER,
        405: Cause.SERVICE_NOT_AVAILABLE,
        406: Cause.SERVICE_NOT_IMPLEMENTED,
        407: Cause.CALL_REJECTED,
        408: Cause.RECOVERY_ON_TIMER_EXPIRY,
        410: Cause.NUMBER_CHANGED,
        413: Cause.INTERWORKING,
        414: Cause.INTERWORKING,
        415: Cause.SERVICE_NOT_IMPLEMENTED,
        416: Cause.INTERWORKING,
        420: Cause.INTERWORKING,
        421: Cause.INTERWORKING,
        423: Cause.INTERWORKING,
        480: Cause.NO_USER_RESPONSE,
        481: Cause.TEMPORARY_FAILURE,
        482: Cause.EXCHANGE_ROUTING_ERROR,
        483: Cause.EXCHANGE_ROUTING_ERROR,
        484: Cause.INVALID_NUMBER_FORMAT,
        485: Cause.UNALLOCATED_NUMBER,
        486: Cause.USER_BUSY,
        # "No mapping": the caller cancelled, which is how a call that wasn't answered is cleared normally.
        487: Cause.NORMAL_CLEARING,
        # "By Warning header". Nobody sends a useful one, so 488 and 606 become the cause that §8.2.6.1
        # turns into 488, and a refusal of the codecs keeps its meaning on the way through us.
        488: Cause.BEARER_CAPABILITY_NOT_IMPLEMENTED,
        500: Cause.TEMPORARY_FAILURE,
        501: Cause.SERVICE_NOT_IMPLEMENTED,
        502: Cause.NETWORK_OUT_OF_ORDER,
        503: Cause.TEMPORARY_FAILURE,
        504: Cause.RECOVERY_ON_TIMER_EXPIRY,
        505: Cause.INTERWORKING,
        513: Cause.INTERWORKING,
        600: Cause.USER_BUSY,
        603: Cause.CALL_REJECTED,
        604: Cause.UNALLOCATED_NUMBER,
        606: Cause.BEARER_CAPABILITY_NOT_IMPLEMENTED,
    }
)

# Q.850 §2.2.5: a value that isn't known is treated as the "unspecified" one of its class (bits 7 to 5).
_CLASS_DEFAULTS: Final = (
    Cause.NORMAL_UNSPECIFIED,
    Cause.NORMAL_UNSPECIFIED,
    Cause.RESOURCE_UNAVAILABLE,
    Cause.SERVICE_NOT_AVAILABLE,
    Cause.SERVICE_NOT_IMPLEMENTED,
    Cause.INVALID_MESSAGE,
    Cause.PROTOCOL_ERROR,
    Cause.INTERWORKING,
)

_TOKEN: Final = r"[A-Za-z0-9\-.!%*_+`'~]+"  # RFC 3261 §25.1, token; not a secret  # noqa: S105
_QUOTED: Final = r'"(?:[^"\\\r\n]|\\[^\r\n])*"'
_PARAMETER: Final = re.compile(rf"\s*;\s*({_TOKEN})(?:\s*=\s*({_TOKEN}|{_QUOTED}))?")
_PROTOCOL: Final = re.compile(rf"\s*({_TOKEN})")
_MAX_REASON: Final = 4096  # characters; a longer header is noise, not a reason


@dataclass(frozen=True, slots=True)
class Reason:
    """One value of a Reason header: `protocol` in upper case ("Q.850", "SIP"), its cause and its text."""

    protocol: str
    cause: int | None
    text: str


def cause_to_sip(cause: Cause) -> int:
    """The status that rejects a call for `cause` (RFC 3398 §8.2.6.1; 500 for those it doesn't list)."""
    return CAUSE_TO_SIP.get(cause, 500)


def sip_to_cause(status: int) -> Cause:
    """The cause of a final response (RFC 3398 §7.2.4.1; 127 for those it doesn't list).

    A 2xx isn't a failure: a stack that reports it as the last status of a call means normal clearing.
    """
    if 200 <= status <= 299:
        return Cause.NORMAL_CLEARING
    return SIP_TO_CAUSE.get(status, Cause.INTERWORKING)


def cause_from_value(value: int) -> Cause | None:
    """The cause with this number, or the unspecified one of its class; None outside 1 to 127."""
    if not 1 <= value <= 127:
        return None
    try:
        return Cause(value)
    except ValueError:
        return _CLASS_DEFAULTS[value >> 4]


def parse_reasons(header: str) -> tuple[Reason, ...]:
    """Every value of a Reason header (RFC 3326 §2), in order; empty when any part of it is malformed."""
    if len(header) > _MAX_REASON:
        return ()
    reasons: list[Reason] = []
    place = 0
    while True:
        protocol = _PROTOCOL.match(header, place)
        if protocol is None:
            return ()
        place = protocol.end()
        parameters: dict[str, str] = {}
        while parameter := _PARAMETER.match(header, place):
            parameters.setdefault(parameter[1].lower(), parameter[2] or "")
            place = parameter.end()
        number = parameters.get("cause")
        if number is not None and not re.fullmatch(r"[0-9]{1,3}", number):
            return ()
        cause = int(number) if number is not None else None
        reasons.append(Reason(protocol[1].upper(), cause, _unquote(parameters.get("text", ""))))
        rest = header[place:].lstrip()
        if not rest:
            return tuple(reasons)
        if not rest.startswith(","):
            return ()
        place = len(header) - len(rest) + 1


def parse_reason(header: str) -> Cause | None:
    """The cause that a Reason header gives; None when it gives none or is malformed.

    Q.850 wins over SIP when both are there, because it came unchanged from the network that knew.
    """
    reasons = parse_reasons(header)
    for reason in reasons:
        if reason.protocol == "Q.850" and reason.cause is not None:
            return cause_from_value(reason.cause)
    for reason in reasons:
        if reason.protocol == "SIP" and reason.cause is not None and 200 <= reason.cause <= 699:
            return sip_to_cause(reason.cause)
    return None


def format_reason(cause: Cause, text: str = "") -> str:
    """A Reason header's value, such as `Q.850;cause=17;text="User busy"`; no text, no parameter.

    Control characters, CR and LF too, become spaces: no text can start another header.
    """
    value = f"Q.850;cause={cause.value}"
    if not text:
        return value
    printable = "".join(character if character.isprintable() else " " for character in text)
    escaped = printable.replace("\\", "\\\\").replace('"', '\\"')
    return f'{value};text="{escaped}"'


def _unquote(value: str) -> str:
    if not value.startswith('"'):
        return value
    return re.sub(r"\\(.)", r"\1", value[1:-1])
