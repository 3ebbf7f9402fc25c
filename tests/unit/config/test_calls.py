"""The settings of conversations."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import ConfigurationErrors, FeatureCodes, load
from gateway.switch.feature_codes import DEFAULT_CODES


def test_the_default_codes_are_those_of_the_switch() -> None:
    assert FeatureCodes().model_dump() == {feature.value: code for feature, code in DEFAULT_CODES.items()}


def test_a_code_can_be_changed_and_another_switched_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "ringback.toml"
    file.write_text('[calls.feature_codes]\nhold = "##"\nrequeue = false\n')
    monkeypatch.setenv("RINGBACK_CALLS__FEATURE_CODES__MUTE", "off")

    codes = load(file).calls.feature_codes

    assert (codes.hold, codes.requeue, codes.mute, codes.record) == ("##", None, None, "*1")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('hold = "*"', "can't be told apart"),
        ('hold = "*2"', "can't be told apart"),
        ('hold = "star"', "pattern"),
        ('hodl = "*7"', "did you mean hold"),
    ],
)
def test_codes_that_cannot_work_are_faults_with_their_line(tmp_path: Path, line: str, problem: str) -> None:
    file = tmp_path / "ringback.toml"
    file.write_text(f"[calls.feature_codes]\n{line}\n")

    with pytest.raises(ConfigurationErrors, match=problem) as raised:
        load(file)

    assert str(raised.value).startswith(f"{file}:")


def test_recordings_are_kept_for_ever_or_for_days(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(_file(tmp_path, "keep_days = false")).recording.keep_days is None
    assert load(_file(tmp_path, "keep_days = 90")).recording.keep_days == 90
    monkeypatch.setenv("RINGBACK_RECORDING__KEEP_DAYS", "30")
    assert load(_file(tmp_path, "keep_days = 90")).recording.keep_days == 30
    monkeypatch.delenv("RINGBACK_RECORDING__KEEP_DAYS")
    with pytest.raises(ConfigurationErrors, match="keep_days"):
        load(_file(tmp_path, "keep_days = 0"))


def _file(directory: Path, line: str) -> Path:
    file = directory / "ringback.toml"
    file.write_text(f"[recording]\n{line}\n")
    return file
