"""The dialplan endpoints: who may, and what they answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi.routing import APIRoute

from gateway.api.app import create_app
from gateway.api.auth import HashedKey, Holder, Keyring, Role, hash_of, new_key
from gateway.api.dialplans import DialplanDesk
from monitoring.health import Health
from monitoring.metrics import Metrics
from tests.fakes.plans import write_plan
from tests.unit.dialplan.test_reload import Node
from tests.unit.dialplan.test_versions import BROKEN

ADMIN, SUPERVISOR = new_key(), new_key()
KEYRING = Keyring(
    [
        HashedKey(Holder("ops", Role.ADMIN), hash_of(ADMIN)),
        HashedKey(Holder("desk", Role.SUPERVISOR), hash_of(SUPERVISOR).upper()),
    ]
)


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


@pytest.fixture
def desk() -> DialplanDesk:
    return DialplanDesk()


@pytest.fixture
async def node(tmp_path: Path, desk: DialplanDesk) -> Node:
    node = Node(tmp_path)
    version = await node.start()
    desk.keeper, desk.calls = node.keeper, lambda: {version: 3}
    return node


@pytest.fixture
async def client(desk: DialplanDesk) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(health=Health(), metrics=Metrics(), keyring=KEYRING, dialplans=desk)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://node", headers=bearer(ADMIN)
    ) as client:
        yield client


@pytest.mark.parametrize(
    "headers",
    [{}, bearer("rbk_wrong"), bearer(""), {"authorization": "Basic YTpi"}, bearer(hash_of(ADMIN))],
    ids=["no key", "a wrong key", "an empty key", "another scheme", "the hash instead of the key"],
)
async def test_without_a_key_of_the_node_the_answer_is_401(
    node: Node, client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    client.headers.pop("authorization")

    response = await client.post("/v1/dialplans/reload", headers=headers)

    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.headers["content-type"] == "application/problem+json"


async def test_a_key_of_another_role_is_403(node: Node, client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/dialplans", headers=bearer(SUPERVISOR))

    assert response.status_code == 403
    assert response.json()["detail"] == "this takes the role admin; this key has supervisor"


def test_nothing_but_health_and_metrics_is_open() -> None:
    app = create_app(health=Health(), metrics=Metrics())
    described = app.openapi()["paths"]
    opened = {
        path for path, methods in described.items() if any("security" not in m for m in methods.values())
    }

    assert opened == {"/healthz", "/readyz", "/metrics"}
    assert not [route for route in app.routes if isinstance(route, APIRoute) and not route.include_in_schema]


async def test_a_node_without_keys_says_how_to_make_one() -> None:
    app = create_app(health=Health(), metrics=Metrics())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://node") as client:
        response = await client.get("/v1/dialplans", headers=bearer("anything"))

    assert response.status_code == 401
    assert "ringback token" in response.json()["detail"]


async def test_a_starting_node_says_so(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/dialplans")

    assert (response.status_code, response.headers["retry-after"]) == (503, "1")


async def test_the_versions_are_listed_with_their_calls(node: Node, client: httpx.AsyncClient) -> None:
    answer = (await client.get("/v1/dialplans")).json()

    assert (answer["version"], answer["pinned"]) == (node.in_force, False)
    (version,) = answer["versions"]
    assert (version["version"], version["calls"], version["in_force"]) == (node.in_force, 3, True)


async def test_a_reload_answers_with_both_versions(node: Node, client: httpx.AsyncClient) -> None:
    first = node.in_force
    node.write("Changed.")

    response = await client.post("/v1/dialplans/reload")

    assert response.status_code == 200
    assert response.json() == {
        "version": node.in_force, "previous": first, "outcome": "loaded", "warnings": []
    }  # fmt: skip


async def test_a_plan_with_errors_is_a_problem_that_lists_them_all(
    node: Node, client: httpx.AsyncClient
) -> None:
    first = node.in_force
    write_plan(node.source, BROKEN)

    response = await client.post("/v1/dialplans/reload")

    problem = response.json()
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["detail"] == f"the plan has 1 error; {first} stays in force"
    assert problem["version"] == first
    (fault,) = problem["faults"]
    assert (fault["file"], fault["severity"]) == (str(node.source / "plan.yaml"), "error")
    assert fault["line"] > 1


async def test_an_earlier_version_is_put_back_by_name(node: Node, client: httpx.AsyncClient) -> None:
    first = node.in_force
    node.write("Changed.")
    await client.post("/v1/dialplans/reload", json={})

    response = await client.post("/v1/dialplans/reload", json={"version": first})

    assert (response.json()["version"], response.json()["outcome"]) == (first, "rolled_back")


async def test_an_unknown_version_is_404_with_those_there_are(node: Node, client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/dialplans/reload", json={"version": "nothing"})

    assert response.status_code == 404
    assert response.json()["versions"] == [node.in_force]


async def test_a_body_that_says_something_else_is_422(node: Node, client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/dialplans/reload", json={"verison": "x"})

    assert response.status_code == 422
    assert response.json()["detail"] == "the request isn't what this endpoint takes"


def test_a_key_has_256_bits_and_is_never_the_same() -> None:
    keys = {new_key() for _ in range(100)}

    assert len(keys) == 100
    assert all(key.startswith("rbk_") and len(key) == 47 for key in keys)
