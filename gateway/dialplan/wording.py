"""What a plan says: texts with expressions in them, recorded files, and the languages they come in. Pure.

A `Wording` is a prompt as the plan has it: in several languages, or a key of the catalogues. A `Prompt` is
what reaches a caller: one text or one file. `gateway.dialplan.templates` makes the one of the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from gateway.dialplan.places import Position


@dataclass(frozen=True, slots=True)
class Expression:
    """A CEL expression as written. `gateway.dialplan.expressions` checks and evaluates it."""

    source: str
    at: Position


@dataclass(frozen=True, slots=True)
class Slot:
    """`{{ expression | form option=value }}`: a place in a text that a value fills."""

    expression: Expression
    form: str = "text"
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Template:
    """A text with slots. `language`: of its numbers, times and money."""

    parts: tuple[str | Slot, ...]
    language: str
    at: Position

    def slots(self) -> Iterator[Slot]:
        return (part for part in self.parts if isinstance(part, Slot))


@dataclass(frozen=True, slots=True)
class Spoken:
    """A text for the synthesiser. `language`: a BCP 47 tag, such as `en` or `de-CH`."""

    text: str
    language: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """An audio file of the plan: `file` is relative to the plan's directory, with forward slashes.

    `fallback` is spoken when the file can't be played.
    """

    file: str
    fallback: Spoken
    at: Position


Prompt = Spoken | Recorded
"""What a caller hears."""

Variant = Spoken | Recorded | Template
"""A wording in one language."""


@dataclass(frozen=True, slots=True)
class Wording:
    """A prompt as the plan has it: its variant in each language, or the key that the catalogues know."""

    at: Position
    variants: Mapping[str, Variant] = field(default_factory=dict)
    key: str | None = None
    given: frozenset[str] = frozenset()
    """The languages that were written out; empty for a single text, which stands for the flow's own."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The texts and files of one language. `fallback`: the languages to look in for a key it lacks."""

    language: str
    at: Position
    entries: Mapping[str, Variant]
    places: Mapping[str, Position]
    fallback: tuple[str, ...] = ()
