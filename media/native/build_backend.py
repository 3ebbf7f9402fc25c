"""PEP 517 backend: hands out the wheel that `build.py` made, building it first where there is none."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import build  # type: ignore[import-not-found]  # beside this file: see backend-path


def get_requires_for_build_wheel(config_settings: Any = None) -> list[str]:
    return []


def get_requires_for_build_sdist(config_settings: Any = None) -> list[str]:
    return []


def build_wheel(
    wheel_directory: str, config_settings: Any = None, metadata_directory: str | None = None
) -> str:
    wheel: Path = build.wheel()
    shutil.copy(wheel, wheel_directory)
    return wheel.name


def build_sdist(sdist_directory: str, config_settings: Any = None) -> str:
    raise NotImplementedError(f"build a wheel in {Path(__file__).parent} instead: the source is PJSIP's own")
