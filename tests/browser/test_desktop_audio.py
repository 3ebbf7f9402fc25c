"""A browser that the gateway rings, as an agent's desktop will be, and an app that it talks with."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page

from gateway.call.leg import Answered, Ended, Party, Ringing
from gateway.call.screen import CallbackOffered, QueuePlace
from gateway.webrtc.settings import WebRtcSettings
from tests.browser.chromium import MICROPHONE_HZ, AppPage, chromium
from tests.browser.node import AGENT_KEY, Node, event_of, media_engine, voice_node
from tests.integration.media.ear import Ear
from tests.integration.peers import tones
from tests.integration.peers.ports import LOOPBACK
from tests.integration.peers.wait import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

AGENT_HZ = 900.0

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


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node() -> AsyncIterator[Node]:
    async with media_engine() as engine, voice_node(engine, WebRtcSettings(addresses=(LOOPBACK,))) as running:
        yield running


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
    await page.evaluate(_DESKTOP, AGENT_KEY)
    yield page
    await context.close()


async def test_an_app_and_a_desktop_hear_each_other(
    context: BrowserContext, node: Node, desktop: Page
) -> None:
    app = await AppPage.open(context, node.base)
    caller = await node.answered(app)

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
    caller = await node.answered(app)

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
    caller = await node.answered(app)

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
    caller = await node.answered(app)

    async with Ear(node.engine, node.bridge, caller.audio) as ear:
        await ear.hear(1.0)
        heard = await ear.hear(2.0)

    assert tones.heard(heard, [MICROPHONE_HZ, AGENT_HZ]) == {MICROPHONE_HZ}
    await caller.hang_up()
    await app.ended()
    await until(lambda: caller.quality is not None, "the call's quality")
    assert caller.quality is not None
    assert caller.quality.codec == "opus"
