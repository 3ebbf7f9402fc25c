"""A node that tells a CRM and a helpdesk what happens."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from tests.integration.gateway import Gateway
from tests.integration.peers.ua import UserAgent
from tests.integration.queues.centre import Centre, contact_centre
from tests.integration.webhooks.receiver import SECRET, Receiver

SETTINGS = """
[desktop]
record_url = "https://crm.example/?customer={{customer.id}}&from={{number}}&call={{call_id}}"

[webhooks]
allow_networks = ["127.0.0.0/8"]
timeout_s = 2.0
attempts = {attempts}
first_pause_s = 0.1
longest_pause_s = 0.4
"""
ENDPOINT = """
[[webhooks.endpoints]]
name = "{name}"
url = "{url}"
events = {events}
secrets = ["env:CRM_OLD", "env:CRM_NEW"]
personal = {personal}
"""


def settings(*endpoints: tuple[str, str, str, bool], attempts: int = 100) -> str:
    """Each: name, URL, events as TOML has them, personal."""
    made = [
        ENDPOINT.format(name=name, url=url, events=events, personal=str(personal).lower())
        for name, url, events, personal in endpoints
    ]
    return SETTINGS.format(attempts=attempts) + "".join(made)


@asynccontextmanager
async def telling(
    directory: Path, more: str, *, environment: Mapping[str, str] | None = None
) -> AsyncIterator[tuple[Centre, UserAgent]]:
    """A centre, and the trunk where numbers are dialled."""
    variables = {"CRM_OLD": "the-secret-of-last-year-00", "CRM_NEW": SECRET, **(environment or {})}
    trunk = await UserAgent.open("trunk")
    async with (
        trunk,
        contact_centre(directory, ("ann",), trunk=trunk, environment=variables, more=more) as centre,
    ):
        yield centre, trunk


async def killed(centre: Centre) -> None:
    os.kill(centre.gateway.process.pid, signal.SIGKILL)
    await centre.gateway.process.exited(10.0)


async def start_again(centre: Centre, stack: AsyncExitStack) -> None:
    before = centre.gateway
    centre.gateway = Gateway(
        before.directory,
        dialplan=before.dialplan,
        environment=before.environment,
        rtp_ports=400,
        more=before.more,
    )
    await stack.enter_async_context(centre.gateway)


__all__ = ["Receiver", "killed", "settings", "start_again", "telling"]
