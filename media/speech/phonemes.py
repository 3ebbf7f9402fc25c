"""hama: a small phoneme recogniser (5 MB), whose output our own grammar scorer reads.

It is right about other things than Whisper, and wrong about other things; that is what a second opinion is
for. The network and its library are pinned by their digests.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np

from media.speech.ctc import CONFUSION, Matrix, Symbols, score
from media.speech.lexicon import pronunciations
from media.speech.recogniser import ENGINE_RATE, Answers, Audio, Evidence, Grammar, RecognitionError
from media.speech.whisper import digest
from media.speech.words import words_of

NAME: Final = "hama"
LONGEST_S: Final = 8.0  # its memory grows with the length
FOLDED: Final = 0.1
"""How much of the band below 4 kHz is mirrored above it, where a telephone has nothing: the network was
trained on wide speech, and hears its fricatives there. It takes a quarter of its errors.
"""

_FILES: Final = {
    "assets/asr_waveform.hama": "a9fcfe73e179ca48e399cd76a90a6b3e1887bf5037ecc52b778d13a149563328",
}

_SYMBOLS: Final = {
    "AA": "ɑ", "AE": "æ", "AH": "ʌ", "AO": "ɔ", "AW": "aʊ", "AY": "aɪ", "B": "b", "CH": "t͡ʃ",
    "D": "d", "DH": "ð", "EH": "ɛ", "ER": "ɝ", "EY": "eɪ", "F": "f", "G": "g", "HH": "h", "IH": "ɪ",
    "IY": "i", "JH": "d͡ʒ", "K": "k", "L": "l", "M": "m", "N": "n", "NG": "ŋ", "OW": "oʊ", "OY": "ɔɪ",
    "P": "p", "R": "ɹ", "S": "s", "SH": "ʃ", "T": "t", "TH": "θ", "UH": "ʊ", "UW": "u", "V": "v",
    "W": "w", "Y": "j", "Z": "z", "ZH": "ʒ",
}  # fmt: skip
"""ARPAbet to the network's symbols."""

_SIMILAR: Final = (
    "ɑ ɔ ʌ ɒ o", "ɛ æ e ʌ ə ɪ", "i ɪ j", "u ʊ w oʊ", "ə ʌ ɪ ɐ", "ɝ ɚ ɹ ə", "t d ɾ ʔ", "k g ɡ", "p b",
    "s z θ f ʃ",
    "f θ v ð", "m n ŋ", "l ɹ w ɫ", "t͡ʃ ʃ d͡ʒ", "aɪ eɪ ɔɪ", "aʊ oʊ ɔ", "v b ð d", "h f",
)  # fmt: skip
"""Sounds that a telephone makes alike."""


class PhonemeRecogniser:
    """The Recogniser port on hama's network. Closed grammars in English."""

    def __init__(self) -> None:
        """Raises RecognitionError when its files aren't those that we know."""
        _check_files()
        from hama import ASRModel

        self._network = ASRModel()
        self._columns = {symbol: index for index, symbol in enumerate(self._network.decoder_tokens)}
        self._symbols = Symbols(self._columns["<blank>"], self._columns["<wb>"], _similarities(self._columns))

    @property
    def name(self) -> str:
        return NAME

    def understands(self, grammar: Grammar) -> bool:
        return grammar.answers is Answers.PHRASES and grammar.language.partition("-")[0] == "en"

    def listen(self, audio: Audio, grammar: Grammar) -> Evidence:
        log_probs = self._hear(fold(audio[: round(LONGEST_S * ENGINE_RATE)]))
        if len(log_probs) == 0:
            return Evidence(scores=(0.0,) * len(grammar.phrases))
        scores = score(log_probs, [self._sounds(phrase) for phrase in grammar.phrases], self._symbols)
        return Evidence(scores=tuple(float(one) for one in scores))

    def _hear(self, audio: Audio) -> Matrix:
        wave = np.ascontiguousarray(audio[None])
        feeds = {"waveform": wave, "waveform_lengths": np.array([wave.shape[1]], np.int64)}
        log_probs, lengths = self._network.session.run(["log_probs", "out_lengths"], feeds)
        return np.asarray(log_probs[0][: int(np.ravel(lengths)[0])], np.float32)

    def _sounds(self, phrase: str) -> list[int]:
        found = [
            self._columns[_SYMBOLS[phone.rstrip("012")]]
            for word in words_of(phrase)
            for phone in pronunciations(word)[0]
        ]
        if not found:
            raise RecognitionError(NAME, f"'{phrase}' has no sounds")
        return found


def fold(audio: Audio) -> Audio:
    """`audio`, at 16 kHz, with a faint mirror image of what is below 4 kHz above it."""
    image = audio.copy()
    image[1::2] *= -1.0  # modulation by half the sampling rate turns the spectrum round
    spectrum = np.fft.rfft(image)
    spectrum[: len(spectrum) // 2] = 0.0
    return audio + np.float32(FOLDED) * np.fft.irfft(spectrum, len(audio)).astype(np.float32)


def _similarities(columns: dict[str, int]) -> Matrix:
    found = np.eye(len(columns), dtype=np.float32)
    for group in _SIMILAR:
        indices = [columns[symbol] for symbol in group.split() if symbol in columns]
        for one in indices:
            for other in indices:
                found[one, other] = max(found[one, other], CONFUSION)
    for silent in (columns["<blank>"], columns["<wb>"]):
        found[:, silent] = 0.0
        found[silent, silent] = 1.0
    return found


def _check_files() -> None:
    spec = find_spec("hama")
    if spec is None or spec.origin is None:
        raise RecognitionError(NAME, "it isn't installed")
    for file, known in _FILES.items():
        path = Path(spec.origin).parent / file
        if digest(path) != known:
            raise RecognitionError(NAME, f"{path} isn't the file that we know")
