"""GET /healthz, /readyz and /metrics: open, since load balancers and Prometheus ask them."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client.exposition import choose_encoder

from gateway.api.problems import ProblemResponse
from monitoring.health import Health, Report
from monitoring.metrics import Metrics


def routes(health: Health, metrics: Metrics) -> APIRouter:
    """The three endpoints over what the node knows of itself."""
    router = APIRouter(tags=["health"])

    @router.get("/healthz", summary="Would a restart help? 503 when it would.")
    async def liveness() -> Response:
        return _answer(health.liveness(), "the node needs a restart")

    @router.get("/readyz", summary="May the node get calls? 503 while it starts, drains or lacks something.")
    async def readiness() -> Response:
        return _answer(health.readiness(), "the node takes no calls")

    @router.get("/metrics", summary="Prometheus metrics, as text or OpenMetrics.")
    async def scrape(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(metrics.registry), headers={"content-type": content_type})

    return router


def _answer(report: Report, problem: str) -> Response:
    members: Mapping[str, object] = {
        "phase": report.phase.value,
        "checks": [
            {"name": check.name, "ok": check.ok, **({"problem": check.problem} if check.problem else {})}
            for check in report.checks
        ],
    }
    headers = {"cache-control": "no-store"}
    if report.ok:
        return JSONResponse({"status": "ok", **members}, headers=headers)
    return ProblemResponse(503, problem, headers=headers, **members)
