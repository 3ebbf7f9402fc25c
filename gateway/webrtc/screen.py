"""The caller's screen in an app: the latest of each kind is sent, and sent again to an app that has
forgotten.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.call.screen import CallbackOffered, CallbackPromised, PromptShown, QueuePlace
from gateway.webrtc import messages
from gateway.webrtc.messages import Message


class AppScreen:
    """A CallerScreen over the signalling."""

    def __init__(self, tell: Callable[[Message], object]) -> None:
        self._tell = tell
        self._latest: dict[str, Message] = {}

    @property
    def shown(self) -> list[Message]:
        """What the app should be showing now."""
        return list(self._latest.values())

    def show_prompt(self, prompt: PromptShown | None) -> None:
        self._show(messages.prompt(prompt), gone=prompt is None)

    def show_place(self, place: QueuePlace | None) -> None:
        self._show(messages.place(place), gone=place is None)

    def show_callback_offer(self, offer: CallbackOffered | None) -> None:
        self._show(messages.callback_offer(offer), gone=offer is None)

    def show_callback_promised(self, promise: CallbackPromised) -> None:
        self._show(messages.callback_promised(promise), gone=False)

    def show_agent(self, name: str | None) -> None:
        self._show(messages.agent(name), gone=name is None)

    def _show(self, message: Message, *, gone: bool) -> None:
        kind = message["type"]
        if gone and kind not in self._latest:
            return
        if self._latest.get(kind) == message:
            return
        if gone:
            del self._latest[kind]
        else:
            self._latest[kind] = message
        self._tell(message)
