"""Signatures, as the Standard Webhooks specification has them. Pure.

webhook-id: the message's id, the same at every try
webhook-timestamp: seconds since the epoch, of this try
webhook-signature: "v1,BASE64" of HMAC-SHA256 over "ID.TIMESTAMP.BODY"; one for each secret, with blanks
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Final

PREFIX: Final = "whsec_"
MIN_SECRET: Final = 24
TOLERANCE_S: Final = 300


def key_of(secret: str) -> bytes:
    """The key that a secret stands for: base64 after "whsec_", or the text itself. ValueError: too short."""
    if secret.startswith(PREFIX):
        try:
            key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
        except binascii.Error as error:
            raise ValueError("after whsec_ a secret is base64") from error
    else:
        key = secret.encode()
    if len(key) < MIN_SECRET:
        raise ValueError(f"a secret has {MIN_SECRET} bytes at least")
    return key


def signature(key: bytes, message: str, timestamp: int, body: bytes) -> str:
    signed = b".".join((message.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def headers(keys: Iterable[bytes], message: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Signed with every key, so that a receiver who knows the old or the new one can check it."""
    return {
        "webhook-id": message,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signature(key, message, timestamp, body) for key in keys),
    }


def verified(keys: Iterable[bytes], received: Mapping[str, str], body: bytes, now: float) -> bool:
    """Whether one of `keys` signed this, and not long ago. `received`: headers, their names in lower case."""
    message, timestamp = received.get("webhook-id", ""), received.get("webhook-timestamp", "")
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) < 16):
        return False
    if abs(now - int(timestamp)) > TOLERANCE_S:
        return False
    given = [one.encode() for one in received.get("webhook-signature", "").split(" ")]
    expected = [signature(key, message, int(timestamp), body).encode() for key in keys]
    return any(hmac.compare_digest(ours, theirs) for ours in expected for theirs in given)
