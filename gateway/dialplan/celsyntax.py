"""The syntax of CEL expressions, as far as the checks need it: from text to a tree. Pure.

The `cel` package compiles and evaluates expressions, but it neither tells their types nor shows their tree;
this parser (grammar: the CEL language definition, "Syntax") is what the type check reads. Both have to
accept an expression. Limits keep every expression cheap: its length, its depth.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

MAX_LENGTH: Final = 1_000  # characters
MAX_DEPTH: Final = 24

_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<double>\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+)
    |(?P<int>0[xX][0-9a-fA-F]+|\d+)(?P<uint>[uU])?
    |(?P<string>[rR]?(?:"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'))
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<op>\|\||&&|==|!=|<=|>=|[-+*/%!<>?:.,()\[\]{}]))""",
    re.VERBOSE,
)
_LEVELS: Final = (
    ("||",), ("&&",), ("==", "!=", "<", "<=", ">", ">=", "in"), ("+", "-"), ("*", "/", "%"),
)  # fmt: skip
# Words that CEL and the languages it is embedded in keep for themselves (CEL language definition, "Syntax").
_RESERVED: Final = frozenset({
    "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "package",
    "namespace", "return", "var", "void", "while",
})  # fmt: skip


class CelSyntaxError(ValueError):
    """What is wrong with an expression."""


@dataclass(frozen=True, slots=True)
class Literal:
    kind: str  # the name of its type
    text: str


@dataclass(frozen=True, slots=True)
class Name:
    name: str


@dataclass(frozen=True, slots=True)
class Select:
    of: Tree
    member: str


@dataclass(frozen=True, slots=True)
class Index:
    of: Tree
    index: Tree


@dataclass(frozen=True, slots=True)
class Call:
    """A function, or with `of` a method or a macro."""

    name: str
    of: Tree | None
    arguments: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """Of one operand, of two, or of three (`?:`)."""

    operator: str
    operands: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class ListOf:
    items: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class MapOf:
    entries: tuple[tuple[Tree, Tree], ...]


Tree = Literal | Name | Select | Index | Call | Operation | ListOf | MapOf


def parse_cel(source: str) -> Tree:
    """The tree of an expression. Raises CelSyntaxError."""
    if len(source) > MAX_LENGTH:
        raise CelSyntaxError(f"an expression has at most {MAX_LENGTH:,} characters")
    parser = _Parser(_tokens(source))
    tree = parser.expression(0)
    parser.end()
    return tree


def _tokens(source: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    at = 0
    stripped = source.rstrip()
    while at < len(stripped):
        found = _TOKEN.match(stripped, at)
        if found is None:
            rest = stripped[at:].lstrip()
            problem = "a text without its closing quote" if rest[:1] in "\"'" else f"'{rest[:1]}'"
            raise CelSyntaxError(f"{problem} can't be read")
        kind = "uint" if found["uint"] else str(found.lastgroup)
        tokens.append((kind, found[0].strip()))
        at = found.end()
    return tokens


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _kind(self) -> str:
        return self._tokens[self._at][0] if self._at < len(self._tokens) else "end"

    def _next(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise CelSyntaxError("it ends too early")
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, text: str) -> bool:
        if self._kind() in ("op", "name") and self._peek() == text:
            self._at += 1
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._take(text):
            found = f"'{self._peek()}'" if self._peek() else "the end"
            raise CelSyntaxError(f"'{text}' expected, not {found}")

    def end(self) -> None:
        if self._at < len(self._tokens):
            raise CelSyntaxError(f"'{self._peek()}' doesn't belong here")

    def expression(self, depth: int) -> Tree:
        if depth > MAX_DEPTH:
            raise CelSyntaxError(f"nested more than {MAX_DEPTH} levels deep")
        condition = self._binary(0, depth)
        if not self._take("?"):
            return condition
        then = self._binary(0, depth + 1)
        self._expect(":")
        return Operation("?:", (condition, then, self.expression(depth + 1)))

    def _binary(self, level: int, depth: int) -> Tree:
        if level == len(_LEVELS):
            return self._unary(depth)
        left = self._binary(level + 1, depth)
        while self._kind() in ("op", "name") and self._peek() in _LEVELS[level]:
            operator = self._next()[1]
            left = Operation(operator, (left, self._binary(level + 1, depth)))
        return left

    def _unary(self, depth: int) -> Tree:
        if depth > MAX_DEPTH:
            raise CelSyntaxError(f"nested more than {MAX_DEPTH} levels deep")
        for operator in ("!", "-"):
            if self._take(operator):
                return Operation(operator, (self._unary(depth + 1),))
        return self._member(depth)

    def _member(self, depth: int) -> Tree:
        tree = self._primary(depth)
        while True:
            if self._take("."):
                kind, member = self._next()
                if kind != "name":
                    raise CelSyntaxError(f"a name expected after '.', not '{member}'")
                called = self._take("(")
                tree = Call(member, tree, self._items(")", depth)) if called else Select(tree, member)
            elif self._take("["):
                tree = Index(tree, self.expression(depth + 1))
                self._expect("]")
            else:
                return tree

    def _primary(self, depth: int) -> Tree:
        kind, text = self._next()
        if kind in ("int", "uint", "double", "string"):
            return Literal(kind, text)
        if kind == "name":
            return self._named(text, depth)
        if text == "(":
            tree = self.expression(depth + 1)
            self._expect(")")
            return tree
        if text == "[":
            return ListOf(self._items("]", depth))
        if text == "{":
            return self._map(depth)
        raise CelSyntaxError(f"'{text}' doesn't belong here")

    def _named(self, text: str, depth: int) -> Tree:
        if text in ("true", "false"):
            return Literal("bool", text)
        if text == "null":
            return Literal("null", text)
        if text in _RESERVED or text == "in":
            raise CelSyntaxError(f"'{text}' is a word of CEL's own")
        return Call(text, None, self._items(")", depth)) if self._take("(") else Name(text)

    def _items(self, end: str, depth: int) -> tuple[Tree, ...]:
        items: list[Tree] = []
        while not self._take(end):
            items.append(self.expression(depth + 1))
            if not self._take(","):
                self._expect(end)
                break
        return tuple(items)

    def _map(self, depth: int) -> Tree:
        entries: list[tuple[Tree, Tree]] = []
        while not self._take("}"):
            key = self.expression(depth + 1)
            self._expect(":")
            entries.append((key, self.expression(depth + 1)))
            if not self._take(","):
                self._expect("}")
                break
        return MapOf(tuple(entries))
