"""The README's configuration is the real one."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from gateway.config import Settings, load

README = Path(__file__).parents[3] / "README.md"


@pytest.fixture
def example() -> str:
    (block,) = re.findall(
        r"^```toml\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    return str(block)


def names(model: type[BaseModel], before: str = "") -> set[str]:
    found: set[str] = set()
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found |= names(field.annotation, f"{before}{name}.")
        else:
            found.add(before + name)
    return found


def shown(table: Mapping[str, Any], model: type[BaseModel], before: str = "") -> set[str]:
    found: set[str] = set()
    for name, value in table.items():
        field = model.model_fields.get(name)
        annotation = field.annotation if field is not None else None
        if isinstance(value, dict) and isinstance(annotation, type) and issubclass(annotation, BaseModel):
            found |= shown(value, annotation, f"{before}{name}.")
        else:
            found.add(before + name)
    return found


def test_the_example_shows_the_defaults(
    example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ringback.toml").write_text(example, encoding="utf-8")

    assert load() == Settings()


def test_the_example_has_every_key(example: str) -> None:
    uncommented = re.sub(r"^# (\w+ = )", r"\1", example, flags=re.MULTILINE)
    tables = tomllib.loads(uncommented)

    assert shown(tables, Settings) == names(Settings)
