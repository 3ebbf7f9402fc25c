"""What is said in place of a prompt that can't be played, when the plan gives nothing of its own. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.dialplan.wording import Spoken

# A play node in another language gives its own `fallback`.
_FALLBACKS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "en": "We are sorry. This announcement is not available at the moment.",
        "de": "Entschuldigung. Diese Ansage ist zurzeit nicht verfügbar.",
        "fr": "Désolé. Cette annonce n'est pas disponible pour le moment.",
        "es": "Lo sentimos. Este mensaje no está disponible en este momento.",
        "it": "Ci dispiace. Questo annuncio non è disponibile al momento.",
        "ja": "申し訳ございません。ただいまこのご案内をお流しできません。",
        "zh": "很抱歉，目前无法播放此段语音。",
        "cmn": "很抱歉，目前无法播放此段语音。",
    }
)


def fallback_text(language: str) -> Spoken:
    """What to say in place of a prompt that can't be played: in `language` if we can, else in English."""
    primary = language.partition("-")[0]
    return Spoken(_FALLBACKS[primary], language) if primary in _FALLBACKS else Spoken(_FALLBACKS["en"], "en")
