"""A browser that the gateway rings, as an agent's desktop will be, and an app that it talks with."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page

from gateway.api.app import create_app
from gateway.api.auth import HashedKey, Holder, Keyring, Role, hash_of
from gateway.api.server import HttpServer
from gateway.api.voice import VoiceDesk
from gateway.call.leg import Answered, Ended, Party, Ringing
from gateway.call.screen import CallbackOffered, QueuePlace
from gateway.handoff.tokens import TokenKey, TokenVerifier
from gateway.webrtc.endpoint import WebRtcEndpoint
from gateway.webrtc.leg import WebRtcLeg
from gateway.webrtc.settings import WebRtcSettings
from media.bridge import Bridge
from media.engine import Engine, EngineSettings
from monitoring.health import Health
from monitoring.metrics import Metrics
from tests.browser.chromium import MICROPHONE_HZ, AppPage, chromium
from tests.fakes.voice import RecordingObserver
from tests.integration.media.ear import Ear
from tests.integration.peers import tones
from tests.integration.peers.ports import LOOPBACK
from tests.integration.peers.wait import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = "rbk_an-agents-key"
SECRET = "a secret that guards nothing but tests"
AGENT_HZ = 900.0
DEADLINE_S = 15.0

_DESKTOP = """async (key) => {
  const { RingbackConnection, RingbackCall } = await import("/web/ringback.js");
  const connection = new RingbackConnection({ url: "/v1/voice", token: key });
  connection.addEventListener("ring", async ({ detail }) => {
    globalThis.call = RingbackCall.incoming(connection, detail);
    globalThis.rung = detail.from;
    await call.prepare();
  });
  await connection.open();
  globalThis.connection = connection;
}"""


@dataclass
class Node:
    engine: Engine
    bridge: Bridge
    endpoint: WebRtcEndpoint
    legs: asyncio.Queue[WebRtcLeg]
    base: str


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node() -> AsyncIterator[Node]:
    """A node's WebRTC side and its pages, in this process."""
    engine = Engine(EngineSettings(max_calls=50, realtime=False))
    await engine.start()
    bridge = Bridge(engine)
    legs: asyncio.Queue[WebRtcLeg] = asyncio.Queue()
    settings = WebRtcSettings(addresses=(LOOPBACK,))
    endpoint = WebRtcEndpoint(
        engine, bridge, settings, legs.put_nowait, observer=RecordingObserver(), epoch_s=time.time
    )
    verifier = TokenVerifier([TokenKey("", "HS256", SECRET)], time.time)
    desk = VoiceDesk(endpoint, verifier, sample_secret=SECRET)
    keyring = Keyring([HashedKey(Holder("agent-7", Role.AGENT), hash_of(KEY))])
    server = HttpServer(
        create_app(health=Health(), metrics=Metrics(), keyring=keyring, voice=desk), LOOPBACK, 0
    )
    async with endpoint:
        port = server.bind()
        running = asyncio.get_running_loop().create_task(server.run())
        yield Node(engine, bridge, endpoint, legs, f"http://{LOOPBACK}:{port}")
        server.stop()
    await running
    await engine.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def agents_browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    """Another browser, with another voice."""
    directory = tmp_path_factory.mktemp("agent")
    async with chromium(directory, microphone_hz=AGENT_HZ) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def desktop(agents_browser: Browser, node: Node) -> AsyncIterator[Page]:
    """A page that is connected as an agent."""
    context = await agents_browser.new_context(permissions=["microphone"])
    page = await context.new_page()
    await page.goto(f"{node.base}/app/")
    await page.evaluate(_DESKTOP, KEY)
    yield page
    await context.close()


async def event_of(leg: WebRtcLeg) -> object:
    async with asyncio.timeout(DEADLINE_S):
        return await leg.next_event()


async def test_an_app_and_a_desktop_hear_each_other(
    context: BrowserContext, node: Node, desktop: Page
) -> None:
    app = await AppPage.open(context, node.base)
    await app.page.click("#call")
    async with asyncio.timeout(DEADLINE_S):
        caller = await node.legs.get()
    await caller.answer()
    assert await event_of(caller) == Answered()

    agent = node.endpoint.dial("agent-7", caller=caller.remote, called=Party("agent-7"))
    assert await event_of(agent) == Ringing()
    await desktop.evaluate("() => call.accept()")
    assert await event_of(agent) == Answered()
    node.bridge.join(caller.audio, agent.audio)

    await app.hears(AGENT_HZ)
    await AppPage(desktop, node.base).hears(MICROPHONE_HZ)
    assert (await desktop.evaluate("() => rung.name")) == "Sample caller"
    await caller.hang_up()
    await agent.hang_up()
    await app.ended()


async def test_a_desktop_that_is_closed_while_it_is_rung_ends_the_offer_at_once(
    node: Node, desktop: Page
) -> None:
    agent = node.endpoint.dial("agent-7", caller=Party("+15550100"), called=Party("agent-7"))
    assert await event_of(agent) == Ringing()

    await desktop.close()

    assert isinstance(await event_of(agent), Ended)


async def test_a_page_shows_where_it_stands_and_who_answers(context: BrowserContext, node: Node) -> None:
    app = await AppPage.open(context, node.base)
    await app.page.click("#call")
    async with asyncio.timeout(DEADLINE_S):
        caller = await node.legs.get()
    await caller.answer()
    await app.answered()

    caller.screen.show_place(QueuePlace("sales", 2, (90.0, 200.0)))
    caller.screen.show_callback_offer(CallbackOffered("sales", "7", "+1555…34"))
    await app.page.wait_for_selector("#callback:visible")
    shown = (await app.text("#position"), await app.text("#estimate"), await app.text("#callback"))
    await app.page.click("#callback")
    pressed: list[object] = []
    while not pressed or type(pressed[-1]).__name__ != "DigitReleased":
        pressed.append(await event_of(caller))
    caller.screen.show_place(None)
    caller.screen.show_agent("Grace")

    assert shown == ("You are number 2.", "About 2 to 4 minutes to go.", "Call me back at +1555…34")
    assert getattr(pressed[-1], "digit", "") == "7"
    await app.page.wait_for_selector("#queue", state="hidden")
    await app.page.wait_for_function("() => document.querySelector('#status').textContent.includes('Grace')")
    await caller.hang_up()
    await app.ended()


async def test_keys_that_a_browser_sends_as_rtp_events_are_read(context: BrowserContext, node: Node) -> None:
    app = await AppPage.open(context, node.base)
    await app.page.click("#call")
    async with asyncio.timeout(DEADLINE_S):
        caller = await node.legs.get()
    await caller.answer()
    assert await event_of(caller) == Answered()
    await app.answered()

    await app.evaluate("() => call.peerConnection.getSenders()[0].dtmf.insertDTMF('4#', 120, 80)")

    events = [await event_of(caller) for _ in range(4)]
    assert [(type(event).__name__, getattr(event, "digit", "")) for event in events] == [
        ("DigitPressed", "4"),
        ("DigitReleased", "4"),
        ("DigitPressed", "#"),
        ("DigitReleased", "#"),
    ]
    await caller.hang_up()
    await app.ended()


async def test_opus_is_heard_and_said(context: BrowserContext, node: Node) -> None:
    app = await AppPage.open(context, node.base)
    await app.page.click("#call")
    async with asyncio.timeout(DEADLINE_S):
        caller = await node.legs.get()
    await caller.answer()
    assert await event_of(caller) == Answered()

    async with Ear(node.engine, node.bridge, caller.audio) as ear:
        await ear.hear(1.0)
        heard = await ear.hear(2.0)

    assert tones.heard(heard, [MICROPHONE_HZ, AGENT_HZ]) == {MICROPHONE_HZ}
    await caller.hang_up()
    await app.ended()
    await until(lambda: caller.quality is not None, "the call's quality")
    assert caller.quality is not None
    assert caller.quality.codec == "opus"
