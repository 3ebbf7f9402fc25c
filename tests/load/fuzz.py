"""Broken SIP and SDP against a running node: it must live, answer, and lose no call.

    python -m tests.load.fuzz [--messages 3000] [--seed N]

Mutates well-formed requests: bytes, header lines, numbers, SDP lines, lengths, several at once. After every
batch the node has to answer OPTIONS and take a whole call. The seed makes a run repeatable; the batch that
killed a node is written to a file. Exit 1 when the node died, fell silent or kept a call.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import track

from tests.integration.gateway import Gateway
from tests.integration.gateway_dialplan import write_dialplan
from tests.integration.peers import rawsip
from tests.integration.peers.ports import LOOPBACK
from tests.integration.peers.rtp import RtpEnd
from tests.integration.peers.sip import SipMessage, audio_sdp, new_branch, new_tag
from tests.integration.peers.wait import until_async
from tests.load.bench import allow_descriptors
from tests.load.sipload import CallFailed, LoadCaller

BATCH: Final = 100
A_SECOND: Final = 400
LEFT_OVER_S: Final = 60.0  # unacknowledged answers are given up after 64*T1, 32 s
CRASH_FILE: Final = Path("fuzz-crash.bin")
NUMBERS: Final = (b"0", b"-1", b"65536", b"4294967296", b"99999999999999999999", b"1e9", b"0x10", b"")
TOKENS: Final = (
    b"\x00",
    b"\xff\xfe",
    b"%s%n",
    b"A" * 5000,
    b"\r\n\r\n",
    b"<<<>>>",
    b'"',
    b"\\",
    b";;;=",
    b"\t",
)

Mutation = Callable[[random.Random, bytes], bytes]

console = Console()


def flip_bytes(chance: random.Random, message: bytes) -> bytes:
    mutated = bytearray(message)
    for _ in range(chance.randint(1, 8)):
        mutated[chance.randrange(len(mutated))] = chance.randrange(256)
    return bytes(mutated)


def cut(chance: random.Random, message: bytes) -> bytes:
    return message[: chance.randrange(1, len(message))]


def repeat_a_line(chance: random.Random, message: bytes) -> bytes:
    lines = message.split(b"\r\n")
    index = chance.randrange(len(lines))
    return b"\r\n".join(lines[:index] + [lines[index]] * chance.choice((2, 3, 50)) + lines[index + 1 :])


def drop_a_line(chance: random.Random, message: bytes) -> bytes:
    lines = message.split(b"\r\n")
    del lines[chance.randrange(len(lines))]
    return b"\r\n".join(lines)


def swap_lines(chance: random.Random, message: bytes) -> bytes:
    lines = message.split(b"\r\n")
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return b"\r\n".join(lines)


def change_a_number(chance: random.Random, message: bytes) -> bytes:
    digits = [index for index, byte in enumerate(message) if chr(byte).isdigit()]
    if not digits:
        return message
    start = chance.choice(digits)
    end = start
    while end < len(message) and chr(message[end]).isdigit():
        end += 1
    return message[:start] + chance.choice(NUMBERS) + message[end:]


def insert_a_token(chance: random.Random, message: bytes) -> bytes:
    place = chance.randrange(len(message))
    return message[:place] + chance.choice(TOKENS) + message[place:]


def empty_a_value(chance: random.Random, message: bytes) -> bytes:
    lines = message.split(b"\r\n")
    index = chance.randrange(len(lines))
    separator = b":" if b":" in lines[index] else b"="
    lines[index] = lines[index].partition(separator)[0] + separator
    return b"\r\n".join(lines)


MUTATIONS: Final[tuple[Mutation, ...]] = (
    flip_bytes,
    cut,
    repeat_a_line,
    drop_a_line,
    swap_lines,
    change_a_number,
    insert_a_token,
    empty_a_value,
)
METHODS: Final = (
    "INVITE",
    "INVITE",
    "INVITE",
    "OPTIONS",
    "BYE",
    "CANCEL",
    "ACK",
    "INFO",
    "REGISTER",
    "UPDATE",
)


def broken_message(chance: random.Random, target: tuple[str, int], local_port: int, rtp_port: int) -> bytes:
    """A well-formed request for one of our numbers, with one to three things wrong with it."""
    message = _request(chance, target, local_port, rtp_port).to_bytes()
    for _ in range(chance.randint(1, 3)):
        if len(message) > 2:
            message = chance.choice(MUTATIONS)(chance, message)
    return message[:60_000]


def _request(chance: random.Random, target: tuple[str, int], local_port: int, rtp_port: int) -> SipMessage:
    method = chance.choice(METHODS)
    uri = f"sip:{chance.choice(('100', '101', '102', '486', '999'))}@{target[0]}:{target[1]}"
    headers = [
        ("Via", f"SIP/2.0/UDP {LOOPBACK}:{local_port};branch={new_branch()};rport"),
        ("Max-Forwards", "70"),
        ("From", f'"Fuzz" <sip:fuzz@{LOOPBACK}:{local_port}>;tag={new_tag()}'),
        ("To", f"<{uri}>"),
        ("Call-ID", f"{new_tag()}@{LOOPBACK}"),
        ("CSeq", f"1 {method}"),
        ("Contact", f"<sip:fuzz@{LOOPBACK}:{local_port}>"),
        ("Reason", 'Q.850;cause=16;text="bye"'),
        ("Supported", "100rel, timer"),
    ]
    if method != "INVITE":
        return SipMessage(f"{method} {uri} SIP/2.0", headers)
    headers.append(("Content-Type", "application/sdp"))
    return SipMessage(f"{method} {uri} SIP/2.0", headers, audio_sdp(LOOPBACK, rtp_port))


async def fuzz(messages: int, seed: int, directory: Path) -> list[str]:
    """Runs it; what went wrong, nothing when all is well."""
    chance = random.Random(seed)
    gateway = Gateway(
        directory / "gateway",
        dialplan=write_dialplan(directory / "plan"),
        max_calls=1500,
        rtp_ports=6000,
        log_level="error",
    )
    async with gateway, await RtpEnd.open() as rtp, await LoadCaller.open(gateway.target) as caller:
        for _ in track(range(0, messages, BATCH), "batches", console=console):
            batch = await _send_batch(chance, gateway, rtp.port)
            if problem := await _problem(gateway, caller, rtp.port):
                _keep(batch)
                return [problem, f"the batch is in {CRASH_FILE}", gateway.process.output()[-2000:]]
        try:
            with console.status("calls that nobody acknowledged have to end by themselves"):
                await until_async(lambda: _empty(gateway), "no call is left", deadline_s=LEFT_OVER_S)
        except AssertionError as error:
            return [str(error), gateway.process.output()[-2000:]]
    return []


async def _send_batch(chance: random.Random, gateway: Gateway, rtp_port: int) -> list[bytes]:
    batch: list[bytes] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((LOOPBACK, 0))
        local_port = sock.getsockname()[1]
        started = time.monotonic()
        for index in range(BATCH):
            await asyncio.sleep(max(0.0, started + index / A_SECOND - time.monotonic()))
            batch.append(broken_message(chance, gateway.target, local_port, rtp_port))
            sock.sendto(batch[-1], gateway.target)
    # The same on a stream, all at once: framing has to find its way by Content-Length (RFC 3261 §18.3).
    await rawsip.exchange_tcp(gateway.target, b"".join(batch[:5]), wait_s=0.05)
    return batch


async def _problem(gateway: Gateway, caller: LoadCaller, rtp_port: int) -> str:
    if gateway.process.returncode is not None:
        return f"the node ended with {gateway.process.returncode}"
    if not await rawsip.is_alive(gateway.target):
        return "the node doesn't answer OPTIONS"
    try:
        await caller.hang_up(await caller.place("102", rtp_port))
    except CallFailed as failed:
        return f"the node doesn't take a call: {failed}"
    return ""


async def _empty(gateway: Gateway) -> bool:
    return await gateway.metric("ringback_calls_active") == 0


def _keep(batch: Sequence[bytes]) -> None:
    CRASH_FILE.write_bytes(b"\n==== next ====\n".join(batch))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.load.fuzz", description=__doc__)
    parser.add_argument("--messages", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=None, help="repeat a run")
    options = parser.parse_args()
    seed = random.SystemRandom().randrange(1 << 32) if options.seed is None else options.seed
    console.print(f"seed {seed}")
    allow_descriptors()
    with tempfile.TemporaryDirectory(prefix="ringback-fuzz-") as directory:
        problems = asyncio.run(fuzz(options.messages, seed, Path(directory)))
    for problem in problems:
        console.print(problem, style="red", markup=False)
    console.print("the node lives" if not problems else "seed " + str(seed))
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
