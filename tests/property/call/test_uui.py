"""User-to-User: what is written is read again, and nothing that is sent breaks the reader."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.call.uui import MAX_OCTETS, UserToUser, format_uui, parse_uui


@given(st.binary(max_size=MAX_OCTETS), st.none() | st.integers(0, 255))
def test_what_is_written_is_read_again(content: bytes, discriminator: int | None) -> None:
    value = format_uui(UserToUser(content, discriminator))

    read = parse_uui(value)
    if discriminator is not None:
        assert read == UserToUser(content, discriminator)
    assert len(value) <= 2 * (MAX_OCTETS + 1) + len(";encoding=hex")


@given(st.text(max_size=300) | st.from_regex(r'"?[0-9a-f]*"?(;[a-z-]+=[a-z-]+){0,3}'))
def test_nothing_breaks_the_reader(value: str) -> None:
    parse_uui(value)
