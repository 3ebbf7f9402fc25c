"""One node for a module's tests, with agents whose desktops are open when a test opens them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.api.auth import hash_of, new_key
from tests.integration.gateway import Gateway
from tests.integration.handoff.plan import POOL, write_plan
from tests.integration.handoff.register import CustomerRegister
from tests.integration.peers.ports import LOOPBACK
from tests.integration.peers.ua import UserAgent
from tests.integration.queues.centre import Agent, Centre

TRUSTED = "127.0.0.2"
"""Where the PBX calls from whose headers count."""
SIGNING = Ed25519PrivateKey.generate()
"""The bank's: the node has the public half of it, as `bank-1`."""
SECRET = "the bank's older secret, long enough for HS256"
MORE = """
[voice]
sample_page = true
addresses = ["{loopback}"]

[handoff]
number_pools = {{ web = {pool}, one = ["5009"] }}
trusted_peers = ["{trusted}"]
headers_in = {{ "X-Account" = "account" }}
app_keys = [
  {{ id = "bank-1", app = "bank", algorithm = "EdDSA", key = {public} }},
  {{ id = "bank-0", app = "bank", algorithm = "HS256", key = {secret} }},
]
"""
CRM = """
[webhooks]
allow_networks = ["127.0.0.0/8"]

[[webhooks.endpoints]]
name = "sample-crm"
url = "http://127.0.0.1:{port}/demo/crm/events"
secrets = ["a secret of the sample CRM"]
personal = true
"""
"""Webhooks for the sample CRM that the node serves beside it."""
BANK_KEY = new_key()
SHOP_KEY = new_key()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_centre(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Centre]:
    directory, key = tmp_path_factory.mktemp("handoff"), new_key()
    async with AsyncExitStack() as stack:
        phones = {
            name: Agent(name, await stack.enter_async_context(await UserAgent.open(name)))
            for name in ("ann", "ben")
        }
        register = await stack.enter_async_context(CustomerRegister())
        addresses = {agent.id: agent.phone.uri for agent in phones.values()}
        plan = write_plan(directory / "dialplan", addresses, register.host)
        keys = (
            f"boss:admin:{hash_of(key)}",
            f"bank:app:{hash_of(BANK_KEY)}",
            f"shop:app:{hash_of(SHOP_KEY)}",
        )
        customer = await stack.enter_async_context(await UserAgent.open("customer"))
        environment = {
            "RINGBACK_HTTP__API_KEYS": ",".join(keys),
            "RINGBACK_SIP__OUTBOUND": f"sip:{{number}}@{LOOPBACK}:{customer.port}",
        }
        gateway = Gateway(directory / "gateway", dialplan=plan, environment=environment, more=_more())
        with gateway.configuration.open("a") as configuration:
            configuration.write(CRM.format(port=gateway.http_port))
        await stack.enter_async_context(gateway)
        yield Centre(gateway, key, phones, stack)


@pytest_asyncio.fixture(loop_scope="module")
async def centre(shared_centre: Centre) -> AsyncIterator[Centre]:
    yield shared_centre
    for found in (await shared_centre.get("/v1/callbacks"))["callbacks"]:
        await shared_centre.request("DELETE", f"/v1/callbacks/{found['id']}")
    await shared_centre.clear()


def _more() -> str:
    public = SIGNING.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return MORE.format(
        loopback=LOOPBACK,
        pool=json.dumps(POOL),
        trusted=TRUSTED,
        public=json.dumps(public),
        secret=json.dumps(SECRET),
    )
