"""YAML text as positioned values, with limits.

The parser's events are used and its constructors aren't: every scalar stays the text that was written, and
the schema decides what it means. So `0`, `07` and `no` are what the engineer typed, never a number, an
octal one or a boolean, and each value knows its line. Anchors, aliases and tags are refused: they are how
YAML bombs are built and constructors are called, and a dialplan shares nodes with `goto`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, assert_never

from ruamel.yaml import YAML
from ruamel.yaml.cyaml import CParser  # type: ignore[attr-defined]  # it has no types of its own
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)
from ruamel.yaml.reader import ReaderError

from gateway.dialplan.faults import Fault
from gateway.dialplan.places import Position

MAX_FILE_BYTES: Final = 2_000_000
MAX_DEPTH: Final = 16  # a plan uses 7


@dataclass(frozen=True, slots=True)
class YamlText:
    """A scalar as written. `plain`: without quotes, so that an empty one or `~` means nothing at all."""

    at: Position
    text: str
    plain: bool

    @property
    def absent(self) -> bool:
        return self.plain and self.text in ("", "~", "null")


@dataclass(frozen=True, slots=True)
class YamlList:
    at: Position
    items: tuple[YamlValue, ...]


@dataclass(frozen=True, slots=True)
class YamlMap:
    """A mapping; of a key that comes twice, the first."""

    at: Position
    entries: tuple[tuple[YamlText, YamlValue], ...]


YamlValue = YamlText | YamlList | YamlMap


def describe(value: YamlValue) -> str:
    """What a value is, for messages about a wrong type."""
    match value:
        case YamlText():
            return "nothing" if value.absent else f"'{shorten(value.text)}'"
        case YamlList():
            return "a list"
        case YamlMap():
            return "a mapping"
        case _:
            assert_never(value)


def shorten(text: str, limit: int = 40) -> str:
    """At most `limit` characters of `text`, on one line, for a message."""
    line = " ".join(text.split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


class _Unusable(Exception):
    """The rest of the file can't be read; `fault` says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


def parse(content: bytes, file: str, faults: list[Fault]) -> tuple[YamlValue, ...]:
    """The documents of one file; what is wrong goes to `faults`. What follows a syntax error is lost."""
    documents: list[YamlValue] = []
    try:
        text = _decode(content, file)
        composer = _Composer(text, file, faults)
        documents.extend(composer.documents())
    except _Unusable as unusable:
        faults.append(unusable.fault)
    return tuple(documents)


def _decode(content: bytes, file: str) -> str:
    if len(content) > MAX_FILE_BYTES:
        problem = f"{len(content):,} bytes or more; a dialplan file has at most {MAX_FILE_BYTES:,}"
        raise _Unusable(Fault.error(Position(file, 1, 1), problem))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line = before.count(b"\n") + 1
        column = len(before.rpartition(b"\n")[2].decode("utf-8", "replace")) + 1
        problem = f"byte 0x{content[error.start]:02x} isn't UTF-8"
        raise _Unusable(Fault.error(Position(file, line, column), problem)) from error


class _Composer:
    """Builds values from parser events, one document after another, as far as the file is sound."""

    def __init__(self, text: str, file: str, faults: list[Fault]) -> None:
        self._file = file
        self._faults = faults
        self._text = text
        self._events: Iterator[Any] = iter(())

    def documents(self) -> Iterator[YamlValue]:
        try:
            self._events = self._parser_events()
            for event in self._events:
                if isinstance(event, DocumentStartEvent):
                    yield self._value(self._next(), depth=1)
                elif isinstance(event, StreamEndEvent):
                    return
        except MarkedYAMLError as error:
            raise _Unusable(self._syntax_fault(error)) from error
        except ReaderError as error:
            at = self._place_of_character(error.position)
            raise _Unusable(Fault.error(at, "a character that YAML doesn't allow")) from error
        except (YAMLError, ValueError, OverflowError) as error:
            # The scanner lets chr()'s own errors through for escapes outside Unicode, such as "\UFFFFFFFF".
            raise _Unusable(Fault.error(Position(self._file, 1, 1), f"not YAML: {error}")) from error

    def _parser_events(self) -> Iterator[Any]:
        # libyaml is thirty times as fast, and a plan is checked on each save. It only finds out that a file
        # is sound: the messages about one that isn't are those of the other parser, which say more.
        parser = CParser(self._text)
        events: list[Any] = []
        depth = 0
        try:
            while not isinstance(event := parser.get_event(), StreamEndEvent):
                events.append(event)
                depth += isinstance(event, SequenceStartEvent | MappingStartEvent)
                depth -= isinstance(event, SequenceEndEvent | MappingEndEvent)
                if depth > MAX_DEPTH:
                    break  # refused there; and libyaml takes time with the square of the depth
        except (YAMLError, ValueError, OverflowError, SystemError):
            return iter(YAML(typ="safe", pure=True).parse(self._text))
        return iter((*events, event))

    def _next(self) -> Any:
        return next(self._events)

    def _value(self, event: Any, depth: int) -> YamlValue:
        at = self._position(event.start_mark)
        if isinstance(event, AliasEvent):
            problem = 'aliases aren\'t part of a dialplan (quote a key such as "*" or a text with *)'
            raise _Unusable(Fault.error(at, problem))
        if depth > MAX_DEPTH:
            raise _Unusable(Fault.error(at, f"nested more than {MAX_DEPTH} levels deep"))
        if event.anchor is not None:
            self._faults.append(Fault.error(at, "anchors (&) aren't part of a dialplan"))
        if event.tag is not None:
            self._faults.append(Fault.error(at, "tags (!) aren't part of a dialplan"))
        if isinstance(event, ScalarEvent):
            return YamlText(at, event.value, not event.style)  # libyaml has "" where the other has None
        if isinstance(event, SequenceStartEvent):
            return YamlList(at, tuple(self._items(depth)))
        return self._mapping(at, depth)

    def _items(self, depth: int) -> Iterator[YamlValue]:
        while not isinstance(event := self._next(), SequenceEndEvent):
            yield self._value(event, depth + 1)

    def _mapping(self, at: Position, depth: int) -> YamlMap:
        entries: dict[str, tuple[YamlText, YamlValue]] = {}
        while not isinstance(event := self._next(), MappingEndEvent):
            key = self._value(event, depth + 1)
            value = self._value(self._next(), depth + 1)
            if not isinstance(key, YamlText):
                self._faults.append(Fault.error(key.at, f"a key is a word, not {describe(key)}"))
            elif key.text in entries:
                first = entries[key.text][0].at
                problem = f"'{shorten(key.text)}' is given twice (first in line {first.line})"
                self._faults.append(Fault.error(key.at, problem))
            else:
                entries[key.text] = (key, value)
        return YamlMap(at, tuple(entries.values()))

    def _position(self, mark: Any) -> Position:
        return Position(self._file, mark.line + 1, mark.column + 1)

    def _syntax_fault(self, error: MarkedYAMLError) -> Fault:
        mark = error.problem_mark or error.context_mark
        at = self._position(mark) if mark is not None else Position(self._file, 1, 1)
        detail = error.problem or error.context or "not YAML"
        context = f" ({error.context})" if error.context and error.problem else ""
        return Fault.error(at, f"{detail}{context}")

    def _place_of_character(self, index: int) -> Position:
        before = self._text[:index]
        return Position(self._file, before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1)
