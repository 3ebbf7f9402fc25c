"""Versions of a plan on disk: what makes one, what is kept, and what can be gone back to."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from gateway.dialplan.faults import Fault, PlanRefused
from gateway.dialplan.loader import examine
from gateway.dialplan.model import Plan
from gateway.dialplan.versions import InForce, UnknownVersion, VersionStore, VersionStoreFault, digest_of
from tests.fakes.plans import ROUTES, write_plan, write_tone


def plan_text(words: str = "Hello.") -> str:
    return f"{ROUTES}flow: main\nstart: hi\nnodes:\n  hi: {{say: {words}, next: end}}\n  end: {{hangup: }}\n"


BROKEN = plan_text().replace("next: end", "next: nowhere")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "plan").mkdir()
    return write_plan(tmp_path / "plan", plan_text())


@pytest.fixture
def store(tmp_path: Path) -> VersionStore:
    seconds = count()
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    return VersionStore(tmp_path / "kept", kept=2, utc=lambda: begin + timedelta(seconds=next(seconds)))


def words_of(plan: Plan) -> str:
    return str(plan.flows["main"].nodes["hi"])


def test_a_plan_that_is_right_is_kept_as_a_copy_under_its_digest(source: Path, store: VersionStore) -> None:
    loaded = store.take(source)

    assert loaded.plan.version == digest_of(source) == loaded.directory.name
    assert (loaded.directory / "plan.yaml").read_text() == plan_text()
    assert [version.name for version in store.versions()] == [loaded.plan.version]


def test_equal_files_are_the_same_version_wherever_they_lie(
    source: Path, store: VersionStore, tmp_path: Path
) -> None:
    elsewhere = Path(shutil.copytree(source, tmp_path / "elsewhere"))

    assert store.take(source).plan.version == store.take(elsewhere).plan.version
    assert len(store.versions()) == 1


def test_another_recording_is_another_version_though_no_text_has_changed(source: Path) -> None:
    write_tone(source / "tone.wav")
    before = digest_of(source)
    write_tone(source / "tone.wav", duration_s=0.2)

    assert digest_of(source) != before


def test_flow_tests_notes_and_hidden_files_make_no_version(source: Path) -> None:
    before = digest_of(source)
    (source / "plan.test.yaml").write_text("tests: []")
    (source / "README.md").write_text("for people")
    (source / ".plan.yaml.swp").write_text("an editor's")

    assert digest_of(source) == before


def test_a_plan_with_errors_is_refused_whole_and_leaves_nothing(
    source: Path, store: VersionStore, tmp_path: Path
) -> None:
    write_plan(source, BROKEN)

    with pytest.raises(PlanRefused) as refused:
        store.take(source)

    assert str(source / "plan.yaml") in str(refused.value)
    assert store.versions() == ()
    assert not list((tmp_path / "kept").glob("*")) if (tmp_path / "kept").exists() else True


def test_an_earlier_version_can_be_loaded_after_the_directory_has_changed(
    source: Path, store: VersionStore
) -> None:
    first = store.take(source)
    write_plan(source, plan_text("Goodbye."))
    store.take(source)

    again = store.load(first.plan.version)

    assert again.plan.version == first.plan.version
    assert "Hello." in words_of(again.plan)


@pytest.mark.parametrize("name", ["nothing", "../plan", "in-force", ""])
def test_a_version_that_is_not_kept_is_unknown(source: Path, store: VersionStore, name: str) -> None:
    kept = store.take(source).plan.version
    store.put_in_force(kept, source, pinned=False)

    with pytest.raises(UnknownVersion, match=kept):
        store.load(name)


def test_a_copy_that_somebody_has_changed_is_not_the_version_any_more(
    source: Path, store: VersionStore
) -> None:
    loaded = store.take(source)
    (loaded.directory / "plan.yaml").write_text(plan_text("Tampered."))

    with pytest.raises(VersionStoreFault, match="has been changed"):
        store.load(loaded.plan.version)
    assert store.take(source).directory == loaded.directory
    assert digest_of(loaded.directory) == loaded.plan.version


def test_only_the_latest_versions_are_kept_and_the_one_in_force_always(
    source: Path, store: VersionStore, tmp_path: Path
) -> None:
    names = []
    for number in range(5):
        write_plan(source, plan_text(f"Number {number}."))
        names.append(store.take(source).plan.version)
    store.put_in_force(names[0], source, pinned=True)

    assert {version.name for version in store.versions()} == {names[0], names[3], names[4]}
    directories = {path.name for path in (tmp_path / "kept").iterdir() if path.is_dir()}
    assert directories == {names[0], names[3], names[4]}


def test_what_is_in_force_is_remembered(source: Path, store: VersionStore) -> None:
    assert store.in_force() is None

    store.put_in_force("abc", source, pinned=True)

    assert store.in_force() == InForce("abc", str(source), pinned=True)


def test_a_directory_that_never_holds_still_is_a_fault_and_not_a_mixture(
    source: Path, tmp_path: Path
) -> None:
    versions = count()

    def meddle(path: Path) -> tuple[Plan, tuple[Fault, ...]]:
        found = examine(path)
        write_plan(source, plan_text(f"Version {next(versions)}."))
        return found

    with pytest.raises(VersionStoreFault, match="changes while it is read"):
        VersionStore(tmp_path / "kept", examine_plan=meddle).take(source)


def test_a_disk_that_cannot_be_written_is_a_fault_that_says_so(source: Path, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file where the directory should be")

    with pytest.raises(VersionStoreFault, match="can't be kept"):
        VersionStore(tmp_path / "kept").take(source)
