"""Links to a survey: who has one may answer for that one call, once, until it expires.

A link is a token that this site signed; no table keeps it. It says which conversation it is about, and is
told to webhooks alone (`survey.invited`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Final

import jwt

from gateway.errors import RingbackError

AUDIENCE: Final = "ringback-survey"


class LinkRefused(RingbackError):
    """A token that isn't one of ours, or is too old (`expired`)."""

    def __init__(self, *, expired: bool) -> None:
        super().__init__("the link has expired" if expired else "this is no link to a survey")
        self.expired = expired


@dataclass(frozen=True, slots=True)
class Invitation:
    """Which conversation somebody is asked about. `handoff`: their envelope, "" for none."""

    survey: str
    call_id: str
    entry: str = ""
    queue: str = ""
    agent: str = ""
    handoff: str = ""


class SurveyLinks:
    """`secret`: the same on every node of a database."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def token(self, invitation: Invitation, expires_at: datetime) -> str:
        claims = {**asdict(invitation), "aud": AUDIENCE, "exp": int(expires_at.timestamp())}
        return jwt.encode(claims, self._secret, "HS256")

    def read(self, token: str) -> tuple[Invitation, datetime]:
        """What it is about, and until when. Raises LinkRefused."""
        try:
            claims = jwt.decode(
                token, self._secret, ["HS256"], audience=AUDIENCE, options={"require": ["exp", "aud"]}
            )
            known = {name: str(claims[name]) for name in Invitation.__dataclass_fields__}
            return Invitation(**known), datetime.fromtimestamp(claims["exp"], UTC)
        except jwt.ExpiredSignatureError as error:
            raise LinkRefused(expired=True) from error
        except (jwt.InvalidTokenError, KeyError, ValueError, OverflowError) as error:
            raise LinkRefused(expired=False) from error
