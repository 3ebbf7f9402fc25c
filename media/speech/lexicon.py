"""How English words are pronounced, in ARPAbet: the CMU dictionary (in pocketsphinx's package), and
espeak-ng for words that it lacks, such as names.
"""

from __future__ import annotations

import re
import subprocess
from functools import lru_cache
from typing import Final

import pocketsphinx

from media.speech.recogniser import RecognitionError

Pronunciation = tuple[str, ...]

DICTIONARY: Final = "en-us/cmudict-en-us.dict"
ESPEAK_LIMIT_S: Final = 5.0
_VARIANT: Final = re.compile(r"\(\d+\)$")

# What espeak-ng's en-us voice writes, the longest first.
_IPA_ENTRIES: Final = """
    aɪɚ AY+ER, aɪə AY+ER, dʒ JH, tʃ CH, aɪ AY, aʊ AW, eɪ EY, oʊ OW, ɔɪ OY, ɑːɹ AA+R, ɔːɹ AO+R, oːɹ AO+R,
    ɪɹ IH+R, ɛɹ EH+R, ʊɹ UH+R, iə IY+AH, ɑː AA, ɔː AO, iː IY, uː UW, ɜː ER, əl AH+L, ɚ ER, ɐ AH, ə AH, ʌ
    AH, æ AE, ɛ EH, ɪ IH, i IY, ʊ UH, u UW, ɑ AA, ɔ AO, o OW, e EY, a AA, b B, d D, ð DH, f F, ɡ G, h
    HH, j Y, k K, l L, m M, n N, ŋ NG, p P, ɹ R, r R, s S, ʃ SH, t T, ɾ T, θ TH, v V, w W, x K, z Z, ʒ
    ZH, ʔ T
"""
_IPA: Final = tuple(
    (entry.split()[0], tuple(entry.split()[1].split("+"))) for entry in _IPA_ENTRIES.split(",")
)


@lru_cache(maxsize=4096)
def pronunciations(word: str) -> tuple[Pronunciation, ...]:
    """Every way in which `word` is said. Raises RecognitionError for what can't be said."""
    known = _dictionary().get(word.casefold())
    return known if known is not None else (_by_rule(word),)


@lru_cache(maxsize=1)
def _dictionary() -> dict[str, tuple[Pronunciation, ...]]:
    found: dict[str, tuple[Pronunciation, ...]] = {}
    with open(pocketsphinx.get_model_path(DICTIONARY), encoding="utf-8") as lines:  # noqa: PTH123
        for line in lines:
            word, *phones = line.split()
            name = _VARIANT.sub("", word)
            found[name] = (*found.get(name, ()), tuple(phones))
    return found


def _by_rule(word: str) -> Pronunciation:
    try:
        said = subprocess.run(
            ["espeak-ng", "-q", "--ipa", "-v", "en-us", "-b", "1", "--stdin"],
            input=word.encode(),
            capture_output=True,
            timeout=ESPEAK_LIMIT_S,
            check=True,
        ).stdout.decode("utf-8", "replace")
    except (OSError, subprocess.SubprocessError) as error:
        raise RecognitionError("lexicon", f"nobody knows how '{word}' is said ({error})") from error
    phones = from_ipa(said)
    if not phones:
        raise RecognitionError("lexicon", f"'{word}' can't be said")
    return phones


def from_ipa(text: str) -> Pronunciation:
    """espeak-ng's IPA for American English in ARPAbet; stress and what isn't a sound are left out."""
    found: list[str] = []
    at = 0
    while at < len(text):
        for symbol, phones in _IPA:
            if text.startswith(symbol, at):
                found += phones
                at += len(symbol)
                break
        else:
            at += 1
    return tuple(found)
