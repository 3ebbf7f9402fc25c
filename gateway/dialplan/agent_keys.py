"""The `agents` of a plan, as they are written: one table of keys for the loader, schema and guide. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.agents.profile import AgentProfile, Membership
from gateway.dialplan import keygroups as group
from gateway.dialplan import keytypes as key
from gateway.dialplan.documents import YamlMap, YamlText, YamlValue, describe, shorten
from gateway.dialplan.fields import Fields
from gateway.dialplan.keytypes import NAME_SCHEMA, Key
from gateway.dialplan.places import Position
from gateway.dialplan.queues import AgentDefinition, language_skill
from gateway.dialplan.sections import Sources
from gateway.dialplan.spoken import LANGUAGE

# RFC 3261 §25.1, as far as phones need: a user, a host or an address, a port, parameters; no headers.
_HOST: Final = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])"
_USER: Final = r"[A-Za-z0-9\-_.!~*'()&=+$,;?/%]+"
_URI: Final = rf"sips?:{_USER}@{_HOST}(?::[0-9]{{1,5}})?(?:;[A-Za-z0-9\-_.!~*'()%\[\]/:&+$=]+)*"
# What the PBX of `[pbx]` dials.
_EXTENSION: Final = r"pbx:\+?[0-9A-Za-z*#][0-9A-Za-z*#_.-]{0,63}"
# What Asterisk calls devices, and what has a hint in its dialplan.
_PBX_DEVICE: Final = r"[A-Za-z0-9]+[/:][A-Za-z0-9_.+@/-]{1,79}"

MEMBERSHIP_KEYS: Final[Mapping[str, Key]] = MappingProxyType(
    {
        "order": key.count("place in `ordered` queues, the least first", 0, 1_000),
        "weight": key.count("share of the calls in `weighted` queues", 1, 1_000, 1),
    }
)


def _queues(fields: Fields, name: str, languages: tuple[str, ...]) -> Mapping[str, Membership]:
    value = fields.value(name)
    found: dict[str, Membership] = {}
    if isinstance(value, YamlMap):
        for queue, inner in value.entries:
            found[queue.text] = _membership(queue, inner, fields, languages)
        return MappingProxyType(found)
    for item in fields.one_or_more(name):
        if isinstance(item, YamlText):
            found[item.text] = Membership()
        else:
            fields.error(item.at, f"'{name}' is names of queues, or names and keys, not {describe(item)}")
    return MappingProxyType(found)


def _membership(queue: YamlText, value: YamlValue, fields: Fields, languages: tuple[str, ...]) -> Membership:
    if isinstance(value, YamlMap):
        inner = Fields(value, f"queue '{queue.text}'", fields.faults)
        return Membership(**group.read_group(inner, MEMBERSHIP_KEYS, languages))
    if not isinstance(value, YamlText) or not value.absent:
        fields.error(value.at, f"queue '{queue.text}' has 'order' and 'weight', not {describe(value)}")
    return Membership()


def _languages(fields: Fields, name: str, _languages: tuple[str, ...]) -> tuple[str, ...]:
    found: list[str] = []
    for value in fields.one_or_more(name):
        if isinstance(value, YamlText) and LANGUAGE.fullmatch(value.text):
            found.append(value.text)
        else:
            fields.error(value.at, f"{describe(value)} isn't a language tag, such as en, de-CH or cmn")
    return tuple(found)


AGENT_KEYS: Final[Mapping[str, Key]] = MappingProxyType(
    {
        "name": key.text("as callers and screens have it; the id if left out", ".+", "a name"),
        "device": key.text(
            "where their phone is; none for who answers in a browser", rf"{_URI}|{_EXTENSION}|none",
            "a SIP address such as sip:ann@10.0.0.5:5060, an extension of the PBX (pbx:4711), or none", "",
        ),
        "skills": group.levels("what they know, and how well (1 to 10)"),
        "queues": Key(
            _queues,
            {
                "anyOf": [
                    NAME_SCHEMA,
                    {"type": "array", "items": NAME_SCHEMA},
                    {
                        "type": "object",
                        "additionalProperties": {
                            "anyOf": [group.group_schema(MEMBERSHIP_KEYS), {"type": "null"}]
                        },
                    },
                ]
            },
            "which they serve: names, or names with `order` and `weight`",
        ),
        "nailed_up": key.flag("their phone stays connected between calls", default=False),
        "pbx_device": key.text(
            "their phone's name at the PBX: on a call there, they are offered none", _PBX_DEVICE,
            "a device such as PJSIP/ann or Custom:ann, or an extension's hint, hint:4711@internal", "",
        ),
        "languages": Key(
            _languages,
            {"type": ["string", "array"], "items": {"type": "string", "pattern": f"^{LANGUAGE.pattern}$"}},
            "which they speak, the one they are briefed in first; each is a skill, such as `language-ja`",
        ),
    }
)  # fmt: skip
"""Every key of an agent."""


def read_agents(fields: Fields, sources: Sources) -> None:
    for name, value in fields.entries("agents"):
        fields.check_name(name)
        if name.text in sources.agents:
            known = sources.agents[name.text].at
            fields.error(name.at, f"agent '{name.text}' exists already at {known}")
        if isinstance(value, YamlMap):
            inner = Fields(value, f"agent '{shorten(name.text)}'", sources.faults)
            sources.agents.setdefault(name.text, _agent(name, value, inner))
        else:
            fields.error(value.at, f"agent '{shorten(name.text)}' is a mapping, not {describe(value)}")


def _agent(name: YamlText, value: YamlMap, fields: Fields) -> AgentDefinition:
    found = group.read_group(fields, AGENT_KEYS, ("en",))
    languages: tuple[str, ...] = found["languages"]
    spoken = {language_skill(language): 1 for language in languages}
    profile = AgentProfile(
        id=name.text,
        name=found["name"] or name.text,
        device=found["device"],
        skills=MappingProxyType({**spoken, **found["skills"]}),
        queues=found["queues"],
        nailed_up=found["nailed_up"],
        pbx_device=found["pbx_device"],
    )
    return AgentDefinition(name.at, profile, languages, MappingProxyType(_places(value)))


def _places(value: YamlMap) -> dict[str, Position]:
    """Of each key, and below `queues` and `skills` of each name."""
    found: dict[str, Position] = {}
    for key_, inner in value.entries:
        found[key_.text] = inner.at
        if key_.text not in ("queues", "skills"):
            continue
        names: list[YamlValue] = []
        if isinstance(inner, YamlMap):
            names = [name for name, _ in inner.entries]
        elif not isinstance(inner, YamlText):
            names = list(inner.items)
        found |= {f"{key_.text}.{name.text}": name.at for name in names if isinstance(name, YamlText)}
    return found
