"""What a running dialplan needs of the world around it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from gateway.call.cause import Cause
from gateway.dialplan.model import Prompt
from gateway.dialplan.requests import (
    CallbackRequest,
    ContextRequest,
    DialRequest,
    LookupRequest,
    QueueRequest,
    RecordRequest,
    SurveyRequest,
    TransferRequest,
)
from gateway.dialplan.run import HearingFailed, Listen, PhraseHeard, SpeechBegan, SpeechLost
from gateway.errors import RingbackError
from media.clip import Clip
from media.speech.synthesiser import SynthesisError


class PromptUnavailable(RingbackError):
    """None of the prompts could be played, nor a fallback in their place."""

    def __init__(self, prompts: Sequence[Prompt]) -> None:
        super().__init__(f"none of {len(prompts)} prompts can be played")
        self.prompts = tuple(prompts)


class CallControl(Protocol):
    """The one call that a run acts on. LegEnded from any of these means that the caller was faster."""

    async def answer(self) -> None:
        """Answer. Returns when the answer is sent; the owner posts `Connected` when it is acknowledged."""
        ...

    async def open_early_media(self) -> None:
        """Open the audio before the answer. Returns when the caller can hear."""
        ...

    async def play(self, prompts: Sequence[Prompt]) -> None:
        """Play `prompts` one after another in place of what plays now; returns at their end.

        Cancelling it before they play keeps them from playing; afterwards `stop_audio` is what stops them.
        Raises PromptUnavailable when there is nothing to play.
        """
        ...

    def stop_audio(self) -> None:
        """Silence within one tick of the media clock. No-op when nothing plays."""
        ...

    def pause_recording(self) -> None:
        """From now on nothing that records this call has what is said."""
        ...

    def resume_recording(self) -> None: ...

    async def hang_up(self, cause: Cause) -> None:
        """End the call, or reject it when it wasn't answered."""
        ...


class Cancellable(Protocol):
    def cancel(self) -> None: ...


class Timers(Protocol):
    """A clock and its alarms. An asyncio event loop is one; tests bring their own."""

    def time(self) -> float:
        """Seconds on a clock that doesn't jump."""
        ...

    def call_later(self, delay: float, callback: Callable[[], object], /) -> Cancellable:
        """Call `callback` on the event loop's thread in `delay` seconds."""
        ...


ProgressHandler = Callable[[int, int], None]
"""Takes how many are done, and of how many."""


class PromptSource(Protocol):
    """Spoken prompts: `media.prompts.cache.PromptCache` is one."""

    async def clip(self, text: str, language: str) -> Clip:
        """The clip of `text`; without suspending when it is in memory. Raises SynthesisError."""
        ...

    async def warm(
        self, prompts: Iterable[tuple[str, str]], on_progress: ProgressHandler
    ) -> Sequence[tuple[str, str, SynthesisError]]:
        """Have every (text, language) in memory; those that can't be spoken, each with its error."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an action came out: an exit of its node (`exits.EXITS`), and what it brought, as plain JSON.

    `flow`: the call goes on at the beginning of this flow instead, because an agent sent it there. `context`:
    what is known of the caller now, if that has changed.
    """

    label: str
    value: Any = None
    flow: str = ""
    context: Mapping[str, Any] | None = None


class Keys(Protocol):
    """The keys that a caller presses during an action, in order."""

    async def get(self) -> str: ...


HeardHandler = Callable[[SpeechBegan | SpeechLost | PhraseHeard | HearingFailed], None]


class Listener(Protocol):
    """Hears one caller, and understands."""

    def listen(self, wanted: Listen, on_heard: HeardHandler) -> None:
        """Until `stop_listening`; `on_heard` is called on the event loop's thread."""
        ...

    def stop_listening(self) -> None: ...


class Actions(Protocol):
    """What a run can ask for on one call. Each is cancelled when the caller hangs up.

    What raises is logged and takes the exit `error`. The labels are those of the node's exits.
    """

    async def look_up(self, request: LookupRequest) -> Outcome: ...
    async def queue(self, request: QueueRequest, keys: Keys) -> Outcome: ...
    async def call_back(self, request: CallbackRequest, keys: Keys) -> Outcome: ...
    async def dial(self, request: DialRequest, keys: Keys) -> Outcome: ...
    async def transfer(self, request: TransferRequest) -> Outcome: ...
    async def record(self, request: RecordRequest, keys: Keys) -> Outcome: ...
    async def survey(self, request: SurveyRequest, keys: Keys) -> Outcome: ...
    async def exchange_context(self, request: ContextRequest) -> Outcome: ...


LookupHandler = Callable[[LookupRequest], Awaitable[Outcome]]

UNAVAILABLE = Outcome("unavailable")


class NoActions:
    """The actions of a node that has none of the parts behind them: each takes its exit `unavailable`.

    `look_up`: lookups alone, where there are any.
    """

    def __init__(self, look_up: LookupHandler | None = None) -> None:
        self._look_up = look_up

    async def look_up(self, request: LookupRequest) -> Outcome:
        return UNAVAILABLE if self._look_up is None else await self._look_up(request)

    async def queue(self, _request: QueueRequest, _keys: Keys) -> Outcome:
        return UNAVAILABLE

    async def call_back(self, _request: CallbackRequest, _keys: Keys) -> Outcome:
        return UNAVAILABLE

    async def dial(self, _request: DialRequest, _keys: Keys) -> Outcome:
        return UNAVAILABLE

    async def transfer(self, _request: TransferRequest) -> Outcome:
        return UNAVAILABLE

    async def record(self, _request: RecordRequest, _keys: Keys) -> Outcome:
        return UNAVAILABLE

    async def survey(self, _request: SurveyRequest, _keys: Keys) -> Outcome:
        return UNAVAILABLE

    async def exchange_context(self, _request: ContextRequest) -> Outcome:
        return UNAVAILABLE


World = Callable[[], tuple[Mapping[str, Mapping[str, Any]], Mapping[str, str]]]
"""The figures of every queue, and the calendars overridden by hand, as they are now."""
