"""Who may ask what: API keys, each with a role.

A key is 256 random bits, so its hash needs no salt and no slow function: there is nothing to guess. The
configuration has only the hash, and `ringback token` makes both.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Final

from fastapi import Depends, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

PREFIX: Final = "rbk_"
"""Begins every key, so that scanners for leaked secrets know one."""

_KEY_BYTES: Final = 32


class Role(Enum):
    """What the holder of a key is to the node. An admin may do everything."""

    APP = "app"
    AGENT = "agent"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose key it is. `name` goes to the log and the journal; with the role AGENT it is the agent's id."""

    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class HashedKey:
    """A key as the configuration has it. `sha256`: 64 hexadecimal digits."""

    holder: Holder
    sha256: str


def new_key() -> str:
    return PREFIX + secrets.token_urlsafe(_KEY_BYTES)


def hash_of(key: str) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(key.encode()).hexdigest()


class Keyring:
    """The keys of a node."""

    def __init__(self, keys: Sequence[HashedKey] = ()) -> None:
        self._keys = tuple(keys)

    def __bool__(self) -> bool:
        return bool(self._keys)

    def holder_of(self, key: str) -> Holder | None:
        """Whose key this is; takes the same time for every key, right or wrong."""
        presented = hash_of(key).encode()
        found: Holder | None = None
        for known in self._keys:
            if hmac.compare_digest(presented, known.sha256.lower().encode()):
                found = known.holder
        return found


_bearer = HTTPBearer(auto_error=False, description="An API key, made by `ringback token`.")

Authorize = Callable[[HTTPAuthorizationCredentials | None], Holder]


def requires(keyring: Keyring, *roles: Role) -> Authorize:
    """A dependency that lets holders of one of `roles` and admins through.

    Otherwise 401 (no key, or one nobody has; RFC 9110 §15.5.2) or 403 (the wrong role, §15.5.4).
    """

    def authorize(
        credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    ) -> Holder:
        holder = keyring.holder_of(credentials.credentials) if credentials is not None else None
        if holder is None:
            raise HTTPException(401, _refusal(keyring, credentials), {"www-authenticate": "Bearer"})
        check_role(holder, roles)
        return holder

    return authorize


def check_role(holder: Holder, roles: Sequence[Role]) -> None:
    """HTTPException 403 for who is neither one of `roles` nor an admin."""
    if holder.role not in (*roles, Role.ADMIN):
        wanted = " or ".join(role.value for role in roles)
        raise HTTPException(403, f"this takes the role {wanted}; this key has {holder.role.value}")


def check_acts_for(holder: Holder, agent: str) -> None:
    """An agent's key is bound to the agent whose id is its name; supervisors and admins act for anybody.

    HTTPException 403 for everybody else.
    """
    if holder.role in (Role.SUPERVISOR, Role.ADMIN):
        return
    check_role(holder, (Role.AGENT, Role.SUPERVISOR))
    if holder.name != agent:
        raise HTTPException(
            403, f"this key is agent {holder.name}'s; for {agent} it takes theirs, or a supervisor's"
        )


def _refusal(keyring: Keyring, credentials: HTTPAuthorizationCredentials | None) -> str:
    if not keyring:
        return "this node has no API keys: `ringback token` makes one, http.api_keys takes its hash"
    if credentials is None:
        return "send an API key: Authorization: Bearer KEY"
    return "this API key isn't one of the node's"
