"""The branches of every kind of node: one table, read by the loader, the checks, the schema, the
interpreter and the diagrams. Pure.

An exit that is left out has a default: another exit of the same node, the flow's `error` node (else an
apology and the end of the call), or the end of the call.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final

from gateway.dialplan.nodes import (
    BranchNode,
    CalendarNode,
    CallbackNode,
    ContextNode,
    DialNode,
    Exits,
    GatherNode,
    GotoNode,
    HangupNode,
    LanguageNode,
    LookupNode,
    MenuNode,
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
from gateway.dialplan.places import Target


class Default(Enum):
    """What happens on an exit that nobody wrote; the values are how the guide says it."""

    NEEDED = "none, it has to be given"
    FLOW_ERROR = "the flow's `error` node; without one, an apology and the end of the call (cause 41)"
    FLOW_HANGUP = "the flow's `hangup` node; without one, nothing"
    END = "the end of the call"


@dataclass(frozen=True, slots=True)
class Exit:
    """A branch that a kind of node has. `otherwise`: another exit, or a default.

    `active`: only a caller who does something takes it. `waits`: time has passed in which a caller could
    have acted, so a loop through it is no trap.
    """

    label: str
    otherwise: Default | str
    meaning: str
    active: bool = False
    waits: bool = False


_NEXT: Final = Exit("next", Default.NEEDED, "afterwards")
_ERROR: Final = Exit("error", Default.FLOW_ERROR, "an expression can't be evaluated, or anything else fails")
_HANGUP: Final = Exit("hangup", Default.FLOW_HANGUP, "the caller hangs up here; only silent nodes may follow")
_UNAVAILABLE: Final = Exit("unavailable", "error", "the node has nobody to do this just now")
_FAILED: Final = (
    Exit("no_input", "failed", "the last retry got no key"),
    Exit("no_match", "failed", "the last retry got a wrong one", active=True),
    Exit("failed", Default.END, "the retries are used up, whatever went wrong"),
)
_ALWAYS: Final = (_ERROR, _HANGUP)

EXITS: Final[Mapping[type[Node], tuple[Exit, ...]]] = MappingProxyType(
    {
        SayNode: (_NEXT, *_ALWAYS),
        PlayNode: (_NEXT, *_ALWAYS),
        MenuNode: (*_FAILED, *_ALWAYS),
        GatherNode: (
            Exit("next", Default.NEEDED, "enough keys were given", active=True),
            *_FAILED,
            *_ALWAYS,
        ),
        SetNode: (_NEXT, _ERROR),
        BranchNode: (Exit("else", Default.NEEDED, "no case holds"), _ERROR),
        CalendarNode: (
            Exit("open", Default.NEEDED, "within the hours"),
            Exit("closed", Default.NEEDED, "outside the hours"),
            Exit("holiday", "closed", "closed because of a holiday"),
        ),
        LookupNode: (
            Exit("next", Default.NEEDED, "a JSON answer (2xx)"),
            Exit("not_found", "error", "404 or 410"),
            Exit("refused", "error", "any other 3xx or 4xx"),
            Exit("server_error", "error", "5xx, on the last retry too"),
            Exit("timed_out", "error", "no complete answer in `timeout`"),
            Exit("garbage", "error", "an answer that isn't JSON, or is too long"),
            Exit("unavailable", "error", "the host can't be reached, or isn't one of the plan's `hosts`"),
            *_ALWAYS,
        ),
        QueueNode: (
            Exit("next", Default.END, "an agent has talked to the caller and hung up", waits=True),
            Exit("timed_out", "error", "nobody was free in `timeout`", waits=True),
            Exit(
                "left",
                "error",
                "the caller pressed a key that leaves the queue",
                active=True,
                waits=True,
            ),
            Exit("called_back", Default.END, "the caller will be called back", active=True, waits=True),
            Exit("full", "error", "the queue takes no more callers"),
            Exit("closed", "error", "no agent is on duty"),
            Exit("left_empty", "closed", "the last agent went off duty meanwhile", waits=True),
            _UNAVAILABLE,
            *_ALWAYS,
        ),
        CallbackNode: (
            Exit("next", Default.NEEDED, "the request is kept"),
            Exit("duplicate", "next", "this caller has one already"),
            Exit("refused", "error", "the number can't be called back"),
            Exit("declined", Default.END, "asked, the caller wants none after all", active=True, waits=True),
            _UNAVAILABLE,
            *_ALWAYS,
        ),
        DialNode: (
            Exit("next", Default.END, "the other side has hung up", waits=True),
            Exit("busy", "error", "busy"),
            Exit("no_answer", "error", "not answered in `timeout`", waits=True),
            Exit("rejected", "error", "any other refusal"),
            _UNAVAILABLE,
            *_ALWAYS,
        ),
        TransferNode: (
            Exit("next", Default.END, "the other side has the call"),
            Exit("failed", "error", "it refused"),
            _UNAVAILABLE,
            *_ALWAYS,
        ),
        RecordNode: (
            Exit("next", Default.NEEDED, "the message is kept", waits=True),
            Exit("empty", "next", "nothing was said", waits=True),
            _UNAVAILABLE,
            *_ALWAYS,
        ),
        SurveyNode: (
            Exit("next", Default.NEEDED, "answered", waits=True),
            Exit("declined", "next", "the caller answered nothing", waits=True),
            _UNAVAILABLE,
            *_ALWAYS,
        ),
        LanguageNode: (_NEXT, _ERROR),
        ContextNode: (
            _NEXT,
            Exit("not_found", "error", "`find` names no envelope"),
            _UNAVAILABLE,
            *_ALWAYS,
        ),
        RunNode: (
            Exit("next", Default.NEEDED, "the flow has returned"),
            Exit("error", Default.FLOW_ERROR, "the flow met an error that it has no node for"),
        ),
        ReturnNode: (),
        GotoNode: (),
        HangupNode: (),
    }
)


def exits_of(node: Node) -> Exits:
    """The exits that are written in the plan."""
    return {} if isinstance(node, GotoNode | HangupNode | ReturnNode) else node.exits


def resolve(node: Node, label: str) -> Target | Default:
    """Where the exit `label` leads: where the plan says, or what the defaults come to."""
    written = exits_of(node)
    table = {exit_.label: exit_ for exit_ in EXITS[type(node)]}
    while label not in written:
        exit_ = table.get(label, _ERROR)
        if isinstance(exit_.otherwise, Default):
            return exit_.otherwise
        label = exit_.otherwise
    return written[label]


@dataclass(frozen=True, slots=True)
class Branch:
    """One way out of a node. A `passive` one is taken by a caller who does nothing.

    `waits`: time passes before it is taken in which the caller could act, as in a queue.
    """

    label: str
    target: Target
    passive: bool
    waits: bool = False


def branches(node: Node) -> tuple[Branch, ...]:
    """Every way out of `node` into another node of its flow, in the order of writing."""
    return (*_own_branches(node), *_exit_branches(node))


def _own_branches(node: Node) -> Iterator[Branch]:
    match node:
        case MenuNode():
            yield from (Branch(f"key {option.keys}", option.target, passive=False) for option in node.options)
            yield from (Branch(f"“{phrase.text}”", phrase.target, passive=False) for phrase in node.phrases)
        case BranchNode():
            yield from (Branch(case.when.source, case.target, passive=True) for case in node.cases)
        case GotoNode():
            yield Branch("goto", node.target, passive=True)
        case _:
            return


def _exit_branches(node: Node) -> Iterator[Branch]:
    written = exits_of(node)
    for exit_ in EXITS[type(node)]:
        if exit_.label in written:
            # What both failures of a menu have an exit of their own for, a silent caller never reaches.
            hidden = exit_.label == "failed" and "no_input" in written
            passive = not exit_.active and exit_.label != "hangup" and not hidden
            yield Branch(exit_.label, written[exit_.label], passive, exit_.waits)
