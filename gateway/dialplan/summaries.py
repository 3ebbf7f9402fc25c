"""What a node says or does, in short: for diagrams and comparisons. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, assert_never

from gateway.dialplan.model import Node, Plan, Position, Target, Wording
from gateway.dialplan.nodes import (
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
from gateway.dialplan.wording import Expression, Recorded, Slot, Spoken, Template, Variant


def kind_of(node: Node) -> str:
    """The word that makes a node this kind: `say`, `menu`, …"""
    return type(node).__name__.removesuffix("Node").lower()


def summary_of(node: Node, language: str, plan: Plan | None = None) -> str:
    """What `node` is about, in `language` where it speaks. `plan`: finds texts of its catalogues."""
    match node:
        case SayNode() | PlayNode() | MenuNode() | RecordNode():
            return wording_text(node.prompt, language, plan)
        case GatherNode():
            return f"{wording_text(node.prompt, language, plan)} → {node.into}"
        case SetNode():
            return "; ".join(f"{name} = {expression.source}" for name, expression in node.assignments)
        case BranchNode():
            return "the first that holds"
        case CalendarNode():
            return node.calendar.node
        case LookupNode():
            return f"{node.method} {template_text(node.url)}"
        case QueueNode() | CallbackNode():
            return node.queue.node
        case DialNode() | TransferNode():
            return template_text(node.to)
        case SurveyNode():
            return str(plain(node.survey))
        case LanguageNode():
            return template_text(node.language)
        case ContextNode():
            return "find" if node.find is not None else ", ".join(name for name, _ in node.write)
        case RunNode():
            return f"flow {node.flow.node}"
        case ReturnNode():
            return node.result.source if node.result is not None else ""
        case GotoNode():
            return ""
        case HangupNode():
            return node.cause.name.lower().replace("_", " ")
        case _:
            assert_never(node)


def wording_text(wording: Wording, language: str, plan: Plan | None = None) -> str:
    """The words in `language`, or in the first language there is.

    Of a text from a catalogue its key, unless the `plan` that has the catalogue is given.
    """
    if wording.key is not None:
        found = plan.variant(wording, language) if plan is not None else None
        return f"@{wording.key}" if found is None else variant_text(found)
    variant = wording.variants.get(language) or next(iter(wording.variants.values()), None)
    return "" if variant is None else variant_text(variant)


def variant_text(variant: Variant) -> str:
    match variant:
        case Spoken():
            return variant.text
        case Recorded():
            return f"♪ {variant.file}"
        case Template():
            return template_text(variant)
        case _:
            assert_never(variant)


def template_text(template: Template) -> str:
    """As written, but for spaces."""
    return "".join(part if isinstance(part, str) else f"{{{{ {_slot(part)} }}}}" for part in template.parts)


def _slot(slot: Slot) -> str:
    return slot.expression.source if slot.form == "text" else f"{slot.expression.source} | {slot.form}"


def plain(value: Any) -> Any:
    """A part of the model without the places where it stands: what makes two of them the same to a caller."""
    match value:
        case Position():
            return None
        case Wording(key=str()):
            return f"@{value.key}"
        case Spoken():
            return value.text
        case Expression():
            return value.source
        case Target():
            return value.node
        case Template():
            return template_text(value)
        case Enum():
            return value.name.lower()
        case Mapping():
            return {str(key): plain(inner) for key, inner in value.items()}
        case frozenset():
            return sorted(str(plain(inner)) for inner in value)
        case str():
            return value
        case Sequence():
            return [plain(inner) for inner in value]
    if is_dataclass(value) and not isinstance(value, type):
        named = {part.name: plain(getattr(value, part.name)) for part in fields(value) if part.name != "at"}
        return named["variants"] if isinstance(value, Wording) else named
    return value
