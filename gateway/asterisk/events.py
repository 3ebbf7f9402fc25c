"""What the PBX says: events and responses, as frozen values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class AmiEvent:
    """One event. `fields` as Asterisk names them, "Uniqueid", "Linkedid", "Device"."""

    name: str
    fields: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def get(self, name: str) -> str:
        """ "" when it isn't there."""
        return self.fields.get(name, "")


@dataclass(frozen=True, slots=True)
class AmiResponse:
    """What was answered to an action. `ok` is False for "Error"."""

    ok: bool
    message: str
    fields: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


WANTED: Final = frozenset({
    "BridgeEnter", "DeviceStateChange", "DialBegin", "DialEnd", "DialState", "ExtensionStatus", "Hangup",
    "Newchannel", "Newstate", "OriginateResponse", "PeerStatus", "QueueMemberAdded", "QueueMemberPause",
    "QueueMemberRemoved", "Rename", "UserEvent",
})  # fmt: skip
"""Events that somebody here listens to. The others are dropped on the thread that reads them."""
