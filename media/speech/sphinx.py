"""PocketSphinx (CMU, BSD): a grammar of phrases through hidden Markov models. A second opinion for a
fortieth of real time; alone it is right about too few (`make bench`), since its model knows no telephones.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from pocketsphinx import Decoder, get_model_path

from media.speech.lexicon import DICTIONARY, pronunciations
from media.speech.recogniser import ENGINE_RATE, Answers, Audio, Evidence, Grammar
from media.speech.words import words_of

NAME: Final = "pocketsphinx"
PADDING_S: Final = 0.2
HISS: Final = 0.002
"""The model expects something above 4 kHz, where a telephone has nothing; silence there is worse than hiss.
"""

_MAX_GRAMMARS: Final = 64


class SphinxRecogniser:
    """The Recogniser port on PocketSphinx. Closed grammars in English; its scores say only which phrase it
    heard.
    """

    def __init__(self) -> None:
        self._decoder = Decoder(
            hmm=get_model_path("en-us/en-us"),
            dict=get_model_path(DICTIONARY),
            lm=None,
            loglevel="FATAL",
            lw=1.0,
            beam=1e-80,
            wbeam=1e-60,
            pbeam=1e-80,
        )
        self._grammars: dict[tuple[str, ...], str] = {}
        self._made = 0
        self._noise = np.random.default_rng(0)

    @property
    def name(self) -> str:
        return NAME

    def understands(self, grammar: Grammar) -> bool:
        return grammar.answers is Answers.PHRASES and grammar.language.partition("-")[0] == "en"

    def listen(self, audio: Audio, grammar: Grammar) -> Evidence:
        heard = self._decode(self._prepare(audio), self._grammar(grammar.phrases))
        return Evidence(scores=tuple(float(_spelling(phrase) == heard) for phrase in grammar.phrases))

    def _prepare(self, audio: Audio) -> bytes:
        padded = np.pad(audio, round(PADDING_S * ENGINE_RATE))
        padded = padded + HISS * self._noise.standard_normal(len(padded)).astype(np.float32)
        return bytes(np.clip(padded * 32000.0, -32768, 32767).astype(np.int16).tobytes())

    def _decode(self, samples: bytes, grammar: str) -> str:
        self._decoder.activate_search(grammar)
        self._decoder.start_utt()
        try:
            self._decoder.process_raw(samples, full_utt=True)
        finally:
            self._decoder.end_utt()
        found = self._decoder.hyp()
        return str(found.hypstr) if found is not None else ""

    def _grammar(self, phrases: tuple[str, ...]) -> str:
        name = self._grammars.get(phrases)
        if name is None:
            if len(self._grammars) >= _MAX_GRAMMARS:
                self._decoder.remove_search(self._grammars.pop(next(iter(self._grammars))))
            for word in {word for phrase in phrases for word in _spelling(phrase).split()}:
                if self._decoder.lookup_word(word) is None:
                    self._decoder.add_word(word, " ".join(pronunciations(word)[0]), update=True)
            self._made += 1
            name = f"menu{self._made}"
            choices = " | ".join(_spelling(phrase) for phrase in phrases)
            self._decoder.add_jsgf_string(name, f"#JSGF V1.0; grammar {name}; public <{name}> = {choices};")
            self._grammars[phrases] = name
        return name


def _spelling(phrase: str) -> str:
    return " ".join(words_of(phrase))
