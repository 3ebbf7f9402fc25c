"""Tokens that an app's own server signs for one of its callers (JWT, RFC 7519).

    {"sub": "customer-4711", "aud": "ringback", "iat": …, "exp": …, "jti": "once",
     "name": "Ada", "number": "+15551234", "to": ["100"], "context": {…}, "handoff": "id of an envelope"}

A token says who calls and what they may call; it lives for minutes and opens one session. Keys are found by
`kid`, so that each app can have its own, of its own algorithm: `TokenKey` is a row of that table.
"""

from __future__ import annotations

import hashlib
import heapq
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, Protocol
from uuid import uuid4

import jwt

from gateway.errors import RingbackError

AUDIENCE: Final = "ringback"
MAX_LIFETIME_S: Final = 3600
LEEWAY_S: Final = 30  # clocks differ
MAX_REMEMBERED: Final = 100_000  # token ids that were used and haven't expired
REQUIRED: Final = ("sub", "aud", "iat", "exp", "jti")

Algorithm = Literal["HS256", "EdDSA"]

RefusalCode = Literal[
    "malformed",
    "unknown_key",
    "bad_signature",
    "wrong_audience",
    "expired",
    "not_yet",
    "replayed",
    "unavailable",
]


class TokenRefused(RingbackError):
    """A token that isn't accepted; `code` says why, the message says what to do."""

    def __init__(self, code: RefusalCode, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class TokenKey:
    """What verifies an app's signatures. `id`: the token's `kid`; "" for tokens that name none.

    `app`: whose it is, and so which envelopes its tokens may name; None for a key of the node's own, which
    may name every one. An app has two keys while it changes from one to the next.
    """

    id: str
    algorithm: Algorithm
    material: str = field(repr=False)  # the shared secret, or the public key in PEM
    app: str | None = None


@dataclass(frozen=True, slots=True)
class Claims:
    """Who calls, as their app says. `to`: the numbers they may call; None for every one.

    `handoff`: the id of the envelope that was handed over for them. `app`: as in `TokenKey`.
    """

    subject: str
    name: str = ""
    number: str = ""
    to: frozenset[str] | None = None
    context: Mapping[str, Any] = field(default_factory=dict)
    handoff: str = ""
    app: str | None = None


class UsedTokens(Protocol):
    """Where the ids of used tokens are kept; `gateway.storage.handoffs.HandoffStore` is one for all nodes."""

    async def use_token(self, token_id: str, until: datetime, now: datetime) -> bool:
        """Keep it until then. False when it was used before. Raises RingbackError when nobody can say."""
        ...


class TokenMemory:
    """Used tokens of one process, forgotten when it ends: for a node without a database, and for tests."""

    def __init__(self) -> None:
        self._used: set[str] = set()
        self._expiries: list[tuple[datetime, str]] = []  # a heap: what may be forgotten next

    async def use_token(self, token_id: str, until: datetime, now: datetime) -> bool:
        while self._expiries and self._expiries[0][0] < now:
            self._used.discard(heapq.heappop(self._expiries)[1])
        if token_id in self._used:
            return False
        if len(self._used) >= MAX_REMEMBERED:
            raise RingbackError("too many tokens are in use")
        self._used.add(token_id)
        heapq.heappush(self._expiries, (until, token_id))
        return True


class TokenVerifier:
    """Accepts each token once. `epoch_s`: seconds since 1970, now. `used`: who remembers."""

    def __init__(
        self, keys: Sequence[TokenKey], epoch_s: Callable[[], float], used: UsedTokens | None = None
    ) -> None:
        self._keys = {key.id: key for key in keys}
        self._epoch_s = epoch_s
        self._used = used or TokenMemory()

    def __bool__(self) -> bool:
        return bool(self._keys)

    async def redeem(self, token: str) -> Claims:
        """The claims of a token that nobody has used, on whichever node. Raises TokenRefused."""
        key = self._key_of(token)
        payload = self._decode(token, key)
        claims = _claims(payload, key.app)
        await self._use(key, str(payload["jti"]), float(payload["exp"]))
        return claims

    def _decode(self, token: str, key: TokenKey) -> dict[str, Any]:
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

    async def _use(self, key: TokenKey, token_id: str, expires_s: float) -> None:
        # Of one app's keys together: no app can use up another's ids, and a changed key opens nothing.
        whose = key.id if key.app is None else key.app
        mine = hashlib.sha256(f"{whose}\0{token_id}".encode()).hexdigest()
        until, now = (datetime.fromtimestamp(at_s, UTC) for at_s in (expires_s + LEEWAY_S, self._epoch_s()))
        try:
            unused = await self._used.use_token(mine, until, now)
        except RingbackError as error:
            # Whoever can't be asked hasn't said that it is new.
            raise TokenRefused(
                "unavailable", "whether the token was used can't be seen: try again"
            ) from error
        if not unused:
            raise TokenRefused("replayed", "the token was used already: ask the app's server for another")


def _claims(payload: Mapping[str, Any], app: str | None) -> Claims:
    texts = {name: payload.get(name, "") for name in ("sub", "name", "number", "jti", "handoff")}
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
        handoff=texts["handoff"],
        app=app,
    )


def sign(
    secret: str, claims: Mapping[str, Any], *, epoch_s: float, lifetime_s: float = 300.0, jti: str
) -> str:
    """A token as an app's server makes it with a shared secret: for the sample page, and for tests."""
    payload = {"aud": AUDIENCE, "iat": int(epoch_s), "exp": int(epoch_s + lifetime_s), "jti": jti, **claims}
    return jwt.encode(payload, secret, algorithm="HS256")


def sign_handoff(
    secret: str,
    key_id: str,
    *,
    handoff: str,
    subject: str,
    name: str,
    issued_at: datetime,
    expires_at: datetime,
) -> str:
    """The token of an envelope, for one in-app call: signed by the node, as short-lived as every token."""
    until = min(expires_at, issued_at + timedelta(seconds=MAX_LIFETIME_S))
    payload = {
        "aud": AUDIENCE,
        "iat": int(issued_at.timestamp()),
        "exp": int(until.timestamp()),
        "jti": uuid4().hex,
        "sub": subject[:128],
        "name": name,
        "handoff": handoff,
    }
    return jwt.encode(payload, secret, algorithm="HS256", headers={"kid": key_id})
