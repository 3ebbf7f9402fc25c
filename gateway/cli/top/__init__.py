"""`ringback top`: queues, waiting callers, agents and calls of the running node, live in the terminal."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from contextlib import aclosing
from typing import TYPE_CHECKING

import typer

from gateway import config
from gateway.cli.invocation import AsJson, ConfigFile, Url, faults_reported
from gateway.cli.node_client import NodeClient
from gateway.errors import RingbackError

if TYPE_CHECKING:
    from gateway.cli.top.feed import Feed


class NoTerminal(RingbackError):
    """There is nothing to draw on."""


def top(url: Url = None, as_json: AsJson = False, file: ConfigFile = None) -> None:
    """Watch the node: who waits, who serves, which calls there are. Press ? for the keys.

    The key is taken from RINGBACK_API_KEY; it takes a supervisor's or an admin's. With --json each message of
    /v1/live is printed on a line, until Ctrl-C.
    """
    from gateway.cli.top.feed import follow  # these load libraries that no other command needs
    from gateway.cli.top.screen import TopScreen

    with faults_reported():
        node = NodeClient.of(config.load(file), url)
        key = config.api_key()
        feed = follow(node.url, None if key is None else key.get_secret_value())
        if not as_json and not sys.stdout.isatty():
            raise NoTerminal("`ringback top` needs a terminal; with --json it is for programs")
        if as_json:
            with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
                asyncio.run(_print(feed))
            return
        screen = TopScreen(feed, node.url)
        screen.run()
        if screen.fault is not None:
            raise screen.fault


async def _print(feed: Feed) -> None:
    async with aclosing(feed) as messages:
        async for message in messages:
            if isinstance(message, dict):
                typer.echo(json.dumps(message))
            else:
                typer.echo(f"{message.reason}; trying again in {message.retry_in_s:g} s", err=True)
