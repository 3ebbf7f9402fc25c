"""What an app has said of its caller, for legs that know. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class HasContext(Protocol):
    """A leg that brought context with it. Plain JSON values; what was signed wins over what a page said."""

    @property
    def context(self) -> Mapping[str, Any]: ...


def context_of(leg: object) -> Mapping[str, Any]:
    """The context of any leg; empty where there is none."""
    return leg.context if isinstance(leg, HasContext) else {}
