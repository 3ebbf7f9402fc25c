"""From what waiting callers are to be told to the prompts that they hear, in their language. Pure.

The words are keys of the catalogues: Ringback's own in `dialplans/announcements`, unless the plan has the
same key. Beside the figures of the saying, words may name what `WaitingFacts` has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, assert_never

from gateway.dialplan.celtypes import BOOL, DOUBLE, INT, MAP, STRING, Scope, Type
from gateway.dialplan.expressions import CALLER, FIGURES, NO_FIGURES, ExpressionFailed
from gateway.dialplan.model import DEFAULT_LANGUAGE, Plan
from gateway.dialplan.places import Position
from gateway.dialplan.queues import CONNECTING, WELCOME, KeyAction, QueueDefinition
from gateway.dialplan.templates import fill
from gateway.dialplan.wording import Prompt, Recorded, Wording
from gateway.queues.phrases import LongerReason, WaitKind, WaitPhrase
from gateway.queues.waiting import (
    AtPosition,
    BeyondPosition,
    CallbackOffer,
    ExpectedWait,
    Longer,
    Message,
    Saying,
    WaitUnknown,
    Welcome,
)

POSITIONS_WARMED: Final = 20
MINUTES_WARMED: Final = (*range(1, 11), 15, 20, 25, 30)
"""Positions and minutes that are spoken ahead; further ones while the caller listens to music."""


def _struct(what: str, **members: Type) -> Type:
    return Type("struct", members=MappingProxyType(members), what=what)


WAITING: Final[Mapping[str, Type]] = MappingProxyType(
    {
        "caller": CALLER,
        "context": MAP,
        "queue": _struct("'queue'", name=STRING, **FIGURES),
        "entry": _struct("'entry'", id=STRING, priority=INT, position=INT, callback=BOOL, skills=MAP),
        "wait": _struct("'wait'", s=DOUBLE, minutes=INT),
        "agent": _struct("'agent'", id=STRING, name=STRING),
    }
)
"""What every text about somebody who waits may name, whisper and messages included."""


@dataclass(frozen=True, slots=True)
class WaitingFacts:
    """What is known of somebody who waits; plain JSON. `queue`: its figures, as `queue_facts` gives them.

    `position`: 0 when there is none. `agent_id`, `agent_name`: who is about to talk with them.
    """

    caller: Mapping[str, Any] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)
    queue_name: str = ""
    queue: Mapping[str, Any] = field(default_factory=dict)
    entry: str = ""
    priority: int = 0
    position: int = 0
    callback: bool = False
    skills: Mapping[str, int] = field(default_factory=dict)
    waited_s: float = 0.0
    agent_id: str = ""
    agent_name: str = ""

    def values(self) -> dict[str, Any]:
        """What expressions see."""
        caller = {"number": "", "name": "", "language": "", "authenticated": False, "id": "", **self.caller}
        return {
            "caller": caller,
            "context": dict(self.context),
            "queue": {**NO_FIGURES, **self.queue, "name": self.queue_name},
            "entry": {
                "id": self.entry,
                "priority": self.priority,
                "position": self.position,
                "callback": self.callback,
                "skills": dict(self.skills),
            },
            # Whole minutes, as people round them.
            "wait": {"s": float(self.waited_s), "minutes": int(self.waited_s / 60.0 + 0.5)},
            "agent": {"id": self.agent_id, "name": self.agent_name},
        }


# Key of the catalogues: the figures that its texts may name beside `WAITING`.
_FIGURES: Final[Mapping[str, Mapping[str, Type]]] = MappingProxyType(
    {
        "ringback.queue.welcome": {},
        "ringback.queue.next": {"position": INT},
        "ringback.queue.position": {"position": INT, "ahead": INT},
        "ringback.queue.position_beyond": {"limit": INT},
        "ringback.queue.wait_short": {},
        "ringback.queue.wait_minutes": {"minutes": INT},
        "ringback.queue.wait_more": {"minutes": INT},
        "ringback.queue.wait_unknown": {},
        "ringback.queue.longer": {},
        "ringback.queue.longer_fewer_agents": {},
        "ringback.queue.longer_more_ahead": {},
        "ringback.queue.longer_calls": {},
        "ringback.queue.callback_offer": {"key": STRING},
        "ringback.queue.chat_sent": {},
        "ringback.queue.connecting": {},
        "ringback.queue.connecting_to": {},
        "ringback.callback.confirm": {"number": STRING},
        "ringback.callback.enter": {},
        "ringback.callback.when": {},
        "ringback.callback.slot": {"when": STRING, "key": STRING},
        "ringback.callback.slots": {},
        "ringback.callback.kept_at": {"when": STRING},
        "ringback.callback.refused": {},
        "ringback.callback.later": {},
        "ringback.callback.closing": {},
        "ringback.callback.kept": {},
        "ringback.callback.kept_minutes": {"minutes": INT},
        "ringback.callback.exists": {},
        "ringback.callback.pending": {"position": INT},
        "ringback.callback.cancelled": {},
        "ringback.callback.greeting": {},
        "ringback.callback.message": {},
        "ringback.survey.nps": {},
        "ringback.survey.csat": {},
        "ringback.survey.comment": {},
        "ringback.survey.numbers": {},
        "ringback.survey.thanks": {},
        "ringback.recording": {},
        "ringback.key.star": {},
        "ringback.key.hash": {},
    }
)

SCOPES: Final[Mapping[str, Scope]] = MappingProxyType(
    {key: Scope(MappingProxyType({**WAITING, **figures})) for key, figures in _FIGURES.items()}
)
"""By key: what its texts may name. A plan's own texts for these keys are checked against it."""

WAITING_SCOPE: Final = Scope(WAITING)

_LONGER: Final[Mapping[LongerReason, str]] = MappingProxyType(
    {
        LongerReason.UNKNOWN: "ringback.queue.longer",
        LongerReason.FEWER_AGENTS: "ringback.queue.longer_fewer_agents",
        LongerReason.MORE_AHEAD: "ringback.queue.longer_more_ahead",
        LongerReason.LONGER_CALLS: "ringback.queue.longer_calls",
    }
)
_WAITS: Final[Mapping[WaitKind, str]] = MappingProxyType(
    {
        WaitKind.LESS_THAN_A_MINUTE: "ringback.queue.wait_short",
        WaitKind.ABOUT: "ringback.queue.wait_minutes",
        WaitKind.MORE_THAN: "ringback.queue.wait_more",
    }
)

FailureHandler = Callable[[ExpressionFailed], None]
"""Takes what couldn't be said, for the log."""


def _ignore(_failed: ExpressionFailed) -> None:
    """For texts that are only tried."""


def sayings_to_prompts(
    plan: Plan,
    queue: str,
    language: str,
    sayings: Iterable[Saying],
    facts: WaitingFacts | None = None,
    on_failure: FailureHandler = _ignore,
) -> tuple[Prompt, ...]:
    """What a caller of `queue` hears, in `language`. Never raises: what can't be said is left out, and goes
    to `on_failure`.
    """
    found: list[Prompt] = []
    values = {} if facts is None else facts.values()
    for saying in sayings:
        wording, figures = _words(plan, plan.queues.get(queue), language, saying)
        found += _prompts(plan, wording, language, {**values, **figures}, on_failure)
    return tuple(found)


def whisper_prompts(
    plan: Plan, queue: str, language: str, facts: WaitingFacts, on_failure: FailureHandler = _ignore
) -> tuple[Prompt, ...]:
    """What only the agent hears before the caller; nothing where the queue has no whisper.

    `language`: the agent's, see `briefing_language`.
    """
    definition = plan.queues.get(queue)
    wording = None if definition is None else definition.connecting.whisper
    return _prompts(plan, wording, language, facts.values(), on_failure)


def connecting_prompts(
    plan: Plan, queue: str, language: str, facts: WaitingFacts, on_failure: FailureHandler = _ignore
) -> tuple[Prompt, ...]:
    """What the caller hears while the agent is briefed."""
    definition = plan.queues.get(queue)
    wording = CONNECTING if definition is None else definition.connecting.say
    return _prompts(plan, wording, language, facts.values(), on_failure)


def consent_prompts(
    plan: Plan, queue: str, language: str, facts: WaitingFacts, on_failure: FailureHandler = _ignore
) -> tuple[Prompt, ...]:
    """What the caller hears before a recording begins."""
    definition = plan.queues.get(queue)
    wording = None if definition is None else definition.recording.consent
    return _prompts(plan, wording, language, facts.values(), on_failure)


def callback_prompts(
    plan: Plan,
    wording: Wording | str,
    language: str,
    facts: WaitingFacts,
    figures: Mapping[str, Any] | None = None,
    on_failure: FailureHandler = _ignore,
) -> tuple[Prompt, ...]:
    """What a caller or customer hears about a callback. `wording`: the plan's, or what follows
    `ringback.callback.` in the key of a catalogue.
    """
    words = _key(f"ringback.callback.{wording}") if isinstance(wording, str) else wording
    return _prompts(plan, words, language, {**facts.values(), **(figures or {})}, on_failure)


def survey_prompts(
    plan: Plan,
    wording: Wording,
    language: str,
    facts: WaitingFacts,
    on_failure: FailureHandler = _ignore,
) -> tuple[Prompt, ...]:
    """A question of a survey, or the thanks at its end."""
    return _prompts(plan, wording, language, facts.values(), on_failure)


def spoken_numbers(plan: Plan, language: str) -> tuple[str, ...]:
    """How 0 to 10 are said; nothing where the language's words for them aren't known."""
    prompts = _prompts(plan, _key("ringback.survey.numbers"), language, {}, _ignore)
    if not prompts or isinstance(prompts[0], Recorded):
        return ()
    said = prompts[0]
    words = tuple(word.strip() for word in said.text.replace("、", ",").split(","))
    known = said.language.partition("-")[0] == language.partition("-")[0]
    return words if known and len(words) == 11 else ()


def briefing_language(plan: Plan, agent: str) -> str:
    """The language in which an agent is told who is calling."""
    definition = plan.agents.get(agent)
    return definition.languages[0] if definition is not None and definition.languages else DEFAULT_LANGUAGE


def _prompts(
    plan: Plan,
    wording: Wording | None,
    language: str,
    values: Mapping[str, Any],
    on_failure: FailureHandler,
) -> tuple[Prompt, ...]:
    variant = None if wording is None else plan.variant(wording, language)
    if variant is None:
        return ()
    try:
        return (fill(variant, values),)
    except ExpressionFailed as failed:
        on_failure(failed)
        return ()


def _words(
    plan: Plan, definition: QueueDefinition | None, language: str, saying: Saying
) -> tuple[Wording | None, Mapping[str, Any]]:
    """The words of `saying`, and their figures."""
    match saying:
        case Welcome():
            return WELCOME if definition is None else definition.announce.welcome, {}
        case Longer():
            return _key(_LONGER[saying.reason]), {}
        case AtPosition():
            key = "ringback.queue.next" if saying.position == 1 else "ringback.queue.position"
            return _key(key), {"position": saying.position, "ahead": saying.position - 1}
        case BeyondPosition():
            return _key("ringback.queue.position_beyond"), {"limit": saying.limit}
        case ExpectedWait():
            return _key(_WAITS[saying.phrase.kind]), {"minutes": saying.phrase.minutes}
        case WaitUnknown():
            return _key("ringback.queue.wait_unknown"), {}
        case Message():
            messages = () if definition is None else definition.announce.messages
            return (messages[saying.number] if saying.number < len(messages) else None), {}
        case CallbackOffer():
            return _key("ringback.queue.callback_offer"), {"key": _name_of_key(plan, saying.key, language)}
        case _:
            assert_never(saying)


def _key(key: str) -> Wording:
    return Wording(Position("", 1, 1), key=key)


def _name_of_key(plan: Plan, key: str, language: str) -> str:
    """How a key of the telephone is called."""
    names = {"*": "ringback.key.star", "#": "ringback.key.hash"}
    if key not in names:
        return key
    prompts = _prompts(plan, _key(names[key]), language, {}, _ignore)
    return key if not prompts or isinstance(prompts[0], Recorded) else prompts[0].text


# Ahead of calls


def known_prompts(plan: Plan) -> Iterator[Prompt]:
    """What callers of the plan's queues may hear, as far as that is known before a call.

    A few dozen texts a language: positions and waits of the usual size, and every text without expressions
    about one caller.
    """
    if not plan.queues:
        return
    for language in dict.fromkeys(language for flow in plan.flows.values() for language in flow.languages):
        yield from sayings_to_prompts(plan, "", language, _usual_sayings(plan))
        for name, queue in plan.queues.items():
            messages = (Message(number) for number in range(queue.announce.rules.messages))
            yield from sayings_to_prompts(plan, name, language, (Welcome(), *messages))
            yield from _prompts(plan, queue.recording.consent, language, {}, _ignore)
            yield from _known_connecting(plan, queue, language)
        yield from _known_of_callbacks(plan, language)
        for survey in plan.surveys.values():
            for words in (*(survey.words[question] for question in survey.questions), survey.thanks):
                yield from _prompts(plan, words, language, {}, _ignore)
    for language in dict.fromkeys(briefing_language(plan, agent) for agent in plan.agents):
        for queue in plan.queues.values():
            yield from _prompts(plan, queue.connecting.whisper, language, {}, _ignore)


def _known_of_callbacks(plan: Plan, language: str) -> Iterator[Prompt]:
    """Where callers can ask for one: what has nothing of theirs in it."""
    if not any(queue.key_for(KeyAction.CALLBACK) for queue in plan.queues.values()):
        return
    for key in ("enter", "refused", "later", "closing", "kept", "exists", "cancelled", "when", "slots"):
        yield from _prompts(plan, _key(f"ringback.callback.{key}"), language, {}, _ignore)
    for minutes in MINUTES_WARMED:
        words = _key("ringback.callback.kept_minutes")
        yield from _prompts(plan, words, language, {"minutes": minutes}, _ignore)
    for position in range(1, POSITIONS_WARMED + 1):
        words = _key("ringback.callback.pending")
        yield from _prompts(plan, words, language, {"position": position}, _ignore)
    for queue in plan.queues.values():
        yield from _prompts(plan, queue.callback.greeting, language, {}, _ignore)
        yield from _prompts(plan, queue.callback.message, language, {}, _ignore)


def _known_connecting(plan: Plan, queue: QueueDefinition, language: str) -> Iterator[Prompt]:
    """The same for every agent, or one for each."""
    said = _prompts(plan, queue.connecting.say, language, {}, _ignore)
    yield from said
    for agent in () if said else plan.agents.values():
        if queue.name in agent.profile.queues:
            named = {"agent": {"id": agent.profile.id, "name": agent.profile.name}}
            yield from _prompts(plan, queue.connecting.say, language, named, _ignore)


def _usual_sayings(plan: Plan) -> Iterator[Saying]:
    rules = [queue.announce.rules for queue in plan.queues.values()]
    yield WaitUnknown()
    yield from (AtPosition(position) for position in range(1, POSITIONS_WARMED + 1))
    yield from (BeyondPosition(limit) for limit in {rule.position_limit for rule in rules})
    yield ExpectedWait(WaitPhrase(WaitKind.LESS_THAN_A_MINUTE))
    yield from (ExpectedWait(WaitPhrase(WaitKind.ABOUT, minutes)) for minutes in MINUTES_WARMED)
    yield ExpectedWait(WaitPhrase(WaitKind.MORE_THAN, MINUTES_WARMED[-1]))
    yield from (Longer(reason) for reason in LongerReason)
    yield from (CallbackOffer(key) for key in {rule.offer_key for rule in rules} if key)
