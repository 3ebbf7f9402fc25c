"""From a directory of YAML files to a plan in force.

Every `*.yaml` and `*.yml` below the directory belongs to the plan, but for the flow tests beside the flows
(`*.test.yaml`) and what begins with a dot. A document is either a list of `routes`
or one `flow`; `DOCUMENT_KINDS` is the whole list of what a document can be. All faults are found in one run:
a node that can't be read keeps its place, so that one mistake is reported once.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from gateway.call.cause import Cause
from gateway.dialplan.dnis import DnisPattern
from gateway.dialplan.documents import MAX_FILE_BYTES, YamlMap, YamlText, YamlValue, describe, parse
from gateway.dialplan.faults import Fault, PlanRefused, has_errors, in_order, suggest
from gateway.dialplan.fields import Fields
from gateway.dialplan.files import check_recordings
from gateway.dialplan.kinds import parse_node
from gateway.dialplan.model import DEFAULT_LANGUAGE, Flow, HangupNode, Node, Plan, Position, Route, Target
from gateway.dialplan.validator import check_behaviour, check_references

MAX_FILES: Final = 2_000
TEST_SUFFIX: Final = ".test"
_VERSION_DIGITS: Final = 12
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")  # RFC 5646 §2.1, as far as voices need


def check(path: Path) -> tuple[Fault, ...]:
    """Everything wrong with the plan in the directory `path`, in the order of files and lines. Blocking."""
    return examine(path)[1]


def load(path: Path) -> Plan:
    """The plan in the directory `path`. Blocking. Raises PlanRefused, with all faults, on any error."""
    plan, faults = examine(path)
    if has_errors(faults):
        raise PlanRefused(faults)
    return plan


def examine(path: Path) -> tuple[Plan, tuple[Fault, ...]]:
    """The plan and all its faults; with errors among them the plan mustn't be run. Blocking."""
    sources = _Sources()
    digest = hashlib.sha256()
    for file in _plan_files(path, sources.faults):
        _read_file(file, path, sources, digest.update)
    plan = Plan(MappingProxyType(sources.flows), tuple(sources.routes), digest.hexdigest()[:_VERSION_DIGITS])
    faults = [*sources.faults, *check_references(plan)]
    if not plan.routes and not has_errors(faults):
        faults.append(Fault.error(Position(str(path), 1, 1), "no routes: every call would be rejected"))
    if not has_errors(faults):
        # On a graph with holes this would report consequences: everything behind a mistyped name.
        faults += check_behaviour(plan)
    faults += check_recordings(plan, path)
    return plan, in_order(faults)


@dataclass(slots=True)
class _Sources:
    """What has been read so far."""

    flows: dict[str, Flow] = field(default_factory=dict)
    routes: list[Route] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def _plan_files(path: Path, faults: list[Fault]) -> list[Path]:
    at = Position(str(path), 1, 1)
    if not path.is_dir():
        faults.append(Fault.error(at, "isn't a directory; a dialplan is a directory of YAML files"))
        return []
    files = sorted(
        file for file in path.rglob("*") if _belongs_to_plan(file.relative_to(path)) and file.is_file()
    )
    if not files:
        faults.append(Fault.error(at, "has no *.yaml files"))
    if len(files) > MAX_FILES:
        faults.append(Fault.error(at, f"has {len(files)} files; a dialplan has at most {MAX_FILES}"))
    return files[:MAX_FILES]


def _belongs_to_plan(file: Path) -> bool:
    """Whether `file`, relative to the plan's directory, is a source of the plan.

    An editor's swap file and a hidden directory (a checkout's, or the one that a mounted ConfigMap keeps its
    earlier contents in) aren't.
    """
    hidden = any(part.startswith(".") for part in file.parts)
    return file.suffix in (".yaml", ".yml") and not hidden and not file.stem.endswith(TEST_SUFFIX)


def _read_file(file: Path, root: Path, sources: _Sources, digest: Callable[[bytes], None]) -> None:
    try:
        content = _content(file)
    except OSError as error:
        problem = f"can't be read: {error.strerror or error}"
        sources.faults.append(Fault.error(Position(str(file), 1, 1), problem))
        return
    # Names and lengths too: moving text from one file to the next makes another plan.
    digest(f"{file.relative_to(root).as_posix()}\0{len(content)}\0".encode())
    digest(content)
    for document in parse(content, str(file), sources.faults):
        _read_document(document, sources)


def _content(file: Path) -> bytes:
    # One byte beyond the limit is enough to be refused; a file of 50 GB mustn't fill the memory first.
    with file.open("rb") as stream:
        return stream.read(MAX_FILE_BYTES + 1)


def _read_document(document: YamlValue, sources: _Sources) -> None:
    if isinstance(document, YamlText) and document.absent:
        return  # nothing but comments
    if not isinstance(document, YamlMap):
        problem = f"a document is a mapping with {_kinds()}, not {describe(document)}"
        sources.faults.append(Fault.error(document.at, problem))
        return
    fields = Fields(document, "the document", sources.faults)
    given = [kind for kind in DOCUMENT_KINDS if kind in fields.names()]
    if len(given) == 1:
        DOCUMENT_KINDS[given[0]](fields, sources)
        fields.done()
        return
    hints = (suggest(key, DOCUMENT_KINDS) for key in fields.names())
    hint = next((hint for hint in hints if hint), "")
    fields.error(document.at, f"a document has one of {_kinds()} (separate several with ---){hint}")


def _kinds() -> str:
    return " or ".join(f"'{kind}'" for kind in DOCUMENT_KINDS)


def _read_routes(fields: Fields, sources: _Sources) -> None:
    for value in fields.one_or_more("routes"):
        if isinstance(value, YamlMap):
            route = _read_route(Fields(value, "a route", sources.faults))
            if route is not None:
                sources.routes.append(route)
        else:
            fields.error(value.at, f"a route is a mapping with 'dnis' and 'flow', not {describe(value)}")


def _read_route(fields: Fields) -> Route | None:
    dnis = fields.text("dnis")
    if dnis is None and fields.value("dnis") is None:
        fields.missing("dnis")
    flow = fields.target("flow", "")
    answer = fields.optional_flag("answer")
    fields.done()
    if dnis is None or not flow.node:
        return None
    try:
        return Route(DnisPattern(dnis.text), flow, dnis.at, answer)
    except ValueError as error:
        fields.error(dnis.at, str(error))
        return None


def _read_flow(fields: Fields, sources: _Sources) -> None:
    fields.what = "a flow"
    name = fields.name("flow")
    if name is None:
        fields.missing("flow")
        name = YamlText(fields.at, "", plain=True)
    elif name.text in sources.flows:
        known = sources.flows[name.text].at
        fields.error(name.at, f"flow '{name.text}' exists already at {known}")
    language = _read_language(fields)
    answer = fields.flag("answer", default=True)
    nodes = _read_nodes(fields, language)
    start = fields.optional_target("start")
    if start is None:
        fields.missing("start")
        start = Target(next(iter(nodes), ""), fields.at)
    flow = Flow(name.text, name.at, start, MappingProxyType(nodes), language, answer)
    sources.flows.setdefault(name.text, flow)


def _read_language(fields: Fields) -> str:
    text = fields.text("language")
    if text is None:
        return DEFAULT_LANGUAGE
    if not _LANGUAGE.fullmatch(text.text):
        fields.error(text.at, f"'{text.text}' isn't a language tag, such as en, de-CH or cmn")
        return DEFAULT_LANGUAGE
    return text.text


def _read_nodes(fields: Fields, language: str) -> dict[str, Node]:
    nodes: dict[str, Node] = {}
    for name, value in fields.entries("nodes"):
        fields.check_name(name)
        if not isinstance(value, YamlMap):
            fields.error(value.at, f"node '{name.text}' is a mapping, not {describe(value)}")
            nodes[name.text] = HangupNode(name.text, name.at, Cause.TEMPORARY_FAILURE)
            continue
        node_fields = Fields(value, f"node '{name.text}'", fields.faults)
        nodes[name.text] = parse_node(name, node_fields, language)
    return nodes


DOCUMENT_KINDS: Final[Mapping[str, Callable[[Fields, _Sources], None]]] = MappingProxyType(
    {"routes": _read_routes, "flow": _read_flow}
)
