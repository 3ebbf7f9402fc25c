"""The PBX beside a node: its link, and what hangs on it, made and wired."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from gateway.api.pbx import PbxDesk, PbxParts
from gateway.asterisk.agents import PbxAgents
from gateway.asterisk.link import PbxAccount, PbxLink
from gateway.asterisk.members import PbxMembers
from gateway.asterisk.originate import PbxDialler
from gateway.asterisk.redirect import PbxRedirect
from gateway.asterisk.telling import PbxTelling
from gateway.call.leg import CallLeg
from gateway.centre import ContactCentre
from gateway.config import PbxSettings, Settings
from gateway.errors import StartupError
from gateway.handoff.compact import HEADER as HANDOFF_HEADER
from monitoring.metrics import Metrics, PbxStats

TakeIn = Callable[[CallLeg], None]
Claiming = Callable[[TakeIn], TakeIn]


@asynccontextmanager
async def pbx(
    settings: Settings, centre: ContactCentre, metrics: Metrics, desk: PbxDesk
) -> AsyncIterator[Claiming]:
    """Connects, and goes on trying, as long as the block lasts. Nothing happens where no PBX is set.

    What it yields takes in the calls that the PBX was asked for, and gives the others to whom it is told.
    """
    desk.started = True
    rules = settings.pbx
    if not rules.host:
        yield lambda otherwise: otherwise
        return
    loop = asyncio.get_running_loop()
    link = PbxLink(await _account(rules, settings.node.name), loop.time)
    agents = PbxAgents(
        link,
        centre.runner,
        loop,
        loop.time,
        trunks=rules.trunks,
        when_deaf=rules.when_deaf,
        resync_s=rules.resync_s,
    )
    members = PbxMembers(link, centre.runner, rules.queues)
    telling = PbxTelling(link, settings.node.name, lambda entry: _handoff_of(centre, entry))
    centre.runner.observe(telling.observe)
    redirect = PbxRedirect(link, rules.trunks)
    metrics.watch_pbx(lambda: _stats(link, agents))
    desk.parts = PbxParts(f"{rules.host}:{rules.port}", link.health, agents.devices)
    async with PbxDialler(link, rules.trunks[0]) as dialler, asyncio.TaskGroup() as tasks:
        centre.door.pbx, centre.door.pbx_redirect = dialler, redirect
        running = [tasks.create_task(part.run()) for part in (link, agents, members, telling)]
        try:
            yield dialler.claiming
        finally:
            centre.door.pbx = centre.door.pbx_redirect = None
            for task in running:
                task.cancel()


def _handoff_of(centre: ContactCentre, entry: str) -> str:
    """Of whoever has this place, as their agent's phone is told it."""
    call = centre.offers.call_at(entry)
    headers = {} if call is None else {name.lower(): value for name, value in call.headers()}
    return headers.get(HANDOFF_HEADER.lower(), "")


def _stats(link: PbxLink, agents: PbxAgents) -> PbxStats:
    health = link.health()
    return PbxStats(
        connected=health.connected,
        connections=health.connections,
        last_event_s=health.last_event_s,
        ping_s=health.ping_s,
        events=health.events,
        dropped=health.dropped,
        agents_busy=sum(device.busy for device in agents.devices()),
    )


async def _account(rules: PbxSettings, node: str) -> PbxAccount:
    return PbxAccount(
        host=rules.host,
        port=rules.port,
        username=rules.username,
        secret=await asyncio.to_thread(_secret, rules),
        node=node,
        heartbeat_s=rules.heartbeat_s,
        deaf_after_s=rules.deaf_after_s,
        backoff_s=rules.retry_s,
    )


def _secret(rules: PbxSettings) -> str:
    if rules.secret is not None:
        return rules.secret.get_secret_value()
    try:
        lines = Path(rules.secret_file or "").read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise StartupError(f"pbx.secret_file can't be read: {error}") from error
    if not lines or not lines[0].strip():
        raise StartupError("pbx.secret_file is empty: its first line is the secret")
    return lines[0].strip()
