"""What our pjsua2 was built with, asserted when the process starts."""

from __future__ import annotations

from typing import Final

import pjsua2 as pj

NEEDED_LIMITS: Final = {
    "PJSUA_MAX_CALLS": 2000,
    "PJSUA_MAX_CONF_PORTS": 8192,
    "PJ_IOQUEUE_MAX_HANDLES": 16384,
    "PJSIP_MAX_TRANSPORTS": 4096,
    "PJSIP_MAX_TSX_COUNT": 65535,
    "PJSIP_MAX_DIALOG_COUNT": 65535,
    "PJMEDIA_HAS_SRTP": 1,
}
"""media/native/config_site.h, as the running module reports it."""


def check_limits() -> None:
    """Raises RuntimeError for a pjsua2 that isn't ours: the published ones allow four calls."""
    reporter = getattr(pj, "ringback_limits", None)
    if reporter is None:
        raise RuntimeError(f"{pj.__file__} isn't Ringback's pjsua2: build it with media/native/build.py")
    limits = reporter()
    wrong = [
        f"{name} is {limits.get(name)}, not {value}"
        for name, value in NEEDED_LIMITS.items()
        if limits.get(name) != value
    ]
    if wrong:
        raise RuntimeError(f"this pjsua2 was built with other limits: {', '.join(wrong)}")
