"""The kinds of nodes, as they are written: one table.

A node is a mapping with the key of exactly one kind, which names it, that kind's other keys beside it, and
its exits (`exits.EXITS`). `NODE_KINDS` is the whole list: a kind that isn't in it doesn't exist.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from gateway.call.cause import Cause
from gateway.dialplan import keytypes as key
from gateway.dialplan.documents import YamlText
from gateway.dialplan.exits import EXITS, Default
from gateway.dialplan.faults import suggest
from gateway.dialplan.fields import Fields
from gateway.dialplan.keygroups import levels
from gateway.dialplan.keytypes import Key
from gateway.dialplan.nodes import (
    DEFAULT_FIRST_DIGIT_TIMEOUT_S,
    DEFAULT_GATHER_INTER_DIGIT_TIMEOUT_S,
    DEFAULT_INTER_DIGIT_TIMEOUT_S,
    DEFAULT_RETRIES,
    BranchNode,
    CalendarNode,
    CallbackNode,
    ContextNode,
    DialNode,
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

MAX_RETRIES: Final = 9
MAX_GATHERED: Final = 32

Keys = Mapping[str, Key]


@dataclass(frozen=True, slots=True)
class NodeKind:
    """How one kind is written. `keys`: the first one names the kind. `fields`: key to the node's field,
    where they differ.
    """

    node: type[Node]
    meaning: str
    keys: Keys
    fields: Mapping[str, str]


_BARGE_IN: Final = key.flag("a key ends the audio; if not, it is kept until its end", default=True)
_TYPE_AHEAD: Final = key.flag("keys pressed before the node count", default=True)
_RETRIES: Final = key.count("how often the question is asked again", DEFAULT_RETRIES, MAX_RETRIES)
_NO_INPUT: Final = key.escalation("`say`: what is said after silence, one prompt a retry; `next`: an exit")
_NO_MATCH: Final = key.escalation("`say`: what is said after a wrong key; `next`: an exit")
_FIRST: Final = key.duration(
    "silence after the prompt that counts as no input", DEFAULT_FIRST_DIGIT_TIMEOUT_S, 0.5, 120
)
_INTO: Final = key.variable("the variable that keeps the result")

_FIELD_NAMES: Final = MappingProxyType(
    {
        "keys": "options",
        "first_digit_timeout": "first_digit_timeout_s",
        "inter_digit_timeout": "inter_digit_timeout_s",
        "timeout": "timeout_s",
        "cache": "cache_s",
        "silence": "silence_s",
        "maximum_time": "maximum_s",
        "with": "arguments",
    }
)


def _kind(node: type[Node], meaning: str, first: str, keys: Keys) -> NodeKind:
    fields = {**_FIELD_NAMES, next(iter(keys)): first}
    return NodeKind(node, meaning, MappingProxyType(keys), MappingProxyType(fields))


_ASKING: Final[Keys] = MappingProxyType(
    {
        "no_input": _NO_INPUT,
        "no_match": _NO_MATCH,
        "retries": _RETRIES,
        "barge_in": _BARGE_IN,
        "type_ahead": _TYPE_AHEAD,
        "first_digit_timeout": _FIRST,
    }
)

NODE_KINDS: Final[Mapping[str, NodeKind]] = MappingProxyType(
    {
        "say": _kind(
            SayNode, "speaks a text", "prompt", {"say": key.wording("the text"), "barge_in": _BARGE_IN}
        ),
        "play": _kind(
            PlayNode,
            "plays a WAV, FLAC, Ogg or MP3 file of the plan's directory",
            "prompt",
            {
                "play": key.recording("the file; beside it `fallback`, spoken if it can't be played"),
                "barge_in": _BARGE_IN,
            },
        ),
        "menu": _kind(
            MenuNode,
            "asks for a key or a phrase",
            "prompt",
            {
                "menu": key.wording("the question"),
                "keys": key.options("what may be pressed, and the node it leads to"),
                "phrases": key.phrases("nodes, and the words that lead there (a list, or lists by language)"),
                "speech": key.speech("how phrases are listened for; see Speech", gathers=False),
                **_ASKING,
                "inter_digit_timeout": key.duration(
                    "silence between the keys of one option", DEFAULT_INTER_DIGIT_TIMEOUT_S, 0.2, 30
                ),
            },
        ),
        "gather": _kind(
            GatherNode,
            "asks for digits, or for a spoken answer",
            "prompt",
            {
                "gather": key.wording("the question"),
                "into": key.variable("the variable that keeps the digits", needed=True),
                "minimum": key.count("the fewest digits", 1, MAX_GATHERED, 1),
                "maximum": key.count("the most digits, which end the wait", 20, MAX_GATHERED, 1),
                "terminator": key.text("the key that ends them", r"[*#]|none", "*, # or none", "#"),
                "mask": key.flag("a secret, such as a PIN: shown nowhere", default=False),
                "speech": key.speech(
                    "spoken, too: true for digits, `yes_no`, `date`, `amount`, `phone`, `text`; see Speech",
                    gathers=True,
                ),
                **_ASKING,
                "inter_digit_timeout": key.duration(
                    "silence between digits that ends them", DEFAULT_GATHER_INTER_DIGIT_TIMEOUT_S, 0.2, 30
                ),
            },
        ),
        "set": _kind(
            SetNode,
            "gives variables their values",
            "assignments",
            {"set": key.assignments("variables and the expressions they get", needed=True)},
        ),
        "branch": _kind(
            BranchNode,
            "goes on at the first case that holds",
            "cases",
            {"branch": key.cases("a list of `when: EXPRESSION` and `next: NODE`")},
        ),
        "calendar": _kind(
            CalendarNode,
            "goes on by the hours of a calendar",
            "calendar",
            {"calendar": key.reference("the calendar")},
        ),
        "lookup": _kind(
            LookupNode,
            "asks another system over HTTP for JSON",
            "url",
            {
                "lookup": key.template("the address; its host has to be one of the plan's `hosts`"),
                "method": key.text("GET or POST", "GET|POST", "GET or POST", "GET"),
                "body": key.assignments("names and expressions, sent as JSON"),
                "headers": key.headers("headers and their values, never secrets"),
                "secrets": key.secrets("headers and the names of secrets in the configuration"),
                "into": _INTO,
                "timeout": key.duration("for all tries together", 4.0, 0.1, 30),
                "retries": key.count("tries after the first that failed", 1, 5),
                "cache": key.duration("how long an answer is kept for equal questions", 0.0, 0.0, 86_400),
                "envelope": key.flag("the answer is what the agent will see of the caller", default=False),
            },
        ),
        "queue": _kind(
            QueueNode,
            "waits for an agent",
            "queue",
            {
                "queue": key.reference("the queue"),
                "priority": key.expression("a number; who has a greater one goes first"),
                "skills": levels("what the agent has to know: names, or names and least levels"),
                "sticky": key.expression("the id of the agent to prefer, such as the last one"),
                "identity": key.expression("who waits; the caller's id, else their number, if left out"),
                "timeout": key.duration("the longest wait; 0 for no limit", 0.0, 0.0, 86_400),
                "leave_key": key.text(
                    "the key that leaves the queue", r"[0-9*#]|none", "one key or none", ""
                ),
            },
        ),
        "callback": _kind(
            CallbackNode,
            "keeps the caller's place and calls back",
            "queue",
            {
                "callback": key.reference("the queue"),
                "number": key.expression("the number to call; the caller's own if left out"),
                "ask": key.flag(
                    "the caller confirms the number or enters another, and chooses a slot if there are any",
                    default=False,
                ),
            },
        ),
        "dial": _kind(
            DialNode,
            "calls somebody and connects the caller",
            "to",
            {
                "dial": key.template("a number, a SIP address, or `pbx:` and an extension of the PBX"),
                "timeout": key.duration("how long it rings", 30.0, 1.0, 300.0),
                "headers": key.headers("SIP headers and their values"),
            },
        ),
        "transfer": _kind(
            TransferNode,
            "hands the caller over and leaves the call",
            "to",
            {
                "transfer": key.template("a number or a SIP address"),
                "attended": key.flag("talks to the other side first", default=False),
                "headers": key.headers("SIP headers and their values"),
            },
        ),
        "record": _kind(
            RecordNode,
            "records a message",
            "prompt",
            {
                "record": key.wording("what is said before the tone"),
                "into": _INTO,
                "maximum_time": key.duration("the longest message", 120.0, 1.0, 3600.0),
                "silence": key.duration("silence that ends it", 5.0, 1.0, 60.0),
                "terminator": key.text("the key that ends it", r"[*#]|none", "*, # or none", "#"),
            },
        ),
        "survey": _kind(
            SurveyNode, "asks the questions of a survey", "survey", {"survey": key.reference("the survey")}
        ),
        "language": _kind(
            LanguageNode,
            "goes on in another language",
            "language",
            {"language": key.template("one of the flow's `languages`; may be an expression in {{ }}")},
        ),
        "context": _kind(
            ContextNode,
            "writes what the agent will see, or finds what another channel wrote",
            "write",
            {
                "context": key.assignments("names and expressions"),
                "find": key.expression("the id or the PIN of an envelope to read"),
            },
        ),
        "run": _kind(
            RunNode,
            "runs another flow and comes back",
            "flow",
            {
                "run": key.reference("the flow"),
                "with": key.assignments("its parameters"),
                "into": key.variable("the variable that keeps its result"),
            },
        ),
        "return": _kind(
            ReturnNode,
            "goes back to the flow that ran this one",
            "result",
            {"return": key.expression("the result")},
        ),
        "goto": _kind(GotoNode, "goes on at another node", "target", {"goto": key.reference("the node")}),
        "hangup": _kind(
            HangupNode, "ends the call", "cause", {"hangup": key.cause("a Q.850 cause by name or number")}
        ),
    }
)


def parse_node(name: YamlText, fields: Fields, languages: tuple[str, ...]) -> Node:
    """One node. After a fault that leaves its kind open, a hangup keeps its place in the flow."""
    given = [kind for kind in NODE_KINDS if kind in fields.names()]
    if len(given) == 2 and "hangup" in given:
        given.remove("hangup")  # the exit of that name
    if len(given) != 1:
        fields.error(name.at, _kind_problem(name.text, given, fields))
        return HangupNode(name.text, name.at, Cause.TEMPORARY_FAILURE)
    kind = NODE_KINDS[given[0]]
    at = fields.place(given[0])
    values = _values(kind, fields, languages)
    exits: dict[str, Target] = {}
    for label in ("no_input", "no_match"):
        if label in values:
            values[label], target = values[label]
            if target is not None:
                exits[label] = target
    exits.update(_exits(kind, fields))
    fields.done()
    make: Callable[..., Node] = kind.node
    if EXITS[kind.node]:
        values["exits"] = exits
    return make(name.text, at, **values)


def _values(kind: NodeKind, fields: Fields, languages: tuple[str, ...]) -> dict[str, Any]:
    return {kind.fields.get(name, name): key.read(fields, name, languages) for name, key in kind.keys.items()}


def _exits(kind: NodeKind, fields: Fields) -> dict[str, Target]:
    found: dict[str, Target] = {}
    for exit_ in EXITS[kind.node]:
        if exit_.label in kind.keys:
            continue  # `no_input` and `no_match` have their exit inside
        target = fields.optional_target(exit_.label)
        if target is not None:
            found[exit_.label] = target
        elif exit_.otherwise is Default.NEEDED and fields.value(exit_.label) is None:
            fields.missing(exit_.label)
    return found


def _kind_problem(name: str, given: list[str], fields: Fields) -> str:
    if given:
        return f"node '{name}' is {' and '.join(given)} at once; make it one of them"
    hints = (suggest(key, NODE_KINDS) for key in fields.names())
    hint = next((hint for hint in hints if hint), "")
    return f"node '{name}' is none of {', '.join(NODE_KINDS)}{hint}"
