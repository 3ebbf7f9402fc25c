"""baresip 1.0.0 as a headless softphone: it plays a file into the call and records what it hears.

Controlled over its ctrl_tcp module: JSON in netstrings, commands out, responses and events in.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, Final, Self

from tests.integration.peers import tones
from tests.integration.peers.ports import LOOPBACK, Reservation
from tests.integration.peers.process import PeerProcess
from tests.integration.peers.wait import until, until_async

MODULES: Final = Path("/usr/lib/baresip/modules")
RTP_PORTS: Final = 20
LONGEST_CALL_S: Final = 60.0

_CONFIG: Final = """\
poll_method epoll
sip_listen {host}:{sip_port}
net_interface {host}
call_local_timeout 120
call_max_calls 4
audio_source aufile,{source}
audio_player aufile,{directory}/player.wav
audio_alert aufile,/dev/null
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
audio_txmode poll
audio_level no
ausrc_format s16
auplay_format s16
auenc_format s16
audec_format s16
audio_buffer 20-160
rtp_ports {rtp_first}-{rtp_last}
rtcp_mux no
jitter_buffer_delay 2-10
module_path {modules}
module g711.so
module g722.so
module opus.so
module aufile.so
module sndfile.so
module_tmp uuid.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen {host}:{control_port}
snd_path {directory}
"""

Event = dict[str, Any]  # JSON from baresip: keys vary by type


class Baresip:
    """One softphone. Use it as an asynchronous context manager.

    `source` is played into the call; baresip hangs up at its end, so it has to outlast the call.
    """

    def __init__(
        self,
        directory: Path,
        *,
        user: str = "phone",
        auto_answer: bool = False,
        codecs: str = "PCMU/8000/1,PCMA/8000/1",
        source: Path | None = None,
        transport: str = "udp",
    ) -> None:
        self.directory = directory
        self.user = user
        self.events: list[Event] = []
        self._auto_answer = auto_answer
        self._codecs = codecs
        self._transport = transport
        self._source = source
        self._sip, self._control, self._rtp = Reservation(), Reservation(), Reservation(RTP_PORTS)
        self._responses: asyncio.Queue[Event] = asyncio.Queue()
        self._reading: asyncio.Task[None] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self.process = PeerProcess("baresip", ["baresip", "-f", str(directory)], directory)

    @property
    def uri(self) -> str:
        return f"sip:{self.user}@{LOOPBACK}:{self._sip.first}"

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self._sip.first}"

    async def __aenter__(self) -> Self:
        self._write_configuration()
        for reservation in (self._sip, self._control, self._rtp):
            reservation.release()
        await self.process.start()
        try:
            await self._connect()
        except BaseException:
            await self.process.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        await self.process.stop()

    async def dial(self, uri: str) -> None:
        await self._command("dial", uri)

    async def accept(self) -> None:
        await self._command("accept")

    async def hang_up(self) -> None:
        await self._command("hangup")

    async def hold(self) -> None:
        await self._command("hold")

    async def resume(self) -> None:
        await self._command("resume")

    async def press(self, digits: str) -> None:
        """RFC 4733 events, one after the other; the key is held until the release, 0.15 s here."""
        for digit in digits:
            await self._command("sndcode", digit)
            await asyncio.sleep(0.15)  # a finger's time on the key: part of what is sent, not of the test
            await self._command("sndcode", "\x04")
            await asyncio.sleep(0.1)

    async def event(self, kind: str, *, count: int = 1, deadline_s: float = 8.0) -> Event:
        """Wait for the `count`th event of this type (CALL_RINGING, CALL_ESTABLISHED, CALL_CLOSED …)."""

        def found() -> list[Event]:
            events = [event for event in self.events if event.get("type") == kind]
            return events if len(events) >= count else []

        kinds = [event.get("type") for event in self.events]
        return (await until(found, f"baresip's {kind} (so far {kinds})", deadline_s=deadline_s))[count - 1]

    def heard(self) -> tones.Samples:
        """What it has received in its latest call, after its jitter buffer, at 8 kHz."""
        recordings = sorted(self.directory.glob("dump-*-dec.wav"), key=lambda path: path.stat().st_mtime)
        if not recordings:
            return tones.silence(0)
        samples, rate = tones.read_wav(recordings[-1])
        assert rate == tones.RATE, f"recorded at {rate} Hz"
        return samples

    def _write_configuration(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        source = self._source or tones.write_wav(
            self.directory / "silence.wav", tones.silence(LONGEST_CALL_S)
        )
        text = _CONFIG.format(
            host=LOOPBACK,
            sip_port=self._sip.first,
            control_port=self._control.first,
            rtp_first=self._rtp.first,
            rtp_last=self._rtp.last,
            source=source,
            directory=self.directory,
            modules=MODULES,
        )
        mode = "auto" if self._auto_answer else "manual"
        account = f"<sip:{self.user}@{LOOPBACK};transport={self._transport}>;regint=0;answermode={mode}"
        (self.directory / "config").write_text(text)
        (self.directory / "accounts").write_text(f"{account};audio_codecs={self._codecs}\n")
        (self.directory / "contacts").write_text("")

    async def _connect(self) -> None:
        async def attempt() -> list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
            if self.process.returncode is not None:
                raise AssertionError(f"baresip ended at once: {self.process.output()[-2000:]}")
            try:
                return [await asyncio.open_connection(LOOPBACK, self._control.first)]
            except ConnectionRefusedError:
                return []

        ((reader, self._writer),) = await until_async(attempt, "baresip's control port")
        self._reading = asyncio.create_task(self._read(reader))

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while True:
            try:
                length = int((await reader.readuntil(b":"))[:-1])
                payload = await reader.readexactly(length + 1)
            except (asyncio.IncompleteReadError, ConnectionResetError):
                return
            message: Event = json.loads(payload[:-1].decode("utf-8", "replace"))
            if message.get("event"):
                self.events.append(message)
            else:
                self._responses.put_nowait(message)

    async def _command(self, name: str, parameters: str = "") -> Event:
        assert self._writer is not None
        body = json.dumps({"command": name, "params": parameters, "token": name}).encode()
        self._writer.write(b"%d:%s," % (len(body), body))
        await self._writer.drain()
        async with asyncio.timeout(5.0):
            return await self._responses.get()
