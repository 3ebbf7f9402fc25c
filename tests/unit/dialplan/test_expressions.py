"""Expressions: what they may reach, what is found out before a call, what is left for one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.dialplan.celsyntax import MAX_DEPTH, CelSyntaxError
from gateway.dialplan.celtypes import DYN, INT, STRING
from gateway.dialplan.expressions import (
    MAX_VALUE,
    ExpressionFailed,
    check_expression,
    evaluate,
    kept,
    reads,
    scope_of,
)

SCOPE = scope_of({"n": INT, "s": STRING, "d": DYN}, ["billing"])
VALUES: dict[str, Any] = {
    "vars": {"n": 3, "s": "abc", "d": {"list": [1, 2], "t": "x"}},
    "caller": {"number": "+49301", "authenticated": True},
    "call": {"dnis": "100", "headers": {"x-a": "b"}},
    "context": {"k": "v"},
    "queues": {"billing": {"waiting": 4, "estimate_s": 90.0}},
    "now": datetime(2026, 11, 22, 17, 5, tzinfo=UTC),
}


@pytest.mark.parametrize(
    ("source", "kind", "value"),
    [
        ("vars.n + 1", "int", 4),
        ("double(vars.n) * 1.5", "double", 4.5),
        ("vars.s + string(vars.n)", "string", "abc3"),
        ("vars.s.startsWith('a') && vars.n in [1, 3]", "bool", True),
        ("vars.d.list.exists(x, x > 1)", "bool", True),
        ("[1, 2, 3].filter(x, x > 1).map(x, x * 2)", "list", [4, 6]),
        ("size(vars.s) == vars.s.size()", "bool", True),
        ("queues.billing.estimate_s > 60.0 ? 'long' : 'short'", "string", "long"),
        ("call.headers['x-a']", "string", "b"),
        ("has(vars.d.nothing) || !caller.authenticated", "bool", False),
        ("now - duration('1h') < now && now.getHours() == 17", "bool", True),
        ("{'a': vars.n}.a % 2", "int", 1),
        ("context.k", "dyn", "v"),
        ("-vars.n", "int", -3),
        ("int('12') + 0x10", "int", 28),
    ],
)
def test_the_engine_computes_what_the_check_foresees(source: str, kind: str, value: object) -> None:
    assert check_expression(source, SCOPE).name == kind
    assert evaluate(source, VALUES) == value


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("vars.m", "'vars' has no 'm'; it has d, n, s"),
        ("caller.nummer", "'caller' has no 'nummer'; did you mean 'number'?"),
        ("queues.biling.waiting", "'queues' has no 'biling'; did you mean 'billing'?"),
        ("env.PATH", "there is no 'env'; there are caller, call, vars, context, queues, now"),
        ("open('/etc/passwd')", "there is no function 'open'"),
        ("vars.s.upper()", "there is no method 'upper'"),
        ("vars.n + 1.0", "'+' can't work on an int and a double; convert one with int() or double()"),
        ("vars.s + 1", "'+' can't work on a string and an int; convert with string()"),
        ("vars.s == 1", "a string is never equal to an int"),
        ("'a' in [1]", "a string is never in a list(int)"),
        ("vars.s > 1", "'>' can't compare a string with an int"),
        ("vars.n && true", "what '&&' works on has to be bool, not an int"),
        ("vars.n.a", "an int has no '.a'"),
        ("vars.n[0]", "an int has no items"),
        ("size(vars.n)", "the argument of 'size' has to be string or list or map, not an int"),
        ("size(1, 2)", "'size' takes one argument, not 2"),
        ("vars.s.contains()", "'contains' takes 1 arguments, not 0"),
        ("[1].map(x)", "'map' takes a name and an expression, as in list.map(x, x > 0)"),
        ("[1].map(a, [1].map(b, [1].map(c, 1)))", "more than 2 macros inside one another"),
        ("", "it ends too early"),
        ("1 +", "it ends too early"),
        ("(1", "')' expected, not the end"),
        ("1 2", "'2' doesn't belong here"),
        ("'a", "a text without its closing quote can't be read"),
        ("a = 1", "'=' can't be read"),
        ("import", "'import' is a word of CEL's own"),
        ("(" * 99 + "1" + ")" * 99, f"nested more than {MAX_DEPTH} levels deep"),
        ("1" * 1001, "an expression has at most 1,000 characters"),
    ],
)
def test_what_cannot_be_right_is_said_before_a_call(source: str, problem: str) -> None:
    with pytest.raises(CelSyntaxError) as caught:
        check_expression(source, SCOPE)

    assert str(caught.value) == problem


@pytest.mark.parametrize(
    "source",
    ["vars.d.nothing", "1 / 0", "vars.d.list[9]", "int(vars.s)", "9223372036854775807 + 1", "vars.d.t + 1"],
)
def test_what_goes_wrong_on_a_call_is_one_sort_of_error(source: str) -> None:
    check_expression(source, SCOPE)

    with pytest.raises(ExpressionFailed):
        evaluate(source, VALUES)


def test_an_expression_tells_what_it_reads() -> None:
    assert reads("vars.pin == vars['s'] && caller.number != ''") == {
        ("vars", "pin"), ("vars", "s"), ("caller", "number"),
    }  # fmt: skip
    assert reads("not an expression (") == frozenset()


def test_a_variable_keeps_plain_values_of_a_limited_size() -> None:
    assert kept("now", VALUES["now"]) == "2026-11-22T17:05:00+00:00"
    with pytest.raises(ExpressionFailed, match="at most"):
        kept("x", "a" * MAX_VALUE)
    with pytest.raises(ExpressionFailed, match="plain values"):
        kept("x", b"bytes")
    with pytest.raises(ExpressionFailed, match="plain values"):
        kept("x", float("nan"))
