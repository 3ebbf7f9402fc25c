"""Our pages: what is served, to whom, and what they may do."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import jwt
import pytest

from gateway.api.app import create_app
from gateway.api.voice import VoiceDesk
from gateway.api.web import WEB
from monitoring.health import Health
from monitoring.metrics import Metrics

SECRET = "a secret that guards nothing but tests"


def client(desk: VoiceDesk) -> httpx.AsyncClient:
    app = create_app(health=Health(), metrics=Metrics(), voice=desk)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://node")


async def test_the_library_is_for_pages_of_every_host() -> None:
    async with client(VoiceDesk()) as http:
        answer = await http.get("/web/ringback.js")

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("path", ["/app/", "/app/app.js"])
async def test_the_sample_is_served_only_where_it_is_wanted(path: str) -> None:
    async with client(VoiceDesk()) as without, client(VoiceDesk(sample_secret=SECRET)) as wanted:
        assert (await without.get(path)).status_code == 404
        assert (await wanted.get(path)).status_code == 200
        assert (await without.post("/app/token")).status_code == 404


async def test_the_samples_token_is_good_for_one_session_of_a_caller_nobody_knows() -> None:
    async with client(VoiceDesk(sample_secret=SECRET)) as http:
        answers = [(await http.post("/app/token")).json()["token"] for _ in range(2)]

    claims = [jwt.decode(each, SECRET, algorithms=["HS256"], audience="ringback") for each in answers]
    assert claims[0]["jti"] != claims[1]["jti"]
    assert claims[0]["exp"] - claims[0]["iat"] <= 300


async def test_pages_may_load_nothing_but_what_is_ours() -> None:
    async with client(VoiceDesk(sample_secret=SECRET)) as http:
        policy = (await http.get("/app/")).headers["content-security-policy"]

    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "*" not in policy


@pytest.mark.parametrize(
    "path",
    ["/web/../api/web.py", "/web/%2e%2e/api/web.py", "/web//etc/passwd", "/web/app", "/web/nothing.js"],
)
async def test_nothing_else_is_served(path: str) -> None:
    async with client(VoiceDesk(sample_secret=SECRET)) as http:
        assert (await http.get(path)).status_code == 404


@pytest.mark.parametrize("page", sorted(WEB.rglob("*.html")), ids=lambda page: page.name)
def test_no_page_has_code_or_style_in_it_or_another_host(page: Path) -> None:
    text = page.read_text(encoding="utf-8")

    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|https?://", text)
