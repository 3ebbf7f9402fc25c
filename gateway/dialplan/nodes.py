"""The kinds of nodes, as values. Pure.

A node's `exits` are the branches that its author named; which there may be, and what happens when one is
left out, is one table in `gateway.dialplan.exits`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.call.cause import Cause
from gateway.dialplan.places import Position, Target
from gateway.dialplan.wording import Expression, Template, Wording

DEFAULT_RETRIES: Final = 2
DEFAULT_FIRST_DIGIT_TIMEOUT_S: Final = 5.0
DEFAULT_INTER_DIGIT_TIMEOUT_S: Final = 2.0
DEFAULT_GATHER_INTER_DIGIT_TIMEOUT_S: Final = 4.0

Exits = Mapping[str, Target]
Assignments = tuple[tuple[str, Expression], ...]


@dataclass(frozen=True, slots=True)
class SayNode:
    """Says a text. With `barge_in`, a key ends it and is kept for the next menu."""

    name: str
    at: Position
    prompt: Wording
    exits: Exits = field(default_factory=dict)
    barge_in: bool = True


@dataclass(frozen=True, slots=True)
class PlayNode:
    """Plays a file once. With `barge_in`, a key ends it and is kept for the next menu."""

    name: str
    at: Position
    prompt: Wording
    exits: Exits = field(default_factory=dict)
    barge_in: bool = True


@dataclass(frozen=True, slots=True)
class MenuOption:
    """The key or keys (of `0123456789*#ABCD`) that lead to `target`."""

    keys: str
    target: Target
    at: Position


@dataclass(frozen=True, slots=True)
class MenuPhrase:
    """Words that lead to `target` when the caller speaks `language`. `said`: every text that `text` stands
    for, optional words and choices written out; itself when empty.
    """

    text: str
    language: str
    target: Target
    at: Position
    said: tuple[str, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        return self.said or (self.text,)


@dataclass(frozen=True, slots=True)
class Speech:
    """How a node listens.

    `answer`: what a gather is told, one of `answers.ANSWERS`. `barge_in`: speech ends the prompt, after
    `barge_in_after_s` of it; what was said before that counts too. `end_silence_s`: silence that ends an
    answer which may go on. Confidences are 0 to 1: what is understood below `confirm_below` is asked back,
    below `reject_below` it is no match. `keep`: `transcript`, `audio`; of what callers say nothing else is
    kept.
    """

    answer: str = "digits"
    barge_in: bool = True
    barge_in_after_s: float = 0.2
    end_silence_s: float = 0.7
    confirm_below: float = 0.75
    reject_below: float = 0.25
    keep: tuple[str, ...] = ()


USUAL_SPEECH: Final = Speech()


@dataclass(frozen=True, slots=True)
class Escalation:
    """What is said about one sort of failure: `prompts` in order, one a retry.

    The last belongs to the last retry, and the one before it repeats when there are more retries than
    prompts. Where the caller goes when the retries are used up is an exit of the node.
    """

    prompts: tuple[Wording, ...] = ()


@dataclass(frozen=True, slots=True)
class MenuNode:
    """Asks for keys or phrases.

    `retries` counts the times the question is asked again, whatever went wrong: a caller who presses a wrong
    key and then nothing has used two. After them comes the exit of the failure that was last.
    """

    name: str
    at: Position
    prompt: Wording
    options: tuple[MenuOption, ...]
    phrases: tuple[MenuPhrase, ...] = ()
    speech: Speech = USUAL_SPEECH
    no_input: Escalation = Escalation()
    no_match: Escalation = Escalation()
    exits: Exits = field(default_factory=dict)
    retries: int = DEFAULT_RETRIES
    barge_in: bool = True  # a key during the prompt ends it; otherwise it is kept until the prompt has ended
    type_ahead: bool = True  # keys pressed before the menu began count
    first_digit_timeout_s: float = DEFAULT_FIRST_DIGIT_TIMEOUT_S  # from the end of the prompt
    inter_digit_timeout_s: float = DEFAULT_INTER_DIGIT_TIMEOUT_S  # between the keys of one option


@dataclass(frozen=True, slots=True)
class GatherNode:
    """Asks for a number of keys, or for a spoken answer, and keeps it, as text, in the variable `into`.

    It is complete at `maximum` keys, at the terminator, or when the inter-digit timer runs out; with fewer
    than `minimum` it is a failure, as in a menu. `mask`: the value is a secret, like a PIN.
    """

    name: str
    at: Position
    prompt: Wording
    into: str
    minimum: int
    maximum: int
    terminator: str = "#"  # "" for none
    mask: bool = False
    speech: Speech | None = None  # the answer may be spoken too
    no_input: Escalation = Escalation()
    no_match: Escalation = Escalation()
    exits: Exits = field(default_factory=dict)
    retries: int = DEFAULT_RETRIES
    barge_in: bool = True
    type_ahead: bool = True
    first_digit_timeout_s: float = DEFAULT_FIRST_DIGIT_TIMEOUT_S
    inter_digit_timeout_s: float = DEFAULT_GATHER_INTER_DIGIT_TIMEOUT_S


@dataclass(frozen=True, slots=True)
class SetNode:
    """Gives variables their values, one after another."""

    name: str
    at: Position
    assignments: Assignments
    exits: Exits = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    when: Expression
    target: Target


@dataclass(frozen=True, slots=True)
class BranchNode:
    """Goes on at the first case that holds, else at the exit `else`."""

    name: str
    at: Position
    cases: tuple[Case, ...]
    exits: Exits = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CalendarNode:
    """Asks a calendar of the plan: `open`, `closed` or `holiday`."""

    name: str
    at: Position
    calendar: Target
    exits: Exits = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LookupNode:
    """Asks another system over HTTP and keeps its JSON answer in `into`.

    `timeout_s` is for all tries together. `headers` and `secrets`: header name to its value, or to the name
    of a secret that the configuration holds. `cache_s`: how long an equal question needn't be asked again.
    `envelope`: the answer goes into the caller's envelope too.
    """

    name: str
    at: Position
    url: Template
    method: str = "GET"
    body: Assignments = ()
    headers: tuple[tuple[str, Template], ...] = ()
    secrets: tuple[tuple[str, str], ...] = ()
    into: str | None = None
    timeout_s: float = 4.0
    retries: int = 1
    cache_s: float = 0.0
    envelope: bool = False
    exits: Exits = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class QueueNode:
    """Waits for an agent. A greater `priority` goes first. `leave_key`: takes the exit `left`.

    `skills`: name to the least level. `sticky`: the id of the agent to prefer. `identity`: who it is that
    waits, for callbacks (one a person) and places kept; the caller's id, else their number, when None.
    """

    name: str
    at: Position
    queue: Target
    priority: Expression | None = None
    skills: Mapping[str, int] = field(default_factory=dict)
    timeout_s: float = 0.0  # 0: no limit
    leave_key: str = ""
    sticky: Expression | None = None
    identity: Expression | None = None
    exits: Exits = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CallbackNode:
    """Leaves a request to be called back at `number` (the caller's own when None).

    `ask`: the caller confirms the number or enters another one, and chooses a time where the queue has slots.
    """

    name: str
    at: Position
    queue: Target
    number: Expression | None = None
    ask: bool = False
    exits: Exits = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DialNode:
    """Calls `to` (a number or a SIP URI) and connects it with the caller."""

    name: str
    at: Position
    to: Template
    timeout_s: float = 30.0
    headers: tuple[tuple[str, Template], ...] = ()
    exits: Exits = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TransferNode:
    """Hands the caller to `to` (RFC 3515 REFER) and leaves the call. `attended`: announced first."""

    name: str
    at: Position
    to: Template
    attended: bool = False
    headers: tuple[tuple[str, Template], ...] = ()
    exits: Exits = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RecordNode:
    """Records a message, such as a voicemail; `into` gets its name. `silence_s` of silence end it."""

    name: str
    at: Position
    prompt: Wording
    into: str | None = None
    maximum_s: float = 120.0
    silence_s: float = 5.0
    terminator: str = "#"
    exits: Exits = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SurveyNode:
    """Asks the questions of a survey."""

    name: str
    at: Position
    survey: Target
    exits: Exits = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LanguageNode:
    """From here on the caller hears `language`, which has to be one of the flow's."""

    name: str
    at: Position
    language: Template
    exits: Exits = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ContextNode:
    """Writes values into the handoff envelope, or finds the envelope that `find` (an id or a PIN) names."""

    name: str
    at: Position
    write: Assignments = ()
    find: Expression | None = None
    exits: Exits = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunNode:
    """Runs another flow; `arguments` become its parameters, and `into` gets what it returns."""

    name: str
    at: Position
    flow: Target
    arguments: Assignments = ()
    into: str | None = None
    exits: Exits = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReturnNode:
    """Ends a flow that another one runs, with a result. In a call's own flow it ends the call."""

    name: str
    at: Position
    result: Expression | None = None


@dataclass(frozen=True, slots=True)
class GotoNode:
    """Goes on elsewhere in the flow."""

    name: str
    at: Position
    target: Target


@dataclass(frozen=True, slots=True)
class HangupNode:
    """Ends the call; before the answer that rejects it (RFC 3398 §8.2.6.1 gives the SIP status)."""

    name: str
    at: Position
    cause: Cause = Cause.NORMAL_CLEARING


Asking = MenuNode | GatherNode
"""Nodes that say something and then wait for the caller."""

Node = (
    SayNode
    | PlayNode
    | MenuNode
    | GatherNode
    | SetNode
    | BranchNode
    | CalendarNode
    | LookupNode
    | QueueNode
    | CallbackNode
    | DialNode
    | TransferNode
    | RecordNode
    | SurveyNode
    | LanguageNode
    | ContextNode
    | RunNode
    | ReturnNode
    | GotoNode
    | HangupNode
)
