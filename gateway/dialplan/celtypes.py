"""The type check of CEL expressions (CEL language definition, "Gradual Type Checking"). Pure.

A value that nobody can know before the call, such as the answer of a lookup, has the type `dyn`, which fits
everywhere. What is known has to fit: the engine converts nothing by itself, so `1 + 1.0` is an error here
and not while a caller waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, assert_never

from gateway.dialplan.celsyntax import (
    Call,
    CelSyntaxError,
    Index,
    ListOf,
    Literal,
    MapOf,
    Name,
    Operation,
    Select,
    Tree,
)
from gateway.dialplan.faults import suggest

MAX_NESTED_MACROS: Final = 2
"""A macro in a macro in a macro would take the cube of a list's length."""


class CelTypeError(CelSyntaxError):
    """An expression that can't be right, whatever its variables hold."""


@dataclass(frozen=True, slots=True)
class Type:
    """`item`: of a list's items or a map's values. `members`: of a value whose members are all known;
    `what` is what messages call it.
    """

    name: str
    item: Type | None = None
    members: Mapping[str, Type] | None = None
    what: str = ""

    def __str__(self) -> str:
        return self.what or (f"{self.name}({self.item})" if self.item else self.name)


DYN: Final = Type("dyn")
BOOL: Final = Type("bool")
INT: Final = Type("int")
UINT: Final = Type("uint")
DOUBLE: Final = Type("double")
STRING: Final = Type("string")
NULL: Final = Type("null")
TIMESTAMP: Final = Type("timestamp")
DURATION: Final = Type("duration")
LIST: Final = Type("list", DYN)
MAP: Final = Type("map", DYN)

SCALARS: Final[Mapping[str, Type]] = MappingProxyType(
    {t.name: t for t in (DYN, BOOL, INT, DOUBLE, STRING, LIST, MAP)}
)
"""The types that parameters may be given in a plan."""

_NUMBERS: Final = ("int", "uint", "double")
_PLAIN: Final = ("string", "int", "uint", "double", "bool", "timestamp", "duration")

# Function: the types its argument may have, and what comes of it.
_FUNCTIONS: Final[Mapping[str, tuple[tuple[str, ...], Type]]] = MappingProxyType(
    {
        "size": (("string", "list", "map"), INT),
        "int": (("string", "int", "uint", "double", "timestamp"), INT),
        "uint": (("string", "int", "uint", "double"), UINT),
        "double": (("string", "int", "uint", "double"), DOUBLE),
        "string": (_PLAIN, STRING),
        "timestamp": (("string",), TIMESTAMP),
        "duration": (("string",), DURATION),
        "dyn": (("any",), DYN),
    }
)

# Method: its receiver, its arguments, its result.
_METHODS: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...], Type]]] = MappingProxyType(
    {
        "size": (("string", "list", "map"), (), INT),
        "contains": (("string",), ("string",), BOOL),
        "startsWith": (("string",), ("string",), BOOL),
        "endsWith": (("string",), ("string",), BOOL),
        "matches": (("string",), ("string",), BOOL),
        "getFullYear": (("timestamp",), (), INT),
        "getMonth": (("timestamp",), (), INT),
        "getDate": (("timestamp",), (), INT),
        "getDayOfMonth": (("timestamp",), (), INT),
        "getDayOfWeek": (("timestamp",), (), INT),
        "getDayOfYear": (("timestamp",), (), INT),
        "getHours": (("timestamp", "duration"), (), INT),
        "getMinutes": (("timestamp", "duration"), (), INT),
        "getSeconds": (("timestamp", "duration"), (), INT),
    }
)
_MACROS: Final = frozenset({"all", "exists", "exists_one", "filter", "map"})
_SUMS: Final[Mapping[tuple[str, str, str], Type]] = MappingProxyType(
    {
        ("timestamp", "+", "duration"): TIMESTAMP,
        ("timestamp", "-", "duration"): TIMESTAMP,
        ("timestamp", "-", "timestamp"): DURATION,
        ("duration", "+", "timestamp"): TIMESTAMP,
    }
)


@dataclass(frozen=True, slots=True)
class Scope:
    """The names an expression can reach, and the macros around it."""

    names: Mapping[str, Type]
    macros: int = 0
    local: Mapping[str, Type] = field(default_factory=dict)

    def type_of(self, name: str) -> Type:
        if name in self.local:
            return self.local[name]
        if name not in self.names:
            hint = suggest(name, self.names) or f"; there are {', '.join(self.names)}"
            raise CelTypeError(f"there is no '{name}'{hint}")
        return self.names[name]


def type_of(tree: Tree, scope: Scope) -> Type:
    """The type of an expression. Raises CelTypeError."""
    match tree:
        case Literal():
            return Type(tree.kind)
        case Name():
            return scope.type_of(tree.name)
        case Select():
            return _member(type_of(tree.of, scope), tree.member)
        case Index():
            return _item(tree, scope)
        case Call():
            return _call(tree, scope)
        case Operation():
            return _operation(tree, [type_of(operand, scope) for operand in tree.operands])
        case ListOf():
            return Type("list", _common([type_of(item, scope) for item in tree.items]))
        case MapOf():
            for key, _ in tree.entries:
                _need(type_of(key, scope), ("string",), "the key of a map")
            return Type("map", _common([type_of(value, scope) for _, value in tree.entries]))
        case _:
            assert_never(tree)


def _a(found: Type) -> str:
    """`found` with its article."""
    if found.what:
        return found.what
    return f"an {found}" if found.name[0] in "aeiou" and found.name != "uint" else f"a {found}"


def _common(types: list[Type]) -> Type:
    first = types[0] if types else DYN
    return first if all(t == first for t in types) else DYN


def _member(of: Type, member: str) -> Type:
    if of.members is not None:
        if member not in of.members:
            what = of.what or "it"
            hint = suggest(member, of.members) or f"; it has {', '.join(sorted(of.members)) or 'nothing'}"
            raise CelTypeError(f"{what} has no '{member}'{hint}")
        return of.members[member]
    if of.name in ("dyn", "map"):
        return of.item or DYN
    raise CelTypeError(f"{_a(of)} has no '.{member}'")


def _item(tree: Index, scope: Scope) -> Type:
    of, index = type_of(tree.of, scope), type_of(tree.index, scope)
    if of.members is not None:
        _need(index, ("string",), f"the index of {of}")
        if isinstance(tree.index, Literal):
            return _member(of, tree.index.text.strip("rR").strip("\"'"))
        return _common(list(of.members.values()))
    if of.name == "list":
        _need(index, ("int", "uint"), "the index of a list")
    elif of.name == "map":
        _need(index, ("string",), "the key of a map")
    elif of.name != "dyn":
        raise CelTypeError(f"{_a(of)} has no items")
    return of.item or DYN


def _need(found: Type, wanted: tuple[str, ...], what: str) -> None:
    if found.name != "dyn" and "any" not in wanted and found.name not in wanted:
        raise CelTypeError(f"{what} has to be {' or '.join(wanted)}, not {_a(found)}")


def _call(call: Call, scope: Scope) -> Type:
    if call.of is None:
        return _function(call, scope)
    if call.name in _MACROS:
        return _macro(call, scope)
    if call.name not in _METHODS:
        hint = suggest(call.name, {*_METHODS, *_MACROS})
        raise CelTypeError(f"there is no method '{call.name}'{hint}")
    receivers, wanted, result = _METHODS[call.name]
    _need(type_of(call.of, scope), receivers, f"what has '{call.name}'")
    if len(call.arguments) != len(wanted):
        raise CelTypeError(f"'{call.name}' takes {len(wanted)} arguments, not {len(call.arguments)}")
    for argument, name in zip(call.arguments, wanted, strict=True):
        _need(type_of(argument, scope), (name,), f"the argument of '{call.name}'")
    return result


def _function(call: Call, scope: Scope) -> Type:
    if call.name == "has":
        if len(call.arguments) != 1 or not isinstance(call.arguments[0], Select):
            raise CelTypeError("'has' takes one member, as in has(vars.name)")
        type_of(call.arguments[0], scope)
        return BOOL
    if call.name not in _FUNCTIONS:
        raise CelTypeError(f"there is no function '{call.name}'{suggest(call.name, {*_FUNCTIONS, 'has'})}")
    wanted, result = _FUNCTIONS[call.name]
    if len(call.arguments) != 1:
        raise CelTypeError(f"'{call.name}' takes one argument, not {len(call.arguments)}")
    _need(type_of(call.arguments[0], scope), wanted, f"the argument of '{call.name}'")
    return result


def _macro(call: Call, scope: Scope) -> Type:
    if scope.macros >= MAX_NESTED_MACROS:
        raise CelTypeError(f"more than {MAX_NESTED_MACROS} macros inside one another")
    if call.of is None or len(call.arguments) != 2 or not isinstance(call.arguments[0], Name):
        raise CelTypeError(f"'{call.name}' takes a name and an expression, as in list.{call.name}(x, x > 0)")
    over = type_of(call.of, scope)
    _need(over, ("list", "map"), f"what has '{call.name}'")
    item = STRING if over.name == "map" else (over.item or DYN)
    local = {**scope.local, call.arguments[0].name: item}
    result = type_of(call.arguments[1], Scope(scope.names, scope.macros + 1, local))
    if call.name == "map":
        return Type("list", result)
    _need(result, ("bool",), f"the condition of '{call.name}'")
    return Type("list", item) if call.name == "filter" else BOOL


def _operation(tree: Operation, types: list[Type]) -> Type:
    operator = tree.operator
    if operator == "?:":
        _need(types[0], ("bool",), "what stands before '?'")
        return _common(types[1:])
    if operator in ("||", "&&", "!"):
        for operand in types:
            _need(operand, ("bool",), f"what '{operator}' works on")
        return BOOL
    if len(types) == 1:
        _need(types[0], ("int", "double"), "what '-' turns round")
        return types[0]
    return _comparison(operator, *types) if operator in _COMPARISONS else _arithmetic(operator, *types)


_COMPARISONS: Final = frozenset({"==", "!=", "<", "<=", ">", ">=", "in"})


def _comparison(operator: str, left: Type, right: Type) -> Type:
    if operator == "in":
        _need(right, ("list", "map"), "what stands after 'in'")
        if right.name == "list" and right.item is not None and not _comparable(left, right.item):
            raise CelTypeError(f"{_a(left)} is never in {_a(right)}")
    elif operator in ("==", "!="):
        if "null" not in (left.name, right.name) and not _comparable(left, right):
            raise CelTypeError(f"{_a(left)} is never equal to {_a(right)}")
    elif not _comparable(left, right) or left.name in ("list", "map", "null"):
        raise CelTypeError(f"'{operator}' can't compare {_a(left)} with {_a(right)}")
    return BOOL


def _comparable(left: Type, right: Type) -> bool:
    if "dyn" in (left.name, right.name) or left.name == right.name:
        return True
    return left.name in _NUMBERS and right.name in _NUMBERS


_ARITHMETIC: Final[Mapping[str, Callable[[str], bool]]] = MappingProxyType(
    {
        "+": lambda name: name in (*_NUMBERS, "string", "list", "duration"),
        "-": lambda name: name in (*_NUMBERS, "duration"),
        "*": lambda name: name in _NUMBERS,
        "/": lambda name: name in _NUMBERS,
        "%": lambda name: name in ("int", "uint"),
    }
)


def _arithmetic(operator: str, left: Type, right: Type) -> Type:
    allowed = _ARITHMETIC[operator]
    if (left.name, operator, right.name) in _SUMS:
        return _SUMS[left.name, operator, right.name]
    for one, other in ((left, right), (right, left)):
        if one.name == "dyn":
            if other.name not in ("dyn", "timestamp") and not allowed(other.name):
                break
            return DYN if other.name in ("dyn", "timestamp", "duration") else other
    else:
        if left.name == right.name and allowed(left.name):
            return left
    hint = "; convert one with int() or double()" if {left.name, right.name} <= set(_NUMBERS) else ""
    hint = hint or ("; convert with string()" if "string" in (left.name, right.name) else "")
    raise CelTypeError(f"'{operator}' can't work on {_a(left)} and {_a(right)}{hint}")


def paths(tree: Tree) -> Iterator[tuple[str, ...]]:
    """What an expression reads: `("vars", "pin")`, or only the name where the member isn't written out."""
    match tree:
        case Name():
            yield (tree.name,)
        case Select(of=Name(name=name)):
            yield (name, tree.member)
        case Select():
            yield from paths(tree.of)
        case Index(of=Name(name=name), index=Literal(kind="string", text=text)):
            yield (name, text.strip("rR").strip("\"'"))
        case Index():
            yield from (*paths(tree.of), *paths(tree.index))
        case Call():
            for part in (*((tree.of,) if tree.of is not None else ()), *tree.arguments):
                yield from paths(part)
        case Operation():
            for part in tree.operands:
                yield from paths(part)
        case ListOf():
            for part in tree.items:
                yield from paths(part)
        case MapOf():
            for entry in tree.entries:
                yield from (*paths(entry[0]), *paths(entry[1]))
        case Literal():
            return
        case _:
            assert_never(tree)
