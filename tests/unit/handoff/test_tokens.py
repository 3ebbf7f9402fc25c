"""Tokens that apps sign: what is accepted, once, and what is refused and why."""

from __future__ import annotations

from typing import Any

import jwt
import pytest

from gateway.handoff.tokens import MAX_LIFETIME_S, Claims, TokenKey, TokenRefused, TokenVerifier, sign

SECRET = "a secret of an app, long enough to be one"
NOW = 1_800_000_000.0


@pytest.fixture
def verifier() -> TokenVerifier:
    return TokenVerifier([TokenKey("", "HS256", SECRET)], lambda: NOW)


def token(
    secret: str = SECRET, *, jti: str = "t-1", lifetime_s: float = 300.0, at_s: float = NOW, **claims: Any
) -> str:
    return sign(secret, {"sub": "ada", **claims}, epoch_s=at_s, lifetime_s=lifetime_s, jti=jti)


async def refusal(verifier: TokenVerifier, presented: str) -> str:
    with pytest.raises(TokenRefused) as refused:
        await verifier.redeem(presented)
    return refused.value.code


async def test_a_token_says_who_calls_and_what_they_may_call(verifier: TokenVerifier) -> None:
    claims = await verifier.redeem(
        token(name="Ada", number="+15551234", to=["100"], context={"plan": "gold"})
    )

    assert claims == Claims("ada", "Ada", "+15551234", frozenset({"100"}), {"plan": "gold"})


async def test_a_token_is_accepted_once(verifier: TokenVerifier) -> None:
    presented = token()
    await verifier.redeem(presented)

    assert await refusal(verifier, presented) == "replayed"


async def test_a_used_token_is_remembered_until_it_has_expired() -> None:
    now = [NOW]
    verifier = TokenVerifier([TokenKey("", "HS256", SECRET)], lambda: now[0])
    presented = token(lifetime_s=60)
    await verifier.redeem(presented)
    now[0] += 60

    assert await refusal(verifier, presented) == "replayed"


async def test_nothing_is_remembered_of_tokens_that_have_expired() -> None:
    now = [NOW]
    verifier = TokenVerifier([TokenKey("", "HS256", SECRET)], lambda: now[0])
    await verifier.redeem(token(jti="t-1", lifetime_s=60))
    now[0] += 1000
    await verifier.redeem(token(jti="t-2", at_s=now[0]))

    assert (await verifier.redeem(token(jti="t-1", at_s=now[0]))).subject == "ada"


@pytest.mark.parametrize(
    ("presented", "code"),
    [
        ("", "malformed"),
        ("not a token", "malformed"),
        ("a.b.c", "malformed"),
        (token("another secret, just as long as ours is"), "bad_signature"),
        (token(aud="somebody else"), "wrong_audience"),
        (token(lifetime_s=-60), "expired"),
        (token(iat=int(NOW) + 600), "not_yet"),
        (token(lifetime_s=MAX_LIFETIME_S + 60), "malformed"),
        (token(sub=""), "malformed"),
        (token(name="x" * 200), "malformed"),
        (token(name="two\nlines"), "malformed"),
        (token(to="100"), "malformed"),
        (token(to=[100]), "malformed"),
        (token(context=["no", "object"]), "malformed"),
    ],
)
async def test_a_token_that_is_not_ours_is_refused_with_its_reason(
    verifier: TokenVerifier, presented: str, code: str
) -> None:
    assert await refusal(verifier, presented) == code


@pytest.mark.parametrize("missing", ["sub", "aud", "iat", "exp", "jti"])
async def test_a_token_has_to_say_everything(verifier: TokenVerifier, missing: str) -> None:
    payload = {"sub": "ada", "aud": "ringback", "iat": int(NOW), "exp": int(NOW) + 60, "jti": "t-1"}
    del payload[missing]

    assert await refusal(verifier, jwt.encode(payload, SECRET, algorithm="HS256")) in (
        "malformed",
        "wrong_audience",
    )


@pytest.mark.parametrize("algorithm", ["none", "HS512"])
async def test_the_algorithm_is_the_keys_and_never_the_tokens(
    verifier: TokenVerifier, algorithm: str
) -> None:
    payload = {"sub": "ada", "aud": "ringback", "iat": int(NOW), "exp": int(NOW) + 60, "jti": "t-1"}
    secret = "" if algorithm == "none" else SECRET * 2
    presented = jwt.encode(payload, secret, algorithm=algorithm)

    assert await refusal(verifier, presented) in ("malformed", "bad_signature")


async def test_each_app_has_a_key_of_its_own() -> None:
    other = "the secret of the other app, long enough"
    verifier = TokenVerifier([TokenKey("", "HS256", SECRET), TokenKey("b", "HS256", other)], lambda: NOW)
    payload = {"sub": "eve", "aud": "ringback", "iat": int(NOW), "exp": int(NOW) + 60, "jti": "t-9"}

    assert (await verifier.redeem(jwt.encode(payload, other, headers={"kid": "b"}))).subject == "eve"
    assert await refusal(verifier, jwt.encode(payload, SECRET, headers={"kid": "b"})) == "bad_signature"
    assert await refusal(verifier, jwt.encode(payload, other, headers={"kid": "c"})) == "unknown_key"


def test_without_keys_there_is_nothing_to_verify_with() -> None:
    assert not TokenVerifier([], lambda: NOW)
