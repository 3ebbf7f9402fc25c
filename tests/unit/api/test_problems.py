"""Errors are problem documents (RFC 9457), and say nothing that isn't the client's."""

from __future__ import annotations

import httpx
from fastapi import FastAPI


async def test_an_unknown_path_is_a_problem(client: httpx.AsyncClient) -> None:
    response = await client.get("/nowhere")

    assert response.headers["content-type"] == "application/problem+json"
    assert response.json() == {"type": "about:blank", "title": "Not Found", "status": 404}


async def test_a_wrong_method_is_a_problem_that_names_the_right_ones(client: httpx.AsyncClient) -> None:
    response = await client.post("/healthz")

    assert response.status_code == 405
    assert response.headers["allow"] == "GET"
    assert response.json()["title"] == "Method Not Allowed"


async def test_an_invalid_request_names_the_place_and_not_the_content(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    @app.get("/square")
    async def square(number: int) -> int:
        return number**2

    response = await client.get("/square", params={"number": "+442071234567x"})

    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "query/number"
    assert "442071234567" not in response.text


async def test_a_fault_of_ours_says_nothing_about_itself(app: FastAPI, client: httpx.AsyncClient) -> None:
    @app.get("/fault")
    async def fault() -> None:
        raise RuntimeError("the password is hunter2")

    response = await client.get("/fault")

    assert response.json() == {"type": "about:blank", "title": "Internal Server Error", "status": 500}
