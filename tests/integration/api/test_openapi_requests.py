"""Requests that Schemathesis makes of the OpenAPI document: none ends in a server error."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.api.auth import hash_of, new_key
from tests.integration.gateway import Gateway
from tests.integration.gateway_dialplan import write_dialplan
from tests.load.openapi import ask

LIMIT_S = 45.0


@pytest.mark.timeout(150)
async def test_no_request_that_the_document_allows_or_forbids_is_a_server_error(tmp_path: Path) -> None:
    key = new_key()
    environment = {"RINGBACK_HTTP__API_KEYS": f"boss:admin:{hash_of(key)}"}
    node = Gateway(
        tmp_path / "node",
        dialplan=write_dialplan(tmp_path / "dialplan"),
        environment=environment,
        log_level="warning",
    )
    async with node:
        asked = await ask(node.http_port, key, tmp_path, each=3, limit_s=LIMIT_S)
        alive, _ = await node.get("/healthz")

    assert asked.faults == ()
    assert asked.requests > 100, asked.output
    assert alive == 200
