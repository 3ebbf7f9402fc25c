"""The CallerScreen port: what a caller's app can show of the call while it goes on.

A caller in an app sees what a caller on a phone only hears: the menu that is being spoken, the place in the
queue, who is about to answer. Whoever knows such a thing (the executor of a dialplan, a queue, a callback)
calls the screen of the call; the leg behind it sends it to the app, and a SIP leg has nowhere to show it.
`screen_of(leg)` is the way in: it answers for every leg.

Nothing here is spoken, and nothing depends on being seen: a screen is a courtesy. Its methods return at once,
never raise, and may be called before the answer, after the end, and as often as something changes; the app
gets the latest of each kind, also when it reconnects. Times are seconds from now. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing that can be pressed. `keys`: what its button sends; `label`: what it says, or ""."""

    keys: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class PromptShown:
    """What is being said, in the caller's language, and what can be pressed now.

    `choices` is empty while nothing is asked. `gathers`: digits are asked for (an account number), so the
    app shows its keypad; `secret`: they are masked as they are typed.
    """

    text: str
    language: str = ""
    choices: tuple[Choice, ...] = ()
    gathers: bool = False
    secret: bool = False


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """Where the caller stands. Say it as often as it changes.

    `position`: 1 is next; None while it isn't told. `estimate_s`: (least, most) seconds of waiting that are
    left; None when there is no honest estimate. `waited_s`: since the caller joined.
    """

    queue: str
    position: int | None = None
    estimate_s: tuple[float, float] | None = None
    waited_s: float = 0.0


@dataclass(frozen=True, slots=True)
class CallbackOffered:
    """The caller may hang up and be called back without losing their place.

    `keys`: what to press to take it; the app shows a button that presses them. `number`: where we would call,
    as it may be shown ("" when it will be asked for). `keeps_place`: whether the place in the queue is kept.
    """

    queue: str
    keys: str
    number: str = ""
    keeps_place: bool = True


@dataclass(frozen=True, slots=True)
class CallbackPromised:
    """The callback is on disk: the caller may go. `estimate_s`: as in `QueuePlace`."""

    queue: str
    id: str
    number: str = ""
    estimate_s: tuple[float, float] | None = None


@runtime_checkable
class CallerScreen(Protocol):
    """What the caller's app shows, besides what the leg itself tells (ringing, answered, ended)."""

    def show_prompt(self, prompt: PromptShown | None) -> None:
        """The menu or announcement that is being spoken now; None when there is none any more."""
        ...

    def show_place(self, place: QueuePlace | None) -> None:
        """The caller's place in the queue; None when they have left it, for whatever reason."""
        ...

    def show_callback_offer(self, offer: CallbackOffered | None) -> None:
        """A callback is offered; None takes the offer back."""
        ...

    def show_callback_promised(self, promise: CallbackPromised) -> None:
        """The caller will be called back. The call usually ends soon after."""
        ...

    def show_agent(self, name: str | None) -> None:
        """Who the caller is being connected to, or talks with, as the caller may know them; None: nobody."""
        ...


class NoScreen:
    """The screen of a leg that has none."""

    def show_prompt(self, _prompt: PromptShown | None) -> None: ...
    def show_place(self, _place: QueuePlace | None) -> None: ...
    def show_callback_offer(self, _offer: CallbackOffered | None) -> None: ...
    def show_callback_promised(self, _promise: CallbackPromised) -> None: ...
    def show_agent(self, _name: str | None) -> None: ...


NO_SCREEN = NoScreen()


@runtime_checkable
class HasScreen(Protocol):
    """A leg whose far end can show things: a WebRTC leg."""

    @property
    def screen(self) -> CallerScreen: ...


def screen_of(leg: object) -> CallerScreen:
    """The screen of any leg; one that shows nothing where there is none."""
    return leg.screen if isinstance(leg, HasScreen) else NO_SCREEN
