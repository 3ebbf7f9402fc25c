"""Reading SIP messages: header fields and the parties they name. Pure.

pjsua2 hands over a message as text, already checked by PJSIP's parser, so this reads and doesn't judge.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from gateway.call.leg import Party

# RFC 3261 §7.3.3 and the extensions that registered a short form.
_COMPACT: Final = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
}
LONGEST: Final = 255
"""Characters of a number, name or address that are kept: PJSIP takes 16,000, no directory has over 255."""
_TOKEN: Final = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")  # RFC 3261 §25.1
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_NAME_ADDR: Final = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^<"]*?))\s*<([^>]*)>')
_USER_SAFE: Final = "-_.!~*'()&=+$,;?/"  # RFC 3261 §25.1: unreserved and user-unreserved
_ANONYMOUS: Final = frozenset({"anonymous", "unavailable", "restricted", "unknown"})
_VISUAL_SEPARATORS: Final = re.compile(r"[-.()\s]")  # RFC 3966 §5.1.1


@dataclass(frozen=True, slots=True)
class Message:
    """`headers`: names in lower case and their long form, in order, values unfolded."""

    start_line: str
    headers: tuple[tuple[str, str], ...]

    def header(self, name: str) -> str | None:
        """The first field of that name (lower case)."""
        return next((value for key, value in self.headers if key == name), None)

    @property
    def mapping(self) -> Mapping[str, str]:
        """Every field; repeated ones joined by commas (RFC 3261 §7.3.1)."""
        joined: dict[str, str] = {}
        for name, value in self.headers:
            joined[name] = f"{joined[name]}, {value}" if name in joined else value
        return joined

    @property
    def request_uri(self) -> str:
        """Of a request; "" for a response."""
        parts = self.start_line.split(" ")
        return parts[1] if len(parts) == 3 and parts[2].startswith("SIP/") else ""


def parse(text: str) -> Message:
    """Reads the start line and the header fields of a message; the body is left alone.

    Bytes that aren't UTF-8 (which the binding passes on as lone surrogates) and NULs become U+FFFD: no
    database and no JSON takes them, and a caller's name mustn't keep the call's record from being stored.
    """
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").replace("\0", "\ufffd")
    head = re.split(r"\r?\n\r?\n", text, maxsplit=1)[0]
    unfolded = re.sub(r"\r?\n[ \t]+", " ", head)
    start_line, *lines = re.split(r"\r?\n", unfolded)
    headers = []
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            name = name.strip().lower()
            headers.append((_COMPACT.get(name, name), value.strip()))
    return Message(start_line.strip(), tuple(headers))


def party(value: str) -> Party:
    """Who a From, To or request URI names: `"Ann" <sip:+1555@host>;tag=x` or a bare `sip:…` or `tel:…`."""
    match = _NAME_ADDR.match(value)
    if match:
        quoted, plain, uri = match.groups()
        display = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain.strip()
    else:
        # RFC 3261 §20: outside angle brackets, parameters belong to the header and not to the URI.
        display, uri = "", value.partition(";")[0].strip()
    return Party(number=_user(uri)[:LONGEST], display_name=display[:LONGEST], uri=uri[:LONGEST])


def _user(uri: str) -> str:
    scheme, colon, rest = uri.partition(":")
    if not colon:
        return ""
    if scheme.lower() == "tel":
        return _VISUAL_SEPARATORS.sub("", rest.partition(";")[0])
    userinfo, at, _host = rest.rpartition("@")
    if not at:
        return ""
    user = unquote(userinfo.partition(":")[0].partition(";")[0])
    return "" if user.lower() in _ANONYMOUS else user


def name_addr(caller: Party, *, host: str) -> str:
    """`caller` for a From header (RFC 3261 §20.20): its own address, else its number at `host`.

    Without a number it is anonymous (§8.1.1.3). Whatever the name and the number are made of, they can't
    break out of their places.
    """
    if caller.uri:
        uri = _CONTROL.sub("", caller.uri).replace(">", "")
    else:
        uri = f"sip:{quote(caller.number, safe=_USER_SAFE) or 'anonymous'}@{host}"
    name = re.sub(r'([\\"])', r"\\\1", _CONTROL.sub("", caller.display_name))
    return f'"{name}" <{uri}>' if name else f"<{uri}>"


def checked_headers(headers: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """`headers`, fit to be sent. ValueError on a name that isn't a token, or a value with a line break in it,
    which would let whoever supplied the value write header fields of their own."""
    for name, value in headers:
        if not _TOKEN.fullmatch(name):
            raise ValueError(f"not a header name: {name!r}")
        if _CONTROL.search(value):
            raise ValueError(f"header {name}: a control character in its value")
    return tuple(headers)
