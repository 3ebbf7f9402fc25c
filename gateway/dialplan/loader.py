"""From a directory of YAML files to a plan in force.

Every `*.yaml` and `*.yml` below the directory belongs to the plan, but for `*.test.yaml`, which test it.
`DOCUMENT_KINDS` is the whole list of what a document can be. All faults are found in one run: a node that
can't be read keeps its place, so that one mistake is reported once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from gateway.dialplan.agent_keys import read_agents
from gateway.dialplan.documents import MAX_FILE_BYTES, YamlMap, YamlText, YamlValue, describe, parse
from gateway.dialplan.faults import Fault, PlanRefused, has_errors, in_order, suggest
from gateway.dialplan.fields import Fields
from gateway.dialplan.files import check_recordings
from gateway.dialplan.flows import read_flow
from gateway.dialplan.model import Catalogue, Plan, Position
from gateway.dialplan.queue_keys import read_queues
from gateway.dialplan.sections import (
    Sources,
    read_ani_lists,
    read_calendars,
    read_catalogue,
    read_hosts,
    read_routes,
)
from gateway.dialplan.survey_keys import read_surveys
from gateway.dialplan.validator import check_behaviour, check_references, check_values

MAX_FILES: Final = 2_000
ANNOUNCEMENTS: Final = Path(__file__).parents[2] / "dialplans" / "announcements"
"""What Ringback says of itself, when a plan has no words of its own for it."""
_VERSION_DIGITS: Final = 12
TEST_SUFFIX: Final = ".test"
"""Ends the name, before `.yaml`, of files that hold a plan's tests and are no part of it."""


def check(path: Path) -> tuple[Fault, ...]:
    """Everything wrong with the plan in the directory `path`, in the order of files and lines. Blocking."""
    return examine(path)[1]


def load(path: Path) -> Plan:
    """The plan in the directory `path`. Blocking. Raises PlanRefused, with all faults, on any error."""
    plan, faults = examine(path)
    if has_errors(faults):
        raise PlanRefused(faults)
    return plan


def examine(path: Path, *, today: date | None = None) -> tuple[Plan, tuple[Fault, ...]]:
    """The plan and all its faults; with errors among them the plan mustn't be run. Blocking.

    `today`: the day from which on a calendar has to have a future; the present one when None.
    """
    digest = hashlib.sha256()
    sources = Sources(read_text=lambda file: _read_text(path / file, digest.update))
    for file in _plan_files(path, sources.faults):
        _read_file(file, path, sources, digest.update)
    plan = _plan(sources, digest.hexdigest()[:_VERSION_DIGITS])
    faults = [*sources.faults, *check_references(plan)]
    if not plan.routes and not has_errors(faults):
        faults.append(Fault.error(Position(str(path), 1, 1), "no routes: every call would be rejected"))
    faults += check_values(plan, today or datetime.now(UTC).date())
    if not has_errors(faults):
        # On a graph with holes this would report consequences: everything behind a mistyped name.
        faults += check_behaviour(plan)
    faults += check_recordings(plan, path)
    return plan, in_order(faults)


def _plan(sources: Sources, version: str) -> Plan:
    return Plan(
        MappingProxyType(sources.flows),
        tuple(sources.routes),
        version,
        MappingProxyType(sources.calendars),
        MappingProxyType(sources.catalogues),
        MappingProxyType(sources.queues),
        MappingProxyType(sources.surveys),
        MappingProxyType(sources.hosts),
        MappingProxyType(sources.ani_lists),
        announcements(),
        MappingProxyType(sources.agents),
    )


@lru_cache(maxsize=1)
def announcements() -> Mapping[str, Catalogue]:
    """Ringback's own announcements by language; those it ships with. Blocking at first."""
    sources = Sources()
    for file in _plan_files(ANNOUNCEMENTS, sources.faults):
        _read_file(file, ANNOUNCEMENTS, sources, lambda _content: None)
    if sources.faults:
        raise PlanRefused(sources.faults)
    return MappingProxyType(sources.catalogues)


def _plan_files(path: Path, faults: list[Fault]) -> list[Path]:
    at = Position(str(path), 1, 1)
    if not path.is_dir():
        faults.append(Fault.error(at, "isn't a directory; a dialplan is a directory of YAML files"))
        return []
    found = (file for file in path.rglob("*") if file.suffix in (".yaml", ".yml") and file.is_file())
    files = sorted(file for file in found if not file.stem.endswith(TEST_SUFFIX))
    if not files:
        faults.append(Fault.error(at, "has no *.yaml files"))
    if len(files) > MAX_FILES:
        faults.append(Fault.error(at, f"has {len(files)} files; a dialplan has at most {MAX_FILES}"))
    return files[:MAX_FILES]


def _read_file(file: Path, root: Path, sources: Sources, digest: Callable[[bytes], None]) -> None:
    try:
        content = _content(file)
    except OSError as error:
        problem = f"can't be read: {error.strerror or error}"
        sources.faults.append(Fault.error(Position(str(file), 1, 1), problem))
        return
    # Names and lengths too: moving text from one file to the next makes another plan.
    digest(f"{file.relative_to(root).as_posix()}\0{len(content)}\0".encode())
    digest(content)
    for document in parse(content, str(file), sources.faults):
        _read_document(document, sources)


def _content(file: Path) -> bytes:
    # One byte beyond the limit is enough to be refused; a file of 50 GB mustn't fill the memory first.
    with file.open("rb") as stream:
        return stream.read(MAX_FILE_BYTES + 1)


def _read_text(file: Path, digest: Callable[[bytes], None]) -> str:
    """A file beside the YAML ones, such as a calendar's. Raises OSError or ValueError."""
    content = _content(file)
    if len(content) > MAX_FILE_BYTES:
        raise ValueError(f"has more than {MAX_FILE_BYTES:,} bytes")
    digest(content)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError("isn't UTF-8") from error


def _read_document(document: YamlValue, sources: Sources) -> None:
    if isinstance(document, YamlText) and document.absent:
        return  # nothing but comments
    if not isinstance(document, YamlMap):
        problem = f"a document is a mapping with {_kinds()}, not {describe(document)}"
        sources.faults.append(Fault.error(document.at, problem))
        return
    fields = Fields(document, "the document", sources.faults)
    given = [kind for kind in DOCUMENT_KINDS if kind in fields.names()]
    if len(given) == 1:
        DOCUMENT_KINDS[given[0]](fields, sources)
        fields.done()
        return
    hints = (suggest(key, DOCUMENT_KINDS) for key in fields.names())
    hint = next((hint for hint in hints if hint), "")
    fields.error(document.at, f"a document has one of {_kinds()} (separate several with ---){hint}")


def _kinds() -> str:
    *others, last = (f"'{kind}'" for kind in DOCUMENT_KINDS)
    return f"{', '.join(others)} or {last}"


DOCUMENT_KINDS: Final[Mapping[str, Callable[[Fields, Sources], None]]] = MappingProxyType(
    {
        "routes": read_routes,
        "flow": read_flow,
        "calendars": read_calendars,
        "catalogue": read_catalogue,
        "queues": read_queues,
        "agents": read_agents,
        "surveys": read_surveys,
        "hosts": read_hosts,
        "ani_lists": read_ani_lists,
    }
)
