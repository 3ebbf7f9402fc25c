"""What is given for a simulated call: who calls whom and when, and how the world answers. Pure.

The `given` of a flow test and the file of `simulate --fixtures` are the same mapping, read here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from gateway.dialplan.documents import YamlList, YamlMap, YamlText, YamlValue, describe
from gateway.dialplan.entrances import route_to
from gateway.dialplan.fields import Fields
from gateway.dialplan.model import Plan, Route
from gateway.dialplan.routes import Unrouted
from gateway.dialplan.run import Facts
from gateway.dialplan.world import Reply, World, http_reply

DEFAULT_TIME: Final = datetime(2026, 1, 7, 10, 0, tzinfo=UTC)
"""A Wednesday morning without a holiday nearly everywhere: a test that gives no time means working hours."""

_NUMBER: Final = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")
_WORDS: Final[Mapping[str, Any]] = {"true": True, "false": False, "null": None, "~": None, "": None}


@dataclass(frozen=True, slots=True)
class Given:
    """A call before it begins. `target`: a dialled number or a flow. `replies`: by the name of the node."""

    target: str | None = None
    ani: str = ""
    trunk: str = ""
    technology: str = "sip"
    utc: datetime = DEFAULT_TIME
    caller: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, Any] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)
    envelopes: Mapping[str, Any] = field(default_factory=dict)
    queues: Mapping[str, Any] = field(default_factory=dict)
    calendars: Mapping[str, str] = field(default_factory=dict)
    replies: Mapping[str, tuple[Reply, ...]] = field(default_factory=dict)

    def route(self, plan: Plan, target: str | None = None) -> Route:
        """Raises NoEntrance when nothing takes the call."""
        called = Unrouted(self.trunk, self.technology, self.ani, self.utc, self.calendars)
        return route_to(plan, target or self.target or next(iter(plan.flows), ""), called)

    def facts(self, plan: Plan, target: str | None = None) -> Facts:
        dialled = target or self.target or ""
        call = {
            "id": "simulated",
            "dnis": "" if dialled in plan.flows else dialled,
            "trunk": self.trunk,
            "technology": self.technology,
            "headers": dict(self.headers),
        }
        return Facts(
            caller={"number": self.ani, **self.caller},
            call=call,
            context=dict(self.context),
            epoch_s=self.utc.timestamp(),
            queues={name: dict(figures) for name, figures in self.queues.items()},
            overrides=dict(self.calendars),
        )

    def world(self) -> World:
        """A world of its own: lists of replies begin anew."""
        return World(dict(self.replies), dict(self.envelopes))


def read_given(fields: Fields, inherited: Given | None = None) -> Given:
    """The mapping's keys; what it lacks comes from `inherited`. Faults go to the fields."""
    base = inherited if inherited is not None else Given()
    ani, trunk, technology = (fields.text(key) for key in ("ani", "trunk", "technology"))
    return Given(
        target=_target(fields) or base.target,
        ani=ani.text if ani else base.ani,
        trunk=trunk.text if trunk else base.trunk,
        technology=technology.text if technology else base.technology,
        utc=_time(fields) or base.utc,
        caller={**base.caller, **_mapping(fields, "caller")},
        headers={**base.headers, **_mapping(fields, "headers")},
        context={**base.context, **_mapping(fields, "context")},
        envelopes={**base.envelopes, **_mapping(fields, "envelopes")},
        queues={**base.queues, **_mapping(fields, "queues")},
        calendars={**base.calendars, **_mapping(fields, "calendars")},
        replies={**base.replies, **dict(_lookups(fields)), **dict(_outcomes(fields))},
    )


def json_of(value: YamlValue) -> Any:
    """A YAML value as JSON: unquoted numbers, `true`, `false` and `null` are those, the rest is text."""
    match value:
        case YamlMap():
            return {key.text: json_of(inner) for key, inner in value.entries}
        case YamlList():
            return [json_of(item) for item in value.items]
        case YamlText(plain=True) if value.text in _WORDS:
            return _WORDS[value.text]
        case YamlText(plain=True) if number := _NUMBER.fullmatch(value.text):
            return float(value.text) if number[2] else int(value.text)
        case YamlText():
            return value.text


def _target(fields: Fields) -> str | None:
    dnis, flow = fields.text("dnis"), fields.text("flow")
    if dnis is not None and flow is not None:
        fields.error(flow.at, "give the number dialled (`dnis`) or the `flow`, not both")
    found = dnis or flow
    return found.text if found is not None else None


def _time(fields: Fields) -> datetime | None:
    text = fields.text("time")
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text.text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        fields.error(text.at, f"a time has a zone, like 2026-03-02T10:00+01:00; this is {describe(text)}")
        return None
    return found.astimezone(UTC)


def _mapping(fields: Fields, key: str) -> Mapping[str, Any]:
    value = fields.value(key)
    if value is None:
        return {}
    if not isinstance(value, YamlMap):
        fields.error(value.at, f"'{key}' is a mapping, not {describe(value)}")
        return {}
    found: Mapping[str, Any] = json_of(value)
    return found


def _by_node(fields: Fields, key: str) -> Iterator[tuple[str, tuple[YamlValue, ...]]]:
    """Each node's value, or list of values."""
    value = fields.value(key)
    if isinstance(value, YamlMap):
        for name, inner in value.entries:
            yield name.text, inner.items if isinstance(inner, YamlList) else (inner,)
    elif value is not None:
        fields.error(value.at, f"'{key}' is a mapping from nodes, not {describe(value)}")


def _lookups(fields: Fields) -> Iterator[tuple[str, tuple[Reply, ...]]]:
    for node, values in _by_node(fields, "lookups"):
        yield node, tuple(_lookup(value, fields) for value in values)


def _lookup(value: YamlValue, fields: Fields) -> Reply:
    if not isinstance(value, YamlMap):
        return _outcome(value, fields)
    inner = Fields(value, "the answer of a lookup", fields.faults)
    if "outcome" in inner.names():
        return _outcome(value, fields)
    status = inner.count("status", 200, 599, 100)
    body, after_s = inner.value("body"), inner.duration_s("after", 0.0, 0.0, 3600)
    inner.done()
    return http_reply(status, None if body is None else json_of(body), after_s)


def _outcomes(fields: Fields) -> Iterator[tuple[str, tuple[Reply, ...]]]:
    for node, values in _by_node(fields, "outcomes"):
        yield node, tuple(_outcome(value, fields) for value in values)


def _outcome(value: YamlValue, fields: Fields) -> Reply:
    """`timeout`, or `{outcome: timeout, after: 30s, value: …}`."""
    if isinstance(value, YamlText) and not value.absent:
        return Reply(value.text)
    if not isinstance(value, YamlMap):
        fields.error(value.at, f"an outcome is the name of an exit, not {describe(value)}")
        return Reply("error")
    inner = Fields(value, "an outcome", fields.faults)
    outcome = inner.text("outcome")
    if outcome is None:
        inner.missing("outcome")
    given, after_s = inner.value("value"), inner.duration_s("after", 0.0, 0.0, 86400)
    inner.done()
    return Reply(outcome.text if outcome else "error", None if given is None else json_of(given), after_s)
