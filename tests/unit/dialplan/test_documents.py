"""YAML as it comes: limits, bombs, and places."""

from __future__ import annotations

import pytest

from gateway.dialplan.documents import MAX_DEPTH, MAX_FILE_BYTES, YamlMap, YamlText, describe, parse
from gateway.dialplan.faults import Fault


def faults_in(content: bytes) -> list[str]:
    faults: list[Fault] = []
    parse(content, "f.yaml", faults)
    return [str(fault) for fault in faults]


def test_a_scalar_stays_what_was_written() -> None:
    (document,) = parse(b"{07: no, 1: 1e3, on: ~}", "f.yaml", [])

    assert isinstance(document, YamlMap)
    written = [(key.text, value.text) for key, value in document.entries if isinstance(value, YamlText)]
    assert written == [("07", "no"), ("1", "1e3"), ("on", "~")]


def test_several_documents_in_a_file_are_several_values() -> None:
    assert len(parse(b"a: 1\n---\nb: 2\n", "f.yaml", [])) == 2


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    (document,) = parse(b"\xef\xbb\xbfa: 1\n", "f.yaml", [])

    assert isinstance(document, YamlMap)
    assert document.entries[0][0].text == "a"


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"a: 1\nb: \xff\n", "2:4: error: byte 0xff isn't UTF-8"),
        ("ä: ".encode() + b"\xff", "1:4: error: byte 0xff isn't UTF-8"),
        (b"a: &x 1\n", "1:4: error: anchors (&) aren't part of a dialplan"),
        (b"a: !!python/object:os.system x\n", "1:4: error: tags (!) aren't part of a dialplan"),
        (b"a: 1\na: 2\n", "2:1: error: 'a' is given twice (first in line 1)"),
        (b"? [a]\n: b\n", "1:3: error: a key is a word, not a list"),
        (b"? {a: b}\n: b\n", "1:3: error: a key is a word, not a mapping"),
        (b"a: [1\nb: 2\n", "2:2: error: expected ',' or ']', but got ':' (while parsing a flow sequence)"),
        (b"a: b: c\n", "1:5: error: mapping values are not allowed here"),
        (b"a: 1\nc: \x01\n", "2:4: error: a character that YAML doesn't allow"),
        (b"[" * 100_000, f"1:{MAX_DEPTH + 1}: error: nested more than {MAX_DEPTH} levels deep"),
        (b"%YAML 9.9\n---\na: b\n", "1:1: error: found incompatible YAML document (version 1.* is required)"),
    ],
)
def test_bad_yaml_has_a_place_and_a_reason(content: bytes, fault: str) -> None:
    assert faults_in(content) == [f"f.yaml:{fault}"]


def test_an_alias_ends_the_file_before_it_can_grow() -> None:
    bomb = b"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"

    assert faults_in(bomb)[-1] == (
        'f.yaml:2:8: error: aliases aren\'t part of a dialplan (quote a key such as "*" or a text with *)'
    )


def test_a_character_outside_unicode_is_a_fault_and_no_crash() -> None:
    assert len(faults_in(b'a: "\\UFFFFFFFF"')) == 1


def test_a_file_beyond_the_limit_is_refused() -> None:
    assert "a dialplan file has at most" in faults_in(b" " * (MAX_FILE_BYTES + 1))[0]


def test_long_values_are_shortened_in_messages() -> None:
    (value,) = parse(b"word " * 20, "f.yaml", [])

    assert describe(value) == "'word word word word word word word word…'"
