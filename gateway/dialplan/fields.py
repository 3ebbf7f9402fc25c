"""Typed access to the keys of one mapping, with a fault for everything that isn't as it should be.

Each accessor returns a usable value even after a fault, so that one run finds every fault of a file; a plan
with faults never comes into force. `done` reports the keys that nobody asked for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from gateway.dialplan.documents import YamlList, YamlMap, YamlText, YamlValue, describe, shorten
from gateway.dialplan.faults import Fault, nearest
from gateway.dialplan.places import Position, Target

_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_DURATION: Final = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)\s*(ms|s|m|h|d|)")
_UNITS_S: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "": 1.0}
_SHARE: Final = re.compile(r"0|1|0?\.\d{1,4}|[01]\.0*")
_COUNT: Final = re.compile(r"\d{1,6}")
_FLAGS: Final[Mapping[str, bool]] = {"true": True, "false": False, "yes": True, "no": False}


class Fields:
    """The keys of `source`, which is `what` (as messages call it), read one by one."""

    def __init__(self, source: YamlMap, what: str, faults: list[Fault]) -> None:
        self.at = source.at
        self.what = what
        self.faults = faults
        self._values = {key.text: value for key, value in source.entries}
        self._places = {key.text: key.at for key, _ in source.entries}
        self._asked: set[str] = set()
        self._missing: list[str] = []
        self.asked_last = ""  # for messages about what has just been read

    def error(self, at: Position, message: str) -> None:
        self.faults.append(Fault.error(at, message))

    def names(self) -> tuple[str, ...]:
        return tuple(self._values)

    def place(self, key: str) -> Position:
        """Where `key` stands; the mapping itself when it isn't there."""
        return self._places.get(key, self.at)

    def value(self, key: str) -> YamlValue | None:
        """What `key` has, or None when it isn't given (or given without a value)."""
        self._asked.add(key)
        self.asked_last = key
        value = self._values.get(key)
        return None if isinstance(value, YamlText) and value.absent else value

    def done(self) -> None:
        """Report the keys that nobody asked for and those that are missing."""
        for key in self._values.keys() - self._asked:
            near = nearest(key, self._asked)
            hint = f"; did you mean '{near}'?" if near else f"; it has {', '.join(sorted(self._asked))}"
            self.error(self._places[key], f"{self.what} has no '{shorten(key)}'{hint}")
            if near in self._missing:
                # A mistyped key is one mistake, not an unknown key and a missing one.
                self._missing.remove(near)
        for key in self._missing:
            self.error(self.place(key), f"{self.what} needs '{key}'")

    def missing(self, key: str) -> None:
        """`key` has to be there; `done` says so."""
        self._missing.append(key)

    def text(self, key: str) -> YamlText | None:
        """A scalar of at least one character, or None."""
        value = self.value(key)
        if value is None or (isinstance(value, YamlText) and value.text.strip()):
            return value
        self.error(value.at, f"'{key}' is a text, not {describe(value)}")
        return None

    def name(self, key: str) -> YamlText | None:
        """A name of a flow or a node."""
        text = self.text(key)
        if text is None:
            return None
        self.check_name(text)
        return text

    def check_name(self, text: YamlText) -> None:
        if not _NAME.fullmatch(text.text):
            rule = "a lower-case letter, then up to 63 letters, digits, _ and -"
            self.error(text.at, f"'{shorten(text.text)}' isn't a name ({rule})")

    def target(self, key: str, owner: str) -> Target:
        """The node or flow that `key` names; after a fault `owner`, since the plan is refused anyway."""
        found = self.optional_target(key)
        if found is not None:
            return found
        if self.value(key) is None:
            self.missing(key)
        return Target(owner, self.at)

    def optional_target(self, key: str) -> Target | None:
        text = self.text(key)
        return None if text is None else Target(text.text, text.at)

    def flag(self, key: str, default: bool) -> bool:
        found = self.optional_flag(key)
        return default if found is None else found

    def optional_flag(self, key: str) -> bool | None:
        value = self.value(key)
        if value is None:
            return None
        if isinstance(value, YamlText) and value.text in _FLAGS:
            return _FLAGS[value.text]
        self.error(value.at, f"'{key}' is true or false, not {describe(value)}")
        return None

    def count(self, key: str, default: int, highest: int, lowest: int = 0) -> int:
        """A whole number from `lowest` to `highest`."""
        value = self.value(key)
        if value is None:
            return default
        if isinstance(value, YamlText) and _COUNT.fullmatch(value.text):
            number = int(value.text)
            if lowest <= number <= highest:
                return number
        self.error(value.at, f"'{key}' is a whole number from {lowest} to {highest}, not {describe(value)}")
        return default

    def duration_s(self, key: str, default_s: float, lowest_s: float, highest_s: float) -> float:
        """Seconds, written as `5s`, `1500ms`, `1m` or a bare number of seconds."""
        value = self.value(key)
        if value is None:
            return default_s
        parsed = _DURATION.fullmatch(value.text) if isinstance(value, YamlText) else None
        if parsed is not None:
            duration_s = float(parsed[1]) * _UNITS_S[parsed[2]]
            if lowest_s <= duration_s <= highest_s:
                return duration_s
        problem = (
            f"'{key}' is a time from {lowest_s:g}s to {highest_s:g}s (5s, 1500ms), not {describe(value)}"
        )
        self.error(value.at, problem)
        return default_s

    def share(self, key: str, default: float) -> float:
        """A number from 0 to 1."""
        value = self.value(key)
        if value is None:
            return default
        if isinstance(value, YamlText) and _SHARE.fullmatch(value.text):
            return float(value.text)
        self.error(value.at, f"'{key}' is a number from 0 to 1, not {describe(value)}")
        return default

    def section(self, key: str, what: str) -> Fields | None:
        """The mapping at `key`."""
        value = self.value(key)
        if value is None or isinstance(value, YamlMap):
            return None if value is None else Fields(value, what, self.faults)
        self.error(value.at, f"'{key}' is a mapping, not {describe(value)}")
        return None

    def entries(self, key: str) -> tuple[tuple[YamlText, YamlValue], ...]:
        """The entries of the mapping at `key`, which has to be there and not be empty."""
        value = self.value(key)
        if isinstance(value, YamlMap) and value.entries:
            return value.entries
        if value is None or isinstance(value, YamlMap):
            self.missing(key)
        else:
            self.error(value.at, f"'{key}' is a mapping, not {describe(value)}")
        return ()

    def one_or_more(self, key: str) -> tuple[YamlValue, ...]:
        """The items of the list at `key`, or the single value there; none when it isn't given."""
        value = self.value(key)
        if value is None:
            return ()
        return value.items if isinstance(value, YamlList) else (value,)
