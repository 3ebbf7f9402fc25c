"""How a menu or a gather reads keys and words, and what it does about failures. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from gateway.dialplan.nodes import Asking, Escalation, GatherNode, MenuNode
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


def _read_option(menu: MenuNode, keys: str) -> Reading:
    target = next((option.target for option in menu.options if option.keys == keys), None)
    goes_on = any(len(option.keys) > len(keys) and option.keys.startswith(keys) for option in menu.options)
    return Reading(target is not None, goes_on, target)


def _read_digits(gather: GatherNode, keys: str) -> Reading:
    if gather.terminator and keys.endswith(gather.terminator):
        digits = keys[: -len(gather.terminator)]
        return Reading(len(digits) >= gather.minimum, goes_on=False, digits=digits)
    return Reading(len(keys) >= gather.minimum, len(keys) < gather.maximum, digits=keys)


def read_words(node: Asking, text: str, language: str) -> Reading:
    """What was said: a phrase of the menu, or the digits of a gather."""
    if isinstance(node, GatherNode):
        digits = re.sub(r"[\s.,-]", "", text)
        fits = digits.isdecimal() and node.minimum <= len(digits) <= node.maximum
        return Reading(fits, goes_on=False, digits=digits)
    said = normal(text)
    for phrase in menu_phrases(node, language):
        if normal(phrase) == said:
            target = next(p.target for p in node.phrases if p.text == phrase)
            return Reading(True, goes_on=False, target=target)
    return Reading(False, goes_on=False)


def phrases_of(node: Asking, language: str) -> tuple[str, ...]:
    """What the recogniser listens for."""
    if isinstance(node, GatherNode):
        return ("<digits>",) if node.speech else ()
    return menu_phrases(node, language)


def menu_phrases(menu: MenuNode, language: str) -> tuple[str, ...]:
    exact = tuple(phrase.text for phrase in menu.phrases if phrase.language == language)
    primary = language.partition("-")[0]
    return exact or tuple(p.text for p in menu.phrases if p.language.partition("-")[0] == primary)


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
