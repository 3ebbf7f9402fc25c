"""What a run asks of the world beyond the caller: plain values, filled in and ready to carry out. Pure.

How each comes out is the label of an exit of its node (`exits.EXITS`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class LookupRequest:
    """An HTTP request. `hosts`: where it may go; `secrets`: headers and the names of their secrets.

    Its value is the JSON of the answer.
    """

    url: str
    hosts: frozenset[str]
    method: str = "GET"
    headers: Pairs = ()
    secrets: Pairs = ()
    body: Mapping[str, Any] | None = None
    timeout_s: float = 4.0
    retries: int = 1
    cache_s: float = 0.0
    envelope: bool = False


@dataclass(frozen=True, slots=True)
class QueueRequest:
    """A place in a queue. `timeout_s`: 0 for no limit.

    `skills`: name to the least level. `sticky`: the agent to prefer, "" for none. `identity`: who waits,
    "" when nobody knows.
    """

    queue: str
    priority: int = 0
    skills: Mapping[str, int] = field(default_factory=dict)
    timeout_s: float = 0.0
    leave_key: str = ""
    language: str = ""
    sticky: str = ""
    identity: str = ""


@dataclass(frozen=True, slots=True)
class CallbackRequest:
    """A wish to be called back at `number`. `identity`, `skills`: as of a place in the queue. `ask`: the
    caller is asked for number and time.
    """

    queue: str
    number: str
    language: str = ""
    identity: str = ""
    skills: Mapping[str, int] = field(default_factory=dict)
    ask: bool = False


@dataclass(frozen=True, slots=True)
class DialRequest:
    to: str
    timeout_s: float = 30.0
    headers: Pairs = ()


@dataclass(frozen=True, slots=True)
class TransferRequest:
    to: str
    attended: bool = False
    headers: Pairs = ()


@dataclass(frozen=True, slots=True)
class RecordRequest:
    """A message. Its value is the recording's name."""

    maximum_s: float = 120.0
    silence_s: float = 5.0
    terminator: str = "#"


@dataclass(frozen=True, slots=True)
class SurveyRequest:
    survey: str
    language: str = ""


@dataclass(frozen=True, slots=True)
class ContextRequest:
    """The handoff envelope: first found by `find` (when given), then `write` written into it.

    Its value is the envelope's content afterwards.
    """

    find: str | None = None
    write: Mapping[str, Any] = field(default_factory=dict)


Request = (
    LookupRequest
    | QueueRequest
    | CallbackRequest
    | DialRequest
    | TransferRequest
    | RecordRequest
    | SurveyRequest
    | ContextRequest
)

Conversation = QueueRequest | DialRequest | RecordRequest | SurveyRequest
"""Requests that take the caller's audio and keys."""
