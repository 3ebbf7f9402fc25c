"""Lookups of live calls at a real HTTP server that behaves and misbehaves: the tone tells the branch."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from tests.integration.gateway import Gateway
from tests.integration.peers import tones
from tests.integration.peers.ports import LOOPBACK
from tests.integration.peers.ua import UserAgent
from tests.integration.peers.wait import until

TAIL_SAMPLES: Final = round(0.3 * tones.RATE)
TONES: Final = {
    "gold": 440.0,
    "ordinary": 540.0,
    "not_found": 640.0,
    "refused": 760.0,
    "server_error": 900.0,
    "timed_out": 1060.0,
    "garbage": 1250.0,
    "unavailable": 1480.0,
}

PLAN: Final = """\
hosts: {host}
---
routes: [{{dnis: any, flow: ask}}, {{dnis: "900", flow: patient}}]
---
flow: ask
start: look
nodes:
  look:
    lookup: "http://{host}/callers/{{{{ call.dnis }}}}"
    into: found
    timeout: 2s
    retries: 1
    next: tier
    not_found: not_found
    refused: refused
    server_error: server_error
    timed_out: timed_out
    garbage: garbage
    unavailable: unavailable
  tier: {{branch: [{{when: vars.found.tier == "gold", next: gold}}], else: ordinary}}
{plays}
  end: {{hangup: normal_clearing}}
---
flow: patient
start: welcome
nodes:
  welcome: {{play: gold.wav, next: look}}
  look: {{lookup: "http://{host}/callers/900", timeout: 30s, next: end, error: end}}
  end: {{hangup: normal_clearing}}
"""

Answer = Callable[[int], bytes | None]
"""What the server says to the nth request (from 1) about a number; nothing, ever, when None."""


def http(status: str, body: str) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Connection: close\r\n\r\n{body}".encode()


GOLD: Final = http("200 OK", '{"tier": "gold"}')

ANSWERS: Final[dict[str, tuple[Answer, str, int]]] = {
    "200": (lambda _: GOLD, "gold", 1),
    "201": (lambda _: http("200 OK", '{"tier": "grey"}'), "ordinary", 1),
    "404": (lambda _: http("404 Not Found", "{}"), "not_found", 1),
    "403": (lambda _: http("403 Forbidden", "{}"), "refused", 1),
    "500": (lambda _: http("500 Internal Server Error", "{}"), "server_error", 2),
    "501": (lambda n: GOLD if n == 2 else http("500 Internal Server Error", "{}"), "gold", 2),
    "600": (lambda _: http("200 OK", "<html>Please log in</html>"), "garbage", 2),
    "601": (lambda _: b"\x16\x03\x01 this is no HTTP\r\n\r\n", "unavailable", 2),
    "700": (lambda _: None, "timed_out", 1),
    "302": (
        # Would be answered with gold, but the plan lists this server by another name.
        lambda _: b"HTTP/1.1 302 Found\r\nLocation: http://localhost:PORT/callers/200\r\n\r\n",
        "unavailable",
        2,
    ),
}
"""By the number that is called: the server's answers, the branch that follows, and how often it is asked."""


class CustomerSystem:
    """An HTTP server on a port of its own. `asked`: how often about which number."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.waiting = 0
        self.host = ""

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._answer, LOOPBACK, 0)
        self.host = f"{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
        try:
            yield
        finally:
            server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = (await reader.readuntil(b"\r\n\r\n")).decode()
            number = request.split()[1].removeprefix("/callers/")
            self.asked[number] += 1
            answer = ANSWERS[number][0](self.asked[number]) if number in ANSWERS else None
            if answer is not None:
                writer.write(answer.replace(b"PORT", self.host.rpartition(":")[2].encode()))
                await writer.drain()
                return
            self.waiting += 1
            await reader.read()  # until the other side gives up
            self.waiting -= 1
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


def write_plan(directory: Path, host: str) -> Path:
    directory.mkdir()
    plays = "\n".join(f"  {name}: {{play: {name}.wav, next: end}}" for name in TONES)
    (directory / "main.yaml").write_text(PLAN.format(host=host, plays=plays))
    for name, hz in TONES.items():
        tones.write_wav(directory / f"{name}.wav", tones.sine(hz, 1.5 if name == "gold" else 3.0))
    return directory


@asynccontextmanager
async def site(tmp_path: Path) -> AsyncIterator[tuple[Gateway, CustomerSystem]]:
    system = CustomerSystem()
    async with system.serve():
        plan = write_plan(tmp_path / "plan", system.host)
        async with Gateway(tmp_path / "gateway", dialplan=plan) as gateway:
            yield gateway, system


async def call_and_hear(gateway: Gateway, phone: UserAgent, number: str, branch: str) -> None:
    call = await phone.call(gateway.uri(number))
    await call.status(200, deadline_s=10.0)

    def hears() -> bool:
        audio = call.rtp.audio()[-TAIL_SAMPLES:]
        if len(audio) < TAIL_SAMPLES:
            return False
        return tones.heard(audio, tuple(TONES.values()), least_share=0.5) == {TONES[branch]}

    await until(hears, f"the tone of '{branch}' on the call to {number}", deadline_s=10.0)
    await call.request("BYE", deadline_s=10.0)


async def test_every_answer_of_the_other_system_leads_to_its_branch_on_calls_at_once(
    tmp_path: Path, phone: UserAgent
) -> None:
    async with site(tmp_path) as (gateway, system):
        async with asyncio.TaskGroup() as calls:
            for number, (_, branch, _) in ANSWERS.items():
                calls.create_task(call_and_hear(gateway, phone, number, branch))

        assert dict(system.asked) == {number: times for number, (_, _, times) in ANSWERS.items()}
        await until(lambda: system.waiting == 0, "the node lets go of the server that never answers")


async def test_a_caller_who_hangs_up_takes_the_lookup_along(tmp_path: Path, phone: UserAgent) -> None:
    async with site(tmp_path) as (gateway, system):
        call = await phone.call(gateway.uri("900"))
        await call.status(200)
        await until(lambda: system.waiting == 1, "the server was asked", deadline_s=10.0)

        call.bye()

        await until(lambda: system.waiting == 0, "the question is taken back", deadline_s=5.0)
        assert system.asked == {"900": 1}
