"""Tokens that an app's own server signs for one of its callers (JWT, RFC 7519).

    {"sub": "customer-4711", "aud": "ringback", "iat": …, "exp": …, "jti": "once",
     "name": "Ada", "number": "+15551234", "to": ["100"], "context": {…}}

A token says who calls and what they may call; it lives for minutes and opens one session. Keys are found by
`kid`, so that each app can have its own, of its own algorithm: `TokenKey` is a row of that table.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import jwt

from gateway.errors import RingbackError

AUDIENCE: Final = "ringback"
MAX_LIFETIME_S: Final = 3600
LEEWAY_S: Final = 30  # clocks differ
MAX_REMEMBERED: Final = 100_000  # token ids that were used and haven't expired
REQUIRED: Final = ("sub", "aud", "iat", "exp", "jti")

Algorithm = Literal["HS256", "EdDSA"]

RefusalCode = Literal[
    "malformed", "unknown_key", "bad_signature", "wrong_audience", "expired", "not_yet", "replayed", "busy"
]
TIMES_OURS: Final = ("verify_exp", "verify_iat", "verify_nbf")
"""What PyJWT would check by the system's clock, and we check by the one that we are given."""


class TokenRefused(RingbackError):
    """A token that isn't accepted; `code` says why, the message says what to do."""

    def __init__(self, code: RefusalCode, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class TokenKey:
    """What verifies an app's signatures. `id`: the token's `kid`; "" for tokens that name none."""

    id: str
    algorithm: Algorithm
    material: str = field(repr=False)  # the shared secret, or the public key in PEM


@dataclass(frozen=True, slots=True)
class Claims:
    """Who calls, as their app says. `to`: the numbers they may call; None for every one."""

    subject: str
    name: str = ""
    number: str = ""
    to: frozenset[str] | None = None
    context: Mapping[str, Any] = field(default_factory=dict)


class TokenVerifier:
    """Accepts each token once. `epoch_s`: seconds since 1970, now."""

    def __init__(self, keys: Sequence[TokenKey], epoch_s: Callable[[], float]) -> None:
        self._keys = {key.id: key for key in keys}
        self._epoch_s = epoch_s
        self._used: set[str] = set()
        self._expiries: list[tuple[float, str]] = []  # a heap: what may be forgotten next

    def __bool__(self) -> bool:
        return bool(self._keys)

    def redeem(self, token: str) -> Claims:
        """The claims of a token that nobody has used. Raises TokenRefused."""
        payload = self._decode(token)
        claims = _claims(payload)
        self._use(str(payload["jti"]), float(payload["exp"]))
        return claims

    def _decode(self, token: str) -> dict[str, Any]:
        key = self._key_of(token)
        try:
            # The algorithm is the key's, never the token's. PyJWT would read the system's clock for times.
            payload: dict[str, Any] = jwt.decode(
                token,
                key.material,
                algorithms=[key.algorithm],
                audience=AUDIENCE,
                leeway=LEEWAY_S,
                options={
                    "require": list(REQUIRED),
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
            self._check_times(payload)
        except jwt.InvalidAudienceError as error:
            raise TokenRefused("wrong_audience", f"the token's aud isn't {AUDIENCE}") from error
        except jwt.InvalidSignatureError as error:
            raise TokenRefused("bad_signature", "the token's signature is wrong") from error
        except jwt.PyJWTError as error:
            raise TokenRefused("malformed", f"not an acceptable token: {error}") from error
        return payload

    def _check_times(self, payload: Mapping[str, Any]) -> None:
        """RFC 7519 §4.1.4 to 4.1.6, by the clock that was given."""
        times = {name: payload.get(name, payload["iat"]) for name in ("exp", "iat", "nbf")}
        if not all(isinstance(at, int | float) and math.isfinite(at) for at in times.values()):
            raise TokenRefused("malformed", "exp, iat and nbf are seconds since 1970")
        now = self._epoch_s()
        if times["exp"] <= now - LEEWAY_S:
            raise TokenRefused("expired", "the token has expired: ask the app's server for another")
        if max(times["iat"], times["nbf"]) > now + LEEWAY_S:
            raise TokenRefused("not_yet", "the token isn't valid yet: is the server's clock right?")
        if times["exp"] - times["iat"] > MAX_LIFETIME_S:
            raise TokenRefused("malformed", f"a token lives for at most {MAX_LIFETIME_S} s")

    def _key_of(self, token: str) -> TokenKey:
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError as error:
            raise TokenRefused("malformed", "this isn't a token") from error
        key = self._keys.get(str(header.get("kid", "")))
        if key is None:
            raise TokenRefused("unknown_key", "no key of that name is known here")
        return key

    def _use(self, token_id: str, expires_s: float) -> None:
        now = self._epoch_s()
        while self._expiries and self._expiries[0][0] < now - LEEWAY_S:
            self._used.discard(heapq.heappop(self._expiries)[1])
        if token_id in self._used:
            raise TokenRefused("replayed", "the token was used already: ask the app's server for another")
        if len(self._used) >= MAX_REMEMBERED:
            raise TokenRefused("busy", "too many tokens are in use: try again later")
        self._used.add(token_id)
        heapq.heappush(self._expiries, (expires_s + LEEWAY_S, token_id))


def _claims(payload: Mapping[str, Any]) -> Claims:
    texts = {name: payload.get(name, "") for name in ("sub", "name", "number", "jti")}
    for name, value in texts.items():
        if not isinstance(value, str) or len(value) > 128 or not value.isprintable():
            raise TokenRefused("malformed", f"{name} is a text of at most 128 characters")
    if not texts["sub"] or not texts["jti"]:
        raise TokenRefused("malformed", "sub and jti aren't empty")
    to, context = payload.get("to"), payload.get("context", {})
    if to is not None and not (isinstance(to, list) and all(isinstance(number, str) for number in to)):
        raise TokenRefused("malformed", "to is a list of numbers")
    if not isinstance(context, dict):
        raise TokenRefused("malformed", "context is an object")
    return Claims(
        subject=texts["sub"],
        name=texts["name"],
        number=texts["number"],
        to=None if to is None else frozenset(to),
        context=context,
    )


def sign(
    secret: str, claims: Mapping[str, Any], *, epoch_s: float, lifetime_s: float = 300.0, jti: str
) -> str:
    """A token as an app's server makes it with a shared secret: for the sample page, and for tests."""
    payload = {"aud": AUDIENCE, "iat": int(epoch_s), "exp": int(epoch_s + lifetime_s), "jti": jti, **claims}
    return jwt.encode(payload, secret, algorithm="HS256")
