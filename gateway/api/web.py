"""Our own pages: plain files without a build step, under a policy that lets nothing else in."""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import fastapi_offline
from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse, Response

from gateway.api.voice import VoiceDesk
from gateway.handoff.tokens import sign

WEB: Final = Path(__file__).parent.parent / "web"
SWAGGER: Final = Path(fastapi_offline.__file__).parent / "static"
"""Swagger UI, from a package: FastAPI's own page takes it from another host."""
SWAGGER_FILES: Final = frozenset({"swagger-ui-bundle.js", "swagger-ui.css"})

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "media-src 'self' blob: mediastream:; connect-src 'self'; manifest-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""No inline code, no other host, no framing. The library itself makes no exception necessary."""

HEADERS: Final = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "microphone=(self), camera=(), geolocation=()",
    "cache-control": "no-cache",
}

_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".ts": "text/plain; charset=utf-8",
    ".svg": "image/svg+xml",
}

PAGES: Final = ("agent", "wallboard")
"""For everybody to open; what they show takes a key."""

SAMPLE_TOKEN_S: Final = 120.0


def routes(desk: VoiceDesk) -> APIRouter:
    """The library for everybody; the sample page and its tokens only where the operator wants them."""
    router = APIRouter()

    @router.get("/web/{name:path}", include_in_schema=False)
    async def library(name: str) -> Response:
        return serve(WEB, name, cross_origin=True)

    for page in PAGES:
        router.add_api_route(f"/{page}", _to_slash(page), include_in_schema=False)
        router.add_api_route(f"/{page}/{{name:path}}", _files_of(page), include_in_schema=False)

    router.add_api_route("/docs", _to_slash("docs"), include_in_schema=False)

    @router.get("/docs/{name:path}", include_in_schema=False)
    async def docs(name: str) -> Response:
        return serve(SWAGGER if name in SWAGGER_FILES else WEB / "docs", name or "index.html")

    @router.get("/app", include_in_schema=False)
    async def app_without_slash() -> Response:
        _require_sample(desk)
        return RedirectResponse("/app/")

    @router.get("/app/{name:path}", include_in_schema=False)
    async def app(name: str) -> Response:
        _require_sample(desk)
        return serve(WEB / "app", name or "index.html")

    @router.post("/app/token", include_in_schema=False)
    async def token() -> JSONResponse:
        """What an app's own server would do, after it has found out who is asking. A sample: it asks
        nobody.
        """
        secret = _require_sample(desk)
        caller = {"sub": f"sample-{secrets.token_hex(4)}", "name": "Sample caller"}
        made = sign(secret, caller, epoch_s=time.time(), lifetime_s=SAMPLE_TOKEN_S, jti=secrets.token_hex(16))
        return JSONResponse({"token": made}, headers={"cache-control": "no-store"})

    return router


def _to_slash(page: str) -> Callable[[], Awaitable[Response]]:
    async def redirect() -> Response:
        return RedirectResponse(f"/{page}/")

    return redirect


def _files_of(page: str) -> Callable[[str], Awaitable[Response]]:
    async def file(name: str) -> Response:
        return serve(WEB / page, name or "index.html")

    return file


def serve(directory: Path, name: str, *, cross_origin: bool = False) -> Response:
    """A file below `directory`, with our headers; 404 for everything else. `cross_origin`: pages of other
    hosts may import it."""
    path = (directory / name).resolve()
    media_type = _TYPES.get(path.suffix)
    if media_type is None or not path.is_relative_to(directory.resolve()) or not path.is_file():
        raise HTTPException(404)
    headers = {**HEADERS, "access-control-allow-origin": "*"} if cross_origin else HEADERS
    return FileResponse(path, media_type=media_type, headers=headers)


def _require_sample(desk: VoiceDesk) -> str:
    if desk.sample_secret is None:
        raise HTTPException(404)
    return desk.sample_secret
