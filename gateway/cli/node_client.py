"""Asking the running node over its HTTP API, with the key from the environment."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any, Final

from gateway import config
from gateway.errors import RingbackError

TIMEOUT_S: Final = 300.0
"""A reload renders every new prompt first."""


class NodeUnreachable(RingbackError):
    """No node answers at the address, or what answers isn't one."""


_WHAT_TO_DO: Final = {
    403: f"put such a key into {config.KEY_VARIABLE}; `ringback token NAME --role ROLE` makes one",
    503: "try again in a moment, or look into the node's log",
}


class RequestRefused(RingbackError):
    """The node answered with a problem (RFC 9457)."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        said = str(problem.get("detail") or problem.get("title") or f"HTTP {status}")
        if status == 401:  # the node says how to send a key; here that is our own affair
            said = (
                f"the node wants a key, and {config.KEY_VARIABLE} has none that it knows: "
                "`ringback token` makes one, and says how to admit it"
            )
        what_to_do = _WHAT_TO_DO.get(status)
        super().__init__(f"{said}: {what_to_do}" if what_to_do else said)
        self.status = status
        self.problem = problem


@dataclass(frozen=True, slots=True)
class NodeClient:
    """Requests to the node at `url`, with `settings`' own as the default."""

    url: str

    @classmethod
    def of(cls, settings: config.Settings, url: str | None = None) -> NodeClient:
        host = settings.http.host
        if host in ("0.0.0.0", "::"):  # noqa: S104 -- it listens everywhere, so here too
            host = "127.0.0.1" if host == "0.0.0.0" else "::1"  # noqa: S104
        bracketed = f"[{host}]" if ":" in host else host
        return cls((url or f"http://{bracketed}:{settings.http.port}").rstrip("/"))

    def get(self, path: str) -> dict[str, Any]:
        """Raises NodeUnreachable and RequestRefused."""
        return self._ask("GET", path, None)

    def put(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Raises NodeUnreachable and RequestRefused."""
        return self._ask("PUT", path, json.dumps(body).encode())

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Raises NodeUnreachable and RequestRefused."""
        return self._ask("POST", path, json.dumps(body).encode())

    def delete(self, path: str) -> None:
        """Raises NodeUnreachable and RequestRefused."""
        self._ask("DELETE", path, None)

    def _ask(self, method: str, path: str, body: bytes | None) -> dict[str, Any]:
        if not self.url.startswith(("http://", "https://")):
            raise NodeUnreachable(f"'{self.url}' isn't an http:// or https:// address")
        headers = {"accept": "application/json", "content-type": "application/json"}
        if (key := config.api_key()) is not None:
            headers["authorization"] = f"Bearer {key.get_secret_value()}"
        request = urllib.request.Request(  # noqa: S310 -- the scheme was looked at
            self.url + path, body, headers, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310
                return _object(response.read())
        except urllib.error.HTTPError as error:
            raise RequestRefused(error.code, _object(error.read())) from error
        except (OSError, ValueError) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            raise NodeUnreachable(
                f"no node answers at {self.url}: {reason}; `ringback run` starts one, --url names another"
            ) from error


def path_of(*parts: str, **query: object) -> str:
    """A path below /v1 of parts that may contain anything; what is None in the query is left out."""
    path = "/".join(("/v1", *(urllib.parse.quote(part, safe="") for part in parts)))
    given = {name: str(value) for name, value in query.items() if value is not None}
    return f"{path}?{urllib.parse.urlencode(given)}" if given else path


def _object(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
