"""The secret of a node that was given none: made once, and kept where only the node reads it."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from gateway.errors import StartupError


def secret_at(path: Path) -> str:
    """What the file says; made when it isn't there. Blocks. Raises StartupError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            # Complete under another name first: two nodes that start together have one secret.
            new = path.with_suffix(f".{secrets.token_hex(4)}")
            file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(file, "w", encoding="ascii") as opened:
                opened.write(secrets.token_urlsafe(48))
            try:
                os.link(new, path)
            finally:
                new.unlink()
        except FileExistsError:
            pass
        secret = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StartupError(f"{path} can't be read or made: {error}") from error
    if len(secret) < 32:
        raise StartupError(f"{path} has no secret of 32 characters in it: delete it, and another is made")
    return secret
