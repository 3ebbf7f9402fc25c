"""From a node that acts to what it asks for, with every expression filled in. Pure."""

from __future__ import annotations

from typing import Final, assert_never

from gateway.dialplan.expressions import ExpressionFailed, evaluate
from gateway.dialplan.nodes import (
    CallbackNode,
    ContextNode,
    DialNode,
    LookupNode,
    QueueNode,
    RecordNode,
    SurveyNode,
    TransferNode,
)
from gateway.dialplan.queues import language_skill
from gateway.dialplan.requests import (
    CallbackRequest,
    ContextRequest,
    DialRequest,
    LookupRequest,
    Pairs,
    QueueRequest,
    RecordRequest,
    Request,
    SurveyRequest,
    TransferRequest,
)
from gateway.dialplan.templates import plain
from gateway.dialplan.turn import Turn
from gateway.dialplan.wording import Expression, Template

_CONVERSATIONS: Final = (QueueNode, DialNode, RecordNode, SurveyNode)

MAX_PRIORITY: Final = 1_000

Acting = (
    LookupNode | QueueNode | CallbackNode | DialNode | TransferNode | RecordNode | SurveyNode | ContextNode
)


def converses(node: object) -> bool:
    """Whether the action of this node takes the caller's keys."""
    return isinstance(node, _CONVERSATIONS) or (isinstance(node, CallbackNode) and node.ask)


def request_of(node: Acting, turn: Turn) -> Request:
    """What `node` asks for. Raises ExpressionFailed."""
    language = turn.state.language
    match node:
        case LookupNode():
            return _lookup(node, turn)
        case QueueNode():
            return QueueRequest(
                node.queue.node,
                _priority(node.priority, turn),
                _skills(node, turn),
                node.timeout_s,
                node.leave_key,
                language,
                _word(node.sticky, turn, ""),
                _word(node.identity, turn, _identity(turn)),
            )
        case CallbackNode():
            return CallbackRequest(
                node.queue.node,
                _number(node.number, turn),
                language,
                _identity(turn),
                _spoken_skill(node.queue.node, turn),
                node.ask,
            )
        case DialNode():
            return DialRequest(_address(node.to, turn), node.timeout_s, _filled(node.headers, turn))
        case TransferNode():
            return TransferRequest(_address(node.to, turn), node.attended, _filled(node.headers, turn))
        case RecordNode():
            return RecordRequest(node.maximum_s, node.silence_s, node.terminator)
        case SurveyNode():
            return SurveyRequest(node.survey.node, language)
        case ContextNode():
            find = None if node.find is None else str(evaluate(node.find.source, turn.values()))
            return ContextRequest(find, turn.evaluated(node.write))
        case _:
            assert_never(node)


def _lookup(node: LookupNode, turn: Turn) -> LookupRequest:
    return LookupRequest(
        plain(node.url, turn.values(), url=True),
        frozenset(turn.plan.hosts),
        node.method,
        _filled(node.headers, turn),
        node.secrets,
        turn.evaluated(node.body) if node.body else None,
        node.timeout_s,
        node.retries,
        node.cache_s,
        node.envelope,
    )


def _filled(headers: tuple[tuple[str, Template], ...], turn: Turn) -> Pairs:
    values = turn.values() if headers else {}
    return tuple((name, _one_line(template, plain(template, values))) for name, template in headers)


def _address(template: Template, turn: Turn) -> str:
    address = _one_line(template, plain(template, turn.values())).strip()
    if not address:
        raise ExpressionFailed(str(template.at), "there is nobody to call")
    return address


def _one_line(template: Template, text: str) -> str:
    # What a caller, an app or a lookup gave mustn't begin another header (RFC 3261 §7.3.1).
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise ExpressionFailed(str(template.at), "a control character has no place in a header or an address")
    return text


def _priority(expression: Expression | None, turn: Turn) -> int:
    if expression is None:
        return 0
    value = evaluate(expression.source, turn.values())
    if isinstance(value, bool) or not isinstance(value, int):
        raise ExpressionFailed(expression.source, "a priority is a whole number")
    return max(-MAX_PRIORITY, min(value, MAX_PRIORITY))


def _skills(node: QueueNode, turn: Turn) -> dict[str, int]:
    """Those of the node, and the caller's language."""
    return {**_spoken_skill(node.queue.node, turn), **node.skills}


def _spoken_skill(name: str, turn: Turn) -> dict[str, int]:
    """The caller's language where the queue goes by it."""
    queue = turn.plan.queues.get(name)
    if queue is None or not queue.match_language:
        return {}
    return {language_skill(turn.state.language): 1}


def _identity(turn: Turn) -> str:
    caller = turn.values()["caller"]
    return str(caller["id"] or caller["number"])


def _word(expression: Expression | None, turn: Turn, default: str) -> str:
    if expression is None:
        return default
    value = evaluate(expression.source, turn.values())
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ExpressionFailed(expression.source, "an id is a string or a whole number")
    return str(value)


def _number(expression: Expression | None, turn: Turn) -> str:
    if expression is None:
        return str(turn.values()["caller"]["number"])
    value = evaluate(expression.source, turn.values())
    if not isinstance(value, str):
        raise ExpressionFailed(expression.source, "a number to call back is a string")
    return value
