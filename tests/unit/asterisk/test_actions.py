"""What may be asked of the PBX, and what a value can't smuggle in."""

from __future__ import annotations

import pytest

from gateway.asterisk.actions import Action, ForbiddenAction, UnsafeValue, extension


@pytest.mark.parametrize("name", ["Command", "UpdateConfig", "Reload", "ModuleLoad", "DBPut", "Setvar"])
def test_what_isnt_on_the_list_cant_be_made(name: str) -> None:
    with pytest.raises(ForbiddenAction, match=name):
        Action(name)


def test_fields_that_an_action_doesnt_have_are_refused() -> None:
    with pytest.raises(ForbiddenAction, match="Originate: Application"):
        Action("Originate", {"Application": "System", "Channel": "PJSIP/1@ringback"})


def test_only_a_calls_name_may_be_read_of_a_channel() -> None:
    with pytest.raises(ForbiddenAction, match="Getvar"):
        Action("Getvar", {"Channel": "PJSIP/ann-1", "Variable": "SHELL(id)"})


@pytest.mark.parametrize("value", ["1\r\nAction: Originate", "1\n2", "1\r", "a\x00", "x" * 600, "\u2028"])
def test_a_value_that_is_more_than_one_line_is_refused_and_not_repeated(value: str) -> None:
    with pytest.raises(UnsafeValue) as refused:
        Action("Redirect", {"Channel": value})

    assert value not in str(refused.value)


@pytest.mark.parametrize("value", ["a,OTHER=1", 'a"b', "a\\,b", "a\r\nb"])
def test_a_variable_cant_bring_another_one(value: str) -> None:
    with pytest.raises(UnsafeValue, match="RINGBACK_UUI"):
        Action("Originate", {"Channel": "PJSIP/1@ringback"}, {"RINGBACK_UUI": value})


@pytest.mark.parametrize("name", ["lower", "A B", "A=B", "SHELL(ls)", "___A", ""])
def test_only_plain_names_are_variables(name: str) -> None:
    with pytest.raises(UnsafeValue):
        Action("Originate", {"Channel": "PJSIP/1@ringback"}, {name: "1"})


def test_variables_go_with_calls_alone() -> None:
    with pytest.raises(ForbiddenAction):
        Action("Ping", {}, {"A": "1"})


def test_what_is_allowed_is_made() -> None:
    variables = {"RINGBACK_UUI": "00ff;encoding=hex"}
    action = Action("Originate", {"Channel": "PJSIP/1@ringback", "Exten": "+4930123"}, variables)

    assert action.variables == variables


@pytest.mark.parametrize("text", ["4711", "+4930123456", "ann", "*43", "ann-home", "#9"])
def test_extensions_can_be_dialled(text: str) -> None:
    assert extension(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "4711@from-internal", "1&PJSIP/2@carrier", "1,300,g", "${SHELL(ls)}", "a b", "1|2", "-1", "٤٧"],
)
def test_what_a_dialplan_would_take_for_more_than_an_extension_is_refused(text: str) -> None:
    with pytest.raises(UnsafeValue):
        extension(text)
