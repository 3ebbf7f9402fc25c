"""RFC 3398's tables, Q.850's class rule and RFC 3326's header, line by line."""

from __future__ import annotations

import pytest

from gateway.call.cause import (
    CAUSE_TO_SIP,
    Cause,
    Reason,
    cause_from_value,
    cause_to_sip,
    format_reason,
    parse_reason,
    parse_reasons,
    sip_to_cause,
)

# RFC 3398 §8.2.6.1, typed from the RFC and not from our table.
RFC_CAUSE_TO_STATUS = {
    **dict.fromkeys((1, 2, 3, 26), 404),
    17: 486,
    18: 408,
    **dict.fromkeys((19, 20, 31), 480),
    **dict.fromkeys((21, 55, 57, 87), 403),
    **dict.fromkeys((22, 23), 410),
    27: 502,
    28: 484,
    **dict.fromkeys((29, 79), 501),
    **dict.fromkeys((34, 38, 41, 42, 47, 58, 88), 503),
    **dict.fromkeys((65, 70), 488),
    102: 504,
    **dict.fromkeys((111, 127), 500),
}

# RFC 3398 §7.2.4.1, likewise; 487, 488 and 606 have no value of their own there.
RFC_STATUS_TO_CAUSE = {
    **dict.fromkeys((400, 481, 500, 503), 41),
    **dict.fromkeys((401, 402, 403, 407, 603), 21),
    **dict.fromkeys((404, 485, 604), 1),
    405: 63,
    **dict.fromkeys((406, 415, 501), 79),
    **dict.fromkeys((408, 504), 102),
    410: 22,
    **dict.fromkeys((413, 414, 416, 420, 421, 423, 505, 513), 127),
    480: 18,
    **dict.fromkeys((482, 483), 25),
    484: 28,
    **dict.fromkeys((486, 600), 17),
    502: 38,
}


@pytest.mark.parametrize(("value", "status"), RFC_CAUSE_TO_STATUS.items())
def test_a_cause_becomes_the_status_that_rfc_3398_gives_it(value: int, status: int) -> None:
    assert status == cause_to_sip(Cause(value))


@pytest.mark.parametrize(("status", "value"), RFC_STATUS_TO_CAUSE.items())
def test_a_status_becomes_the_cause_that_rfc_3398_gives_it(status: int, value: int) -> None:
    assert Cause(value) is sip_to_cause(status)


def test_the_table_lists_nothing_that_the_rfc_does_not_but_normal_clearing() -> None:
    assert RFC_CAUSE_TO_STATUS.keys() | {Cause.NORMAL_CLEARING} == CAUSE_TO_SIP.keys()


@pytest.mark.parametrize("cause", [cause for cause in Cause if cause not in CAUSE_TO_SIP])
def test_a_cause_that_the_rfc_does_not_list_is_our_failure(cause: Cause) -> None:
    assert cause_to_sip(cause) == 500


def test_normal_clearing_before_the_answer_is_temporarily_unavailable() -> None:
    assert cause_to_sip(Cause.NORMAL_CLEARING) == 480


@pytest.mark.parametrize("status", [200, 202, 299, 487])
def test_an_answered_or_cancelled_call_is_cleared_normally(status: int) -> None:
    assert sip_to_cause(status) is Cause.NORMAL_CLEARING


@pytest.mark.parametrize("status", [300, 302, 418, 499, 599, 699, 0, 199, -1])
def test_a_status_that_the_rfc_does_not_list_is_interworking(status: int) -> None:
    assert sip_to_cause(status) is Cause.INTERWORKING


@pytest.mark.parametrize("status", [404, 484, 486, 410, 488, 403])
def test_a_rejection_keeps_its_status_on_the_way_through_us(status: int) -> None:
    assert cause_to_sip(sip_to_cause(status)) == status


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (15, Cause.NORMAL_UNSPECIFIED),
        (24, Cause.NORMAL_UNSPECIFIED),
        (33, Cause.RESOURCE_UNAVAILABLE),
        (56, Cause.SERVICE_NOT_AVAILABLE),
        (67, Cause.SERVICE_NOT_IMPLEMENTED),
        (89, Cause.INVALID_MESSAGE),
        (105, Cause.PROTOCOL_ERROR),
        (126, Cause.INTERWORKING),
        (17, Cause.USER_BUSY),
    ],
)
def test_an_unknown_value_is_the_unspecified_one_of_its_class(value: int, expected: Cause) -> None:
    assert expected is cause_from_value(value)


@pytest.mark.parametrize("value", [-1, 0, 128, 999])
def test_a_value_outside_seven_bits_is_no_cause(value: int) -> None:
    assert cause_from_value(value) is None


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Q.850;cause=16", (Reason("Q.850", 16, ""),)),
        ('q.850 ; CAUSE = 17 ; text = "User busy"', (Reason("Q.850", 17, "User busy"),)),
        ("Q.850;cause=17;text=Busy", (Reason("Q.850", 17, "Busy"),)),
        (r'SIP;cause=600;text="a \"b\", \\c;"', (Reason("SIP", 600, r'a "b", \c;'),)),
        ('SIP;cause=200;text="Call completed elsewhere"', (Reason("SIP", 200, "Call completed elsewhere"),)),
        (
            'SIP ;cause=600 ;text="Busy, everywhere" , Q.850;cause=17',
            (Reason("SIP", 600, "Busy, everywhere"), Reason("Q.850", 17, "")),
        ),
        ("Preemption;cause=1;lr", (Reason("PREEMPTION", 1, ""),)),
        ("Q.850;text=unclear", (Reason("Q.850", None, "unclear"),)),
        ("Q.850;cause=16;cause=17", (Reason("Q.850", 16, ""),)),
    ],
)
def test_a_reason_header_is_read(header: str, expected: tuple[Reason, ...]) -> None:
    assert expected == parse_reasons(header)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "   ",
        ";cause=16",
        "Q.850;cause=sixteen",
        "Q.850;cause=",
        "Q.850;cause=-1",
        "Q.850;cause=99999999999999999999",
        "Q.850;cause=\u0661\u0666",
        'Q.850;cause=16;text="never closed',
        'Q.850;cause=16;text="ends in an escape\\"',
        "Q.850;cause=16 garbage",
        "Q.850;cause=16,",
        "Q.850;cause=16;",
        ",Q.850;cause=16",
        'Q.850;cause=16;text="two\r\nlines"',
        "Q.850;cause=16;text=" + "x" * 4096,
    ],
)
def test_a_malformed_reason_header_gives_no_cause(header: str) -> None:
    assert parse_reasons(header) == ()
    assert parse_reason(header) is None


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Q.850;cause=17", Cause.USER_BUSY),
        ("SIP;cause=486, Q.850;cause=21", Cause.CALL_REJECTED),
        ("SIP;cause=486", Cause.USER_BUSY),
        ('SIP;cause=200;text="Call completed elsewhere"', Cause.NORMAL_CLEARING),
        ("Q.850;text=unclear, SIP;cause=404", Cause.UNALLOCATED_NUMBER),
        ("Q.850;cause=24", Cause.NORMAL_UNSPECIFIED),
        ("Q.850;cause=0", None),
        ("SIP;cause=100", None),
        ("SIP;cause=700", None),
        ("SIP;text=none", None),
        ("Preemption;cause=1", None),
    ],
)
def test_the_cause_of_a_reason_header_is_the_networks_own(header: str, expected: Cause | None) -> None:
    assert expected is parse_reason(header)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "Q.850;cause=17"),
        ("User busy", 'Q.850;cause=17;text="User busy"'),
        ('say "no" \\ never', 'Q.850;cause=17;text="say \\"no\\" \\\\ never"'),
        ("one\r\nEvil: two", 'Q.850;cause=17;text="one  Evil: two"'),
    ],
)
def test_a_reason_header_is_written_with_its_text_quoted(text: str, expected: str) -> None:
    assert expected == format_reason(Cause.USER_BUSY, text)
