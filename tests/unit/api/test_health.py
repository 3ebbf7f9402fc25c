"""What load balancers and Prometheus are told."""

from __future__ import annotations

import httpx

from monitoring.health import Health, Phase
from monitoring.metrics import Metrics


async def test_a_starting_node_is_alive_and_not_ready(client: httpx.AsyncClient) -> None:
    alive = await client.get("/healthz")
    ready = await client.get("/readyz")

    assert (alive.status_code, alive.json()["status"]) == (200, "ok")
    assert ready.status_code == 503
    assert ready.json()["checks"] == [{"name": "phase", "ok": False, "problem": "the node is starting"}]


async def test_a_serving_node_whose_checks_pass_is_ready(client: httpx.AsyncClient, health: Health) -> None:
    health.register("sip", lambda: None)
    health.phase = Phase.SERVING

    response = await client.get("/readyz")

    assert response.status_code == 200
    assert response.json() == {
        "status": "ok",
        "phase": "serving",
        "checks": [{"name": "phase", "ok": True}, {"name": "sip", "ok": True}],
    }


async def test_a_draining_node_is_alive_and_not_ready(client: httpx.AsyncClient, health: Health) -> None:
    health.phase = Phase.DRAINING

    assert (await client.get("/healthz")).status_code == 200
    assert (await client.get("/readyz")).status_code == 503


async def test_a_failing_check_is_named_with_its_problem(client: httpx.AsyncClient, health: Health) -> None:
    health.register("storage", lambda: "the disk is full")
    health.phase = Phase.SERVING

    response = await client.get("/readyz")

    assert response.status_code == 503
    assert response.headers["content-type"] == "application/problem+json"
    assert {"name": "storage", "ok": False, "problem": "the disk is full"} in response.json()["checks"]


async def test_health_is_never_cached(client: httpx.AsyncClient) -> None:
    for path in ("/healthz", "/readyz"):
        assert (await client.get(path)).headers["cache-control"] == "no-store"


async def test_metrics_are_text_for_prometheus(client: httpx.AsyncClient, metrics: Metrics) -> None:
    metrics.call_started("sip", "inbound")

    response = await client.get("/metrics")

    assert response.headers["content-type"].startswith("text/plain; version=")
    assert 'ringback_calls_active{direction="inbound",technology="sip"} 1.0' in response.text


async def test_metrics_are_openmetrics_for_who_asks(client: httpx.AsyncClient) -> None:
    response = await client.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})

    assert response.headers["content-type"].startswith("application/openmetrics-text")
    assert response.text.endswith("# EOF\n")
