"""The HTTP application. It knows no sockets: `server` serves it, tests call it directly."""

from __future__ import annotations

from fastapi import FastAPI

from gateway.api import health as health_routes
from gateway.api import problems
from gateway.version import VERSION
from monitoring.health import Health
from monitoring.metrics import Metrics


def create_app(*, health: Health, metrics: Metrics) -> FastAPI:
    """The API of a node."""
    app = FastAPI(
        title="Ringback",
        version=VERSION,
        summary="A self-hosted telephony and voice gateway for contact centres.",
        license_info={"name": "GPL-3.0-or-later", "identifier": "GPL-3.0-or-later"},
        redoc_url=None,
    )
    problems.install(app)
    app.include_router(health_routes.routes(health, metrics))
    return app
