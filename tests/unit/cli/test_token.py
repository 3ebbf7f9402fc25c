"""`ringback token`: a key and the line that admits it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.api.auth import hash_of
from gateway.cli.root import app
from gateway.config import load


def test_the_printed_line_admits_the_printed_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    result = CliRunner().invoke(app, ["token", "deploy", "--role", "supervisor"])

    key = re.search(r"^key: (rbk_\S{43})$", result.stdout, re.MULTILINE)
    line = re.search(r"^in ringback.toml: (\[http\]) (api_keys = .*)$", result.stdout, re.MULTILINE)
    assert key is not None
    assert line is not None
    Path("ringback.toml").write_text(f"{line[1]}\n{line[2]}\n", encoding="utf-8")
    assert load().http.api_keys == (f"deploy:supervisor:{hash_of(key[1])}",)
