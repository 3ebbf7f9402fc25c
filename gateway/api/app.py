"""The HTTP application. It knows no sockets: `server` serves it, tests call it directly."""

from __future__ import annotations

from fastapi import FastAPI

from gateway.api import calendars as calendar_routes
from gateway.api import dialplans as dialplan_routes
from gateway.api import health as health_routes
from gateway.api import problems, web
from gateway.api import voice as voice_routes
from gateway.api.auth import Keyring
from gateway.api.calendars import CalendarDesk
from gateway.api.dialplans import DialplanDesk
from gateway.api.voice import VoiceDesk
from gateway.version import VERSION
from monitoring.health import Health
from monitoring.metrics import Metrics


def create_app(
    *,
    health: Health,
    metrics: Metrics,
    keyring: Keyring | None = None,
    dialplans: DialplanDesk | None = None,
    calendars: CalendarDesk | None = None,
    voice: VoiceDesk | None = None,
) -> FastAPI:
    """The API of a node. Health and metrics are open; everything under /v1 takes a key of `keyring`."""
    app = FastAPI(
        title="Ringback",
        version=VERSION,
        summary="A self-hosted telephony and voice gateway for contact centres.",
        license_info={"name": "GPL-3.0-or-later", "identifier": "GPL-3.0-or-later"},
        redoc_url=None,
    )
    problems.install(app)
    app.include_router(health_routes.routes(health, metrics))
    keyring = keyring or Keyring()
    app.include_router(dialplan_routes.routes(dialplans or DialplanDesk(), keyring))
    app.include_router(calendar_routes.routes(calendars or CalendarDesk(), keyring))
    app.include_router(voice_routes.routes(voice or VoiceDesk(), keyring))
    app.include_router(web.routes(voice or VoiceDesk()))
    return app
