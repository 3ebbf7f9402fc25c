"""Two lives of a node: one that is killed at some point, and one that has to make up for it.

    python -m tests.integration.crash.lives DIRECTORY [EVERY [FIRST …]]

Kills the node at every point (or at each EVERYth from each FIRST on) that its first life reaches, each time
from the beginning, and prints what was wrong, and a summary as JSON. Children are forked, so that what is
imported once is there in all of them.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Final

import structlog
from pydantic import SecretStr

from gateway import faults
from gateway.agents.presence import Presence
from gateway.queues.entry import EntryState
from gateway.queues.journal import JournalKind, StoredEvent
from gateway.queues.open_entries import OpenEntry
from gateway.queues.signals import Move, Postpone, SetPriority
from gateway.storage.database import Database
from gateway.storage.journal import JournalWriter
from gateway.storage.journal_store import JournalStore, Selection
from gateway.storage.unsaved import UnsavedEvents
from monitoring.metrics import Metrics
from tests.integration.crash.node import PLAN, Node, node, read_ledger, until

NUMBERS: Final = tuple(f"+493012345{at:02d}" for at in range(7))
FIRST, SECOND, CALLED, BUSY, GIVES_UP, URGENT, MOVED = NUMBERS
CLOSING: Final = frozenset(
    {JournalKind.ABANDONED, JournalKind.LEFT, JournalKind.FINISHED, JournalKind.REFUSED}
)
AT_A_TIME: Final = 4


# ---- what happens


async def first_life(directory: Path) -> None:
    """A morning: callers come, go, are moved, ask for callbacks, and are served; two phones are busy once."""
    busy = {BUSY: 1, "ben": 1}
    async with node(directory, busy=busy) as living:
        runner = living.runner
        living.set_presence("ann", Presence.ON_BREAK, "lunch")
        entries = {number: await living.call_in(number) for number in NUMBERS if number != URGENT}
        entries[URGENT] = await living.call_in(URGENT, priority=3)
        runner.post(SetPriority(entries[SECOND], 1, by="sue"))
        runner.post(Move(entries[MOVED], "sales", by="sue"))
        await living.become_callback(entries[CALLED], CALLED)
        await living.become_callback(entries[BUSY], BUSY)
        living.hang_up(GIVES_UP)
        living.set_presence("ann", Presence.AVAILABLE)
        living.set_presence("ben", Presence.AVAILABLE)
        await serve(living)
        living.set_presence("ben", Presence.LOGGED_OUT)


async def second_life(directory: Path, complain: Callable[[str], None]) -> None:
    """After the crash everybody is served, one after the other."""
    before = await open_entries(directory)
    dialled_before = Counter(numbers_dialled(directory))
    async with node(directory) as living:
        for queue in ("support", "sales"):
            expected = [e.id for e in in_order(before) if e.queue == queue and is_waiting(e)]
            found = [view.id for view in living.runner.entries(queue)]
            if found != expected:
                complain(f"order of {queue} was {expected}, is {found}")
            for entry in found:
                living.runner.post(Postpone(entry, living.runner.now))
        living.set_presence("ann", Presence.AVAILABLE)
        living.set_presence("ben", Presence.AVAILABLE)
        await serve(living)
    again = Counter(numbers_dialled(directory)) - dialled_before
    owed = {entry.identity for entry in before if is_waiting(entry)}
    if set(again) != owed:
        complain(f"called {sorted(again)}, and owed it to {sorted(owed)}")
    if too_often := [number for number, times in again.items() if times > 1]:
        complain(f"called twice: {too_often}")
    await audit(directory, complain)


async def serve(living: Node) -> None:
    """Agents talk with whoever they get, and hang up, until nobody is left."""
    runner, met = living.runner, set[str]()

    def all_served() -> bool:
        for agent in runner.agents():
            entry = None if agent.entry is None else runner.entry(agent.entry)
            if entry is not None and entry.state is EntryState.CONNECTED and entry.id not in met:
                met.add(entry.id)
                living.ledger.write("talked", entry=entry.id)
                living.phones.legs[agent.id].hang_up()
        return not any([*runner.entries("support"), *runner.entries("sales")]) and not any(
            agent.entry for agent in runner.agents()
        )

    await until(all_served)


# ---- what has to be true


def is_waiting(entry: OpenEntry) -> bool:
    return entry.state is not EntryState.CONNECTED


def in_order(entries: Iterable[OpenEntry]) -> list[OpenEntry]:
    return sorted(entries, key=lambda entry: (-entry.priority, entry.enqueued_at, entry.joined_at, entry.id))


def numbers_dialled(directory: Path) -> list[str]:
    return [line["number"] for line in read_ledger(directory / "ledger") if line["what"] == "dialled"]


async def stored(directory: Path) -> tuple[Sequence[StoredEvent], Sequence[OpenEntry]]:
    """As the next start finds it: what is in the file of unsaved events is in the database first."""
    database = Database.open(SecretStr(f"sqlite:///{directory / 'ringback.db'}"))
    try:
        store = JournalStore(database, "node")
        await JournalWriter.open(store, UnsavedEvents(directory / "unsaved.jsonl"), Metrics(), "node")
        return await store.read(Selection()), await store.open_entries()
    finally:
        await database.close()


async def open_entries(directory: Path) -> Sequence[OpenEntry]:
    return (await stored(directory))[1]


async def audit(directory: Path, complain: Callable[[str], None]) -> None:
    """Nobody lost, nobody twice, nobody rung without a record of it, and what was promised is there."""
    events, left = await stored(directory)
    if left:
        complain(f"still open: {[entry.id for entry in left]}")
    if [one.id for one in events] != list(range(1, len(events) + 1)):
        complain("the journal has gaps, or events twice")
    ends: Counter[str] = Counter(one.event.entry for one in events if one.event.kind in CLOSING)
    joined: Counter[str] = Counter(one.event.entry for one in events if one.event.kind is JournalKind.JOINED)
    for entry, times in joined.items():
        if times != 1 or ends[entry] != 1:
            complain(f"{entry} joined {times} times and ended {ends[entry]} times")
    ledger = read_ledger(directory / "ledger")
    promised = {line["entry"] for line in ledger if line["what"] in ("told", "promised")}
    if lost := promised - set(joined):
        complain(f"promised, and not on disk: {lost}")
    recorded: Counter[str] = Counter(
        str(one.event.details["number"]) for one in events if one.event.kind is JournalKind.CALLBACK_DIALLED
    )
    if secret := Counter(numbers_dialled(directory)) - recorded:
        complain(f"rung without a record: {dict(secret)}")


# ---- processes


def fork(work: Callable[[], Awaitable[None]], log: Path) -> int:
    """A child that does `work` and exits with 0, or with 1 and the reason in `log`. Returns its number."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        asyncio.run(_limited(work))
        code = 0
    except BaseException as error:  # noqa: BLE001  # a child says what it died of
        with log.open("a") as file:
            file.write("".join(traceback.format_exception(error)))
    finally:
        os._exit(code)


async def _limited(work: Callable[[], Awaitable[None]]) -> None:
    async with asyncio.timeout(60):
        await work()


def prepare(directory: Path, template: Path) -> Path:
    shutil.copytree(template, directory)
    return directory


async def _make(directory: Path) -> None:
    database = Database.open(SecretStr(f"sqlite:///{directory / 'ringback.db'}"))
    await database.upgrade()
    await database.close()


def make_template(directory: Path) -> Path:
    template = directory / "template"
    (template / "plan").mkdir(parents=True)
    (template / "plan" / "plan.yaml").write_text(PLAN)
    os.waitpid(fork(lambda: _make(template), template / "complaints"), 0)
    return template


def count_points(directory: Path, template: Path) -> Counter[str]:
    """What an undisturbed first life reaches."""
    calm = prepare(directory / "calm", template)

    async def life() -> None:
        faults.watch()
        await first_life(calm)
        (calm / "points").write_text(json.dumps(faults.reached()))

    _, status = os.waitpid(fork(life, calm / "complaints"), 0)
    if status:
        raise SystemExit(f"the calm life failed: {(calm / 'complaints').read_text()}")
    return Counter(json.loads((calm / "points").read_text()))


def try_point(directory: Path, template: Path, number: int) -> int:
    """One child for both lives; 0 when all was well."""
    place = prepare(directory / f"point-{number}", template)
    complaints = place / "complaints"

    def complain(text: str) -> None:
        with complaints.open("a") as file:
            file.write(f"point {number}: {text}\n")

    async def first() -> None:
        faults.arm(str(number))
        await first_life(place)

    async def second() -> None:
        await second_life(place, complain)

    both = os.fork()
    if both:
        return both
    _, status = os.waitpid(fork(first, complaints), 0)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    if not killed and status:
        complain("the first life failed by itself")
    _, status = os.waitpid(fork(second, complaints), 0)
    if status:
        complain("the second life failed")
    (place / "killed").write_text(str(int(killed)))
    os._exit(int(complaints.exists()))


def main(directory: Path, every: int = 1, *firsts: int) -> int:
    structlog.configure(processors=[_drop])
    directory.mkdir(parents=True, exist_ok=True)
    template = make_template(directory)
    points = count_points(directory, template)
    wanted = sorted(at for first in firsts or (1,) for at in range(first, points.total() + 1, every))
    running: dict[int, int] = {}
    failed: list[int] = []
    queue = list(reversed(wanted))
    while queue or running:
        while queue and len(running) < AT_A_TIME:
            number = queue.pop()
            running[try_point(directory, template, number)] = number
        child, status = os.wait()
        number = running.pop(child)
        if status:
            failed.append(number)
            sys.stdout.write((directory / f"point-{number}" / "complaints").read_text())
        else:
            killed = (directory / f"point-{number}" / "killed").read_text() == "1"
            if not killed:
                sys.stdout.write(f"point {number} wasn't reached\n")
            shutil.rmtree(directory / f"point-{number}")
    summary = {"points": points.total(), "names": len(points), "tried": len(wanted), "failed": failed}
    sys.stdout.write(json.dumps(summary) + "\n")
    return int(bool(failed))


def _drop(_logger: object, _name: str, _event: MutableMapping[str, object]) -> Mapping[str, object]:
    raise structlog.DropEvent


if __name__ == "__main__":
    where, *numbers = sys.argv[1:]
    sys.exit(main(Path(where), *map(int, numbers)))
