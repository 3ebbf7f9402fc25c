"""The load tools written in C: compiled when they are first needed, again when their source changes."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
SOURCES: Final = Path(__file__).parent / "rtpblast"
CACHE: Final = ROOT / ".tools" / "load"
FLAGS: Final = ("-O2", "-Wall", "-Wextra")


def compiled(name: str) -> Path:
    """The program of rtpblast/NAME.c. Raises CalledProcessError with the compiler's words on a fault."""
    source = SOURCES / f"{name}.c"
    digest = hashlib.sha256(source.read_bytes() + " ".join(FLAGS).encode()).hexdigest()[:16]
    program = CACHE / f"{name}-{digest}"
    if not program.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        partial = program.with_suffix(".partial")
        subprocess.run(["cc", *FLAGS, "-o", str(partial), str(source)], check=True)
        partial.rename(program)
    return program


def reference_millicores() -> float:
    """The CPU that the unavoidable part of one G.711 call takes here and now: the best of three."""
    program = str(compiled("reference"))
    runs = [
        json.loads(subprocess.run([program], check=True, capture_output=True).stdout)["millicores"]
        for _ in range(3)
    ]
    return float(min(runs))
