"""Callbacks with real phones: asked for by key, kept at their place, dialled in their turn, and heard."""

from __future__ import annotations

import asyncio
import io
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
import pytest_asyncio
import soundfile
import soxr

from tests.integration.peers import tones
from tests.integration.peers.ports import LOOPBACK
from tests.integration.peers.ua import UaCall, UserAgent
from tests.integration.peers.wait import until, until_async
from tests.integration.queues.centre import Centre, contact_centre, hears, talking
from tests.integration.queues.plan import (
    ASK_NUMBER,
    BYE_HZ,
    CLOSED_HZ,
    CONFIRM_HZ,
    CONNECTING_HZ,
    KEPT_AT_HZ,
    KEPT_HZ,
    LEAVE_NUMBER,
    MUSIC_HZ,
    NUMBERS,
    OFFER_HZ,
    PENDING_HZ,
    SLOTS_HZ,
    WHEN_HZ,
    WHISPER_HZ,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

CALLER_HZ, AGENT_HZ = 700.0, 1100.0
NUMBER = "+4930123456"


@dataclass
class Calling:
    """A centre, and the phones of its customers: one, behind the trunk, whatever number is dialled."""

    centre: Centre
    customer: UserAgent

    async def ask(self, queue: str) -> UaCall:
        """The customer calls in, waits, asks for a callback and is told that it is kept."""
        before = await self.centre.waiting(queue)
        call = await self.customer.call(self.centre.gateway.uri(NUMBERS[queue]))
        await call.status(200)
        await self.centre.until_waiting(queue, before + 1)
        await until(lambda: hears(call, MUSIC_HZ), "the customer waits")
        await call.rtp.press("1")
        await until(lambda: hears(call, CONFIRM_HZ, (CONFIRM_HZ,)), "the number is read back")
        await call.rtp.press("1")
        await until(lambda: hears(call, KEPT_HZ, (KEPT_HZ,)), "the callback is kept")
        return call

    async def answer(self, deadline_s: float = 15.0) -> UaCall:
        """The call to the customer, answered."""
        call = await self.customer.next_call(deadline_s)
        call.respond(180, "Ringing")
        call.respond(200, "OK", sdp=True)
        await call.request("ACK")
        return call

    async def entries(self, queue: str) -> list[dict[str, object]]:
        found = (await self.centre.get(f"/v1/queues/{queue}/entries"))["entries"]
        assert isinstance(found, list)
        return found


def spoken(text: str) -> tones.Samples:
    """A voice, for those who have to tell one from a tone."""
    command = ["espeak-ng", "--stdout", "-s", "150", text]
    wave = subprocess.run(command, check=True, capture_output=True, timeout=20).stdout
    samples, rate = soundfile.read(io.BytesIO(wave), dtype="int16")
    resampled: tones.Samples = soxr.resample(samples, rate, tones.RATE)
    return resampled


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Calling]:
    customer = await UserAgent.open(NUMBER)
    async with (
        customer,
        contact_centre(tmp_path_factory.mktemp("centre"), ("ann", "ben"), trunk=customer) as centre,
    ):
        yield Calling(centre, customer)


@pytest_asyncio.fixture(loop_scope="module")
async def calling(shared: Calling) -> AsyncIterator[Calling]:
    yield shared
    await shared.centre.clear()

    async def empty() -> bool:
        return await shared.centre.gateway.metric("ringback_calls_active") == 0

    await until_async(empty, "every call is over", deadline_s=15.0)
    assert await shared.centre.gateway.metric("ringback_callers_lost_total") == 0
    assert await shared.centre.gateway.metric("ringback_internal_errors_total") == 0


async def test_who_is_third_and_asks_to_be_called_back_is_called_third(calling: Calling) -> None:
    centre = calling.centre
    await centre.set_presence("ann", "on_break", "lunch")
    first, second = await centre.wait_in("calling", "first"), await centre.wait_in("calling", "second")
    asked = await calling.ask("calling")
    await asked.request("BYE")
    third = (await calling.entries("calling"))[2]
    assert (third["state"], third["position"], third["callback"]) == ("callback_waiting", 3, True)
    assert third["number"] == NUMBER

    await centre.set_presence("ann", "available")
    for caller in (first, second):
        agent = await centre.agents["ann"].answer(10.0)
        async with talking((caller, CALLER_HZ), (agent, AGENT_HZ)):
            await until(partial(hears, caller, AGENT_HZ), "who was before is served before")
        caller.bye()
        await agent.request("BYE")
    agent = await centre.agents["ann"].answer(15.0)
    [invite] = agent.requests("INVITE")
    assert invite["X-Ringback-Callback"] == third["id"]
    customer = await calling.answer()

    async with talking((customer, CALLER_HZ), (agent, AGENT_HZ)):
        await until(lambda: hears(customer, AGENT_HZ), "the customer hears the agent")
        await until(lambda: hears(agent, CALLER_HZ), "the agent hears the customer")
    agent.bye()
    await customer.request("BYE")
    assert await calling.entries("calling") == []


async def test_who_is_busy_is_called_again_at_the_same_place(calling: Calling) -> None:
    centre = calling.centre
    await centre.set_presence("ann", "on_break", "lunch")
    asked = await calling.ask("calling")
    await asked.request("BYE")
    later = await centre.wait_in("calling", "later")
    await centre.set_presence("ann", "available")
    # The callback isn't due in the seconds after the call: whoever is next is served meanwhile.
    agent = await centre.agents["ann"].answer(10.0)
    later.bye()
    await agent.request("BYE")

    agent = await centre.agents["ann"].answer(15.0)
    first = await calling.customer.next_call(10.0)
    first.respond(486, "Busy Here")
    await first.request("ACK")
    await agent.request("BYE", deadline_s=10.0)
    [entry] = await calling.entries("calling")
    assert (entry["state"], entry["position"]) == ("callback_waiting", 1)
    found = await centre.get(f"/v1/callbacks/{entry['id']}")
    assert (found["attempts"], found["last_outcome"]) == (1, "busy")

    agent = await centre.agents["ann"].answer(15.0)
    customer = await calling.answer()
    async with talking((customer, CALLER_HZ), (agent, AGENT_HZ)):
        await until(lambda: hears(customer, AGENT_HZ), "the customer hears the agent")
    customer.bye()
    await agent.request("BYE")
    found = await centre.get(f"/v1/callbacks/{entry['id']}")
    assert (found["attempts"], found["state"]) == (2, "kept")
    tries = "ringback_callback_attempts_total"
    assert await centre.gateway.metric(tries, queue="calling", result="busy") == 1

    async def reported() -> bool:
        [row] = (await centre.get("/v1/reports/callbacks?queue=calling"))["rows"]
        tried, answered = row["callback_attempts"], row["callback_attempts_answered"]
        return bool(row["callbacks_kept"] >= 1 and tried > answered >= 1)

    await until_async(reported, "the report has it")


async def test_an_agent_who_hangs_up_while_the_customers_phone_rings_stops_it(calling: Calling) -> None:
    centre = calling.centre
    await centre.request("POST", "/v1/callbacks", {"queue": "calling", "number": "030 123456"})
    await centre.on_duty("ann")
    agent = await centre.agents["ann"].answer(10.0)
    ringing = await calling.customer.next_call(10.0)
    ringing.respond(180, "Ringing")
    await until(
        lambda: tones.heard(agent.rtp.audio(last_s=0.3), {425.0, 440.0, 480.0}), "the agent hears it ring"
    )
    agent.bye()
    await ringing.request("CANCEL")

    await centre.set_presence("ben", "available")
    agent = await centre.agents["ben"].answer(10.0)
    customer = await calling.answer()
    async with talking((customer, CALLER_HZ), (agent, AGENT_HZ)):
        await until(lambda: hears(agent, CALLER_HZ), "another agent hears the customer")
    agent.bye()
    await customer.request("BYE")


async def test_a_callback_is_asked_for_over_http_once_and_cancelled(calling: Calling) -> None:
    centre = calling.centre
    wish = {"queue": "calling", "number": "030 123456", "identity": "c-7", "context": {"order": "A-7"}}
    first = await centre.request("POST", "/v1/callbacks", wish)
    again = await centre.request("POST", "/v1/callbacks", {**wish, "number": "030 654321"})

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    assert again.json()["number"] == "+4930654321"
    [found] = (await centre.get("/v1/callbacks?queue=calling"))["callbacks"]
    assert (found["state"], found["position"], found["context"]) == ("waiting", 1, {"order": "A-7"})
    cancelled = await centre.request("DELETE", f"/v1/callbacks/{found['id']}")
    assert cancelled.status_code == 204
    assert (await centre.get(f"/v1/callbacks/{found['id']}"))["state"] == "cancelled"
    assert await calling.entries("calling") == []
    for number, problem in (("112", "emergency"), ("0900 1234567", "premium"), ("abc", "telephone number")):
        refused = await centre.request("POST", "/v1/callbacks", {**wish, "number": number})
        assert refused.status_code == 422
        assert problem in refused.json()["detail"]


async def test_a_callback_of_an_app_reaches_the_agent_with_its_context(calling: Calling) -> None:
    centre = calling.centre
    wish = {"queue": "calling", "number": NUMBER, "name": "Ada", "context": {"order": "A-7"}}
    found = (await centre.request("POST", "/v1/callbacks", wish)).json()
    await centre.on_duty("ann")
    ringing = await centre.agents["ann"].ring(10.0)
    [invite] = ringing.requests("INVITE")

    assert invite["X-Ringback-Callback"] == found["id"]
    assert NUMBER in invite["From"]
    ringing.respond(200, "OK", sdp=True)
    customer = await calling.answer()
    async with talking((customer, CALLER_HZ), (ringing, AGENT_HZ)):
        await until(lambda: hears(customer, AGENT_HZ), "the customer hears the agent")
    [call] = [one for one in (await centre.get("/v1/calls"))["calls"] if one["entry"] == found["id"]]
    assert call["context"]["order"] == "A-7"
    assert call["direction"] == "outbound"
    ringing.bye()
    await customer.request("BYE")


async def test_who_calls_in_while_a_callback_waits_can_wait_at_its_place(calling: Calling) -> None:
    centre = calling.centre
    await centre.set_presence("ann", "on_break", "lunch")
    asked = await calling.ask("calling")
    await asked.request("BYE")
    await centre.wait_in("calling", "later")
    [entry, _] = await calling.entries("calling")

    call = await calling.customer.call(centre.gateway.uri(NUMBERS["calling"]))
    await call.status(200)
    await until(lambda: hears(call, PENDING_HZ, (PENDING_HZ,)), "they are told of it")
    await call.rtp.press("2")
    await until(lambda: hears(call, MUSIC_HZ), "they wait")
    [found, _] = await calling.entries("calling")
    assert (found["id"], found["state"], found["position"]) == (entry["id"], "waiting", 1)

    await centre.set_presence("ann", "available")
    agent = await centre.agents["ann"].answer(10.0)
    async with talking((agent, AGENT_HZ)):
        await until(lambda: hears(call, AGENT_HZ), "and are served first")
    call.bye()
    await agent.request("BYE")


async def test_who_calls_in_can_cancel_their_callback(calling: Calling) -> None:
    centre = calling.centre
    await centre.set_presence("ann", "on_break", "lunch")
    asked = await calling.ask("calling")
    await asked.request("BYE")
    [entry] = await calling.entries("calling")

    call = await calling.customer.call(centre.gateway.uri(NUMBERS["calling"]))
    await call.status(200)
    await until(lambda: hears(call, PENDING_HZ, (PENDING_HZ,)), "they are told of it")
    await call.rtp.press("3")
    await until(lambda: hears(call, BYE_HZ, (BYE_HZ,)), "it is cancelled")
    await call.request("BYE")
    assert await calling.entries("calling") == []
    assert (await centre.get(f"/v1/callbacks/{entry['id']}"))["state"] == "cancelled"


async def test_a_dialplan_takes_a_request_once_and_the_customer_is_called(calling: Calling) -> None:
    centre = calling.centre
    for tone_hz in (KEPT_HZ, PENDING_HZ):
        call = await calling.customer.call(centre.gateway.uri(LEAVE_NUMBER))
        await call.status(200)
        await until(partial(hears, call, tone_hz, (tone_hz,)), "it is kept once, and then there already")
        await call.request("BYE")
    [entry] = await calling.entries("calling")
    assert (await centre.get(f"/v1/callbacks/{entry['id']}"))["source"] == "dialplan"

    await centre.on_duty("ann")
    agent = await centre.agents["ann"].answer(15.0)
    customer = await calling.answer()
    async with talking((agent, AGENT_HZ)):
        await until(lambda: hears(customer, AGENT_HZ), "the customer hears the agent")
    agent.bye()
    await customer.request("BYE")


async def test_who_withholds_the_number_enters_one(calling: Calling) -> None:
    centre = calling.centre
    await centre.set_presence("ann", "on_break", "lunch")
    call = await centre.wait_in("calling", "anonymous")
    await call.rtp.press("1")
    await until(lambda: hears(call, CONNECTING_HZ, (CONNECTING_HZ,)), "they are asked for a number")
    for digit in "030123456#":
        await call.rtp.press(digit)
    await until(lambda: hears(call, CONFIRM_HZ, (CONFIRM_HZ,)), "it is read back")
    await call.rtp.press("1")
    await until(lambda: hears(call, KEPT_HZ, (KEPT_HZ,)), "the callback is kept")
    await call.request("BYE")
    centre.calls.clear()

    [entry] = await calling.entries("calling")
    assert entry["number"] == NUMBER
    assert (await centre.request("DELETE", f"/v1/callbacks/{entry['id']}")).status_code == 204


async def test_the_customer_is_called_first_and_asked_for_a_key(calling: Calling) -> None:
    centre = calling.centre
    await centre.request("POST", "/v1/callbacks", {"queue": "calling_first", "number": NUMBER})
    await centre.on_duty("ann")
    customer = await calling.answer()
    assert centre.agents["ann"].phone.incoming.empty()
    await customer.rtp.send_audio(spoken("Hello?"))
    await until(lambda: hears(customer, CONFIRM_HZ, (CONFIRM_HZ,)), "the customer is greeted")
    await customer.rtp.press("1")

    agent = await centre.agents["ann"].answer(10.0)
    async with talking((customer, CALLER_HZ), (agent, AGENT_HZ)):
        await until(lambda: hears(customer, AGENT_HZ), "the customer hears the agent")
        await until(lambda: hears(agent, CALLER_HZ), "the agent hears the customer")
    customer.bye()
    await agent.request("BYE")


async def test_a_machine_is_left_a_message_and_the_customer_tried_again(calling: Calling) -> None:
    centre = calling.centre
    wish = {"queue": "calling_first", "number": NUMBER}
    found = (await centre.request("POST", "/v1/callbacks", wish)).json()
    await centre.on_duty("ann")
    machine = await calling.answer()
    greeting = (
        "You have reached the Lovelace family. We are not at home. Please leave a message after the tone."
    )
    await machine.rtp.send_audio(spoken(greeting))
    await until(lambda: hears(machine, KEPT_HZ, (KEPT_HZ,)), "the message is left", deadline_s=10.0)
    await machine.request("BYE", deadline_s=10.0)
    assert centre.agents["ann"].phone.incoming.empty()
    shown = await centre.get(f"/v1/callbacks/{found['id']}")
    assert shown["last_outcome"] == "machine"

    customer = await calling.answer()
    await customer.rtp.press("1")
    agent = await centre.agents["ann"].answer(10.0)
    async with talking((agent, AGENT_HZ)):
        await until(lambda: hears(customer, AGENT_HZ), "the customer hears the agent")
    customer.bye()
    await agent.request("BYE")


async def test_a_customer_isnt_rung_for_an_agent_who_has_gone(calling: Calling) -> None:
    centre = calling.centre
    wish = {"queue": "calling_first", "number": NUMBER}
    found = (await centre.request("POST", "/v1/callbacks", wish)).json()
    await centre.on_duty("ann")
    ringing = await calling.customer.next_call(15.0)
    ringing.respond(180, "Ringing")
    await centre.set_presence("ann", "on_break", "lunch")
    await ringing.request("CANCEL")

    shown = await centre.get(f"/v1/callbacks/{found['id']}")
    assert (shown["attempts"], shown["state"], shown["position"]) == (0, "scheduled", 1)
    assert await centre.gateway.metric("ringback_callbacks", queue="calling_first", state="scheduled") == 1
    await centre.request("DELETE", f"/v1/callbacks/{found['id']}")


async def test_nothing_is_promised_while_the_database_cant_take_it(calling: Calling) -> None:
    centre = calling.centre
    await centre.set_presence("ann", "on_break", "lunch")
    call = await calling.customer.call(centre.gateway.uri(NUMBERS["calling"]))
    await call.status(200)
    await until(lambda: hears(call, MUSIC_HZ), "the customer waits")
    [before] = await calling.entries("calling")

    [file] = centre.gateway.data_dir.glob("*.db")
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # nobody else writes now
        await call.rtp.press("1")
        await until(lambda: hears(call, CONFIRM_HZ, (CONFIRM_HZ,)), "the number is read back")
        await call.rtp.press("1")
        await until(lambda: hears(call, WHISPER_HZ, (WHISPER_HZ,)), "they are told to wait", deadline_s=15.0)
        refused = await centre.request("POST", "/v1/callbacks", {"queue": "calling", "number": "030 654321"})
        assert refused.status_code == 503
    await until(lambda: hears(call, MUSIC_HZ), "and wait")
    [after] = await calling.entries("calling")

    assert (after["id"], after["state"], after["position"]) == (before["id"], "waiting", 1)
    call.bye()


async def test_an_agent_takes_a_callback_out_of_its_turn(calling: Calling) -> None:
    centre = calling.centre
    found = []
    for number in ("030 654321", NUMBER):
        wish = {"queue": "calling", "number": number, "at": f"{datetime.now(UTC) + timedelta(hours=1)}"}
        found.append((await centre.request("POST", "/v1/callbacks", wish)).json()["id"])
    path = f"/v1/callbacks/{found[1]}/claim"
    refused = await centre.request("POST", path, {"agent": "ann"})
    assert (refused.status_code, refused.json()["detail"]) == (
        409, "ann isn't free to take a call: logged_out",
    )  # fmt: skip

    await centre.on_duty("ann")
    claimed = await centre.request("POST", path, {"agent": "ann"})
    assert (claimed.status_code, claimed.json()["agents"]) == (200, ["ann"])
    agent = await centre.agents["ann"].answer(10.0)
    again = await centre.request("POST", path, {"agent": "ann"})
    assert again.status_code == 409
    customer = await calling.answer()
    async with talking((customer, CALLER_HZ), (agent, AGENT_HZ)):
        await until(lambda: hears(customer, AGENT_HZ), "the customer hears the agent")
        await until(lambda: hears(agent, CALLER_HZ), "the agent hears the customer")
    customer.bye()
    await agent.request("BYE")
    [left] = await calling.entries("calling")
    assert left["id"] == found[0]
    await centre.request("DELETE", f"/v1/callbacks/{left['id']}")


async def press(call: UaCall, key: str, heard_hz: float, what: str) -> None:
    await call.rtp.press(key)
    await until(lambda: hears(call, heard_hz, (heard_hz,)), what, deadline_s=10.0)


async def test_who_waits_too_long_is_offered_a_callback_and_chooses_a_time(calling: Calling) -> None:
    centre = calling.centre
    await centre.set_presence("ann", "on_break", "lunch")
    call = await calling.customer.call(centre.gateway.uri(NUMBERS["timed"]))
    await call.status(200)
    await until(lambda: hears(call, OFFER_HZ, (OFFER_HZ,)), "after a while a callback is offered")
    await press(call, "1", CONFIRM_HZ, "the number is read back")
    await press(call, "1", WHEN_HZ, "they are asked when")
    await press(call, "2", SLOTS_HZ, "times are offered")
    await press(call, "#", SLOTS_HZ, "others are")
    await press(call, "2", KEPT_AT_HZ, "it is kept")
    await call.request("BYE")
    [entry] = await calling.entries("timed")
    found = await centre.get(f"/v1/callbacks/{entry['id']}")
    chosen = datetime.fromisoformat(found["not_before"])
    assert (found["state"], chosen.minute % 5, chosen.second) == ("scheduled", 0, 0)
    ahead = chosen - datetime.now(UTC)
    assert timedelta(minutes=19) < ahead <= timedelta(minutes=25), "the fifth from now"
    await centre.request("DELETE", f"/v1/callbacks/{entry['id']}")


async def test_a_dialplan_has_callers_choose_number_and_time_without_waiting(calling: Calling) -> None:
    centre = calling.centre
    call = await calling.customer.call(centre.gateway.uri(ASK_NUMBER))
    await call.status(200)
    await until(lambda: hears(call, CONFIRM_HZ, (CONFIRM_HZ,)), "the number is read back")
    await press(call, "*", BYE_HZ, "who wants none hears what the plan says of that")
    await call.request("BYE")
    assert await calling.entries("timed") == []

    call = await calling.customer.call(centre.gateway.uri(ASK_NUMBER))
    await call.status(200)
    await until(lambda: hears(call, CONFIRM_HZ, (CONFIRM_HZ,)), "the number is read back")
    await press(call, "1", WHEN_HZ, "they are asked when")
    await press(call, "2", SLOTS_HZ, "times are offered")
    await press(call, "1", KEPT_HZ, "it is kept, says the plan")
    await call.request("BYE")
    [entry] = await calling.entries("timed")
    found = await centre.get(f"/v1/callbacks/{entry['id']}")
    assert (found["number"], found["state"], found["source"]) == (NUMBER, "scheduled", "dialplan")
    await centre.request("DELETE", f"/v1/callbacks/{entry['id']}")


async def test_callbacks_on_the_command_line(calling: Calling) -> None:
    centre = calling.centre

    async def ringback(*words: str) -> str:
        url = f"http://{LOOPBACK}:{centre.gateway.http_port}"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway", "callback", *words, "--url", url,
            env={**os.environ, "RINGBACK_API_KEY": centre.key}, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        output, _ = await asyncio.wait_for(process.communicate(), 30.0)
        assert process.returncode == 0
        return output.decode()

    added = json.loads(await ringback("add", "calling", "030 123456", "--name", "Ada", "--json"))
    [listed] = json.loads(await ringback("list", "--queue", "calling", "--json"))
    table = await ringback("list")
    cancelled = await ringback("cancel", added["id"])

    assert (listed["id"], listed["name"], listed["number"]) == (added["id"], "Ada", NUMBER)
    assert added["id"] in table
    assert "cancelled" in cancelled
    assert json.loads(await ringback("list", "--json")) == []


async def test_after_the_last_try_the_callback_is_given_up_and_that_is_known(calling: Calling) -> None:
    centre = calling.centre
    wish = {"queue": "calling", "number": NUMBER}
    found = (await centre.request("POST", "/v1/callbacks", wish)).json()
    await centre.on_duty("ann")
    for _ in range(3):
        agent = await centre.agents["ann"].answer(15.0)
        customer = await calling.customer.next_call(10.0)
        customer.respond(486, "Busy Here")
        await agent.request("BYE", deadline_s=10.0)

    async def given_up() -> bool:
        return bool((await centre.get(f"/v1/callbacks/{found['id']}"))["state"] == "exhausted")

    await until_async(given_up, "it is given up")
    assert await calling.entries("calling") == []
    assert "callback_exhausted" in centre.gateway.process.output()


async def test_an_agent_can_send_a_customer_who_was_called_on_to_a_flow(calling: Calling) -> None:
    centre = calling.centre
    await centre.request("POST", "/v1/callbacks", {"queue": "calling", "number": NUMBER})
    await centre.on_duty("ann")
    agent = await centre.agents["ann"].answer(15.0)
    customer = await calling.answer()
    async with talking((agent, AGENT_HZ)):
        await until(lambda: hears(customer, AGENT_HZ), "the customer hears the agent")
    [call] = (await centre.get("/v1/calls?live=true"))["calls"]
    body = {"to": {"kind": "flow", "name": "strict"}}
    answer = await centre.request("POST", f"/v1/calls/{call['id']}/transfer", body)
    assert answer.status_code < 300, answer.text
    await agent.request("BYE")
    await centre.on_duty()

    await until(lambda: hears(customer, CLOSED_HZ, (CLOSED_HZ,)), "the flow says that nobody is there")
    await customer.request("BYE")
