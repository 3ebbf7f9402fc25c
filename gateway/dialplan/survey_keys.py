"""The document `surveys`: names, or names and what is asked. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.dialplan import keygroups as group
from gateway.dialplan import keytypes as key
from gateway.dialplan.documents import YamlMap, YamlText, YamlValue, describe, shorten
from gateway.dialplan.faults import suggest
from gateway.dialplan.fields import Fields
from gateway.dialplan.keytypes import Key
from gateway.dialplan.sections import Sources
from gateway.dialplan.spoken import LANGUAGE
from gateway.dialplan.surveys import COMMENT_S, THANKS, USUAL, WORDS, Question, SurveyDefinition
from gateway.dialplan.wording import Wording

_QUESTIONS: Final = [question.value for question in Question]


def _questions(fields: Fields, name: str, _languages: tuple[str, ...]) -> tuple[Question, ...]:
    found: list[Question] = []
    for value in fields.one_or_more(name):
        if not isinstance(value, YamlText) or value.text not in _QUESTIONS:
            hint = suggest(value.text, _QUESTIONS) if isinstance(value, YamlText) else ""
            fields.error(value.at, f"'{name}' is of {', '.join(_QUESTIONS)}, not {describe(value)}{hint}")
        elif Question(value.text) not in found:
            found.append(Question(value.text))
    return tuple(found) or USUAL


_ASK: Final = {"enum": _QUESTIONS}

SURVEY_KEYS: Final[Mapping[str, Key]] = MappingProxyType(
    {
        "ask": Key(
            _questions,
            {"anyOf": [_ASK, {"type": "array", "items": _ASK}]},
            "`nps` (0 to 10), `csat` (1 to 5), `comment` (recorded), in this order; nps and csat if left out",
        ),
        "nps": group.said("the words of the first", WORDS[Question.NPS]),
        "csat": group.said("of the second", WORDS[Question.CSAT]),
        "comment": group.said("of the third", WORDS[Question.COMMENT]),
        "comment_limit": key.duration("the longest comment", COMMENT_S, 5.0, 600.0),
        "thanks": group.said("said at the end: a prompt, true or false", THANKS),
    }
)
"""Every key of a survey."""


def read_surveys(fields: Fields, sources: Sources) -> None:
    """A list of names, or names and their settings. `language`: of single texts."""
    language = fields.text("language")
    languages = ("en",) if language is None else (language.text,)
    if language is not None and not LANGUAGE.fullmatch(language.text):
        fields.error(language.at, f"'{shorten(language.text)}' isn't a language tag, such as en or de-CH")
    value = fields.value("surveys")
    if isinstance(value, YamlMap):
        entries = [(name, _mapping_of(name, inner, fields)) for name, inner in value.entries]
    else:
        entries = [(name, YamlMap(name.at, ())) for name in _names(fields)]
    for name, inner in entries:
        fields.check_name(name)
        if name.text in sources.surveys:
            known = sources.surveys[name.text].at
            fields.error(name.at, f"'{name.text}' is in 'surveys' already at {known}")
        survey = Fields(inner, f"survey '{name.text}'", sources.faults)
        sources.surveys.setdefault(name.text, _survey(name, survey, languages))


def _names(fields: Fields) -> list[YamlText]:
    found: list[YamlText] = []
    for value in fields.one_or_more("surveys"):
        if isinstance(value, YamlText):
            found.append(value)
        else:
            fields.error(value.at, f"'surveys' is a list of names, not {describe(value)}")
    return found


def _mapping_of(name: YamlText, value: YamlValue, fields: Fields) -> YamlMap:
    if isinstance(value, YamlMap):
        return value
    if not isinstance(value, YamlText) or not value.absent:
        fields.error(value.at, f"survey '{name.text}' is a mapping, not {describe(value)}")
    return YamlMap(name.at, ())


def _survey(name: YamlText, fields: Fields, languages: tuple[str, ...]) -> SurveyDefinition:
    found = group.read_group(fields, SURVEY_KEYS, languages)
    words = {
        question: written if isinstance(written := found[question.value], Wording) else WORDS[question]
        for question in Question
    }
    thanks: Wording | bool | None = found["thanks"]
    said = thanks if isinstance(thanks, Wording) else None if thanks is False else THANKS
    return SurveyDefinition(
        name.text, name.at, found["ask"], MappingProxyType(words), said, found["comment_limit"]
    )
