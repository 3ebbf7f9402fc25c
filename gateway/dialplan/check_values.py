"""Checks of what the plan computes and says: expressions that fit, texts in every language. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

from gateway.dialplan.celsyntax import CelSyntaxError
from gateway.dialplan.celtypes import (
    DYN,
    SCALARS,
    STRING,
    Scope,
    Type,
)
from gateway.dialplan.expressions import check_expression, reads, scope_of
from gateway.dialplan.faults import Fault, nearest, suggest
from gateway.dialplan.model import Flow, Plan, node_wordings
from gateway.dialplan.nodes import (
    Assignments,
    BranchNode,
    CallbackNode,
    ContextNode,
    DialNode,
    GatherNode,
    LanguageNode,
    LookupNode,
    MenuNode,
    Node,
    QueueNode,
    RecordNode,
    ReturnNode,
    RunNode,
    SetNode,
    TransferNode,
)
from gateway.dialplan.sections import host_of
from gateway.dialplan.templates import check_template
from gateway.dialplan.wording import Expression, Slot, Template, Wording

_KEPT = ("dyn", "bool", "int", "uint", "double", "string", "list", "map", "null", "timestamp", "duration")


def flow_scope(flow: Flow, plan: Plan) -> Scope:
    """What the expressions of `flow` can reach, with the types of its variables."""
    types: dict[str, Type] = {name: SCALARS[kind] for name, kind in flow.parameters.items()}
    made: list[tuple[str, Expression]] = [*flow.variables]
    for node in flow.nodes.values():
        match node:
            case GatherNode():
                types[node.into] = STRING
            case LookupNode(into=str(into)):
                types[into] = DYN
            case RecordNode(into=str(into)):
                types[into] = STRING
            case RunNode(into=str(into)):
                called = plan.flows.get(node.flow.node)
                types[into] = DYN if called is None else SCALARS[called.result]
            case SetNode():
                made += node.assignments
            case _:
                pass
    return _with_made(types, tuple(made), plan)


def _with_made(types: dict[str, Type], made: Assignments, plan: Plan) -> Scope:
    """Add the variables that expressions give their values: of one type if all of them agree."""
    fixed = dict(types)
    for name, _ in made:
        types.setdefault(name, DYN)
    for _ in range(2):  # a variable made of another one knows its type in the second round
        scope = scope_of(types, plan.queues)
        found: dict[str, list[Type]] = {name: [fixed[name]] if name in fixed else [] for name, _ in made}
        for name, expression in made:
            try:
                found[name].append(check_expression(expression.source, scope))
            except CelSyntaxError:
                found[name].append(DYN)
        types = {**types, **{name: _agreed(kinds) for name, kinds in found.items()}}
    return scope_of(types, plan.queues)


def _agreed(kinds: list[Type]) -> Type:
    if any(kind != kinds[0] for kind in kinds) or kinds[0].name in ("null", "timestamp", "duration"):
        return STRING if {kind.name for kind in kinds} == {"timestamp"} else DYN
    return kinds[0]


def wrong_expressions(plan: Plan) -> Iterator[Fault]:
    for flow in plan.flows.values():
        scope = flow_scope(flow, plan)
        for name, expression in flow.variables:
            yield from _check(expression, scope, _KEPT, f"variable '{name}'")
        for node in flow.nodes.values():
            for expression, wanted, what in _expressions(node):
                yield from _check(expression, scope, wanted, what)
            for template in _templates(node):
                yield from template_faults(template, scope, spoken=False)
            for wording in node_wordings(node):
                for variant in _variants(wording, flow, plan):
                    yield from template_faults(variant, scope, spoken=True)


def _expressions(node: Node) -> Iterator[tuple[Expression, tuple[str, ...], str]]:
    """Every expression of a node, the types it may have, and what it is for."""
    match node:
        case SetNode():
            yield from ((e, _KEPT, f"variable '{name}'") for name, e in node.assignments)
        case BranchNode():
            yield from ((case.when, ("bool",), "a condition") for case in node.cases)
        case LookupNode():
            yield from ((e, _KEPT, f"'{name}'") for name, e in node.body)
        case ContextNode():
            yield from ((e, _KEPT, f"'{name}'") for name, e in node.write)
            if node.find is not None:
                yield node.find, ("string", "int"), "'find'"
        case RunNode():
            yield from ((e, _KEPT, f"parameter '{name}'") for name, e in node.arguments)
        case QueueNode():
            yield from _queue_expressions(node)
        case CallbackNode(number=Expression() as number):
            yield number, ("string",), "'number'"
        case ReturnNode(result=Expression() as result):
            yield result, _KEPT, "the result"
        case _:
            return


def _queue_expressions(node: QueueNode) -> Iterator[tuple[Expression, tuple[str, ...], str]]:
    if node.priority is not None:
        yield node.priority, ("int",), "'priority'"
    if node.sticky is not None:
        yield node.sticky, ("string", "int", "null"), "'sticky'"
    if node.identity is not None:
        yield node.identity, ("string", "int", "null"), "'identity'"


def _templates(node: Node) -> Iterator[Template]:
    """Texts for machines."""
    match node:
        case LookupNode():
            yield node.url
            yield from (value for _, value in node.headers)
        case DialNode() | TransferNode():
            yield node.to
            yield from (value for _, value in node.headers)
        case LanguageNode():
            yield node.language
        case _:
            return


def _variants(wording: Wording, flow: Flow, plan: Plan) -> Iterator[Template]:
    found = list(wording.variants.values())
    if wording.key is not None:
        found = [v for language in flow.languages if (v := plan.variant(wording, language)) is not None]
    yield from (variant for variant in found if isinstance(variant, Template))


def _check(expression: Expression, scope: Scope, wanted: tuple[str, ...], what: str) -> Iterator[Fault]:
    try:
        found = check_expression(expression.source, scope)
    except CelSyntaxError as error:
        yield Fault.error(expression.at, f"in '{_short(expression.source)}': {error}")
        return
    if found.name not in wanted and found.name != "dyn":
        problem = f"{what} is a {' or '.join(wanted)}, and '{_short(expression.source)}' is a {found}"
        yield Fault.error(expression.at, problem)


def _short(source: str) -> str:
    line = " ".join(source.split())
    return line if len(line) <= 60 else f"{line[:59]}…"


def template_faults(template: Template, scope: Scope, *, spoken: bool) -> Iterator[Fault]:
    """What is wrong with the expressions of a text."""
    problems = check_template(template, scope, spoken=spoken)
    yield from (Fault.error(template.at, problem) for problem in problems)


def missing_prompts(plan: Plan) -> Iterator[Fault]:
    """Prompts that some language of their flow lacks."""
    for flow, wording in plan.wordings():
        if wording.key is not None:
            yield from missing_key(wording, wording.key, flow.languages, plan)
            continue
        spoken = set(wording.variants)
        missing = [x for x in flow.languages if not {x, x.partition("-")[0]} & spoken]
        if missing:
            problem = f"no prompt in {', '.join(missing)}, which flow '{flow.name}' speaks"
            yield Fault.error(wording.at, problem)
        for language in wording.given - set(flow.languages):
            hint = suggest(language, flow.languages)
            yield Fault.warning(wording.at, f"flow '{flow.name}' doesn't speak {language}{hint}")


def missing_key(wording: Wording, key: str, languages: Iterable[str], plan: Plan) -> Iterator[Fault]:
    """What the catalogues lack of a text in `languages`."""
    keys = {name for catalogue in plan.catalogues.values() for name in catalogue.entries}
    keys |= {name for catalogue in plan.announcements.values() for name in catalogue.entries}
    if key and key not in keys:
        yield Fault.error(wording.at, f"no catalogue has '{key}'{suggest(key, keys)}")
        return
    for language in languages:
        found = plan.variant(wording, language)
        if key and (found is None or not speaks(plan, key, language)):
            near = nearest(language, plan.catalogues) if language not in plan.catalogues else None
            hint = f"; did you mean '{near}'?" if near else ""
            problem = f"the catalogue of {language} lacks '{key}', and so do those it falls back on{hint}"
            yield Fault.error(wording.at, problem)


def speaks(plan: Plan, key: str, language: str) -> bool:
    """Whether a language, or one it names as its fallback, has the key; English as the last resort hasn't."""
    ahead, seen = [language, language.partition("-")[0]], set[str]()
    while ahead:
        wanted = ahead.pop()
        for catalogues in (plan.catalogues, plan.announcements):
            if wanted in catalogues and wanted not in seen:
                if key in catalogues[wanted].entries:
                    return True
                ahead += catalogues[wanted].fallback
        seen.add(wanted)
    return False


def impossible_values(plan: Plan) -> Iterator[Fault]:
    """Numbers and names that can't be meant."""
    for flow in plan.flows.values():
        for node in flow.nodes.values():
            match node:
                case GatherNode() if node.minimum > node.maximum:
                    problem = f"at least {node.minimum} digits, and at most {node.maximum}: none can be given"
                    yield Fault.error(node.at, problem)
                case LanguageNode():
                    yield from _unknown_language(node, flow)
                case LookupNode():
                    yield from _unknown_host(node, plan)
                case ContextNode() if not node.write and node.find is None:
                    yield Fault.error(node.at, f"node '{node.name}' neither writes nor finds anything")
                case MenuNode():
                    yield from _unknown_phrases(node, flow)
                case _:
                    pass


def _unknown_language(node: LanguageNode, flow: Flow) -> Iterator[Fault]:
    written = "".join(part for part in node.language.parts if isinstance(part, str))
    if not any(node.language.slots()) and written not in flow.languages:
        hint = suggest(written, flow.languages) or f"; its languages are {', '.join(flow.languages)}"
        yield Fault.error(node.language.at, f"flow '{flow.name}' doesn't speak '{written}'{hint}")


def _unknown_host(node: LookupNode, plan: Plan) -> Iterator[Fault]:
    first = node.url.parts[0] if node.url.parts else ""
    scheme, _, rest = first.partition("://") if isinstance(first, str) else ("", "", "")
    if scheme not in ("http", "https") or ("/" not in rest and len(node.url.parts) > 1):
        problem = "an address begins with https:// (or http://) and a host without expressions"
        yield Fault.error(node.url.at, problem)
        return
    host = host_of(str(first))
    if host not in plan.hosts:
        hint = suggest(host, plan.hosts)
        yield Fault.error(node.url.at, f"host '{host}' isn't in the plan's 'hosts'{hint}")


def _unknown_phrases(node: MenuNode, flow: Flow) -> Iterator[Fault]:
    for phrase in node.phrases:
        primaries = {language.partition("-")[0] for language in flow.languages}
        if phrase.language.partition("-")[0] not in primaries:
            yield Fault.warning(phrase.at, f"flow '{flow.name}' doesn't speak {phrase.language}")


def spoken_secrets(plan: Plan) -> Iterator[Fault]:
    """Masked values that would be read aloud, or put into an address."""
    for flow in plan.flows.values():
        for node in flow.nodes.values() if flow.masked else ():
            said = [v for wording in node_wordings(node) for v in _variants(wording, flow, plan)]
            for template in (*said, *(t for t in _templates(node) if isinstance(node, LookupNode))):
                for slot in template.slots():
                    yield from _secret_slot(slot, flow)


def _secret_slot(slot: Slot, flow: Flow) -> Iterator[Fault]:
    for path in reads(slot.expression.source):
        if path[0] == "vars" and path[1:] and path[1] in flow.masked:
            problem = "is a secret: it mustn't be said, nor stand in an address (send it in 'body')"
            yield Fault.error(slot.expression.at, f"'vars.{path[1]}' {problem}")


def dead_calendars(plan: Plan, today: date) -> Iterator[Fault]:
    used = set(_used_calendars(plan))
    for calendar in plan.calendars.values():
        if not calendar.opens:
            yield Fault.error(calendar.at, f"calendar '{calendar.name}' is never open")
        elif calendar.name not in used:
            yield Fault.warning(calendar.at, f"no node and no route asks calendar '{calendar.name}'")
        if calendar.days and max(calendar.days) < today:
            problem = f"every day of its own that calendar '{calendar.name}' has is past"
            yield Fault.warning(calendar.at, f"{problem} (the last is {max(calendar.days)})")


def _used_calendars(plan: Plan) -> Iterator[str]:
    yield from (route.calendar.node for route in plan.routes if route.calendar is not None)
    for flow in plan.flows.values():
        yield from (node.calendar.node for node in flow.nodes.values() if hasattr(node, "calendar"))
    for queue in plan.queues.values():
        if (slots := queue.callback.policy.slots) is not None:
            yield slots.calendar
