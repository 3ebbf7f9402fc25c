"""Flow tests as they are written: `*.test.yaml` beside the flows, with a fault for all that is wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from gateway.dialplan.documents import (
    MAX_FILE_BYTES,
    YamlList,
    YamlMap,
    YamlText,
    YamlValue,
    describe,
    parse,
)
from gateway.dialplan.faults import Fault, in_order, suggest
from gateway.dialplan.fields import Fields
from gateway.dialplan.fixtures import Given, json_of, read_given
from gateway.dialplan.model import Position

REQUESTS: Final[Mapping[str, str]] = {
    "looked_up": "lookup",
    "queued": "queue",
    "called_back": "callback",
    "dialled": "dial",
    "transferred": "transfer",
    "recorded": "record",
    "surveyed": "survey",
    "context": "context",
}
"""What may be expected of requests: the word, and the kind of request."""

ACTS: Final = ("press", "interrupt", "say", "wait", "hang_up", "expect")
_KEYS: Final = re.compile(r"[0-9*#A-D,]+")


@dataclass(frozen=True, slots=True)
class Expected:
    """What has to be so. Texts are found anywhere in what is said, whatever their case.

    `requests`: kind and a part of its values. `ended`: a cause, or `by_caller`. None: nothing is expected.
    """

    at: Position
    said: tuple[tuple[str, Position], ...] = ()
    not_said: tuple[tuple[str, Position], ...] = ()
    asked: tuple[str, Position] | None = None
    path: tuple[tuple[str, ...], Position] | None = None
    ended: tuple[str, Position] | None = None
    language: tuple[str, Position] | None = None
    variables: tuple[tuple[str, Any, Position], ...] = ()
    requests: tuple[tuple[str, Mapping[str, Any], Position], ...] = ()


@dataclass(frozen=True, slots=True)
class Act:
    """One thing a caller does: `kind` is one of `ACTS`.

    `keys_or_words`: of press, interrupt and say; `confidence`: how sure the recogniser is of the words.
    """

    at: Position
    kind: str
    keys_or_words: str = ""
    duration_s: float | None = None
    expected: Expected | None = None
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class FlowTest:
    """One call, and what has to come of it."""

    name: str
    at: Position
    given: Given
    steps: tuple[Act, ...] = ()
    expected: Expected | None = None


@dataclass(slots=True)
class TestFile:
    """What a file holds, as far as it could be read."""

    __test__ = False  # pytest: not a test class

    path: Path
    tests: list[FlowTest] = field(default_factory=list)
    faults: tuple[Fault, ...] = ()


def find_test_files(directory: Path) -> Sequence[Path]:
    """Every `*.test.yaml` in and below `directory`, or the one file that it is."""
    if directory.is_file():
        return [directory]
    found = [*directory.rglob("*.test.yaml"), *directory.rglob("*.test.yml")]
    return sorted(
        p for p in found if not any(part.startswith(".") for part in p.relative_to(directory).parts)
    )


def read_test_file(path: Path) -> TestFile:
    """The tests in `path`. Blocking; doesn't raise: what is wrong is in `faults`."""
    faults: list[Fault] = []
    file = TestFile(path)
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        file.faults = (Fault.error(Position(str(path), 1, 1), f"can't be read: {error.strerror or error}"),)
        return file
    for document in parse(content, str(path), faults):
        _read_document(document, file, faults)
    file.faults = in_order(faults)
    return file


def read_fixtures(path: Path, faults: list[Fault]) -> Given:
    """The mapping in a file of `simulate --fixtures`. Blocking. Raises OSError."""
    given = Given()
    for document in parse(path.read_bytes()[: MAX_FILE_BYTES + 1], str(path), faults):
        if isinstance(document, YamlMap):
            fields = Fields(document, "a fixture", faults)
            given = read_given(fields, given)
            fields.done()
        elif not (isinstance(document, YamlText) and document.absent):
            faults.append(Fault.error(document.at, f"a fixture is a mapping, not {describe(document)}"))
    return given


def _read_document(document: YamlValue, file: TestFile, faults: list[Fault]) -> None:
    if isinstance(document, YamlText) and document.absent:
        return
    if not isinstance(document, YamlMap):
        faults.append(Fault.error(document.at, f"a test file has 'tests', not {describe(document)}"))
        return
    fields = Fields(document, "a test file", faults)
    section = fields.section("given", "'given'")
    shared = Given()
    if section is not None:
        shared = read_given(section)
        section.done()
    for value in fields.one_or_more("tests"):
        if isinstance(value, YamlMap):
            file.tests.append(_read_test(Fields(value, "a test", faults), shared))
        else:
            faults.append(Fault.error(value.at, f"a test is a mapping, not {describe(value)}"))
    fields.done()


def _read_test(fields: Fields, shared: Given) -> FlowTest:
    name = fields.text("test")
    if name is None:
        fields.missing("test")
    section = fields.section("given", "'given'")
    given = shared
    if section is not None:
        given = read_given(section, shared)
        section.done()
    steps = tuple(act for value in fields.one_or_more("steps") if (act := _read_act(value, fields)))
    expected = fields.section("expect", "'expect'")
    fields_expected = _read_expected(expected) if expected is not None else None
    fields.done()
    return FlowTest(name.text if name else "", fields.at, given, steps, fields_expected)


# Steps


def _read_act(value: YamlValue, parent: Fields) -> Act | None:
    """`hang_up`, `wait`, or a mapping with one act."""
    if isinstance(value, YamlText) and value.text in ("hang_up", "wait"):
        return Act(value.at, value.text)
    if not isinstance(value, YamlMap) or len(value.entries) != 1:
        parent.error(value.at, f"a step is one of {', '.join(ACTS)}, not {describe(value)}")
        return None
    key, argument = value.entries[0]
    fields = Fields(value, "a step", parent.faults)
    match key.text:
        case "press" | "interrupt":
            return _read_press(key, argument, fields)
        case "say" if isinstance(argument, YamlMap):
            inner = Fields(argument, "'say'", parent.faults)
            words, confidence = inner.text("words"), inner.share("confidence", 1.0)
            if words is None:
                inner.missing("words")
            inner.done()
            return Act(key.at, "say", words.text, confidence=confidence) if words else None
        case "say":
            words = fields.text("say")
            return Act(key.at, "say", words.text) if words else None
        case "wait":
            return Act(key.at, "wait", duration_s=fields.duration_s("wait", 0.0, 0.0, 86_400))
        case "expect" if isinstance(argument, YamlMap):
            return Act(key.at, "expect", expected=_read_expected(Fields(argument, "'expect'", parent.faults)))
        case _:
            parent.error(key.at, f"'{key.text}' isn't {', '.join(ACTS)}{suggest(key.text, ACTS)}")
            return None


def _read_press(key: YamlText, argument: YamlValue, fields: Fields) -> Act | None:
    if isinstance(argument, YamlText) and _KEYS.fullmatch(argument.text):
        return Act(key.at, key.text, argument.text)
    rule = "keys 0-9 * # A-D, and a comma waits a second"
    fields.error(argument.at, f"{describe(argument)} can't be pressed ({rule})")
    return None


# Expectations


def _read_expected(fields: Fields) -> Expected:
    expected = Expected(
        at=fields.at,
        said=_texts(fields, "said"),
        not_said=_texts(fields, "not_said"),
        asked=_one(fields, "asked"),
        path=_path(fields),
        ended=_one(fields, "ended"),
        language=_one(fields, "language"),
        variables=_variables(fields),
        requests=tuple(_requests(fields)),
    )
    fields.done()
    return expected


def _texts(fields: Fields, key: str) -> tuple[tuple[str, Position], ...]:
    found: list[tuple[str, Position]] = []
    for value in fields.one_or_more(key):
        if isinstance(value, YamlText) and not value.absent:
            found.append((" ".join(value.text.split()), value.at))
        else:
            fields.error(value.at, f"'{key}' is a text or a list of them, not {describe(value)}")
    return tuple(found)


def _one(fields: Fields, key: str) -> tuple[str, Position] | None:
    text = fields.text(key)
    return None if text is None else (text.text, text.at)


def _path(fields: Fields) -> tuple[tuple[str, ...], Position] | None:
    names = _texts(fields, "path")
    if not names:
        return None
    if len(names) == 1:  # a path on one line: welcome > menu > …
        return tuple(part.strip() for part in names[0][0].split(">")), names[0][1]
    return tuple(name for name, _ in names), names[0][1]


def _variables(fields: Fields) -> tuple[tuple[str, Any, Position], ...]:
    section = fields.value("vars")
    if section is None:
        return ()
    if not isinstance(section, YamlMap):
        fields.error(section.at, f"'vars' is a mapping, not {describe(section)}")
        return ()
    return tuple((name.text, json_of(value), name.at) for name, value in section.entries)


def _requests(fields: Fields) -> Sequence[tuple[str, Mapping[str, Any], Position]]:
    found: list[tuple[str, Mapping[str, Any], Position]] = []
    for word, kind in REQUESTS.items():
        value = fields.value(word)
        if isinstance(value, YamlMap):
            found.append((kind, json_of(value), fields.place(word)))
        elif isinstance(value, YamlText) and value.text == "true":
            found.append((kind, {}, fields.place(word)))
        elif isinstance(value, YamlList | YamlText):
            fields.error(value.at, f"'{word}' is what it was asked with, or true; not {describe(value)}")
    return found
