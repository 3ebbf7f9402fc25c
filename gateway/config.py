"""What the operator decides: one TOML file, RINGBACK_* variables over it, and a safe default under every key.

`load` is the way in, and the only reader of the environment. A variable is named after its key, with two
underscores between section and key: RINGBACK_SIP__UDP_PORT=5070. Lists are given with commas there.
Everything is checked before anything starts, and every fault is reported at once with its file and line.
"""

from __future__ import annotations

import os
import re
import socket
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase
from ipaddress import ip_address, ip_network
from itertools import permutations
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from gateway.errors import ConfigurationError, RingbackError
from gateway.record_url import check_template
from gateway.webhooks.addresses import networks
from gateway.webhooks.events import EventType
from gateway.webhooks.signing import key_of

DEFAULT_FILE = Path("ringback.toml")
SHIPPED_DIALPLANS = Path(__file__).parent.parent / "dialplans"
PREFIX = "RINGBACK_"
# Read by media/native/build.py, not by the node.
BUILD_VARIABLES = frozenset({"RINGBACK_CACHE", "RINGBACK_PJPROJECT", "RINGBACK_PJPROJECT_SHA256"})
# The key that our own commands show to a running node; never part of the settings, which get printed.
KEY_VARIABLE = "RINGBACK_API_KEY"
MAX_CALLS = (
    1900  # PJSUA_MAX_CALLS in media/native/config_site.h is 2000; outbound legs need room above admission
)

_ROLES = ("app", "agent", "supervisor", "admin")
_HASHED_KEY = re.compile(rf"[A-Za-z0-9_.@-]{{1,64}}:({'|'.join(_ROLES)}):[0-9a-fA-F]{{64}}")
_PBX_TRUNK = re.compile(r"[A-Za-z]+/[A-Za-z0-9_.-]+")
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.\[\]:-]{1,255}")

Codec = Literal[
    "opus/48000", "G722/16000", "PCMA/8000", "PCMU/8000", "G729/8000", "GSM/8000", "speex/16000", "speex/8000"
]


def _split_commas(value: object) -> object:
    """A variable can't hold a list; "a, b" stands for one there."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _off_is_none(value: object) -> object:
    return None if value is False or (isinstance(value, str) and value.lower() in {"off", "false"}) else value


def _address(value: str) -> str:
    return str(ip_address(value))


def _network(value: str) -> str:
    return str(ip_network(value))


def _hashed_key(value: str) -> str:
    if not _HASHED_KEY.fullmatch(value):
        # Without the value: who mistook the key for its hash mustn't find it in a log.
        raise ValueError("an API key is NAME:ROLE:SHA256, as `ringback token` prints it")
    return value


def _outbound(template: str) -> str:
    if template and not re.fullmatch(r"sips?:[^\s<>]*\{number\}[^\s<>]*@[^\s<>@]+", template):
        raise ValueError("an address with {number} in it, such as sip:{number}@pbx.example")
    return template


def _origin(value: str) -> str:
    if not _ORIGIN.fullmatch(value):
        raise ValueError("an origin is a scheme and a host, as in https://desk.example.org:8443")
    return value.lower()


def _lower(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name.lower() for name in names)


Port = Annotated[int, Field(ge=0, le=65535)]  # 0 takes any free port
OptionalPort = Annotated[Port | None, BeforeValidator(_off_is_none)]
Address = Annotated[str, AfterValidator(_address)]
Network = Annotated[str, AfterValidator(_network)]
HashedKey = Annotated[str, AfterValidator(_hashed_key)]
Origin = Annotated[str, AfterValidator(_origin)]
Code = Annotated[Annotated[str, Field(pattern=r"^[0-9*#A-D]{1,8}$")] | None, BeforeValidator(_off_is_none)]


# Where the process is to die, in crash tests (`gateway.faults`).
FAULT_VARIABLE = "RINGBACK_FAULT_POINT"
NOT_SETTINGS = BUILD_VARIABLES | {KEY_VARIABLE, FAULT_VARIABLE}


class Section(BaseModel):
    """One table of the file. Unknown keys are faults, and nothing changes after the start."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class NodeSettings(Section):
    """This process among others of its kind."""

    name: str = Field(default_factory=socket.gethostname, min_length=1, max_length=64)
    drain_timeout_s: float = Field(30.0, ge=0, le=86400)
    """How long a stopping node waits for its calls to end by themselves."""
    drain_offer_s: float = Field(5.0, ge=0, le=86400)
    """So long after it was told to stop, callers who wait are told too, and offered a callback."""
    timezone: str = "UTC"
    """Where its days begin, in reports and on screens: an IANA name, such as Europe/Berlin."""

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"there is no time zone '{name}'") from None
        return name


class SipSettings(Section):
    """Signalling and RTP."""

    bind_address: Address = "0.0.0.0"  # noqa: S104 -- phones and trunks are elsewhere; HTTP stays on loopback
    udp_port: OptionalPort = 5060
    tcp_port: OptionalPort = 5060
    """Off with `false` (TOML) or `off` (variable); so is udp_port, but one of them stays."""
    public_address: Address | None = None
    """What Contact and SDP say behind NAT; the bound interface's address where it is unset."""
    user_agent: str = Field("Ringback", min_length=1, max_length=120, pattern=r"^[\x20-\x7e]+$")
    max_calls: int = Field(1000, ge=1, le=MAX_CALLS)
    """Legs admitted at the same time; further ones get `full_response`."""
    full_response: Literal[486, 503] = 503
    """486 (Busy Here) makes most carriers try the next trunk; 503 makes them rest this one for a while."""
    rtp_ports: Annotated[tuple[Port, Port], BeforeValidator(_split_commas)] = (10000, 29999)
    """First and last. A leg takes two (RTP, RTCP), which rest for 30 s after it, so that its late packets
    reach nobody: the range should hold 2 * (calls at a time + 30 * calls a second) ports."""
    codecs: Annotated[tuple[Codec, ...], BeforeValidator(_split_commas), Field(min_length=1)] = (
        "opus/48000",
        "G722/16000",
        "PCMA/8000",
        "PCMU/8000",
        "G729/8000",
    )
    """In the order in which we prefer them."""
    inband_dtmf: Literal["auto", "off", "always"] = "auto"
    """Listen for keys in the audio: `auto` only where the far end offers no telephone-event (RFC 4733)."""
    outbound: Annotated[str, AfterValidator(_outbound)] = ""
    """Where numbers are dialled, such as `sip:{number}@pbx.example`. Without it only SIP addresses can be."""
    headers_in: Annotated[tuple[str, ...], BeforeValidator(_split_commas), AfterValidator(_lower)] = ()
    """Headers of an INVITE that are kept with the call, as attributes of its record. Case doesn't matter."""

    @field_validator("full_response", mode="before")
    @classmethod
    def _status_from_text(cls, value: object) -> object:
        return int(value) if isinstance(value, str) and value.isdecimal() else value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.udp_port is None and self.tcp_port is None:
            raise ValueError("udp_port and tcp_port are both off: no call could arrive")
        first, last = self.rtp_ports
        if not 1024 <= first < last:
            raise ValueError(f"rtp_ports {first}-{last}: the first must be at least 1024 and below the last")
        if (room := (last - first + 1) // 2) < self.max_calls:
            raise ValueError(f"rtp_ports {first}-{last} hold {room} calls, but max_calls is {self.max_calls}")
        if len(set(self.codecs)) < len(self.codecs):
            raise ValueError("codecs names one twice")
        return self


class MediaSettings(Section):
    """The conference bridge and its clock."""

    rate: Literal[8000, 16000] = 8000
    """Hz. 16000 gives wideband legs (G.722, Opus) their full sound, for about a third more CPU."""
    ptime_ms: Literal[10, 20] = 20
    realtime_priority: Literal["auto", "off"] = "auto"
    """`auto` asks for SCHED_FIFO for the media clock and goes on without it where it isn't permitted."""

    @field_validator("rate", "ptime_ms", mode="before")
    @classmethod
    def _number_from_text(cls, value: object) -> object:
        return int(value) if isinstance(value, str) and value.isdecimal() else value


class HttpSettings(Section):
    """Health, metrics and the API.

    On loopback unless the operator says otherwise: health and metrics are open by design, so whoever makes
    them reachable should have decided it. The container image does, since publishing a port is a decision.
    """

    host: Address = "127.0.0.1"
    port: Port = 8080
    api_keys: Annotated[tuple[HashedKey, ...], BeforeValidator(_split_commas)] = ()
    """NAME:ROLE:SHA256 of those who may use the API, as `ringback token` prints them; none may without."""
    origins: Annotated[tuple[Origin, ...], BeforeValidator(_split_commas)] = ()
    """Whose pages may open WebSockets, beside those of this node: https://desk.example.org."""


class DialplanSettings(Section):
    """What happens to a call."""

    path: Path = SHIPPED_DIALPLANS / "demo"
    """A directory of YAML files; see dialplans/README.md."""
    watch: bool = False
    """Reload whenever the directory has changed, instead of on `ringback dialplan reload`."""
    secrets: Mapping[str, SecretStr] = Field(default_factory=dict)
    """What the `secrets` of a plan's lookups name: { bank_api = "Bearer …" }. The plan never holds them."""


class SpeechSettings(Section):
    """How prompts are spoken, and what callers say is understood."""

    engine: Literal["espeak", "piper"] = "espeak"
    """Who speaks the languages that `engines` doesn't name."""
    engines: Mapping[str, Literal["espeak", "piper"]] = Field(default_factory=dict)
    """Language tag to the engine that speaks it: { en = "piper" }."""
    voices: Mapping[str, str] = Field(default_factory=dict)
    """Language tag to the engine's voice: of espeak a name ({ en = "en-gb" }), of piper a package with a
    voice or an .onnx file. One that isn't listed speaks with the engine's usual voice.
    """

    recognisers: Mapping[str, Annotated[tuple[str, ...], BeforeValidator(_split_commas)]] = Field(
        default_factory=lambda: {"en": ("whisper-tiny-en", "pocketsphinx")}
    )
    """Language tag to the engines that understand it: the first one decides, further ones confirm or doubt.
    An empty mapping leaves keys alone.
    """
    workers: int = Field(2, ge=1, le=64)
    """Processes that recognise: as many as there are cores, at 150 MB each."""


class VoiceSettings(Section):
    """Calls from apps, and agents' browsers (WebRTC)."""

    app_secret: SecretStr | None = Field(None, min_length=32)
    """What an app's server signs its callers' tokens with (HS256); without it only API keys are taken."""
    sample_page: bool = False
    """Serve /app with a token for whoever asks: to try, never to run."""
    addresses: Annotated[tuple[Address, ...], BeforeValidator(_split_commas)] = ()
    """Addresses of this machine that media uses; all but loopback's where it is empty."""
    public_address: Address | None = None
    """What the world sees them as, behind a NAT that keeps ports."""
    udp_ports: Annotated[tuple[Port, Port], BeforeValidator(_split_commas)] = (40000, 49999)
    """First and last; a call takes one, and a second one for a moment when its network changes."""
    stun_urls: Annotated[tuple[str, ...], BeforeValidator(_split_commas)] = ()
    turn_urls: Annotated[tuple[str, ...], BeforeValidator(_split_commas)] = ()
    """Of a TURN server that shares turn_secret with this node (coturn: use-auth-secret)."""
    turn_secret: SecretStr | None = None
    turn_lifetime_s: float = Field(3600.0, ge=60, le=86400)
    relay: Literal["off", "offer", "only"] = "off"
    """Relay this node's own end too: for a node that browsers don't reach directly."""
    codecs: Annotated[tuple[Literal["opus", "PCMU", "PCMA"], ...], BeforeValidator(_split_commas)] = (
        "opus",
        "PCMU",
        "PCMA",
    )
    opus_complexity: int = Field(1, ge=0, le=10)
    """More sounds a little better, and costs: 5 is twice 1."""
    media_timeout_s: float = Field(10.0, ge=2, le=120)
    consent_timeout_s: float = Field(30.0, ge=4, le=30)
    """How long media goes to a browser that no longer answers; RFC 7675 §5.1 allows no more than 30 s."""
    resume_s: float = Field(30.0, ge=1, le=300)
    """How long a call waits for its app to come back."""
    native_socket: Literal["auto", "off"] = "auto"
    """`off` sends packets through Python: to find out whether the fast path is at fault."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        first, last = self.udp_ports
        if not 1024 <= first < last:
            raise ValueError(f"udp_ports {first}-{last}: the first must be at least 1024 and below the last")
        if bool(self.turn_urls) != (self.turn_secret is not None):
            raise ValueError("turn_urls and turn_secret go together")
        if self.relay != "off" and not self.turn_urls:
            raise ValueError(f"relay is {self.relay}, but there is no turn_urls")
        if not self.codecs or len(set(self.codecs)) < len(self.codecs):
            raise ValueError("codecs names one twice, or none")
        return self


class AppKey(Section):
    """What verifies the tokens of one app's server. While a key is changed, an app has two."""

    id: str = Field(min_length=1, max_length=64)
    """The `kid` in the header of its tokens."""
    app: str = Field(min_length=1, max_length=64)
    """As the app's API key is called: its tokens open the envelopes that this key handed over."""
    algorithm: Literal["EdDSA", "HS256"] = "EdDSA"
    key: SecretStr = Field(min_length=32)
    """EdDSA: the public key in PEM. HS256: the shared secret."""


class HandoffSettings(Section):
    """What is known of a caller before they are heard."""

    secret: SecretStr | None = Field(None, min_length=32)
    """Signs tokens and hashes PINs; the same on every node of a database. Made in data_dir without it."""
    app_keys: tuple[AppKey, ...] = ()
    pin_digits: int = Field(6, ge=4, le=10)
    pin_ttl_s: float = Field(900.0, ge=60, le=86_400)
    ani_window_s: float = Field(600.0, ge=0, le=86_400)
    """How long a call from the number that was handed over finds the envelope; 0: never."""
    keep_days: int = Field(30, ge=1, le=3650)
    """How long envelopes are kept after they have expired."""
    number_pools: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    """Numbers that lead here and are lent to one customer at a time, by the name of their pool."""
    lend_s: float = Field(900.0, ge=60, le=86_400)
    """How long a number is lent, if its envelope lives as long."""
    trusted_peers: Annotated[tuple[Network, ...], BeforeValidator(_split_commas)] = ()
    """Of PBXs, addresses and networks: their `X-Ringback-Handoff`, `User-to-User` and headers_in count."""
    headers_in: Mapping[str, str] = Field(default_factory=dict, max_length=32)
    """Headers of their INVITEs that become attributes: the header's name to the attribute's."""

    @model_validator(mode="after")
    def _keys_differ(self) -> Self:
        ids = [key.id for key in self.app_keys]
        if len(set(ids)) < len(ids):
            raise ValueError("app_keys has two keys of one id")
        return self

    @field_validator("number_pools")
    @classmethod
    def _numbers_are_lent_once(cls, pools: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
        numbers = [re.sub(r"[^0-9]", "", number) for pool in pools.values() for number in pool]
        if not all(pools.values()) or not all(numbers):
            raise ValueError("each of number_pools has numbers, and they have digits")
        if len(set(numbers)) < len(numbers):
            raise ValueError("number_pools has a number twice")
        return pools


class WebhookEndpoint(Section):
    """Another system that is told what happens."""

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")
    url: str = Field(max_length=2000, pattern=r"^https?://[\x21-\x7e]+$")
    events: Annotated[tuple[str, ...], Field(min_length=1)] = ("*",)
    """Types, or patterns such as `call.*`."""
    secrets: Annotated[tuple[SecretStr, ...], Field(min_length=1, max_length=4)]
    """What messages are signed with: the secret, `file:PATH`, or `env:NAME`. Two while one is changed."""
    personal: bool = False
    """Send personal facts of customers too. Secret ones are never sent."""
    concurrency: int = Field(4, ge=1, le=64)
    """Messages under way at the same time."""

    @field_validator("url")
    @classmethod
    def _no_password(cls, url: str) -> str:
        parts = urlsplit(url)
        if not parts.hostname or parts.username is not None or parts.fragment:
            raise ValueError("a URL has a host, and neither a user nor a fragment")
        return url

    @field_validator("events")
    @classmethod
    def _known_events(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            if not any(fnmatchcase(event.value, pattern) for event in EventType):
                raise ValueError(f"no event is called '{pattern}'")
        return patterns

    @field_validator("secrets")
    @classmethod
    def _usable_secrets(cls, secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for secret in secrets:
            if not secret.get_secret_value().startswith("file:"):  # a file may come later, and changes
                secret_key(secret.get_secret_value())
        return secrets

    def keys(self) -> tuple[bytes, ...]:
        """The keys as they are now. Raises OSError or ValueError."""
        return tuple(secret_key(secret.get_secret_value()) for secret in self.secrets)


def secret_key(written: str) -> bytes:
    """The key that a webhook's secret stands for. Raises OSError, or ValueError without the secret in it."""
    how, _, where = written.partition(":")
    if how == "file":
        return key_of(Path(where).read_text(encoding="utf-8").strip())
    if how == "env":
        if where not in os.environ:
            raise ValueError(f"there is no variable {where}")
        return key_of(os.environ[where])
    return key_of(written)


class WebhookSettings(Section):
    """How other systems are told."""

    endpoints: tuple[WebhookEndpoint, ...] = ()
    allow_networks: Annotated[tuple[str, ...], BeforeValidator(_split_commas)] = ()
    """Networks that are called beside public addresses: 10.1.0.0/16."""
    timeout_s: float = Field(10.0, gt=0, le=60)
    attempts: int = Field(15, ge=1, le=100)
    first_pause_s: float = Field(5.0, gt=0, le=3600)
    """After the first failure; each further pause is twice as long."""
    longest_pause_s: float = Field(3600.0, gt=0, le=86_400)
    keep_days: int = Field(14, ge=1, le=365)
    """How long what couldn't be delivered is kept, to be sent again; what was, is listed for a day."""

    @field_validator("allow_networks")
    @classmethod
    def _are_networks(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        networks(texts)
        return texts

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [endpoint.name for endpoint in self.endpoints]
        if len(set(names)) < len(names):
            raise ValueError("endpoints has two of one name")
        return self


class DesktopSettings(Section):
    """What agents' browsers show beside the call."""

    record_url: Annotated[str, AfterValidator(lambda url: check_template(url) if url else url)] = ""
    """A caller's record in a CRM: https://crm.example/?customer={customer.id}&call={call_id}"""
    record_title: str = Field("CRM", min_length=1, max_length=64)
    record_open: Literal["link", "accept"] = "link"
    """`accept` opens it when an agent takes the call in the browser; a phone's answer can't open a page."""


class StorageSettings(Section):
    """Where calls are recorded."""

    url: SecretStr | None = None
    """An SQLAlchemy URL (sqlite:///… or postgresql://…); SQLite in data_dir where it is unset."""


class PbxSettings(Section):
    """An Asterisk whose phones agents have, over its manager interface (AMI)."""

    host: str = Field("", max_length=255, pattern=r"^[A-Za-z0-9.:_-]*$")
    """Where its manager listens. Empty: there is no PBX."""
    port: Port = 5038
    username: str = Field("ringback", min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.-]+$")
    secret: SecretStr | None = None
    secret_file: Path | None = None
    """The secret's file, instead of the secret; its first line."""
    trunks: Annotated[tuple[str, ...], BeforeValidator(_split_commas)] = ("PJSIP/ringback",)
    """What the PBX calls its trunks to this node: calls on them are ours."""
    originates: Literal["nothing", "callbacks", "numbers"] = "nothing"
    """Which calls to numbers the PBX places, by its own trunks: to customers who are called back; all."""
    queues: Annotated[tuple[str, ...], BeforeValidator(_split_commas)] = ()
    """Queues of the PBX whose members' pauses are our agents' breaks, both ways."""
    when_deaf: Literal["as_before", "free", "busy"] = "as_before"
    """What agents with a device there count as while the PBX can't be heard."""
    heartbeat_s: float = Field(5.0, ge=0.2, le=60)
    deaf_after_s: float = Field(12.0, ge=0.5, le=300)
    """Without an answer or an event of our own for so long, the link is made anew."""
    retry_s: Annotated[tuple[float, float], BeforeValidator(_split_commas)] = (0.5, 30.0)
    """The first pause before another try, and the longest."""
    resync_s: float = Field(60.0, ge=1, le=3600)
    """How often everything is looked at again."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.host and (self.secret is None) == (self.secret_file is None):
            raise ValueError("the PBX's account needs secret or secret_file, one of the two")
        if not self.trunks or not all(map(_PBX_TRUNK.fullmatch, self.trunks)):
            raise ValueError("trunks are the PBX's endpoints for this node, such as PJSIP/ringback")
        if self.originates != "nothing" and not self.host:
            raise ValueError("originates names calls for a PBX, and there is no host")
        if self.deaf_after_s < 1.5 * self.heartbeat_s:
            raise ValueError("deaf_after_s must be half again as long as heartbeat_s, or more")
        if not 0 < self.retry_s[0] <= self.retry_s[1]:
            raise ValueError("retry_s is the first pause and the longest, both above 0")
        return self


class FeatureCodes(Section):
    """What agents on phones press during a conversation; `false` (or `off`) for what they shall not."""

    record: Code = "*1"
    blind_transfer: Code = "*2"
    attended_transfer: Code = "*3"
    conference: Code = "*4"
    cancel: Code = "*5"
    mute: Code = "*6"
    hold: Code = "*7"
    requeue: Code = "*8"
    alternate: Code = "*9"

    @model_validator(mode="after")
    def _can_be_told_apart(self) -> Self:
        codes = {name: code for name, code in self if code is not None}
        for (name, code), (other, longer) in permutations(codes.items(), 2):
            if longer.startswith(code):
                raise ValueError(f"{name} ({code}) and {other} ({longer}) can't be told apart")
        return self


class CallSettings(Section):
    """What can be done during a conversation."""

    feature_codes: FeatureCodes = FeatureCodes()
    code_gap_s: float = Field(2.0, gt=0, le=10)
    """The longest pause between the keys of a code; after it they go to the far end."""
    number_gap_s: float = Field(5.0, gt=0, le=30)
    """The longest pause between the keys of a number; after it the number is complete."""
    consult_ring_s: float = Field(45.0, ge=5, le=300)
    """How long whom an agent consults may ring."""
    supervision_tone: Literal["nobody", "agent", "everyone"] = "nobody"
    """Who hears that a supervisor has come."""


class RecordingSettings(Section):
    """What is kept of what was said. A queue of the plan may say otherwise for its conversations."""

    calls: bool = False
    """Every call from beginning to end: the caller on the left channel, prompts and agents on the right, in
    data_dir/recordings/DATE/CALL.flac."""
    format: Literal["flac", "opus", "wav"] = "flac"
    """What recordings become when they are complete."""
    keep_days: Annotated[Annotated[int, Field(ge=1)] | None, BeforeValidator(_off_is_none)] = None
    """How long recordings are kept; `false` (or `off`): until somebody deletes them."""


class LogSettings(Section):
    """What the node says about itself, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "pretty"] = "auto"
    """`auto` is pretty on a terminal and JSON elsewhere."""


class Settings(BaseSettings):
    """Everything together. Made by `load`; a bare `Settings()` has the defaults and the variables."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        enable_decoding=False,  # values stay text: lists have commas, not JSON
    )

    data_dir: Path = Path("var")
    """The database, recordings and the prompt cache; made when missing."""
    node: NodeSettings = NodeSettings()
    sip: SipSettings = SipSettings()
    media: MediaSettings = MediaSettings()
    http: HttpSettings = HttpSettings()
    dialplan: DialplanSettings = DialplanSettings()
    speech: SpeechSettings = SpeechSettings()
    voice: VoiceSettings = VoiceSettings()
    handoff: HandoffSettings = HandoffSettings()
    desktop: DesktopSettings = DesktopSettings()
    webhooks: WebhookSettings = WebhookSettings()
    storage: StorageSettings = StorageSettings()
    pbx: PbxSettings = PbxSettings()
    calls: CallSettings = CallSettings()
    recording: RecordingSettings = RecordingSettings()
    log: LogSettings = LogSettings()

    @property
    def database_url(self) -> SecretStr:
        """`storage.url`, or the SQLite file in `data_dir`."""
        return self.storage.url or SecretStr(f"sqlite:///{self.data_dir / 'ringback.db'}")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 -- the signature is pydantic-settings'
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Variables win over the file, whose content arrives as arguments."""
        return env_settings, init_settings


class ConfigurationErrors(RingbackError):
    """Every fault of the configuration: of the variables first, then in the order of the file."""

    def __init__(self, errors: tuple[ConfigurationError, ...]) -> None:
        super().__init__("\n".join(str(error) for error in errors))
        self.errors = errors


def load(file: Path | None = None) -> Settings:
    """Read the settings; `file` defaults to ./ringback.toml, which may be missing.

    Raises ConfigurationErrors with all faults: unknown names, values out of range, a file that can't be read.
    """
    source = _Source.read(file)
    errors = [*_unknown_variables()]
    try:
        settings = Settings(**source.tables)
    except ValidationError as invalid:
        errors += [_translate(error, source) for error in invalid.errors()]
    else:
        if not errors:
            return settings
    raise ConfigurationErrors(tuple(sorted(errors, key=_line)))


def api_key() -> SecretStr | None:
    """The key that a command shows to a running node, from RINGBACK_API_KEY."""
    key = os.environ.get(KEY_VARIABLE)
    return SecretStr(key) if key else None


def fault_point() -> str | None:
    """Where the process is to die, in crash tests: RINGBACK_FAULT_POINT."""
    return os.environ.get(FAULT_VARIABLE)


class _Source:
    """The file, and where in it each key stands (tomllib doesn't say)."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.tables = tomllib.loads(text)
        self._lines = dict(_key_lines(text))

    @classmethod
    def read(cls, file: Path | None) -> Self:
        path = file or DEFAULT_FILE
        if file is None and not path.exists():
            return cls(path, "")
        try:
            return cls(path, path.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise ConfigurationErrors((_syntax_error(path, error),)) from error
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            raise ConfigurationErrors((ConfigurationError(str(path), f"can't be read: {reason}"),)) from error

    def place(self, keys: tuple[str, ...]) -> str:
        """file:line of the key, or of the nearest thing that holds it."""
        for length in range(len(keys), 0, -1):
            if (line := self._lines.get(keys[:length])) is not None:
                return f"{self.path}:{line}"
        return str(self.path)


def _key_lines(text: str) -> list[tuple[tuple[str, ...], int]]:
    table: tuple[str, ...] = ()
    found: list[tuple[tuple[str, ...], int]] = []
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if line.startswith("["):
            table = _dotted(line.strip("[").partition("]")[0])
            found.append((table, number))
        elif "=" in line and not line.startswith("#"):
            found.append((table + _dotted(line.partition("=")[0]), number))
    return found


def _line(error: ConfigurationError) -> int:
    line = error.place.rpartition(":")[2]
    return int(line) if line.isdecimal() else 0


def _dotted(key: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in key.split("."))


def _syntax_error(path: Path, error: tomllib.TOMLDecodeError) -> ConfigurationError:
    message, _, rest = str(error).partition(" (at line ")
    line = rest.partition(",")[0]
    return ConfigurationError(f"{path}:{line}" if line.isdecimal() else str(path), message)


def _variables() -> set[str]:
    return {name.upper() for name in os.environ if name.upper().startswith(PREFIX)} - NOT_SETTINGS


def _variable(keys: tuple[str, ...]) -> str:
    return PREFIX + "__".join(keys).upper()


def _unknown_variables() -> list[ConfigurationError]:
    """pydantic-settings looks only at names it knows; a mistyped section would be ignored."""
    known = sorted(_variable((name,)) for name in Settings.model_fields)
    return [
        ConfigurationError(name, "unknown setting" + _suggestion(head, known))
        for name in sorted(_variables())
        if (head := PREFIX + name.removeprefix(PREFIX).partition("__")[0]) not in known
    ]


def _translate(error: ErrorDetails, source: _Source) -> ConfigurationError:
    keys = tuple(str(part) for part in error["loc"])
    place = source.place(keys)
    variables = _variables()
    for length in range(len(keys), 0, -1):
        if (name := _variable(keys[:length])) in variables:
            place = name
            break
    if error["type"] == "extra_forbidden":
        return ConfigurationError(
            place, f'unknown key "{".".join(keys)}"' + _suggestion(keys[-1], _siblings(keys[:-1]))
        )
    cause: Any = error.get("ctx", {}).get("error")
    reason = str(cause) if error["type"] == "value_error" else error["msg"][:1].lower() + error["msg"][1:]
    return ConfigurationError(place, f"{'.'.join(keys)}: {reason}")


def _siblings(keys: tuple[str, ...]) -> list[str]:
    """The names that are valid beside an unknown one."""
    model: type[BaseModel] = Settings
    for key in keys:
        annotation = model.model_fields[key].annotation
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        model = annotation
    return list(model.model_fields)


def _suggestion(name: str, candidates: list[str]) -> str:
    nearest = get_close_matches(name, candidates, n=1, cutoff=0.5)
    return f"; did you mean {nearest[0]}?" if nearest else ""
