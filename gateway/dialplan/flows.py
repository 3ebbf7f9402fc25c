"""A flow as it is written: its own keys, its nodes, and which of its variables are secrets. Pure."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Final

from gateway.call.cause import Cause
from gateway.dialplan.celtypes import SCALARS
from gateway.dialplan.documents import YamlMap, YamlText, describe
from gateway.dialplan.expressions import reads
from gateway.dialplan.faults import suggest
from gateway.dialplan.fields import Fields
from gateway.dialplan.keytypes import NAME_SCHEMA, TEXT_SCHEMA, read_assignments
from gateway.dialplan.kinds import parse_node
from gateway.dialplan.model import DEFAULT_LANGUAGE, Flow
from gateway.dialplan.nodes import Assignments, GatherNode, HangupNode, Node, SetNode
from gateway.dialplan.places import Target
from gateway.dialplan.sections import Sources
from gateway.dialplan.spoken import LANGUAGE

FLOW_SCHEMA: Final[dict[str, Any]] = {
    "flow": {"type": "string", "description": "the flow's name"},
    "language": {"type": "string", "pattern": f"^{LANGUAGE.pattern}$", "default": DEFAULT_LANGUAGE},
    "languages": {"type": "array", "items": {"type": "string", "pattern": f"^{LANGUAGE.pattern}$"}},
    "answer": {"enum": [True, False, "yes", "no"], "default": True},
    "parameters": {"type": "object", "additionalProperties": {"enum": sorted(SCALARS)}},
    "result": {"enum": sorted(SCALARS)},
    "variables": {"type": "object", "additionalProperties": TEXT_SCHEMA},
    "start": NAME_SCHEMA,
    "error": NAME_SCHEMA,
    "hangup": NAME_SCHEMA,
}
"""The keys of a flow beside its nodes; `schema` describes them with this."""


def read_flow(fields: Fields, sources: Sources) -> None:
    fields.what = "a flow"
    name = fields.name("flow")
    if name is None:
        fields.missing("flow")
        name = YamlText(fields.at, "", plain=True)
    elif name.text in sources.flows:
        known = sources.flows[name.text].at
        fields.error(name.at, f"flow '{name.text}' exists already at {known}")
    languages = _languages(fields)
    answer = fields.flag("answer", default=True)
    parameters = _parameters(fields)
    result = _type(fields.text("result"), fields)
    variables = read_assignments(fields, "variables") if fields.value("variables") is not None else ()
    error, hangup = fields.optional_target("error"), fields.optional_target("hangup")
    nodes = _nodes(fields, languages)
    start = fields.optional_target("start")
    if start is None:
        fields.missing("start")
        start = Target(next(iter(nodes), ""), fields.at)
    flow = Flow(
        name.text,
        name.at,
        start,
        MappingProxyType(nodes),
        languages[0],
        answer,
        languages,
        variables,
        parameters,
        result,
        error,
        hangup,
        masked_variables(nodes, variables),
    )
    sources.flows.setdefault(name.text, flow)


def _languages(fields: Fields) -> tuple[str, ...]:
    """Every language of the flow, the one it begins in first."""
    found: list[str] = []
    text = fields.text("language")
    for value in (*((text,) if text else ()), *fields.one_or_more("languages")):
        if not isinstance(value, YamlText) or not LANGUAGE.fullmatch(value.text):
            written = value.text if isinstance(value, YamlText) else describe(value)
            fields.error(value.at, f"'{written}' isn't a language tag, such as en, de-CH or cmn")
        elif value.text not in found:
            found.append(value.text)
    return tuple(found) or (DEFAULT_LANGUAGE,)


def _parameters(fields: Fields) -> dict[str, str]:
    if fields.value("parameters") is None:
        return {}
    found: dict[str, str] = {}
    for name, value in fields.entries("parameters"):
        found[name.text] = _type(value if isinstance(value, YamlText) else None, fields)
    return found


def _type(text: YamlText | None, fields: Fields) -> str:
    if text is None or text.absent:
        return "dyn"
    if text.text not in SCALARS:
        hint = suggest(text.text, SCALARS) or f"; there are {', '.join(SCALARS)}"
        fields.error(text.at, f"there is no type '{text.text}'{hint}")
        return "dyn"
    return text.text


def _nodes(fields: Fields, languages: tuple[str, ...]) -> dict[str, Node]:
    nodes: dict[str, Node] = {}
    for name, value in fields.entries("nodes"):
        fields.check_name(name)
        if not isinstance(value, YamlMap):
            fields.error(value.at, f"node '{name.text}' is a mapping, not {describe(value)}")
            nodes[name.text] = HangupNode(name.text, name.at, Cause.TEMPORARY_FAILURE)
            continue
        node_fields = Fields(value, f"node '{name.text}'", fields.faults)
        nodes[name.text] = parse_node(name, node_fields, languages)
    return nodes


def masked_variables(nodes: dict[str, Node], variables: Assignments) -> frozenset[str]:
    """The variables that hold secrets: gathered as such, or made of one that does."""
    masked = {node.into for node in nodes.values() if isinstance(node, GatherNode) and node.mask}
    made = [*variables]
    for node in nodes.values():
        if isinstance(node, SetNode):
            made += node.assignments
    growing = bool(masked)
    while growing:
        more = {name for name, value in made if name not in masked and _reads_any(value.source, masked)}
        masked |= more
        growing = bool(more)
    return frozenset(masked)


def _reads_any(source: str, names: set[str]) -> bool:
    return any(path == ("vars",) or (path[0] == "vars" and path[1] in names) for path in reads(source))
