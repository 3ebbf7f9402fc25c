"""The dialplan model: what the loader builds and everything else reads. Pure.

A plan is immutable. A call keeps the plan it began with, so a later plan can come into force beside it.
Everything that can be wrong keeps its source position, and everything that leads somewhere is a `Target`,
so the checks, diagrams and the interpreter share one view of the graph: `branches`.

A new node kind is: a dataclass in `nodes` and a place in `Node`, its exits in `exits.EXITS`, its keys in
`kinds.NODE_KINDS`, and its behaviour in `interpreter`; mypy's exhaustiveness check names the places left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from gateway.dialplan.calendars import Calendar
from gateway.dialplan.exits import Branch, branches
from gateway.dialplan.nodes import (
    DEFAULT_FIRST_DIGIT_TIMEOUT_S,
    DEFAULT_INTER_DIGIT_TIMEOUT_S,
    DEFAULT_RETRIES,
    Assignments,
    BranchNode,
    CalendarNode,
    CallbackNode,
    Case,
    ContextNode,
    DialNode,
    Escalation,
    GatherNode,
    GotoNode,
    HangupNode,
    LanguageNode,
    LookupNode,
    MenuNode,
    MenuOption,
    MenuPhrase,
    Node,
    PlayNode,
    QueueNode,
    RecordNode,
    ReturnNode,
    RunNode,
    SayNode,
    SetNode,
    SurveyNode,
    TransferNode,
)
from gateway.dialplan.places import Position, Target
from gateway.dialplan.queues import AgentDefinition, QueueDefinition
from gateway.dialplan.routes import NumberList, Route, Unrouted, choose
from gateway.dialplan.surveys import SurveyDefinition
from gateway.dialplan.wording import (
    Catalogue,
    Expression,
    Prompt,
    Recorded,
    Slot,
    Spoken,
    Template,
    Variant,
    Wording,
)

__all__ = [
    "DEFAULT_FIRST_DIGIT_TIMEOUT_S",
    "DEFAULT_INTER_DIGIT_TIMEOUT_S",
    "DEFAULT_LANGUAGE",
    "DEFAULT_RETRIES",
    "AgentDefinition",
    "Assignments",
    "Branch",
    "BranchNode",
    "Calendar",
    "CalendarNode",
    "CallbackNode",
    "Case",
    "Catalogue",
    "ContextNode",
    "DialNode",
    "Escalation",
    "Expression",
    "Flow",
    "GatherNode",
    "GotoNode",
    "HangupNode",
    "LanguageNode",
    "LookupNode",
    "MenuNode",
    "MenuOption",
    "MenuPhrase",
    "Node",
    "NumberList",
    "Plan",
    "PlayNode",
    "Position",
    "Prompt",
    "QueueDefinition",
    "QueueNode",
    "RecordNode",
    "Recorded",
    "ReturnNode",
    "Route",
    "RunNode",
    "SayNode",
    "SetNode",
    "Slot",
    "Spoken",
    "SurveyNode",
    "Target",
    "Template",
    "TransferNode",
    "Unrouted",
    "Variant",
    "Wording",
    "branches",
    "node_wordings",
]

DEFAULT_LANGUAGE: Final = "en"
ERROR_ANNOUNCEMENT: Final = "ringback.error"
CONFIRM_ANNOUNCEMENT: Final = "ringback.speech.confirm"
UNAVAILABLE_ANNOUNCEMENT: Final = "ringback.speech.unavailable"
HEARD: Final = "{heard}"
"""What stands in the announcement for what was understood; without it, that is said afterwards."""


@dataclass(frozen=True, slots=True)
class Flow:
    """Named nodes and where they begin.

    `answer` says how the first audio reaches the caller: after the answer, or before it as early media.
    `languages`: every language its prompts have to have, the first being the one it begins in. `variables`:
    the values its variables begin with. `parameters`: name to type, for `run`. `error` and `hangup`: where
    the exits of that name lead when a node has none.
    """

    name: str
    at: Position
    start: Target
    nodes: Mapping[str, Node]
    language: str = DEFAULT_LANGUAGE
    answer: bool = True
    languages: tuple[str, ...] = ()
    variables: Assignments = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    result: str = "dyn"
    error: Target | None = None
    hangup: Target | None = None
    masked: frozenset[str] = frozenset()
    """Variables that hold secrets: gathered with `mask`, or made of such a one."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything in force together. `version` is a digest of the sources: equal files, equal version.

    `queues` and `surveys` are those that nodes may use, `hosts` the names of those they may.
    """

    flows: Mapping[str, Flow]
    routes: tuple[Route, ...]
    version: str
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    catalogues: Mapping[str, Catalogue] = field(default_factory=dict)
    queues: Mapping[str, QueueDefinition] = field(default_factory=dict)
    surveys: Mapping[str, SurveyDefinition] = field(default_factory=dict)
    hosts: Mapping[str, Position] = field(default_factory=dict)
    ani_lists: Mapping[str, NumberList] = field(default_factory=dict)
    announcements: Mapping[str, Catalogue] = field(default_factory=lambda: MappingProxyType({}))
    """What Ringback says of itself, by language; the plan's own catalogues go before it."""
    agents: Mapping[str, AgentDefinition] = field(default_factory=dict)

    def route_for(self, dnis: str, unrouted: Unrouted | None = None) -> Route | None:
        """The most specific route for a call to `dnis`; None when the call isn't ours."""
        return choose(self.routes, dnis, unrouted or Unrouted(), self.ani_lists, self.calendars)

    def answers(self, route: Route) -> bool:
        """Whether a call on `route` is answered before its first audio."""
        return self.flows[route.flow.node].answer if route.answer is None else route.answer

    def variant(self, wording: Wording, language: str) -> Variant | None:
        """`wording` in `language`, or the nearest there is; None when nothing has its key."""
        if wording.key is not None:
            return self._catalogued(wording.key, language)
        for wanted in (language, language.partition("-")[0]):
            if wanted in wording.variants:
                return wording.variants[wanted]
        return next(iter(wording.variants.values()), None)

    def _catalogued(self, key: str, language: str) -> Variant | None:
        for catalogues in (self.catalogues, self.announcements):
            for wanted in self._fallbacks(catalogues, language):
                if key in catalogues[wanted].entries:
                    return catalogues[wanted].entries[key]
        return None

    @staticmethod
    def _fallbacks(catalogues: Mapping[str, Catalogue], language: str) -> Iterator[str]:
        """`language`, its primary subtag, what those fall back on, and at last English."""
        ahead = [language, language.partition("-")[0]]
        seen: set[str] = set()
        while ahead:
            wanted = ahead.pop(0)
            if wanted not in seen and wanted in catalogues:
                yield wanted
                ahead += catalogues[wanted].fallback
            seen.add(wanted)
            if not ahead and DEFAULT_LANGUAGE not in seen:
                ahead.append(DEFAULT_LANGUAGE)

    def wordings(self) -> Iterator[tuple[Flow, Wording]]:
        """Every wording of every flow, in the order of the files."""
        for flow in self.flows.values():
            for node in flow.nodes.values():
                for wording in node_wordings(node):
                    yield flow, wording

    def prompts(self) -> Iterator[Prompt]:
        """Every prompt that is known before a call, in every language; the same one as often as it is used.

        Texts with expressions in them aren't.
        """
        for flow, wording in self.wordings():
            for language in flow.languages or (flow.language,):
                variant = self.variant(wording, language)
                if isinstance(variant, Spoken | Recorded):
                    yield variant
        listens = any(
            listens_for_speech(node) for flow in self.flows.values() for node in flow.nodes.values()
        )
        for language in dict.fromkeys(
            language for flow in self.flows.values() for language in flow.languages
        ):
            for announcement in (ERROR_ANNOUNCEMENT, *((UNAVAILABLE_ANNOUNCEMENT,) if listens else ())):
                variant = self._catalogued(announcement, language)
                if isinstance(variant, Spoken | Recorded):
                    yield variant
        yield from self._confirmations()

    def _confirmations(self) -> Iterator[Prompt]:
        """What asks back each phrase of each menu, so that it needn't be spoken while a caller waits."""
        for flow in self.flows.values():
            for node in flow.nodes.values():
                for phrase in node.phrases if isinstance(node, MenuNode) else ():
                    question = self._catalogued(CONFIRM_ANNOUNCEMENT, phrase.language)
                    if isinstance(question, Spoken | Recorded):
                        for text in phrase.texts:
                            yield from confirmation(question, text, phrase.language)


def listens_for_speech(node: Node) -> bool:
    """Whether a caller may answer it by speaking, in some language."""
    return bool(node.phrases if isinstance(node, MenuNode) else isinstance(node, GatherNode) and node.speech)


def confirmation(question: Prompt, heard: str, language: str) -> tuple[Prompt, ...]:
    """What asks whether `heard` was said."""
    if isinstance(question, Recorded):
        return question, Spoken(heard, language)
    return (Spoken(question.text.replace(HEARD, heard), question.language),)


def node_wordings(node: Node) -> tuple[Wording, ...]:
    """What `node` may say or play, in the order of writing."""
    match node:
        case SayNode() | PlayNode() | RecordNode():
            return (node.prompt,)
        case MenuNode() | GatherNode():
            return (node.prompt, *node.no_input.prompts, *node.no_match.prompts)
        case _:
            return ()
