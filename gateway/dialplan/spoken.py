"""Prompts as they are written: texts, files, catalogue keys, and the same in several languages. Pure."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any, Final

from gateway.dialplan.documents import YamlMap, YamlText, YamlValue, describe, shorten
from gateway.dialplan.fallbacks import fallback_text
from gateway.dialplan.fields import Fields
from gateway.dialplan.places import Position
from gateway.dialplan.templates import TemplateError, parse_template, parse_variant
from gateway.dialplan.wording import Recorded, Spoken, Template, Variant, Wording

MAX_TEXT: Final = 2_000  # characters; two minutes of speech, beyond what anybody listens to
CATALOGUE_KEY: Final = re.compile(r"[a-z][a-z0-9_.-]{0,99}")
LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")  # RFC 5646 §2.1, as far as voices need

PROMPT_SCHEMA: Final[dict[str, Any]] = {
    "description": "A text, {play: FILE}, {key: CATALOGUE-KEY}, or one of them for each language.",
    "anyOf": [{"type": ["string", "number"]}, {"type": "object"}],
}


def empty_wording(at: Position, language: str) -> Wording:
    """Stands for a prompt that couldn't be read; the plan is refused anyway."""
    return Wording(at, {language: Spoken("", language)})


def read_wording(value: YamlValue, key: str | None, fields: Fields, language: str) -> Wording:
    """A prompt in any of its forms. `key`: what it is called in messages; None inside a list."""
    if isinstance(value, YamlMap):
        names = [name.text for name, _ in value.entries]
        if "key" in names:
            return _catalogued(value, fields)
        if names and all(LANGUAGE.fullmatch(name) and name not in ("play", "key") for name in names):
            return _in_languages(value, fields)
        return Wording(value.at, {language: _recorded_map(value, fields, language)})
    if isinstance(value, YamlText):
        return Wording(value.at, {language: read_text(value, fields, language)})
    expected = "a prompt is a text or {play: FILE}" if key is None else f"'{key}' is a text"
    fields.error(value.at, f"{expected}, not {describe(value)}")
    return empty_wording(value.at, language)


def _catalogued(value: YamlMap, fields: Fields) -> Wording:
    inner = Fields(value, "a prompt", fields.faults)
    key = inner.text("key")
    inner.done()
    if key is None:
        return Wording(value.at, key="")
    if not CATALOGUE_KEY.fullmatch(key.text):
        fields.error(key.at, f"'{shorten(key.text)}' isn't a key of a catalogue, such as balance.told")
    return Wording(key.at, key=key.text)


def _in_languages(value: YamlMap, fields: Fields) -> Wording:
    variants = {name.text: read_variant(inner, fields, name.text) for name, inner in value.entries}
    return Wording(value.at, variants, given=frozenset(variants))


def read_variant(value: YamlValue, fields: Fields, language: str) -> Variant:
    """A prompt in one language: a text, or a file with its fallback."""
    if isinstance(value, YamlMap):
        return _recorded_map(value, fields, language)
    if isinstance(value, YamlText) and not value.absent:
        return read_text(value, fields, language)
    fields.error(value.at, f"a prompt is a text or {{play: FILE}}, not {describe(value)}")
    return Spoken("", language)


def _recorded_map(value: YamlMap, fields: Fields, language: str) -> Recorded:
    inner = Fields(value, "a prompt", fields.faults)
    recorded = read_recorded("play", inner, language)
    inner.done()
    return recorded


def read_text(value: YamlText, fields: Fields, language: str) -> Spoken | Template:
    """Words to be spoken."""
    # Line breaks are how the file was wrapped, not pauses: one text is one prompt however it is written.
    text = " ".join(value.text.split())
    if not text:
        fields.error(value.at, f"'{fields.asked_last}' is a text, not {describe(value)}")
    elif not any(character.isalnum() for character in text):
        fields.error(value.at, f"there is nothing to say in {describe(value)}")
    if len(text) > MAX_TEXT:
        fields.error(value.at, f"a text has at most {MAX_TEXT:,} characters; this one has {len(text):,}")
    try:
        return parse_variant(text, language, value.at)
    except TemplateError as error:
        fields.error(value.at, str(error))
        return Spoken(text, language)


def read_template(value: YamlText, fields: Fields, language: str) -> Template:
    """A text for a machine, such as a URL, which may have slots."""
    try:
        return parse_template(value.text.strip(), language, value.at)
    except TemplateError as error:
        fields.error(value.at, str(error))
        return Template((), language, value.at)


def read_recorded(key: str, fields: Fields, language: str) -> Recorded:
    """The file at `key` and the `fallback` beside it."""
    text = fields.text(key)
    fallback = fallback_text(language)
    written = fields.text("fallback")
    if written is not None:
        spoken = read_text(written, fields, language)
        if isinstance(spoken, Spoken):
            fallback = spoken
        else:
            fields.error(written.at, "a fallback has to be sayable whatever has failed: no expressions in it")
    if text is None:
        if fields.value(key) is None:
            fields.missing(key)
        return Recorded("", fallback, fields.at)
    if not stays_inside(text.text):
        fields.error(text.at, f"'{shorten(text.text)}' isn't a path inside the plan's directory")
        return Recorded("", fallback, text.at)
    return Recorded(text.text, fallback, text.at)


def stays_inside(file: str) -> bool:
    """Whether a path can't lead out of the plan's directory, which is copied and reloaded as one."""
    path = PurePosixPath(file)
    return not (path.is_absolute() or ".." in path.parts or "\\" in file or "\0" in file)
