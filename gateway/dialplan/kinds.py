"""The kinds of nodes, as they are written.

A node is a mapping with the key of exactly one kind, which names it, and that kind's other keys beside it.
`NODE_KINDS` is the whole list: a kind that isn't in it doesn't exist.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Final

from gateway.call.cause import Cause
from gateway.dialplan.documents import YamlMap, YamlText, YamlValue, describe, shorten
from gateway.dialplan.fallbacks import fallback_text
from gateway.dialplan.faults import suggest
from gateway.dialplan.fields import Fields
from gateway.dialplan.model import (
    DEFAULT_FIRST_DIGIT_TIMEOUT_S,
    DEFAULT_INTER_DIGIT_TIMEOUT_S,
    DEFAULT_RETRIES,
    Escalation,
    GotoNode,
    HangupNode,
    MenuNode,
    MenuOption,
    Node,
    PlayNode,
    Prompt,
    Recorded,
    SayNode,
    Spoken,
    Target,
)

NodeParser = Callable[[str, Fields, str], Node]
"""From the node's name, its keys and the flow's language to the node. Faults go to the fields."""

MAX_TEXT: Final = 2_000  # characters; two minutes of speech, beyond what anybody listens to
MAX_RETRIES: Final = 9
MAX_OPTION_KEYS: Final = 8
_KEYS: Final = re.compile(rf"[0-9*#A-D]{{1,{MAX_OPTION_KEYS}}}")


def parse_node(name: YamlText, fields: Fields, language: str) -> Node:
    """One node. After a fault that leaves its kind open, a hangup keeps its place in the flow."""
    given = [kind for kind in NODE_KINDS if kind in fields.names()]
    if len(given) != 1:
        fields.error(name.at, _kind_problem(name.text, given, fields))
        return HangupNode(name.text, name.at, Cause.TEMPORARY_FAILURE)
    node = NODE_KINDS[given[0]](name.text, fields, language)
    fields.done()
    return node


def _kind_problem(name: str, given: list[str], fields: Fields) -> str:
    if given:
        return f"node '{name}' is {' and '.join(given)} at once; make it one of them"
    hints = (suggest(key, NODE_KINDS) for key in fields.names())
    hint = next((hint for hint in hints if hint), "")
    return f"node '{name}' is none of {', '.join(NODE_KINDS)}{hint}"


def _parse_say(name: str, fields: Fields, language: str) -> Node:
    return SayNode(
        name,
        fields.place("say"),
        _spoken("say", fields, language),
        fields.target("next", name),
        fields.flag("barge_in", default=True),
    )


def _parse_play(name: str, fields: Fields, language: str) -> Node:
    return PlayNode(
        name,
        fields.place("play"),
        _recorded("play", fields, language),
        fields.target("next", name),
        fields.flag("barge_in", default=True),
    )


def _parse_menu(name: str, fields: Fields, language: str) -> Node:
    prompt = fields.value("menu")
    if prompt is None:
        fields.missing("menu")
    return MenuNode(
        name,
        fields.place("menu"),
        Spoken("", language) if prompt is None else _prompt(prompt, fields, language),
        _options(fields),
        _escalation("no_input", fields, language),
        _escalation("no_match", fields, language),
        fields.optional_target("failed"),
        fields.count("retries", DEFAULT_RETRIES, MAX_RETRIES),
        fields.flag("barge_in", default=True),
        fields.flag("type_ahead", default=True),
        fields.duration_s("first_digit_timeout", DEFAULT_FIRST_DIGIT_TIMEOUT_S, 0.5, 120),
        fields.duration_s("inter_digit_timeout", DEFAULT_INTER_DIGIT_TIMEOUT_S, 0.2, 30),
    )


def _parse_goto(name: str, fields: Fields, _language: str) -> Node:
    return GotoNode(name, fields.place("goto"), fields.target("goto", name))


def _parse_hangup(name: str, fields: Fields, _language: str) -> Node:
    text = fields.text("hangup")
    cause = Cause.NORMAL_CLEARING if text is None else _cause(text, fields)
    return HangupNode(name, fields.place("hangup"), cause)


NODE_KINDS: Final[Mapping[str, NodeParser]] = MappingProxyType(
    {
        "say": _parse_say,
        "play": _parse_play,
        "menu": _parse_menu,
        "goto": _parse_goto,
        "hangup": _parse_hangup,
    }
)


def _cause(text: YamlText, fields: Fields) -> Cause:
    """A cause by its Q.850 number or by its name in lower case."""
    names = {cause.name.lower(): cause for cause in Cause}
    numbers = {str(cause.value): cause for cause in Cause}
    cause = names.get(text.text) or numbers.get(text.text)
    if cause is None:
        hint = suggest(text.text, names)
        fields.error(text.at, f"'{shorten(text.text)}' isn't a cause of Q.850, by name or number{hint}")
        return Cause.NORMAL_CLEARING
    return cause


def _options(fields: Fields) -> tuple[MenuOption, ...]:
    options: list[MenuOption] = []
    for key, value in fields.entries("keys"):
        if not _KEYS.fullmatch(key.text):
            rule = f"1 to {MAX_OPTION_KEYS} of 0-9, *, # and A-D"
            fields.error(key.at, f"'{shorten(key.text)}' can't be pressed ({rule})")
        elif not isinstance(value, YamlText) or value.absent:
            fields.error(value.at, f"key {key.text} leads to the name of a node, not {describe(value)}")
        else:
            options.append(MenuOption(key.text, Target(value.text, value.at), key.at))
    return tuple(options)


def _escalation(key: str, fields: Fields, language: str) -> Escalation:
    section = fields.section(key, f"'{key}'")
    if section is None:
        return Escalation()
    prompts = tuple(_prompt(value, section, language) for value in section.one_or_more("say"))
    target = section.optional_target("next")
    section.done()
    return Escalation(prompts, target)


def _prompt(value: YamlValue, fields: Fields, language: str) -> Prompt:
    """A text, or `{play: FILE}`."""
    if isinstance(value, YamlMap):
        inner = Fields(value, "a prompt", fields.faults)
        recorded = _recorded("play", inner, language)
        inner.done()
        return recorded
    if isinstance(value, YamlText):
        return _speakable(value, fields, language)
    fields.error(value.at, f"a prompt is a text or {{play: FILE}}, not {describe(value)}")
    return Spoken("", language)


def _spoken(key: str, fields: Fields, language: str) -> Spoken:
    text = fields.text(key)
    if text is None:
        if fields.value(key) is None:
            fields.missing(key)
        return Spoken("", language)
    return _speakable(text, fields, language)


def _speakable(value: YamlText, fields: Fields, language: str) -> Spoken:
    # Line breaks are how the file was wrapped, not pauses: one text is one prompt however it is written.
    text = " ".join(value.text.split())
    if not any(character.isalnum() for character in text):
        fields.error(value.at, f"there is nothing to say in {describe(value)}")
    if len(text) > MAX_TEXT:
        fields.error(value.at, f"a text has at most {MAX_TEXT:,} characters; this one has {len(text):,}")
    return Spoken(text, language)


def _recorded(key: str, fields: Fields, language: str) -> Recorded:
    text = fields.text(key)
    fallback = fallback_text(language)
    if fields.value("fallback") is not None:
        fallback = _spoken("fallback", fields, language)
    if text is None:
        if fields.value(key) is None:
            fields.missing(key)
        return Recorded("", fallback, fields.at)
    if not _stays_inside(text.text):
        fields.error(text.at, f"'{shorten(text.text)}' isn't a path inside the plan's directory")
        return Recorded("", fallback, text.at)
    return Recorded(text.text, fallback, text.at)


def _stays_inside(file: str) -> bool:
    # A plan is copied, versioned and reloaded as one directory, so nothing in it may point out of it.
    path = PurePosixPath(file)
    return not (path.is_absolute() or ".." in path.parts or "\\" in file or "\0" in file)
