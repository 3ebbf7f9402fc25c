"""The HTTP application. It knows no sockets: `server` serves it, tests call it directly."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from gateway.api import agents as agent_routes
from gateway.api import calendars as calendar_routes
from gateway.api import callbacks as callback_routes
from gateway.api import calls as call_routes
from gateway.api import desktop as desktop_routes
from gateway.api import dialplans as dialplan_routes
from gateway.api import escalations as escalation_routes
from gateway.api import handoffs as handoff_routes
from gateway.api import health as health_routes
from gateway.api import live as live_routes
from gateway.api import me as me_routes
from gateway.api import openapi, problems, web
from gateway.api import pbx as pbx_routes
from gateway.api import queues as queue_routes
from gateway.api import recordings as recording_routes
from gateway.api import reports as report_routes
from gateway.api import samples as sample_routes
from gateway.api import surveys as survey_routes
from gateway.api import voice as voice_routes
from gateway.api import webhooks as webhook_routes
from gateway.api.auth import Keyring
from gateway.api.calendars import CalendarDesk
from gateway.api.dialplans import DialplanDesk
from gateway.api.handoffs import HandoffSlot
from gateway.api.limits import BodyLimit
from gateway.api.pbx import PbxDesk
from gateway.api.ports import FloorDesk
from gateway.api.reports import ReportDesk
from gateway.api.samples import Samples
from gateway.api.sockets import Gate
from gateway.api.surveys import SurveySlot
from gateway.api.voice import VoiceDesk
from gateway.api.webhooks import WebhookSlot
from gateway.version import VERSION
from monitoring.health import Health
from monitoring.metrics import Metrics

HERE = Path(__file__).parent
SOCKETS = ("desktop", "live", "voice")


def create_app(
    *,
    health: Health,
    metrics: Metrics,
    keyring: Keyring | None = None,
    dialplans: DialplanDesk | None = None,
    calendars: CalendarDesk | None = None,
    floor: FloorDesk | None = None,
    reports: ReportDesk | None = None,
    voice: VoiceDesk | None = None,
    handoffs: HandoffSlot | None = None,
    pbx: PbxDesk | None = None,
    webhooks: WebhookSlot | None = None,
    samples: Samples | None = None,
    surveys: SurveySlot | None = None,
    origins: Sequence[str] = (),
) -> FastAPI:
    """The API of a node. Health and metrics are open; everything under /v1 takes a key of `keyring`.

    `origins`: whose pages may open WebSockets, beside this node's own.
    """
    app = FastAPI(
        title="Ringback",
        version=VERSION,
        summary="A self-hosted telephony and voice gateway for contact centres.",
        license_info={"name": "GPL-3.0-or-later", "identifier": "GPL-3.0-or-later"},
        docs_url=None,  # `web` serves it, with nothing from another host
        redoc_url=None,
    )
    problems.install(app)
    app.include_router(health_routes.routes(health, metrics))
    keyring = keyring or Keyring()
    app.include_router(me_routes.routes(keyring))
    app.include_router(dialplan_routes.routes(dialplans or DialplanDesk(), keyring))
    app.include_router(calendar_routes.routes(calendars or CalendarDesk(), keyring))
    floor = floor or FloorDesk()
    app.include_router(queue_routes.routes(floor, keyring))
    app.include_router(agent_routes.routes(floor, keyring))
    app.include_router(report_routes.routes(reports or ReportDesk(), keyring))
    app.include_router(call_routes.routes(floor, keyring))
    app.include_router(handoff_routes.routes(handoffs or HandoffSlot(), keyring))
    app.include_router(escalation_routes.routes(handoffs or HandoffSlot(), floor, keyring))
    app.include_router(survey_routes.routes(surveys or SurveySlot(), keyring))
    app.include_router(webhook_routes.routes(webhooks or WebhookSlot(), keyring))
    app.include_router(callback_routes.routes(floor, keyring))
    app.include_router(recording_routes.routes(floor, keyring))
    app.include_router(pbx_routes.routes(pbx or PbxDesk(), keyring))
    gate = Gate(keyring, origins)
    app.include_router(desktop_routes.routes(floor, gate))
    app.include_router(live_routes.routes(floor, gate))
    voice = voice or VoiceDesk()
    app.include_router(voice_routes.routes(voice, keyring, gate))
    app.include_router(sample_routes.routes(samples or Samples(), handoffs or HandoffSlot()))
    app.include_router(web.routes(voice))
    app.add_middleware(BodyLimit)
    openapi.describe(app)
    # As open as /openapi.json, and no more of a secret.
    app.add_route("/asyncapi/{name}.yaml", _async_api, include_in_schema=False)
    return app


async def _async_api(request: Request) -> Response:
    """How the two WebSockets speak (AsyncAPI)."""
    name = request.path_params["name"]
    if name not in SOCKETS:
        return problems.ProblemResponse(404, f"there are {' and '.join(SOCKETS)}")
    return FileResponse(HERE / f"{name}.asyncapi.yaml", media_type="application/yaml")
