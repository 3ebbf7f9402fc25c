"""WAV files that nobody finished: a process that dies leaves a header without the length."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final

_RIFF: Final = struct.Struct("<4sI4s")
_CHUNK: Final = struct.Struct("<4sI")
_BLOCK_ALIGN: Final = struct.Struct("<H")
_BLOCK_ALIGN_AT: Final = 12  # in the fmt chunk: bytes of one frame (RFC 2361)
_MAX: Final = 0xFFFFFFFF


class NotRepairable(Exception):
    """A file without a WAV header, or without any audio behind it; `path` and the reason."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


def repair(path: Path) -> float:
    """Writes the lengths that the header lacks, and cuts a last frame that isn't whole. Returns seconds.

    Harmless to a file that is complete. Blocking. Raises NotRepairable, and OSError.
    """
    with path.open("r+b") as file:
        size = file.seek(0, 2)
        file.seek(0)
        head = file.read(_RIFF.size)
        if len(head) < _RIFF.size or head[:4] != b"RIFF" or head[8:] != b"WAVE":
            raise NotRepairable(path, "no WAV header")
        frame = bytes_a_second = 0
        at = _RIFF.size
        while at + _CHUNK.size <= size:
            file.seek(at)
            name, length = _CHUNK.unpack(file.read(_CHUNK.size))
            if name == b"fmt ":
                fmt = file.read(length)
                frame = _BLOCK_ALIGN.unpack_from(fmt, _BLOCK_ALIGN_AT)[0]
                bytes_a_second = struct.unpack_from("<I", fmt, 8)[0]
            if name == b"data":
                break
            at += _CHUNK.size + length + length % 2
        else:
            raise NotRepairable(path, "no audio")
        if not frame or not bytes_a_second:
            raise NotRepairable(path, "no format before the audio")
        start = at + _CHUNK.size
        audio = (size - start) // frame * frame
        if audio <= 0:
            raise NotRepairable(path, "no audio")
        file.truncate(start + audio)
        file.seek(at)
        file.write(_CHUNK.pack(b"data", min(audio, _MAX)))
        file.seek(0)
        file.write(_RIFF.pack(b"RIFF", min(start + audio - 8, _MAX), b"WAVE"))
    return audio / bytes_a_second
