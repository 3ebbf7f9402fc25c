"""The dialplan model: what the loader builds and everything else reads.

A plan is immutable. A call keeps the plan it began with, so a later plan can come into force beside it.
Everything that can be wrong keeps its source position, and everything that leads somewhere is a `Target`,
so the checks, diagrams and the interpreter share one view of the graph: `branches`.

A new node kind is: a dataclass here and a place in `Node`, its line in `branches`, a parser in
`kinds.NODE_KINDS`, and its behaviour in `interpreter`; mypy's exhaustiveness check names the places left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, assert_never

from gateway.call.cause import Cause
from gateway.dialplan.dnis import DnisPattern

DEFAULT_LANGUAGE: Final = "en"
DEFAULT_RETRIES: Final = 2
DEFAULT_FIRST_DIGIT_TIMEOUT_S: Final = 5.0
DEFAULT_INTER_DIGIT_TIMEOUT_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Position:
    """Where something stands in the sources. Lines and columns count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Target:
    """A node of the same flow, as somebody wrote its name."""

    node: str
    at: Position


@dataclass(frozen=True, slots=True)
class Spoken:
    """A text for the synthesiser. `language`: a BCP 47 tag, such as `en` or `de-CH`."""

    text: str
    language: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """An audio file of the plan: `file` is relative to the plan's directory, with forward slashes.

    `fallback` is spoken when the file can't be played.
    """

    file: str
    fallback: Spoken
    at: Position


Prompt = Spoken | Recorded


@dataclass(frozen=True, slots=True)
class SayNode:
    """Says a text. With `barge_in`, a key ends it and is kept for the next menu."""

    name: str
    at: Position
    prompt: Spoken
    next: Target
    barge_in: bool = True


@dataclass(frozen=True, slots=True)
class PlayNode:
    """Plays a file once. With `barge_in`, a key ends it and is kept for the next menu."""

    name: str
    at: Position
    prompt: Recorded
    next: Target
    barge_in: bool = True


@dataclass(frozen=True, slots=True)
class MenuOption:
    """The key or keys (of `0123456789*#ABCD`) that lead to `target`."""

    keys: str
    target: Target
    at: Position


@dataclass(frozen=True, slots=True)
class Escalation:
    """What a menu does about one sort of failure.

    `prompts` are said in order, one a retry. The last belongs to the last retry, and the one before it
    repeats when there are more retries than prompts. `next` is taken when the retries are used up; without
    it, the menu's `failed`.
    """

    prompts: tuple[Prompt, ...] = ()
    next: Target | None = None


@dataclass(frozen=True, slots=True)
class MenuNode:
    """Asks for keys.

    `retries` counts the times the question is asked again, whatever went wrong: a caller who presses a wrong
    key and then nothing has used two. After them comes the branch of the failure that was last, else
    `failed`, else the call ends with normal clearing.
    """

    name: str
    at: Position
    prompt: Prompt
    options: tuple[MenuOption, ...]
    no_input: Escalation = Escalation()
    no_match: Escalation = Escalation()
    failed: Target | None = None
    retries: int = DEFAULT_RETRIES
    barge_in: bool = True  # a key during the prompt ends it; otherwise it is kept until the prompt has ended
    type_ahead: bool = True  # keys pressed before the menu began count
    first_digit_timeout_s: float = DEFAULT_FIRST_DIGIT_TIMEOUT_S  # from the end of the prompt
    inter_digit_timeout_s: float = DEFAULT_INTER_DIGIT_TIMEOUT_S  # between the keys of one option


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


Node = SayNode | PlayNode | MenuNode | GotoNode | HangupNode


@dataclass(frozen=True, slots=True)
class Flow:
    """Named nodes and where they begin.

    `answer` says how the first audio reaches the caller: after the answer, or before it as early media.
    """

    name: str
    at: Position
    start: Target
    nodes: Mapping[str, Node]
    language: str = DEFAULT_LANGUAGE
    answer: bool = True


@dataclass(frozen=True, slots=True)
class Route:
    """Calls to a matching number run `flow`. `answer` overrides the flow's own when given."""

    pattern: DnisPattern
    flow: Target
    at: Position
    answer: bool | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything in force together. `version` is a digest of the sources: equal files, equal version."""

    flows: Mapping[str, Flow]
    routes: tuple[Route, ...]
    version: str

    def route_for(self, dnis: str) -> Route | None:
        """The most specific route that matches `dnis`; None when the number isn't ours."""
        matching = (route for route in self.routes if route.pattern.matches(dnis))
        return max(matching, key=lambda route: route.pattern.specificity, default=None)

    def answers(self, route: Route) -> bool:
        """Whether a call on `route` is answered before its first audio."""
        return self.flows[route.flow.node].answer if route.answer is None else route.answer

    def prompts(self) -> Iterator[Prompt]:
        """Every prompt of every flow, in the order of the files; the same one as often as it is used."""
        for flow in self.flows.values():
            for node in flow.nodes.values():
                yield from node_prompts(node)


@dataclass(frozen=True, slots=True)
class Branch:
    """One way out of a node. A `passive` one is taken by a caller who does nothing."""

    label: str
    target: Target
    passive: bool


def branches(node: Node) -> tuple[Branch, ...]:
    """Every way out of `node` into another node, in the order of writing."""
    match node:
        case SayNode() | PlayNode():
            return (Branch("next", node.next, passive=True),)
        case MenuNode():
            return _menu_branches(node)
        case GotoNode():
            return (Branch("goto", node.target, passive=True),)
        case HangupNode():
            return ()
        case _:
            assert_never(node)


def _menu_branches(menu: MenuNode) -> tuple[Branch, ...]:
    found = [Branch(f"key {option.keys}", option.target, passive=False) for option in menu.options]
    if menu.no_input.next is not None:
        found.append(Branch("no_input", menu.no_input.next, passive=True))
    if menu.no_match.next is not None:
        found.append(Branch("no_match", menu.no_match.next, passive=False))
    if menu.failed is not None:
        found.append(Branch("failed", menu.failed, passive=menu.no_input.next is None))
    return tuple(found)


def node_prompts(node: Node) -> tuple[Prompt, ...]:
    """What `node` may say or play, in the order of writing."""
    match node:
        case SayNode() | PlayNode():
            return (node.prompt,)
        case MenuNode():
            return (node.prompt, *node.no_input.prompts, *node.no_match.prompts)
        case GotoNode() | HangupNode():
            return ()
        case _:
            assert_never(node)
