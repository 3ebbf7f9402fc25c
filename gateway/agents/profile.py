"""Who an agent is: name, skills, queues and devices, as plans and the API give them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

MAX_LEVEL: Final = 10
"""Skill levels go from 1 to this."""


@dataclass(frozen=True, slots=True)
class Membership:
    """How an agent serves one queue.

    `order`: the place in ordered queues, the least first (Asterisk's penalty). `weight`: the share of calls
    in weighted queues.
    """

    order: int = 0
    weight: int = 1


@dataclass(frozen=True, slots=True)
class AgentProfile:
    """An agent. `id` is how the API and the journal name them; `skills`: name to level, 1 to MAX_LEVEL.

    `device`: where their phone is, a SIP URI ("sip:ann@10.0.0.5", or an extension of a PBX as a SIP URI of
    that PBX); "" for an agent who answers in a browser only. `nailed_up`: their leg stays up between calls.
    `pbx_device`: what the PBX calls their phone, "PJSIP/ann": no offers while it is on a call there.
    """

    id: str
    name: str
    device: str = ""
    skills: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    queues: Mapping[str, Membership] = field(default_factory=lambda: MappingProxyType({}))
    nailed_up: bool = False
    pbx_device: str = ""
