"""How a menu or a gather reads keys and words, and what it does about failures. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum

from gateway.dialplan.answers import NO, YES, read_answer, read_keyed
from gateway.dialplan.nodes import Asking, Escalation, GatherNode, MenuNode, MenuPhrase, Speech
from gateway.dialplan.places import Target
from gateway.dialplan.wording import Wording


class Failure(Enum):
    """How an attempt at a menu or a gather fails; the values are metric outcomes and exits."""

    NO_INPUT = "no_input"
    NO_MATCH = "no_match"


@dataclass(frozen=True, slots=True)
class Reading:
    """What the keys so far mean. `complete`: they can be taken as they are; `goes_on`: more may follow.

    `target`: the option of a menu; `digits`: those of a gather, without the terminator.
    """

    complete: bool
    goes_on: bool
    target: Target | None = None
    digits: str = ""


def read_keys(node: Asking, keys: str) -> Reading:
    return _read_digits(node, keys) if isinstance(node, GatherNode) else _read_option(node, keys)


def answer_of(node: GatherNode) -> str:
    """What the node is told: one of `answers.ANSWERS`."""
    return node.speech.answer if node.speech is not None else "digits"


def _read_option(menu: MenuNode, keys: str) -> Reading:
    target = next((option.target for option in menu.options if option.keys == keys), None)
    goes_on = any(len(option.keys) > len(keys) and option.keys.startswith(keys) for option in menu.options)
    return Reading(target is not None, goes_on, target)


def _read_digits(gather: GatherNode, keys: str) -> Reading:
    ended = gather.terminator and keys.endswith(gather.terminator)
    digits = keys[: -len(gather.terminator)] if ended else keys
    value = read_keyed(answer_of(gather), digits)
    goes_on = not ended and len(digits) < gather.maximum
    return Reading(value is not None and len(digits) >= gather.minimum, goes_on, digits=value or digits)


def read_words(node: Asking, text: str, language: str, today: date) -> Reading:
    """What was said: a phrase of the menu, or the answer to a gather."""
    if isinstance(node, GatherNode):
        kind = answer_of(node)
        value = read_answer(kind, text, language, today)
        counted = kind in ("digits", "phone")
        fits = value is not None and (not counted or node.minimum <= len(value) <= node.maximum)
        return Reading(fits, goes_on=False, digits=value or "")
    said = normal(text)
    for phrase in menu_phrases(node, language):
        if said in (normal(one) for one in phrase.texts):
            return Reading(True, goes_on=False, target=phrase.target)
    return Reading(False, goes_on=False)


def phrases_of(node: Asking, language: str) -> Mapping[str, str]:
    """The texts that the recogniser listens for, each with what it means: texts that lead to the same have
    the same meaning. None where an open answer is asked for, or none at all.
    """
    if isinstance(node, GatherNode):
        return yes_and_no(language) if node.speech is not None and node.speech.answer == "yes_no" else {}
    phrases = menu_phrases(node, language)
    return {text: f"to {phrase.target.node}" for phrase in phrases for text in phrase.texts}


def yes_and_no(language: str) -> Mapping[str, str]:
    primary = language.partition("-")[0]
    return {
        **dict.fromkeys(YES.get(primary, YES["en"]), "yes"),
        **dict.fromkeys(NO.get(primary, NO["en"]), "no"),
    }


def menu_phrases(menu: MenuNode, language: str) -> tuple[MenuPhrase, ...]:
    """Those of a language; where there are none, those of its relatives."""
    exact = tuple(phrase for phrase in menu.phrases if phrase.language == language)
    primary = language.partition("-")[0]
    return exact or tuple(p for p in menu.phrases if p.language.partition("-")[0] == primary)


def speech_of(node: Asking, language: str) -> Speech | None:
    """How a node listens for what a caller says in `language`; None where only keys count."""
    if isinstance(node, GatherNode):
        return node.speech
    return node.speech if menu_phrases(node, language) else None


def normal(text: str) -> str:
    """A phrase without what isn't heard: case, punctuation, spaces too many."""
    return " ".join("".join(c if c.isalnum() else " " for c in text.casefold()).split())


def wordings_of(node: Asking, failure: Failure, retry: int) -> tuple[Wording, ...]:
    """What is said before attempt `retry` (1 is the first retry): its own prompt, then the question again."""
    prompts = escalation_of(node, failure).prompts
    if not prompts:
        return (node.prompt,)
    last = len(prompts) - 1
    if retry >= node.retries:
        return (prompts[last], node.prompt)
    # The last prompt says that it is the last time, so no earlier retry may use it unless it is the only one.
    return (prompts[min(retry - 1, max(last - 1, 0))], node.prompt)


def escalation_of(node: Asking, failure: Failure) -> Escalation:
    return node.no_input if failure is Failure.NO_INPUT else node.no_match
