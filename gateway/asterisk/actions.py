"""What we ask of the PBX: a list of actions, each with the fields it may have. Pure.

AMI is lines of text, so a CR LF in a value would begin another action, and a comma in a variable another
variable. Both are refused here, for every action, and nothing reaches the wire without this.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from gateway.errors import RingbackError

_NONE: Final[frozenset[str]] = frozenset()
ALLOWED: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "Challenge": frozenset({"AuthType"}),
        "Login": frozenset({"AuthType", "Username", "Key"}),
        "Logoff": _NONE,
        "Ping": _NONE,
        "DeviceStateList": _NONE,
        "ExtensionStateList": _NONE,
        "CoreShowChannels": _NONE,
        "QueueStatus": _NONE,
        "QueuePause": frozenset({"Interface", "Queue", "Paused", "Reason"}),
        "UserEvent": frozenset({"UserEvent", "Node", "Nonce", "Agent", "Queue", "Call", "Entry", "Handoff"}),
        "Originate": frozenset(
            {"Channel", "ChannelId", "Context", "Exten", "Priority", "CallerID", "Timeout", "Async"}
        ),
        "Getvar": frozenset({"Channel", "Variable"}),
        "Redirect": frozenset({"Channel", "Context", "Exten", "Priority"}),
    }
)
"""Action to fields. No Command, no configuration, no System: nothing that runs what we are told."""

READABLE: Final = ("CHANNEL(pjsip,call-id)",)
"""What may be read of a channel: Getvar takes any function of the dialplan, and some of them do things."""

MAX_VALUE: Final = 512
_VARIABLE: Final = re.compile(r"_{0,2}[A-Z][A-Z0-9_]{0,63}", re.ASCII)
_EXTENSION: Final = re.compile(r"\+?[0-9A-Za-z*#][0-9A-Za-z*#_.-]{0,63}", re.ASCII)


class ForbiddenAction(RingbackError):
    """An action, or a field of one, that isn't on the list."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} isn't on the list of what may be asked of the PBX")
        self.what = what


class UnsafeValue(RingbackError):
    """A value that would be something else on the wire. The value isn't in the message."""

    def __init__(self, where: str) -> None:
        super().__init__(f"{where} has characters that it can't have, or is too long")
        self.where = where


@dataclass(frozen=True, slots=True)
class Action:
    """One action. Raises ForbiddenAction and UnsafeValue when it is made: none exists that may not go."""

    name: str
    fields: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    variables: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        known = ALLOWED.get(self.name)
        if known is None:
            raise ForbiddenAction(self.name)
        for name, value in self.fields.items():
            if name not in known:
                raise ForbiddenAction(f"{self.name}: {name}")
            _printable(value, f"{self.name}: {name}")
        if self.name == "Getvar" and self.fields.get("Variable") not in READABLE:
            raise ForbiddenAction("Getvar of anything but " + ", ".join(READABLE))
        if self.variables and self.name != "Originate":
            raise ForbiddenAction(f"{self.name} with variables")
        for name, value in self.variables.items():
            if not _VARIABLE.fullmatch(name):
                raise UnsafeValue("the name of a variable")
            _printable(value, name)
            if any(character in value for character in ',"\\'):
                raise UnsafeValue(name)


def _printable(value: str, where: str) -> None:
    if len(value) > MAX_VALUE or not value.isprintable():
        raise UnsafeValue(where)


def extension(text: str) -> str:
    """What can be dialled at the PBX: an extension or a number. Raises UnsafeValue.

    Nothing that its dialplan would take for more than one destination (&), another context (@) or an
    application's arguments (a comma).
    """
    if not is_extension(text):
        raise UnsafeValue("an extension of the PBX")
    return text


def is_extension(text: str) -> bool:
    return _EXTENSION.fullmatch(text) is not None
