"""The OpenAPI document is whole: every route has its tag, its summary and its problems."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from gateway.api.app import create_app
from gateway.api.openapi import TAGS
from gateway.webhooks.events import EventType
from monitoring.health import Health
from monitoring.metrics import Metrics

DOCUMENT = create_app(health=Health(), metrics=Metrics()).openapi()


OPERATIONS = [
    pytest.param(path, method, operation, id=f"{method.upper()} {path}")
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_every_route_says_what_it_is_and_how_it_fails(
    path: str, method: str, operation: dict[str, Any]
) -> None:
    problems = {status for status in operation["responses"] if status.startswith(("4", "5"))}
    expected = set()
    if path.startswith("/v1/"):
        expected |= {"401", "403", "503"}
    if "requestBody" in operation:
        expected |= {"413", "422"}
    if "{" in path:
        expected |= {"404", "422"}

    assert operation["summary"].endswith((".", "?"))
    assert operation["tags"][0] in {tag["name"] for tag in TAGS}
    assert expected <= problems, method


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_every_problem_is_a_problem_document_with_a_reason(
    path: str, method: str, operation: dict[str, Any]
) -> None:
    for status, response in operation["responses"].items():
        if status.startswith(("4", "5")):
            assert list(response["content"]) == ["application/problem+json"], (path, method, status)
            assert response["description"].strip()


def test_every_reference_leads_somewhere() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    found = set(_references(DOCUMENT))

    assert found
    assert {name.removeprefix("#/components/schemas/") for name in found} <= set(schemas)
    assert "HTTPValidationError" not in schemas


def _references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def test_bodies_come_with_an_example() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    for path, methods in DOCUMENT["paths"].items():
        for operation in methods.values():
            if (body := operation.get("requestBody")) is None:
                continue
            text = str(body)
            names = [name for name in schemas if f"/{name}'" in text]
            assert any("example" in str(schemas[name]) for name in names), path


async def test_the_document_is_served(client: httpx.AsyncClient) -> None:
    response = await client.get("/openapi.json")

    assert response.json()["info"]["title"] == "Ringback"


async def test_the_page_that_shows_it_takes_nothing_from_another_host(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs/")
    parts = [
        await client.get(f"/docs/{name}") for name in ("swagger-ui-bundle.js", "swagger-ui.css", "docs.js")
    ]

    assert "://" not in page.text
    assert "unsafe" not in page.headers["content-security-policy"]
    assert [part.status_code for part in parts] == [200, 200, 200]
    assert (await client.get("/docs/redoc.standalone.js")).status_code == 404


def test_what_the_node_tells_by_itself_is_described() -> None:
    told = DOCUMENT["webhooks"]

    assert set(told) == {event.value for event in EventType}
    for name, item in told.items():
        operation = item["post"]
        assert operation["description"].endswith("."), name
        assert {header["name"] for header in operation["parameters"]} == {
            "webhook-id", "webhook-timestamp", "webhook-signature"
        }  # fmt: skip
        assert operation["requestBody"]["content"]["application/json"]["schema"]["properties"]["type"] == {
            "const": name
        }
