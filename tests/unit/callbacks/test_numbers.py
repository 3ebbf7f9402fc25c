"""Which numbers may be called, and how they are read out."""

from __future__ import annotations

import pytest

from gateway.callbacks.numbers import NumberFault, NumberRefused, NumberRules, check_number

GERMAN = NumberRules("DE")


@pytest.mark.parametrize(
    ("written", "dialled", "spoken"),
    [
        ("030 123456", "+4930123456", "0 3 0, 1 2 3, 4 5 6"),
        ("+49 (30) 123-456", "+4930123456", "0 3 0, 1 2 3, 4 5 6"),
        ("+442071838750", "+442071838750", "4 4, 2 0, 7 1 8 3, 8 7 5 0"),
        ("+911123456789", "+911123456789", "9 1, 1 1, 2 3 4 5, 6 7 8 9"),  # Delhi, not 112
    ],
)
def test_a_number_is_dialled_as_e164_and_read_out_in_groups(written: str, dialled: str, spoken: str) -> None:
    number = check_number(written, GERMAN)

    assert (number.dialled, number.spoken) == (dialled, spoken)


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("", NumberFault.INVALID),
        ("anonymous", NumberFault.INVALID),
        ("+", NumberFault.INVALID),
        ("+4930123456789012345678901234567890", NumberFault.INVALID),
        ("٠٣٠١٢٣٤٥٦", NumberFault.INVALID),
        ("+49 0", NumberFault.INVALID),
        ("112", NumberFault.EMERGENCY),
        ("110", NumberFault.EMERGENCY),
        ("+49112", NumberFault.EMERGENCY),
        ("0900 1234567", NumberFault.COSTLY),
        ("0180 1234567", NumberFault.COSTLY),
        ("+1 900 234 5678", NumberFault.COSTLY),
    ],
)
def test_what_isnt_clearly_somebodys_telephone_is_refused(written: str, fault: NumberFault) -> None:
    with pytest.raises(NumberRefused) as refused:
        check_number(written, GERMAN)

    assert refused.value.fault is fault
    assert written == "" or written not in str(refused.value)


def test_without_a_country_only_international_numbers_are_understood() -> None:
    assert check_number("+4930123456", NumberRules()).dialled == "+4930123456"
    for written, fault in (("030123456", NumberFault.INVALID), ("911", NumberFault.EMERGENCY)):
        with pytest.raises(NumberRefused) as refused:
            check_number(written, NumberRules())
        assert refused.value.fault is fault


def test_only_the_countries_of_the_queue_are_called() -> None:
    rules = NumberRules("DE", frozenset({"DE", "AT"}))

    assert check_number("+4312345678", rules).dialled == "+4312345678"
    with pytest.raises(NumberRefused) as refused:
        check_number("+442071838750", rules)
    assert refused.value.fault is NumberFault.COUNTRY


def test_only_destinations_of_the_list_are_called_and_extensions_need_one() -> None:
    rules = NumberRules("DE", destinations=("+4930*", "2??"))

    extension = check_number("217", rules)
    assert (extension.dialled, extension.groups, extension.zones) == ("217", ("217",), ())
    assert check_number("030 123456", rules).dialled == "+4930123456"
    with pytest.raises(NumberRefused) as refused:
        check_number("040 123456", rules)
    assert refused.value.fault is NumberFault.DESTINATION
    with pytest.raises(NumberRefused):
        check_number("217", GERMAN)


def test_a_long_extension_is_read_in_groups_too() -> None:
    rules = NumberRules(destinations=("*",))

    assert check_number("12345", rules).groups == ("123", "45")
    assert check_number("1234567", rules).groups == ("123", "4567")
    assert check_number("12345678", rules).groups == ("12", "34", "56", "78")


def test_the_time_zones_follow_from_the_number() -> None:
    assert check_number("+81312345678", NumberRules()).zones == ("Asia/Tokyo",)
    assert len(check_number("+18002345678", NumberRules()).zones) > 1  # toll-free: anywhere in the country
