"""Errors that cross package borders. Each carries its fields; the narrowest type is raised."""

from __future__ import annotations


class RingbackError(Exception):
    """The root of our errors: a message a person can act on."""


class WrongState(RingbackError):
    """An action that isn't legal in the present state; the state is unchanged."""

    def __init__(self, action: str, state: str) -> None:
        super().__init__(f"cannot {action} in state {state}")
        self.action = action
        self.state = state


class LegEnded(RingbackError):
    """The leg has terminated; nothing more can be done with it."""

    def __init__(self, leg_id: str) -> None:
        super().__init__(f"leg {leg_id} has ended")
        self.leg_id = leg_id


class DialError(RingbackError):
    """A call that couldn't even be tried; `uri` and the reason."""

    def __init__(self, uri: str, reason: str) -> None:
        super().__init__(f"cannot dial {uri}: {reason}")
        self.uri = uri
        self.reason = reason


class ConfigurationError(RingbackError):
    """A setting is missing, unknown or out of range. `place` is file:line or the variable's name."""

    def __init__(self, place: str, message: str) -> None:
        super().__init__(f"{place}: {message}")
        self.place = place
        self.message = message


class StartupError(RingbackError):
    """The node can't start (port in use, limits wrong, storage unreachable); says what to do about it."""
