"""Reading messages and parties as phones and carriers really write them; RFC 4475 has the odd ones."""

from __future__ import annotations

import pytest

from gateway.call.leg import Party
from gateway.sip.message import checked_headers, name_addr, parse, party

INVITE = (
    "INVITE sip:+4930123@gw.example;user=phone SIP/2.0\r\n"
    "Via: SIP/2.0/UDP a;branch=z9hG4bK1\r\n"
    "v: SIP/2.0/UDP b;branch=z9hG4bK2\r\n"
    'f: "Ann, \\"the\\" boss" <sip:+15551234@b.example;x=y>;tag=1\r\n'
    "SUBJECT :  first line,\r\n"
    "   second line\r\n"
    "X-Empty:\r\n"
    "\r\n"
    "v=0\r\n"
    "X-Body: not a header\r\n"
)


def test_headers_are_found_by_their_long_names_in_lower_case() -> None:
    message = parse(INVITE)

    assert message.start_line.startswith("INVITE ")
    assert message.request_uri == "sip:+4930123@gw.example;user=phone"
    assert message.header("via") == "SIP/2.0/UDP a;branch=z9hG4bK1"
    assert message.header("subject") == "first line, second line"
    assert message.header("x-empty") == ""
    assert message.header("x-body") is None


def test_repeated_headers_are_joined_in_order() -> None:
    assert parse(INVITE).mapping["via"] == "SIP/2.0/UDP a;branch=z9hG4bK1, SIP/2.0/UDP b;branch=z9hG4bK2"


def test_a_response_has_no_request_uri() -> None:
    assert parse("SIP/2.0 200 OK\r\nCSeq: 1 BYE\r\n\r\n").request_uri == ""


@pytest.mark.parametrize("text", ["", "\r\n", "nonsense", "INVITE sip:a@b SIP/2.0\r\nno colon here\r\n\r\n"])
def test_what_is_hardly_a_message_is_read_without_a_fault(text: str) -> None:
    assert parse(text).headers == ()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("<sip:100@gw>", Party("100", "", "sip:100@gw")),
        ("sip:100@gw;tag=abc", Party("100", "", "sip:100@gw")),
        ('"Ann" <sip:+1555@gw>;tag=1', Party("+1555", "Ann", "sip:+1555@gw")),
        ('"A \\"B\\" <c>" <sip:d@gw>', Party("d", 'A "B" <c>', "sip:d@gw")),
        ("Ann Lee <sip:ann@gw>", Party("ann", "Ann Lee", "sip:ann@gw")),
        ("<sip:gw.example>", Party("", "", "sip:gw.example")),
        (
            "<tel:+49-30-(123).4;phone-context=x>",
            Party("+49301234", "", "tel:+49-30-(123).4;phone-context=x"),
        ),
        ("<sip:+1555;npdi=yes@gw>", Party("+1555", "", "sip:+1555;npdi=yes@gw")),
        ("<sip:a%20b:secret@gw>", Party("a b", "", "sip:a%20b:secret@gw")),
        (
            '"Anonymous" <sip:anonymous@anonymous.invalid>',
            Party("", "Anonymous", "sip:anonymous@anonymous.invalid"),
        ),
        ("", Party("", "", "")),
    ],
)
def test_a_party_is_who_the_address_names(value: str, expected: Party) -> None:
    assert party(value) == expected


def test_headers_that_are_fit_to_be_sent_pass() -> None:
    headers = (("X-Ringback-Call", "abc"), ("User-to-User", "00a1;encoding=hex"), ("Subject", "überall\tgut"))

    assert checked_headers(headers) == headers


@pytest.mark.parametrize("name", ["", "X Y", "X:Y", "X\r\nEvil", "Ü"])
def test_a_name_that_is_no_token_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a header name"):
        checked_headers([(name, "x")])


@pytest.mark.parametrize("value", ["a\r\nb", "a\nb", "a\rb", "\x00", "a\x7f"])
def test_a_value_with_a_line_break_is_refused_by_the_name_of_its_header(value: str) -> None:
    with pytest.raises(ValueError, match="X-Name"):
        checked_headers([("X-Name", value)])


def test_what_no_database_takes_is_replaced_at_the_door() -> None:
    garbled = b'INVITE sip:a@b SIP/2.0\r\nFrom: "\xff\x00" <sip:c@d>\r\n\r\n'.decode(
        "utf-8", "surrogateescape"
    )

    name = party(parse(garbled).header("from") or "").display_name

    assert name == "\ufffd\ufffd"


def test_a_party_of_a_thousand_characters_is_cut() -> None:
    long = party(f'"{"n" * 1000}" <sip:{"1" * 1000}@gw>')

    assert (len(long.number), len(long.display_name), len(long.uri)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("caller", "written"),
    [
        (Party("+4915112345678"), "<sip:+4915112345678@pbx.example>"),
        (Party("200", "Ann"), '"Ann" <sip:200@pbx.example>'),
        (Party("200", 'Ann "Boss" \\ Lee'), '"Ann \\"Boss\\" \\\\ Lee" <sip:200@pbx.example>'),
        (Party(""), "<sip:anonymous@pbx.example>"),
        (Party("a b@c>", "x\r\nEvil: 1"), '"xEvil: 1" <sip:a%20b%40c%3E@pbx.example>'),
        (Party("200", "Ann", "sip:200@other.example"), '"Ann" <sip:200@other.example>'),
    ],
)
def test_who_calls_is_written_so_that_nothing_breaks_out(caller: Party, written: str) -> None:
    assert name_addr(caller, host="pbx.example") == written
