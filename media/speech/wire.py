"""How the pool and its workers talk: frames of a header in JSON and a body of samples, over a pipe."""

from __future__ import annotations

import json
import struct
from dataclasses import asdict
from typing import IO, Any, Final

from media.speech.recogniser import Answers, Evidence, Grammar

LENGTHS: Final = struct.Struct("!II")  # of the header and of the body, in bytes
MAX_HEADER: Final = 1 << 20
MAX_BODY: Final = 1 << 22  # two minutes at 16 kHz

Header = dict[str, Any]


def pack(header: Header, body: bytes = b"") -> bytes:
    text = json.dumps(header, ensure_ascii=False).encode()
    return LENGTHS.pack(len(text), len(body)) + text + body


def read(stream: IO[bytes]) -> tuple[Header, bytes] | None:
    """The next frame; None at the end. Blocks. Raises ValueError for what isn't a frame."""
    lengths = stream.read(LENGTHS.size)
    if len(lengths) < LENGTHS.size:
        return None
    header, body = LENGTHS.unpack(lengths)
    check_lengths(header, body)
    return header_of(stream.read(header)), stream.read(body)


def header_of(text: bytes) -> Header:
    header: Header = json.loads(text)
    return header


def check_lengths(header: int, body: int) -> None:
    if header > MAX_HEADER or body > MAX_BODY:
        raise ValueError(f"a frame of {header} + {body} bytes")


def grammar_to_json(grammar: Grammar) -> Header:
    return {
        "language": grammar.language,
        "phrases": grammar.phrases,
        "answers": grammar.answers.value,
        "meanings": grammar.meanings,
    }


def grammar_of(values: Header) -> Grammar:
    return Grammar(
        values["language"], tuple(values["phrases"]), Answers(values["answers"]), tuple(values["meanings"])
    )


def evidence_to_json(evidence: Evidence) -> Header:
    return asdict(evidence)


def evidence_of(values: Header) -> Evidence:
    return Evidence(tuple(values["scores"]), values["text"], values["certainty"])
