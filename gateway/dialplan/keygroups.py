"""What the keys of queues and agents can hold beyond those of nodes: choices, levels, groups of keys. Pure.

Like `keytypes`: one `Key` is how a value is read, its JSON Schema, and what the guide says of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any, Final, TypeVar

from gateway.agents.profile import MAX_LEVEL
from gateway.dialplan.documents import YamlMap, YamlText, YamlValue, describe, shorten
from gateway.dialplan.faults import suggest
from gateway.dialplan.fields import Fields
from gateway.dialplan.keytypes import NAME_SCHEMA, Key
from gateway.dialplan.places import Position
from gateway.dialplan.spoken import PROMPT_SCHEMA, read_wording
from gateway.dialplan.wording import Wording

_LEVEL: Final = re.compile(r"\d{1,2}")
_SKILL: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}")
MAX_CODE: Final = 64
_FLAGS: Final = MappingProxyType({"true": True, "yes": True, "false": False, "no": False})

LEVELS_SCHEMA: Final[dict[str, Any]] = {
    "description": "Names, or names and levels.",
    "anyOf": [
        NAME_SCHEMA,
        {"type": "array", "items": NAME_SCHEMA},
        {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0, "maximum": MAX_LEVEL}},
    ],
}

CODES_SCHEMA: Final[dict[str, Any]] = {
    "type": "array",
    "items": {"type": "string", "minLength": 1, "maxLength": MAX_CODE},
    "uniqueItems": True,
}

Choice = TypeVar("Choice", bound=Enum)


def choice(meaning: str, default: Choice) -> Key:
    """One of the values of an Enum."""
    kind = type(default)
    values = {str(member.value): member for member in kind}

    def read(fields: Fields, key: str, _languages: tuple[str, ...]) -> Choice:
        text = fields.text(key)
        if text is None:
            return default
        if text.text not in values:
            hint = suggest(text.text, values)
            fields.error(text.at, f"'{key}' is one of {', '.join(values)}, not {describe(text)}{hint}")
            return default
        return values[text.text]

    return Key(read, {"enum": list(values), "default": default.value}, meaning)


def optional(inner: Key) -> Key:
    """`inner`, or None when the key isn't given, or is given as `none`."""

    def read(fields: Fields, key: str, languages: tuple[str, ...]) -> Any:
        value = fields.value(key)
        nothing = value is None or (isinstance(value, YamlText) and value.text == "none")
        return None if nothing else inner.read(fields, key, languages)

    schema = {name: part for name, part in inner.schema.items() if name != "default"}
    return Key(read, {"anyOf": [schema, {"enum": [None, "none"]}]}, inner.meaning)


def levels(meaning: str, *, lowest: int = 1) -> Key:
    """Skills and their levels: `{billing: 3}`, or names alone, which are of level 1."""

    def read(fields: Fields, key: str, _languages: tuple[str, ...]) -> Mapping[str, int]:
        value = fields.value(key)
        if isinstance(value, YamlMap):
            return MappingProxyType(dict(_level(n, v, fields, lowest) for n, v in value.entries))
        found: dict[str, int] = {}
        for item in fields.one_or_more(key):
            if isinstance(item, YamlText):
                _check_skill(item, fields)
                found[item.text] = 1
            else:
                fields.error(item.at, f"'{key}' is a name, a list of names, or names and levels")
        return MappingProxyType(found)

    return Key(read, LEVELS_SCHEMA, meaning)


def _level(name: YamlText, value: YamlValue, fields: Fields, lowest: int) -> tuple[str, int]:
    _check_skill(name, fields)
    if (
        isinstance(value, YamlText)
        and _LEVEL.fullmatch(value.text)
        and lowest <= int(value.text) <= MAX_LEVEL
    ):
        return name.text, int(value.text)
    problem = f"the level of '{shorten(name.text)}' is a number from {lowest} to {MAX_LEVEL}"
    fields.error(value.at, f"{problem}, not {describe(value)}")
    return name.text, 1


def _check_skill(name: YamlText, fields: Fields) -> None:
    if not _SKILL.fullmatch(name.text):
        rule = "a lower-case letter, then letters, digits, _ and -"
        fields.error(name.at, f"'{shorten(name.text)}' can't be the name of a skill ({rule})")


def codes(meaning: str) -> Key:
    """A list of short texts, each once, in the order in which people see them."""

    def read(fields: Fields, key: str, _languages: tuple[str, ...]) -> tuple[str, ...]:
        found: list[str] = []
        for item in fields.one_or_more(key):
            text = item.text.strip() if isinstance(item, YamlText) else ""
            if not text or len(text) > MAX_CODE:
                fields.error(
                    item.at, f"'{key}' is a list of texts of 1 to {MAX_CODE} characters, not {describe(item)}"
                )
            elif text in found:
                fields.error(item.at, f"'{shorten(text)}' is in '{key}' twice")
            else:
                found.append(text)
        return tuple(found)

    return Key(read, CODES_SCHEMA, meaning)


def said(meaning: str, default: Wording | None) -> Key:
    """A prompt, or `true` for `default` and `false` for nothing. Left out, it is None."""

    def read(fields: Fields, key: str, languages: tuple[str, ...]) -> Wording | bool | None:
        value = fields.value(key)
        if value is None:
            return None
        if isinstance(value, YamlText) and value.text in _FLAGS and (default is not None):
            return default if _FLAGS[value.text] else False
        return read_wording(value, key, fields, languages[0])

    flags = [{"enum": [True, False, "yes", "no"]}] if default is not None else []
    return Key(read, {"anyOf": [*flags, PROMPT_SCHEMA]}, meaning)


def prompts(meaning: str) -> Key:
    """One prompt or a list of them."""

    def read(fields: Fields, key: str, languages: tuple[str, ...]) -> tuple[Wording, ...]:
        return tuple(read_wording(value, None, fields, languages[0]) for value in fields.one_or_more(key))

    return Key(read, {"anyOf": [PROMPT_SCHEMA, {"type": "array", "items": PROMPT_SCHEMA}]}, meaning)


def group(meaning: str, keys: Mapping[str, Key], *, short: str | None = None) -> Key:
    """A mapping with keys of its own; reads their values by key. None when it isn't given.

    `short`: the key that a single word in place of the mapping is for, as in `record: always`.
    """

    def read(fields: Fields, key: str, languages: tuple[str, ...]) -> dict[str, Any] | None:
        value = fields.value(key)
        if value is None:
            return None
        if isinstance(value, YamlText) and short is not None:
            value = YamlMap(value.at, ((YamlText(value.at, short, plain=True), value),))
        if not isinstance(value, YamlMap):
            fields.error(value.at, f"'{key}' is a mapping, not {describe(value)}")
            return None
        return read_group(Fields(value, f"'{key}'", fields.faults), keys, languages)

    schema = group_schema(keys)
    return Key(read, schema if short is None else {"anyOf": [keys[short].schema, schema]}, meaning)


def groups(meaning: str, keys: Mapping[str, Key]) -> Key:
    """A list of mappings (or a single one), each with the same keys."""

    def read(fields: Fields, key: str, languages: tuple[str, ...]) -> tuple[dict[str, Any], ...]:
        found: list[dict[str, Any]] = []
        for value in fields.one_or_more(key):
            if isinstance(value, YamlMap):
                found.append(read_group(Fields(value, f"'{key}'", fields.faults), keys, languages))
            else:
                names = " and ".join(f"'{name}'" for name in keys)
                fields.error(value.at, f"'{key}' is a list of mappings with {names}, not {describe(value)}")
        return tuple(found)

    schema = group_schema(keys)
    return Key(read, {"anyOf": [schema, {"type": "array", "items": schema}]}, meaning)


def read_group(fields: Fields, keys: Mapping[str, Key], languages: tuple[str, ...]) -> dict[str, Any]:
    """The values of all `keys`; what is written besides is a fault."""
    found: dict[str, Any] = {}
    for name, key in keys.items():
        if key.needed and fields.value(name) is None:
            fields.missing(name)
        found[name] = key.read(fields, name, languages)
    fields.done()
    return found


def group_schema(keys: Mapping[str, Key]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: {**key.schema, "description": key.meaning} for name, key in keys.items()},
        "required": [name for name, key in keys.items() if key.needed],
        "additionalProperties": False,
    }


def needed(key: Key) -> Key:
    return Key(key.read, key.schema, key.meaning, needed=True)


def defaults(keys: Mapping[str, Key]) -> dict[str, Any]:
    """What a group holds in which nothing is written."""
    return read_group(Fields(YamlMap(Position("", 1, 1), ()), "", []), keys, ("en",))
