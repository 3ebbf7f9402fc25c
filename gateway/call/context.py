"""What an app has said of its caller, for legs that know. Pure.

What an app's server signed (`Introduction`) is kept apart from what a page said: anybody can write a page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class HasContext(Protocol):
    """A leg that brought context with it. Plain JSON values; what was signed wins over what a page said."""

    @property
    def context(self) -> Mapping[str, Any]: ...


def context_of(leg: object) -> Mapping[str, Any]:
    """The context of any leg; empty where there is none."""
    return leg.context if isinstance(leg, HasContext) else {}


@runtime_checkable
class HasSource(Protocol):
    """A leg that says which address its INVITE came from."""

    @property
    def source(self) -> str: ...


def source_of(leg: object) -> str:
    """The IP address that a call came from; "" where none is known, or it means nothing."""
    return leg.source if isinstance(leg, HasSource) else ""


@dataclass(frozen=True, slots=True)
class Introduction:
    """What an app's server has signed of its caller.

    `app`: whose signature it is, None for one that every envelope may be shown to. `handoff`: the id of the
    envelope that was handed over for this call, or "". `context`: as it was signed.
    """

    subject: str
    name: str = ""
    app: str | None = None
    handoff: str = ""
    context: Mapping[str, Any] = field(default_factory=dict)


@runtime_checkable
class HasIntroduction(Protocol):
    """A leg whose caller an app has introduced."""

    @property
    def introduction(self) -> Introduction | None: ...


def introduction_of(leg: object) -> Introduction | None:
    """Who the caller is by their app's word; None for callers of any other sort."""
    return leg.introduction if isinstance(leg, HasIntroduction) else None
