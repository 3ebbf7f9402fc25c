"""How a menu reads keys and what it does about failures. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from gateway.dialplan.model import Escalation, MenuNode, Prompt, Target


class Failure(Enum):
    """How an attempt at a menu fails; the values are metric outcomes."""

    NO_INPUT = "no_input"
    NO_MATCH = "no_match"


@dataclass(frozen=True, slots=True)
class Reading:
    """What the keys so far mean: the option they are, if any, and whether a longer one begins with them."""

    target: Target | None
    goes_on: bool


def read_keys(menu: MenuNode, keys: str) -> Reading:
    target = next((option.target for option in menu.options if option.keys == keys), None)
    goes_on = any(len(option.keys) > len(keys) and option.keys.startswith(keys) for option in menu.options)
    return Reading(target, goes_on)


def prompts_of(menu: MenuNode, failure: Failure, retry: int) -> tuple[Prompt, ...]:
    """What is said before attempt `retry` (1 is the first retry): its own prompt, then the question again."""
    prompts = escalation_of(menu, failure).prompts
    if not prompts:
        return (menu.prompt,)
    last = len(prompts) - 1
    if retry >= menu.retries:
        return (prompts[last], menu.prompt)
    # The last prompt says that it is the last time, so no earlier retry may use it unless it is the only one.
    return (prompts[min(retry - 1, max(last - 1, 0))], menu.prompt)


def way_out(menu: MenuNode, failure: Failure) -> Target | None:
    """Where the caller goes when the retries are used up; None ends the call."""
    return escalation_of(menu, failure).next or menu.failed


def escalation_of(menu: MenuNode, failure: Failure) -> Escalation:
    return menu.no_input if failure is Failure.NO_INPUT else menu.no_match
