"""A real Asterisk 22 on loopback, with a trunk to the gateway: it includes the files of dialplans/asterisk.

What the gateway (or a phone) reaches at it, by dialling:

| number | what it does |
|---|---|
| 1001 | answers with 1004 Hz |
| 1002 | answers and sends back what it hears |
| 1003 | busy |
| 1004 | rings for two minutes |
| 1005 | congestion (503) |
| 1006 | early media of 425 Hz for two seconds, then like 1002 |
| 1007 | answers, reads four keys, tells them by `reports("Keys")`, and presses them back |
| 1008 | answers and hangs up after a second |
| 1009 | tells its headers by `reports("Headers")`, then like 1001 |
| 1010 | answers, and after a second sends the call to 2100 by REFER |
| 2XXX | dials XXX at the gateway, with the headers that came in |
| 5001XXX | the same by another trunk: keys by INFO, G.711 mu-law |
| 5002XXX | keys in-band, A-law |
| 5003XXX | keys by RFC 4733, G.722 |
| 5004XXX | keys as negotiated, Opus |
| a phone's name | rings that phone |

Phones (`phones`) are endpoints with a fixed contact: `UserAgent`s need not register.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

import pytest

from tests.integration.peers import sid, tones
from tests.integration.peers.ports import LOOPBACK, Reservation
from tests.integration.peers.process import PeerProcess
from tests.integration.peers.wait import until_async

OURS: Final = Path(__file__).parents[3] / "dialplans" / "asterisk"
HEADERS: Final = "b(ringback-headers^s^1)"
RTP_PORTS: Final = 200
MUSIC_HZ: Final = 660.0
TONE_HZ: Final = 1004.0
START_S: Final = 30.0

# One of them: @name@ is filled in.
ETC: Final = Path(__file__).parent / "asterisk_etc"

_PHONE: Final = """
[@name@](ringback-agent)
transport = udp
aors = @name@
rewrite_contact = no
[@name@]
type = aor
contact = @uri@
"""


def installed() -> Path:
    """Where Asterisk is unpacked. Skips the test where `.ci/setup test` couldn't get it."""
    root = sid.root_of("asterisk")
    if root is None:
        pytest.skip(
            "no Asterisk here: `python3 -m tests.integration.peers.sid asterisk` says why it can't be had"
        )
    return root


class Asterisk:
    """`async with Asterisk(directory, gateway="127.0.0.1:5060") as pbx`. It may be stopped and started again.

    `phones`: endpoint to the SIP URI where it is. `trunk`: more lines of the trunk's endpoint, such as
    "dtmf_mode = info". `more`: more of pjsip.conf. Ports and directory stay the same over a restart.
    """

    user: Final = "ringback"

    def __init__(
        self,
        directory: Path,
        *,
        gateway: str,
        phones: Mapping[str, str] | None = None,
        trunk: str = "",
        more: str = "",
    ) -> None:
        self._root = installed()
        self.directory = directory
        self.gateway = gateway
        self.phones = dict(phones or {})
        self.trunk, self.more = trunk, more
        self.secret = secrets.token_hex(16)
        self._sip, self._ami, self._rtp = Reservation(), Reservation(), Reservation(RTP_PORTS)
        self._lives = 0
        self.process = self._program()

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self._sip.first}"

    @property
    def ami_port(self) -> int:
        return self._ami.first

    @property
    def outbound(self) -> str:
        """What the gateway's setting `sip.outbound` is, to send numbers here."""
        return f"sip:{{number}}@{self.address}"

    def uri(self, number: str) -> str:
        return f"sip:{number}@{self.address}"

    # -- What a test tells it --------------------------------------------------------------------------------

    async def command(self, *words: str) -> str:
        """What Asterisk's console answers; "" while it doesn't run."""
        program = sid.command(self._root, "asterisk")
        made = await asyncio.create_subprocess_exec(
            *program,
            *("-C", str(self._etc / "asterisk.conf"), "-rx", " ".join(words)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        output, _ = await made.communicate()
        return output.decode(errors="replace") if made.returncode == 0 else ""

    async def call(
        self,
        number: str,
        *,
        joins: str = "1002",
        headers: Mapping[str, str] | None = None,
        caller: str = "4930123",
    ) -> None:
        """It calls `number` at the gateway, and connects what answers to an extension of its own.

        `headers`: three at most go with the INVITE. `reports("Answered")` has what came with the answer.
        """
        variables = [
            f"Setvar: __EXTRA{at}{part}={text}\n"
            for at, (name, value) in enumerate((headers or {}).items(), start=1)
            for part, text in (("_NAME", name), ("", value))
        ]
        lines = [f"Channel: Local/{number}@call-gateway/n\nCallerID: <{caller}>\nWaitTime: 60\n", *variables]
        lines.append(f"Context: ringback-internal\nExtension: {joins}\nPriority: 1\n")
        written = self.directory / "spool" / "tmp" / f"{secrets.token_hex(6)}.call"
        await asyncio.to_thread(written.write_text, "".join(lines))
        written.rename(self.directory / "spool" / "outgoing" / written.name)  # it looks at whole files only

    def reports(self, kind: str) -> list[dict[str, str]]:
        """What its dialplan told so far."""
        log = self.directory / "log" / "full"
        text = log.read_text(errors="replace") if log.exists() else ""
        found = re.findall(rf"REPORT {kind} (.*)", text)
        return [dict(pair.partition("=")[::2] for pair in line.split("|")) for line in found]

    async def channels(self) -> int:
        """How many channels there are."""
        found = re.search(r"(\d+) active channel", await self.command("core show channels count"))
        return int(found[1]) if found else 0

    def release(self) -> None:
        """Let go of its ports: as it starts, and should it never start."""
        for reservation in (self._sip, self._ami, self._rtp):
            reservation.release()

    async def start(self) -> Self:
        self.release()
        await asyncio.to_thread(self._write)
        self.process = self._program()
        await self.process.start()
        try:
            await until_async(self._booted, "Asterisk has booted", deadline_s=START_S)
        except BaseException:
            await self.process.stop()
            raise
        return self

    async def trunk_is_up(self) -> None:
        """Waits until Asterisk reaches the gateway: before that it refuses calls to it."""

        async def reached() -> bool:
            return "Avail" in await self.command("pjsip show contacts")

        await until_async(reached, "Asterisk reaches the gateway", deadline_s=15.0)

    async def stop(self, *, kill: bool = False) -> None:
        """It ends, and with it its calls. `kill`: without a word to anybody."""
        if kill and self.process.returncode is None:
            self.process.kill()
        await self.process.stop()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    # -- How it is made --------------------------------------------------------------------------------------

    @property
    def _etc(self) -> Path:
        return self.directory / "etc"

    def _program(self) -> PeerProcess:
        self._lives += 1
        program = sid.command(self._root, "asterisk")
        command = [*program, "-f", "-C", str(self._etc / "asterisk.conf")]
        return PeerProcess(f"asterisk-{self._lives}", command, self.directory)

    async def _booted(self) -> bool:
        assert self.process.returncode is None, f"Asterisk ended at once: {self.process.output()[-3000:]}"
        return "fully booted" in await self.command("core waitfullybooted")

    def _write(self) -> None:
        folders = (
            "etc",
            "lib/keys",
            "run",
            "log",
            "cache",
            "music",
            "spool/tmp",
            "spool/outgoing",
            "spool/monitor",
        )
        for folder in folders:
            (self.directory / folder).mkdir(parents=True, exist_ok=True)
        tones.write_wav(self.directory / "music" / "music.wav", tones.sine(MUSIC_HZ, 5.0))
        values = {
            "home": self.directory,
            "root": self._root,
            "modules": next(self._root.glob("usr/lib/*/asterisk/modules")),
            "ours": OURS,
            "host": LOOPBACK,
            "port": self._sip.first,
            "ami_port": self._ami.first,
            "secret": self.secret,
            "rtp_first": self._rtp.first,
            "rtp_last": self._rtp.last,
            "gateway": self.gateway,
            "trunk": self.trunk,
            "more": self.more,
            "phones": "".join(_filled(_PHONE, {"name": n, "uri": uri}) for n, uri in self.phones.items()),
            "phone_extensions": "\n".join(
                f"exten => {n},1,Dial(PJSIP/{n},30,{HEADERS})" for n in self.phones
            ),
        }
        for template in ETC.glob("*.conf"):
            (self._etc / template.name).write_text(_filled(template.read_text("utf-8"), values), "utf-8")


def _filled(template: str, values: Mapping[str, object]) -> str:
    return re.sub(r"@(\w+)@", lambda found: str(values[found[1]]), template)
