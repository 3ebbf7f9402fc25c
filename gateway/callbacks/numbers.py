"""Which numbers may be called back, and in which form they are dialled and read out. Pure.

The rules of numbering are Google's libphonenumber, by way of `phonenumbers`. A mistake here costs money (a
premium-rate number that a stranger left) or lives (an emergency line that rings for nothing), so whatever
isn't clearly allowed is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from typing import Final

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, PhoneNumberType, timezone
from phonenumbers.shortnumberinfo import connects_to_emergency_number, is_emergency_number

from gateway.errors import RingbackError

MAX_LENGTH: Final = 32
"""Characters of what is taken for a number at all; E.164 has 15 digits."""


class NumberFault(Enum):
    """Why a number isn't called back."""

    INVALID = "invalid"  # nobody can have it, or it can't be told without the country
    EMERGENCY = "emergency"
    COSTLY = "costly"  # premium rate, shared cost, or another type that nobody owns as a phone
    COUNTRY = "country"  # not one of the queue's countries
    DESTINATION = "destination"  # not on the queue's list


class NumberRefused(RingbackError):
    """A number that isn't called back. The message hasn't the number in it: it goes to logs."""

    def __init__(self, fault: NumberFault) -> None:
        super().__init__(f"the number can't be called back: {fault.value}")
        self.fault = fault


@dataclass(frozen=True, slots=True)
class NumberRules:
    """Where a queue calls back to.

    `country`: whose national numbers these are when they come without a + (ISO 3166, upper case); "" when
    only international ones are understood. `countries`: those that are called; empty for every one.
    `destinations`: patterns (`*` and `?`) of which one has to match: of E.164 numbers ("+4930*"), or of the
    extensions of a PBX, which have no + ("2??"). Empty for every number that can be told to be one.
    """

    country: str = ""
    countries: frozenset[str] = frozenset()
    destinations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CallableNumber:
    """A number that may be called: as it is dialled, and as it is read out, in groups of digits.

    `zones`: the time zones in which it may be (IANA); none for an extension, which is wherever we are.
    """

    dialled: str
    groups: tuple[str, ...]
    zones: tuple[str, ...] = ()

    @property
    def spoken(self) -> str:
        """Digit by digit, with a pause after each group."""
        return ", ".join(" ".join(group) for group in self.groups)


REFUSED_TYPES: Final = frozenset(
    {
        PhoneNumberType.PREMIUM_RATE,
        PhoneNumberType.SHARED_COST,
        PhoneNumberType.UAN,
        PhoneNumberType.PAGER,
        PhoneNumberType.VOICEMAIL,
    }
)


def check_number(written: str, rules: NumberRules) -> CallableNumber:
    """The number that somebody gave, pressed, or called from. Raises NumberRefused."""
    text = "".join(character for character in written.strip() if character not in " -./()\u00a0")
    if not text or len(text) > MAX_LENGTH or not text.isascii() or not text.lstrip("+").isdigit():
        raise NumberRefused(NumberFault.INVALID)
    if _is_emergency(text, rules):
        raise NumberRefused(NumberFault.EMERGENCY)
    if not text.startswith("+") and any(fnmatchcase(text, pattern) for pattern in rules.destinations):
        return CallableNumber(text, _in_groups(text))
    number = _parsed(text, rules)
    if phonenumbers.number_type(number) in REFUSED_TYPES:
        raise NumberRefused(NumberFault.COSTLY)
    if rules.countries and phonenumbers.region_code_for_number(number) not in rules.countries:
        raise NumberRefused(NumberFault.COUNTRY)
    dialled = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    if rules.destinations and not any(fnmatchcase(dialled, pattern) for pattern in rules.destinations):
        raise NumberRefused(NumberFault.DESTINATION)
    return CallableNumber(dialled, _groups_of(number, rules.country), _zones_of(number))


def _parsed(text: str, rules: NumberRules) -> PhoneNumber:
    try:
        number = phonenumbers.parse(text, rules.country or None)
    except NumberParseException:
        raise NumberRefused(NumberFault.INVALID) from None
    if not phonenumbers.is_valid_number(number):
        raise NumberRefused(NumberFault.INVALID)
    return number


def _is_emergency(text: str, rules: NumberRules) -> bool:
    """Dialled from here, or from where its country code says; without a country, wherever it is one."""
    if text.startswith("+"):
        # +49 112: the network of that country may well take it for its own 112. Only the exact number is one:
        # +91 112... is a line in Delhi.
        return any(
            is_emergency_number(text[1 + digits :], region)
            for digits in (1, 2, 3)
            for region in phonenumbers.region_codes_for_country_code(_int(text[1 : 1 + digits]))
        )
    if rules.country:
        return connects_to_emergency_number(text, rules.country)
    return any(is_emergency_number(text, region) for region in phonenumbers.SUPPORTED_REGIONS)


def _int(digits: str) -> int:
    return int(digits) if digits else 0


def _groups_of(number: PhoneNumber, country: str) -> tuple[str, ...]:
    """As people of its country write it; with the country code for everybody else."""
    domestic = bool(country) and phonenumbers.region_code_for_number(number) == country
    form = PhoneNumberFormat.NATIONAL if domestic else PhoneNumberFormat.INTERNATIONAL
    written = phonenumbers.format_number(number, form)
    cleaned = "".join(character if character.isdigit() else " " for character in written)
    return tuple(part for group in cleaned.split() for part in _in_groups(group))


def _in_groups(digits: str) -> tuple[str, ...]:
    """Groups of at most four digits: more nobody keeps in mind."""
    if len(digits) <= 4:
        return (digits,)
    size = 3 if len(digits) % 3 == 0 or len(digits) % 2 else 2
    parts = [digits[at : at + size] for at in range(0, len(digits), size)]
    if len(parts) > 1 and len(parts[-1]) == 1:
        parts[-2:] = [parts[-2] + parts[-1]]
    return tuple(parts)


def _zones_of(number: PhoneNumber) -> tuple[str, ...]:
    zones = timezone.time_zones_for_number(number)
    return tuple(zone for zone in zones if zone != timezone.UNKNOWN_TIMEZONE)
