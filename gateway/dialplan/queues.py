"""Queues and agents as a plan defines them. Pure.

How a queue behaves is `gateway.queues.settings`, when callers are told what `gateway.queues.waiting`; here
is what they hear and press, and where all of it stands in the files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from gateway.agents.profile import AgentProfile
from gateway.callbacks.policy import CallbackPolicy
from gateway.dialplan.places import Position
from gateway.dialplan.wording import Wording
from gateway.queues.settings import QueueSettings
from gateway.queues.waiting import AnnouncementRules


def _shipped(key: str) -> Wording:
    return Wording(Position("", 1, 1), key=key)


WELCOME: Final = _shipped("ringback.queue.welcome")
CONNECTING: Final = _shipped("ringback.queue.connecting")
RULES: Final = AnnouncementRules()
CONSENT: Final = _shipped("ringback.recording")
GREETING: Final = _shipped("ringback.callback.greeting")
MESSAGE: Final = _shipped("ringback.callback.message")
POLICY: Final = CallbackPolicy()


@dataclass(frozen=True, slots=True)
class AudioFile:
    """A file of the plan: relative to its directory, with forward slashes."""

    file: str
    at: Position


@dataclass(frozen=True, slots=True)
class Music:
    """What plays while callers wait: `files` one after another, again and again.

    None of them, and not `silent`: the piece that Ringback ships.
    """

    files: tuple[AudioFile, ...] = ()
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Announce:
    """What waiting callers are told. `messages` are said in turn, as `rules` say when."""

    rules: AnnouncementRules = RULES
    welcome: Wording = WELCOME
    messages: tuple[Wording, ...] = ()


@dataclass(frozen=True, slots=True)
class Connecting:
    """What happens between the agent's answer and the conversation.

    `say`: to the caller, while the agent hears the whisper or is asked for the accept key; with neither,
    the two are connected at once and nothing is said. None: only music.
    """

    whisper: Wording | None = None  # to the agent alone; None: none
    accept_key: str = ""  # what the agent presses to take the call; "": answering is enough
    zip_tone: bool = False  # a short tone in the agent's ear just before the caller
    say: Wording | None = CONNECTING


class RecordWhen(Enum):
    """Which conversations are recorded. The values are how plans spell them."""

    NEVER = "never"
    ALWAYS = "always"
    ON_DEMAND = "on_demand"  # when the agent or a supervisor begins it


class RecordingFormat(Enum):
    """What recordings become when the conversation is over."""

    FLAC = "flac"
    OPUS = "opus"
    WAV = "wav"


@dataclass(frozen=True, slots=True)
class RecordingPolicy:
    """`consent`: said to the caller before the recording begins; None: nothing is said.

    `retention_s`: how long a recording is kept; None: until somebody deletes it.
    """

    when: RecordWhen = RecordWhen.NEVER
    consent: Wording | None = None
    format: RecordingFormat = RecordingFormat.FLAC
    retention_s: float | None = None


class KeyAction(Enum):
    """What a key does while its caller waits. The values are how plans spell them."""

    LEAVE = "leave"  # out of the queue, by the node's exit `left`
    CALLBACK = "callback"  # the place is kept, and the node's exit `called_back` taken
    POSITION = "position"  # position and wait are told at once
    CHAT = "chat"  # webhooks are asked to send them a link to a chat; the wait goes on
    LANGUAGE = "language"  # everything is said in `WaitingKey.language` from now on


@dataclass(frozen=True, slots=True)
class WaitingKey:
    """One of `0123456789*#`, and what it does. `language`: of LANGUAGE."""

    key: str
    action: KeyAction
    at: Position
    language: str = ""


@dataclass(frozen=True, slots=True)
class CallbackRules:
    """How the queue calls back. `greeting`: said to the customer who is dialled first; `message`: left on
    their machine. `phrases`: by language, what asks for a callback while waiting.
    """

    policy: CallbackPolicy = POLICY
    greeting: Wording = GREETING
    message: Wording = MESSAGE
    phrases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class QueueDefinition:
    """A queue of the plan. `places`: where its keys stand."""

    at: Position
    settings: QueueSettings
    music: Music = Music()
    announce: Announce = Announce()
    connecting: Connecting = Connecting()
    recording: RecordingPolicy = RecordingPolicy()
    callback: CallbackRules = CallbackRules()
    keys: Mapping[str, WaitingKey] = field(default_factory=dict)
    survey: str = ""  # who was served by an agent is asked afterwards; "": nobody is
    survey_link: bool = False  # who hung up first is asked by a link, that webhooks are told
    match_language: bool = False  # callers get agents who speak their language (`language_skill`)
    places: Mapping[str, Position] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.settings.name

    def place(self, key: str) -> Position:
        """Where `key` stands; the queue itself when it was left out."""
        return self.places.get(key, self.at)

    def key_for(self, action: KeyAction) -> str:
        """The key that does `action`; "" for none."""
        return next((key.key for key in self.keys.values() if key.action is action), "")


@dataclass(frozen=True, slots=True)
class AgentDefinition:
    """An agent of the plan. `languages`: what they speak, the one they are briefed in first.

    `places`: where the keys stand, and the names of queues, as `queues.NAME`.
    """

    at: Position
    profile: AgentProfile
    languages: tuple[str, ...] = ()
    places: Mapping[str, Position] = field(default_factory=dict)

    def place(self, key: str) -> Position:
        """Where `key` stands; the agent when it was left out."""
        return self.places.get(key, self.at)


LANGUAGE_SKILL: Final = "language-"


def language_skill(language: str) -> str:
    """The skill of whoever speaks `language`: `language-ja` for ja and for ja-JP."""
    primary = language.partition("-")[0].lower()
    # "cmn" is how synthesisers call Mandarin.
    return LANGUAGE_SKILL + ("zh" if primary == "cmn" else primary)
