"""What every test with real peers shares: directories, the gateway, and what the peers said on failure."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.integration.gateway import Gateway
from tests.integration.gateway_dialplan import write_dialplan
from tests.integration.peers.process import TAIL_CHARACTERS, take_started
from tests.integration.peers.ua import UserAgent


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test shows the end of what its peers and its gateway said."""
    report = yield
    if report.failed:
        for process in take_started():
            heading = f"{process.name} (exit {process.returncode}) in {process.directory}"
            report.sections.append((heading, process.output()[-TAIL_CHARACTERS:]))
    elif call.when == "teardown":
        take_started()
    return report


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """A node on ephemeral loopback ports with the dialplan of gateway_dialplan.py, for a module's tests.

    So a call that one test leaves behind is the next one's trouble: that none is left is asserted.
    """
    directory = tmp_path_factory.mktemp("gateway")
    async with Gateway(directory, dialplan=write_dialplan(directory / "dialplan")) as running:
        yield running


@pytest.fixture
async def fresh_gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    """A node of the test's own: its counters begin at 0, and the test may end it."""
    dialplan = write_dialplan(tmp_path / "dialplan")
    async with Gateway(tmp_path / "gateway", dialplan=dialplan) as running:
        yield running


@pytest.fixture
async def phone() -> AsyncIterator[UserAgent]:
    """A phone that does what it is told."""
    async with await UserAgent.open("phone") as agent:
        yield agent
