"""Checks for secrets that somebody wrote into the plan, which is copied, reviewed and kept for ever. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from gateway.dialplan.faults import Fault
from gateway.dialplan.model import Plan
from gateway.dialplan.nodes import LookupNode, Node, SetNode
from gateway.dialplan.wording import Template

_NAMES: Final = re.compile(
    r"(?i)(pass(word|wd)?|secret|token|api[_-]?key|access[_-]?key|credential|private[_-]?key|bearer)"
)
_HEADERS: Final = re.compile(r"(?i)authorization|proxy-authorization|cookie|.*(api-?key|token|secret).*")
_QUERY: Final = re.compile(r"(?i)[?&]([a-z_-]*(?:key|token|secret|password|sig)[a-z_-]*)=([^&{]+)")
_VALUES: Final = re.compile(
    # Forms that issuers publish so that they can be found: AWS, GitHub, GitLab, Slack …
    r"AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{20,}|glpat-[\w-]{16,}|xox[abprs]-[\w-]{10,}"
    r"|[rs]k_live_[A-Za-z0-9]{10,}|AIza[\w-]{30,}|-----BEGIN [A-Z ]*PRIVATE KEY|eyJ[\w-]{10,}\.eyJ[\w-]{10,}"
)
_HINT: Final = "put it into the configuration and name it under 'secrets'"


def plain_secrets(plan: Plan) -> Iterator[Fault]:
    for flow in plan.flows.values():
        for name, expression in flow.variables:
            if _is_literal_secret(name, expression.source):
                yield Fault.error(expression.at, f"'{name}' holds a secret in plain text; {_HINT}")
        for node in flow.nodes.values():
            yield from _of_node(node)


def _of_node(node: Node) -> Iterator[Fault]:
    match node:
        case SetNode():
            for name, expression in node.assignments:
                if _is_literal_secret(name, expression.source):
                    yield Fault.error(expression.at, f"'{name}' holds a secret in plain text; {_HINT}")
        case LookupNode():
            yield from _of_address(node.url)
            for name, template in node.headers:
                if _HEADERS.fullmatch(name) and _literal(template):
                    yield Fault.error(template.at, f"header '{name}' has a secret in plain text; {_HINT}")
            for name, expression in node.body:
                if _is_literal_secret(name, expression.source):
                    yield Fault.error(expression.at, f"'{name}' is a secret in plain text; {_HINT}")
        case _:
            return


def _of_address(url: Template) -> Iterator[Fault]:
    text = "".join(part if isinstance(part, str) else "{}" for part in url.parts)
    _, _, rest = text.partition("://")
    if "@" in rest.partition("/")[0]:
        yield Fault.error(url.at, f"the address has a user or a password in plain text; {_HINT}")
    for name, _value in _QUERY.findall(text):
        yield Fault.error(url.at, f"'{name}' in the address is a secret in plain text; {_HINT}")


def _literal(template: Template) -> bool:
    return any(isinstance(part, str) and len(part.strip()) >= 8 for part in template.parts)


def _is_literal_secret(name: str, source: str) -> bool:
    written = source.strip()
    literal = len(written) > 2 and written[0] in "\"'" and written[-1] == written[0]
    return bool(_VALUES.search(written)) or (literal and bool(_NAMES.search(name)))
