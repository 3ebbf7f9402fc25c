"""Where calls come in and go out: transports, the one account, and the legs they make."""

from __future__ import annotations

import asyncio
import errno
import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import pjsua2 as pj

from gateway.call.leg import CallDirection, Headers, Party
from gateway.errors import DialError, StartupError
from gateway.sip.call import OwnerCall, Report, audio_only, tx_option
from gateway.sip.leg import SipLeg
from gateway.sip.message import name_addr, parse, party
from media.bridge import Bridge
from media.engine import Engine, EngineError, EngineStopped

log = logging.getLogger("ringback.sip")

PORT_REST_S: Final = 30.0
"""How long the RTP port of an ended call stays unused, so that its late packets reach nobody."""
HIGHEST_PRIORITY: Final = 255
GOODBYE_S: Final = 2.0
"""How long a stopping endpoint waits for answers to its BYEs: four tries of each (RFC 3261 §17.1.2.2)."""
GOODBYE_STEP_S: Final = 0.05
_PJ_ERRNO_START: Final = 120000  # PJ_ERRNO_START_SYS: system errors begin here


@dataclass(frozen=True, slots=True)
class SipEndpointSettings:
    """Ports: 0 takes any free one, None does without the transport.

    `rtp_ports`: first and last; None takes any free ones. `codecs`: in order of preference.
    """

    bind_address: str = "0.0.0.0"  # noqa: S104
    udp_port: int | None = 5060
    tcp_port: int | None = 5060
    public_address: str | None = None
    rtp_ports: tuple[int, int] | None = (10000, 29999)
    codecs: Sequence[str] = ("opus/48000", "G722/16000", "PCMA/8000", "PCMU/8000")
    inband_dtmf: str = "auto"


@dataclass(frozen=True, slots=True)
class Listening:
    """The ports that were bound; None where a transport is off."""

    udp_port: int | None
    tcp_port: int | None


class _Account(pj.Account):
    """Receives INVITEs. Lives on the owner thread."""

    def __init__(self, receive: Callable[[int, str, str], None]) -> None:
        super().__init__()
        self._receive = receive

    def onIncomingCall(self, parameter: pj.OnIncomingCallParam) -> None:  # noqa: N802  # PJSIP's name
        try:
            self._receive(parameter.callId, parameter.rdata.wholeMsg, parameter.rdata.srcAddress)
        except Exception:
            # pjsua2 hangs up a call for which no Call was made; the binding would only print the error.
            log.exception("an INVITE couldn't be taken")


class SipEndpoint:
    """The SIP side of a node. `on_invite` gets each inbound leg, on the event loop, in state TRYING."""

    def __init__(
        self,
        engine: Engine,
        bridge: Bridge,
        settings: SipEndpointSettings,
        on_invite: Callable[[SipLeg], None],
    ) -> None:
        self._engine = engine
        self._bridge = bridge
        self._settings = settings
        self._on_invite = on_invite
        self._account: _Account | None = None
        self._listening = Listening(None, None)

    @property
    def listening(self) -> Listening:
        return self._listening

    @property
    def _host(self) -> str:
        """How we call ourselves in addresses."""
        return self._settings.public_address or _host(self._settings.bind_address)

    async def start(self) -> Listening:
        """Binds the ports and takes calls. Raises StartupError that says which port is in use."""
        self._listening = await self._engine.run(self._open)
        return self._listening

    async def stop(self) -> None:
        """Hangs up what still lives, lets the goodbyes be answered for a moment, and closes."""
        with suppress(EngineStopped):  # it has died: there is nothing left to close
            await self._engine.run(lambda: pj.Endpoint.instance().hangupAllCalls())
            for _ in range(round(GOODBYE_S / GOODBYE_STEP_S)):
                if not await self._engine.run(pj.ringback_calls):
                    break
                await asyncio.sleep(GOODBYE_STEP_S)
            await self._engine.run(self._shut)

    async def dial(self, uri: str, *, caller: Party | None = None, headers: Headers = ()) -> SipLeg:
        """Calls `uri` ("sip:200@host:port;transport=tcp"). Raises DialError when it can't be tried.

        `caller`: who we say we are, by its number unless it has an address; the node itself when not given.
        """
        leg_id = _new_id()
        ours = caller or Party("ringback")
        leg = self._leg(leg_id, CallDirection.OUTBOUND, remote=party(uri), local=ours, headers={})
        try:
            await self._engine.run(lambda: self._call(leg, uri, caller, headers))
        except ValueError:  # a header that isn't fit to be sent
            self._engine.unsubscribe(leg.token)
            raise
        except (EngineError, RuntimeError) as error:
            self._engine.unsubscribe(leg.token)
            raise DialError(uri, str(error)) from error
        return leg

    # ---- owner thread

    def _open(self) -> Listening:
        endpoint = pj.Endpoint.instance()
        settings = self._settings
        udp = self._transport(endpoint, pj.PJSIP_TRANSPORT_UDP, "UDP", settings.udp_port)
        tcp = self._transport(endpoint, pj.PJSIP_TRANSPORT_TCP, "TCP", settings.tcp_port)
        self._choose_codecs(endpoint)
        self._account = _Account(self._receive)
        self._account.create(self._account_config())
        if (ports := self._rtp_range()) is not None:
            pj.ringback_configure_ports(self._account.getId(), *ports, PORT_REST_S)
        return Listening(udp, tcp)

    def _shut(self) -> None:
        if self._account is not None:
            self._account.shutdown()
            self._engine.discard(self._account)
            self._account = None

    def _transport(self, endpoint: pj.Endpoint, kind: int, name: str, port: int | None) -> int | None:
        if port is None:
            return None
        config = pj.TransportConfig()
        config.port = port
        config.boundAddress = self._settings.bind_address
        if self._settings.public_address:
            config.publicAddress = self._settings.public_address
        try:
            transport = endpoint.transportCreate(kind, config)
        except pj.Error as error:
            where = f"{name} port {port} on {self._settings.bind_address}"
            if error.status - _PJ_ERRNO_START == errno.EADDRINUSE:
                message = f"{where} is in use: stop the other program or set sip.{name.lower()}_port"
            else:
                message = f"cannot listen on {where}: {error.reason}"
            raise StartupError(message) from None
        address: str = endpoint.transportGetInfo(transport).localName
        return int(address.rpartition(":")[2])

    def _choose_codecs(self, endpoint: pj.Endpoint) -> None:
        known = {info.codecId: info.codecId.lower() for info in endpoint.codecEnum2()}
        wanted = [codec.lower() for codec in self._settings.codecs]
        for codec_id, lowered in known.items():
            rank = next((i for i, codec in enumerate(wanted) if lowered.startswith(codec + "/")), None)
            endpoint.codecSetPriority(codec_id, 0 if rank is None else HIGHEST_PRIORITY - rank)

    def _rtp_range(self) -> tuple[int, int] | None:
        if self._settings.rtp_ports is None:
            return None
        first, last = self._settings.rtp_ports
        return first + first % 2, last  # RTP takes even ports (RFC 3550 §11)

    def _account_config(self) -> pj.AccountConfig:
        settings = self._settings
        config = pj.AccountConfig()
        config.idUri = f"sip:ringback@{self._host}"
        config.regConfig.registerOnAdd = False
        # After the answer pjsua would send an UPDATE or re-INVITE to settle on one codec, which many peers
        # answer badly; the first codec of the answer is used without it.
        config.mediaConfig.lockCodecEnabled = False
        config.mediaConfig.transportConfig.port = 0  # pjsua's own default is 4000
        if (ports := self._rtp_range()) is not None:
            first, last = ports
            config.mediaConfig.transportConfig.port = first
            config.mediaConfig.transportConfig.portRange = last - first
        if settings.bind_address not in ("0.0.0.0", "::"):  # noqa: S104
            config.mediaConfig.transportConfig.boundAddress = settings.bind_address
        if settings.public_address:
            config.mediaConfig.transportConfig.publicAddress = settings.public_address
        return config

    def _receive(self, number: int, text: str, source: str) -> None:
        """An INVITE: the Call must be made inside the handler; everything else is the event loop's."""
        message = parse(text)
        leg = self._leg(
            _new_id(),
            CallDirection.INBOUND,
            remote=party(message.header("from") or ""),
            local=party(message.request_uri),
            headers=message.mapping,
            source=source.rpartition(":")[0].strip("[]"),
        )
        self._bind(leg, number)
        leg.track(message.header("call-id") or "")
        self._engine.notify(self._on_invite, leg)

    def _call(self, leg: SipLeg, uri: str, caller: Party | None, headers: Headers) -> None:
        if not pj.ringback_choose_port():
            raise RuntimeError("no RTP port is free")
        parameters = pj.CallOpParam(True)
        audio_only(parameters)
        option = tx_option(headers)
        if caller is not None:
            option.localUri = name_addr(caller, host=self._host)
        parameters.txOption = option
        call = self._bind(leg, pj.PJSUA_INVALID_ID)
        try:
            call.makeCall(uri, parameters)
        except pj.Error:
            self._engine.discard(call)
            raise
        leg.track(str(call.getInfo().callIdString))

    def _bind(self, leg: SipLeg, number: int) -> OwnerCall:
        account = self._account
        if account is None:
            raise RuntimeError("the endpoint is stopped")

        def make(report: Callable[[Report], None]) -> OwnerCall:
            return OwnerCall(account, self._engine, leg.audio, leg.id, report, number)

        return leg.bind(make)

    def _leg(
        self,
        leg_id: str,
        direction: CallDirection,
        *,
        remote: Party,
        local: Party,
        headers: Mapping[str, str],
        source: str = "",
    ) -> SipLeg:
        return SipLeg(
            self._engine,
            self._bridge,
            leg_id=leg_id,
            direction=direction,
            remote=remote,
            local=local,
            headers=headers,
            inband=self._settings.inband_dtmf,
            source=source,
        )


def _new_id() -> str:
    return secrets.token_hex(8)


def _host(address: str) -> str:
    return "localhost" if address in ("0.0.0.0", "::") else address  # noqa: S104
