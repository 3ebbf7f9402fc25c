"""Bytes on the wire: what no SIP stack would send, and what comes back."""

from __future__ import annotations

import asyncio
import socket

from tests.integration.peers.ports import LOOPBACK
from tests.integration.peers.sip import SipMessage, new_branch, new_tag


async def exchange_udp(
    target: tuple[str, int], payload: bytes, *, wait_s: float = 1.0, enough: int = 100
) -> list[bytes]:
    """Send one datagram, and return what comes back within `wait_s`, or the first `enough` of it."""
    loop = asyncio.get_running_loop()
    answers: list[bytes] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.bind((LOOPBACK, 0))
        await loop.sock_sendto(sock, payload, target)
        try:
            async with asyncio.timeout(wait_s):
                while len(answers) < enough:
                    answers.append(await loop.sock_recv(sock, 65535))
        except TimeoutError:
            pass  # what came until then is the answer
    return answers


async def exchange_tcp(target: tuple[str, int], payload: bytes, *, wait_s: float = 1.0) -> bytes:
    """Send bytes on a connection of their own, and return what comes back until it is closed or `wait_s`."""
    reader, writer = await asyncio.open_connection(*target)
    answer = bytearray()
    try:
        writer.write(payload)
        await writer.drain()
        async with asyncio.timeout(wait_s):
            while chunk := await reader.read(65536):
                answer += chunk
    except (TimeoutError, ConnectionResetError):
        pass  # what came until then is the answer
    finally:
        writer.close()
    return bytes(answer)


def options(target: tuple[str, int], *, transport: str = "UDP", local_port: int = 5060) -> SipMessage:
    """A well-formed OPTIONS: is anybody there?"""
    host, port = target
    return SipMessage(
        f"OPTIONS sip:{host}:{port} SIP/2.0",
        [
            ("Via", f"SIP/2.0/{transport} {LOOPBACK}:{local_port};branch={new_branch()};rport"),
            ("Max-Forwards", "70"),
            ("From", f"<sip:probe@{LOOPBACK}>;tag={new_tag()}"),
            ("To", f"<sip:{host}:{port}>"),
            ("Call-ID", f"{new_tag()}@{LOOPBACK}"),
            ("CSeq", "1 OPTIONS"),
            ("Contact", f"<sip:probe@{LOOPBACK}:{local_port}>"),
        ],
    )


async def is_alive(target: tuple[str, int], *, tries: int = 3) -> bool:
    """Whether OPTIONS over UDP is answered at all, with whatever status."""
    for _ in range(tries):
        answers = await exchange_udp(target, options(target).to_bytes(), wait_s=0.5, enough=1)
        if any(answer.startswith(b"SIP/2.0 ") for answer in answers):
            return True
    return False
