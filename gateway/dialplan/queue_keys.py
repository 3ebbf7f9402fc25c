"""The `queues` of a plan, as they are written: one table of keys for the loader, schema and guide. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from gateway.callbacks.policy import CallbackPolicy
from gateway.dialplan import callback_keys
from gateway.dialplan import keygroups as group
from gateway.dialplan import keytypes as key
from gateway.dialplan.documents import YamlMap, YamlText, YamlValue, describe, shorten
from gateway.dialplan.faults import suggest
from gateway.dialplan.fields import Fields
from gateway.dialplan.keytypes import NAME_SCHEMA, Key
from gateway.dialplan.queues import (
    CONNECTING,
    CONSENT,
    WELCOME,
    Announce,
    AudioFile,
    Connecting,
    KeyAction,
    Music,
    QueueDefinition,
    RecordingFormat,
    RecordingPolicy,
    RecordWhen,
    WaitingKey,
)
from gateway.dialplan.sections import Sources
from gateway.dialplan.spoken import LANGUAGE, stays_inside
from gateway.dialplan.wording import Wording
from gateway.queues.settings import PriorityRise, QueueSettings, Relaxation, Staffing, Strategy
from gateway.queues.waiting import AnnouncementRules, EstimateRule, PositionRule

_ONE_KEY: Final = re.compile(r"[0-9*#]")
_DAY_S: Final = 86_400.0
_ACCEPTING_S: Final = 25.0
"""What an offer may take beyond the ringing, unless the plan says otherwise: whisper and accept key."""

_DEFAULTS: Final = QueueSettings("")
_RULES: Final = AnnouncementRules()


def _music(fields: Fields, name: str, _languages: tuple[str, ...]) -> Music:
    """`none`, a file, or a list of files."""
    values = fields.one_or_more(name)
    if len(values) == 1 and isinstance(values[0], YamlText) and values[0].text == "none":
        return Music(silent=True)
    files: list[AudioFile] = []
    for value in values:
        if not isinstance(value, YamlText) or not value.text.strip():
            fields.error(value.at, f"'{name}' is a file, a list of files, or none, not {describe(value)}")
        elif not stays_inside(value.text):
            fields.error(value.at, f"'{shorten(value.text)}' isn't a path inside the plan's directory")
        else:
            files.append(AudioFile(value.text, value.at))
    return Music(tuple(files))


def _keys(fields: Fields, name: str, _languages: tuple[str, ...]) -> Mapping[str, WaitingKey]:
    found: dict[str, WaitingKey] = {}
    for pressed, value in fields.entries(name) if fields.value(name) is not None else ():
        if not _ONE_KEY.fullmatch(pressed.text):
            fields.error(pressed.at, f"'{shorten(pressed.text)}' isn't one key (0-9, * or #)")
        elif (action := _action(pressed, value, fields)) is not None:
            found[pressed.text] = action
    return MappingProxyType(found)


def _action(pressed: YamlText, value: YamlValue, fields: Fields) -> WaitingKey | None:
    if isinstance(value, YamlMap):
        inner = Fields(value, f"key {pressed.text}", fields.faults)
        language = inner.text("language")
        if language is None:
            inner.missing("language")
        elif not LANGUAGE.fullmatch(language.text):
            inner.error(language.at, f"'{shorten(language.text)}' isn't a language tag, such as en or de-CH")
            language = None
        inner.done()
        return (
            None
            if language is None
            else WaitingKey(pressed.text, KeyAction.LANGUAGE, language.at, language.text)
        )
    actions = {action.value: action for action in KeyAction if action is not KeyAction.LANGUAGE}
    if not isinstance(value, YamlText) or value.text not in actions:
        hint = suggest(value.text, actions) if isinstance(value, YamlText) else ""
        known = f"{', '.join(actions)}, or {{language: TAG}}"
        fields.error(value.at, f"key {pressed.text} does {known}, not {describe(value)}{hint}")
        return None
    return WaitingKey(pressed.text, actions[value.text], value.at)


CALLBACK_KEYS: Final[Mapping[str, Key]] = MappingProxyType(
    {
        "after": group.optional(key.duration("offered to who has waited so long", 180.0, 1.0, _DAY_S)),
        "above": group.optional(key.duration("or whose estimate is longer than this", 300.0, 1.0, _DAY_S)),
        "again": key.duration("offered again after this; 0 never", 0.0, 0.0, _DAY_S),
    }
)

ANNOUNCE_KEYS: Final[Mapping[str, Key]] = MappingProxyType(
    {
        "welcome": group.said("what is said first: a prompt, true or false", WELCOME),
        "on_entry": key.flag("position and wait are told when the wait begins", default=_RULES.on_entry),
        "every": key.duration("how often they are told again; 0 never", _RULES.every_s, 0.0, 3600.0),
        "spacing": key.duration("music, at least, between two announcements", _RULES.spacing_s, 0.0, 600.0),
        "only_when_better": key.flag(
            "once told, they are told again only when they are better", default=_RULES.only_when_better
        ),
        "position": group.choice(
            "`always`; `limited` to the first ones; `more`: and beyond them “n or more”; `never`",
            _RULES.position,
        ),
        "position_limit": key.count("how many the first ones are", _RULES.position_limit, 1_000, 1),
        "estimate": group.choice("the expected wait: `always`, `once` or `never`", _RULES.estimate),
        "messages": group.prompts("prompts that are said in turn"),
        "messages_every": key.duration("how often one of them is", _RULES.messages_every_s, 1.0, 3600.0),
        "callback": group.group("when a callback is offered; `keys` has the key for it", CALLBACK_KEYS),
    }
)

CONNECTING_KEYS: Final[Mapping[str, Key]] = MappingProxyType(
    {
        "whisper": group.said("what only the agent hears before the caller", None),
        "accept_key": key.text(
            "what the agent presses to take the call; none: answering is enough",
            r"[0-9*#]|none", "one key or none", "",
        ),
        "zip_tone": key.flag("a short tone in the agent's ear before the caller", default=False),
        "say": group.said("said to the caller meanwhile: a prompt, true or false", CONNECTING),
    }
)  # fmt: skip

RECORD_KEYS: Final[Mapping[str, Key]] = MappingProxyType(
    {
        "when": group.choice("`never`, `always` or `on_demand`", RecordWhen.NEVER),
        "consent": group.said("said to the caller before the recording: a prompt, true or false", CONSENT),
        "format": group.choice("`flac`, `opus` or `wav`", RecordingFormat.FLAC),
        "retention": group.optional(key.duration("how long it is kept", 0.0, 3600.0, 3650 * _DAY_S)),
    }
)

RELAX_KEYS: Final[Mapping[str, Key]] = MappingProxyType(
    {
        "after": group.needed(key.duration("this much waiting", 60.0, 0.0, _DAY_S)),
        "skills": group.needed(group.levels("levels that do from then on; 0: not asked for", lowest=0)),
    }
)

RISE_KEYS: Final[Mapping[str, Key]] = MappingProxyType(
    {
        "every": group.needed(key.duration("this much waiting", 60.0, 1.0, _DAY_S)),
        "by": key.count("adds so much", 1, 1_000, 1),
        "limit": key.count("up to this", 1_000, 1_000, 1),
    }
)

QUEUE_KEYS: Final[Mapping[str, Key]] = MappingProxyType(
    {
        "strategy": group.choice("who of the free agents is offered a call", _DEFAULTS.strategy),
        "weight": key.count("among an agent's queues the heaviest goes first", 0, 1_000),
        "capacity": group.optional(key.count("so many may wait; none: no limit", 1, 100_000, 1)),
        "maximum_wait": group.optional(key.duration("the longest wait; none: no limit", 0.0, 1.0, _DAY_S)),
        "overflow": group.optional(
            key.text("the queue for who has waited `maximum_wait`", ".+", "the name of a queue")
        ),
        "join": group.choice(
            "whom a queue needs to be joined: `always` (nobody), somebody `logged_in`, somebody `on_duty`",
            _DEFAULTS.join,
        ),
        "stay": group.choice("whom it needs for its callers to stay: the same", _DEFAULTS.stay),
        "skills": group.levels("what its agents have to know, and how well"),
        "relax": group.groups("what is asked less of while a caller waits", RELAX_KEYS),
        "priority_rise": group.group("how the priority rises while a caller waits", RISE_KEYS),
        "match_language": key.flag("callers get agents who speak their language", default=False),
        "ring": key.duration("how long one agent's phone rings", _DEFAULTS.ring_s, 1.0, 300.0),
        "lease": group.optional(key.duration("how long an offer may take in all", 45.0, 2.0, 600.0)),
        "retry": key.duration("pause before who missed a call gets it again", _DEFAULTS.retry_s, 0.0, 600.0),
        "misses_to_break": key.count(
            "missed calls in a row that put an agent on break; 0 never", _DEFAULTS.misses_to_break, 100
        ),
        "wrap_up": key.duration("for notes after a call", _DEFAULTS.wrap_up_s, 0.0, 3600.0),
        "dispositions": group.codes("what a call may have come to, for wrap-up; none: in the agent's words"),
        "sticky": key.duration("how long the caller's own agent is waited for", 0.0, 0.0, 3600.0),
        "service_level": key.duration("the wait that counts as good", _DEFAULTS.service_level_s, 1.0, 3600.0),
        "short_abandon": key.duration(
            "who leaves sooner isn't counted as abandoned", _DEFAULTS.short_abandon_s, 0.0, 300.0
        ),
        "rejoin": key.duration(
            "who hung up and calls again within this has the old place", _DEFAULTS.rejoin_s, 0.0, 3600.0
        ),
        "restart": group.choice(
            "waiting callers, when the node was restarted: `callback`, `verified` numbers only, or `drop`",
            _DEFAULTS.at_restart,
        ),
        "music": Key(
            _music,
            {"anyOf": [NAME_SCHEMA, {"type": "array", "items": NAME_SCHEMA}]},
            "a file, a list of files, or none; Ringback's own piece if left out",
        ),
        "announce": group.group("what waiting callers are told, and when", ANNOUNCE_KEYS),
        "connecting": group.group("what happens between the agent's answer and the talk", CONNECTING_KEYS),
        "record": group.group("which conversations are recorded", RECORD_KEYS, short="when"),
        "callback": group.group("how callers are called back", callback_keys.KEYS),
        "survey": group.optional(
            key.text("what callers are asked when the agent has hung up", ".+", "the name of a survey")
        ),
        "survey_link": key.flag(
            "who hung up first gets a link to answer at, by the webhook `survey.invited`", default=False
        ),
        "keys": Key(
            _keys,
            {"type": "object", "propertyNames": {"pattern": f"^{_ONE_KEY.pattern}$"}},
            "what callers may press meanwhile: `leave`, `callback`, `position`, `chat`, `{language: TAG}`",
        ),
    }
)  # fmt: skip
"""Every key of a queue."""


def read_queues(fields: Fields, sources: Sources) -> None:
    """A list of names, or names and their settings. `language`: of single texts."""
    language = fields.text("language")
    languages = ("en",) if language is None else (language.text,)
    if language is not None and not LANGUAGE.fullmatch(language.text):
        fields.error(language.at, f"'{shorten(language.text)}' isn't a language tag, such as en or de-CH")
    value = fields.value("queues")
    if isinstance(value, YamlMap):
        entries = [(name, _mapping_of(name, inner, fields)) for name, inner in value.entries]
    else:
        entries = [(name, YamlMap(name.at, ())) for name in _names(fields)]
    for name, inner in entries:
        fields.check_name(name)
        if name.text in sources.queues:
            known = sources.queues[name.text].at
            fields.error(name.at, f"'{name.text}' is in 'queues' already at {known}")
        queue = Fields(inner, f"queue '{name.text}'", sources.faults)
        sources.queues.setdefault(name.text, _queue(name, queue, languages))


def _names(fields: Fields) -> list[YamlText]:
    found: list[YamlText] = []
    for value in fields.one_or_more("queues"):
        if isinstance(value, YamlText):
            found.append(value)
        else:
            fields.error(value.at, f"'queues' is names, or names and settings, not {describe(value)}")
    return found


def _mapping_of(name: YamlText, value: YamlValue, fields: Fields) -> YamlMap:
    if isinstance(value, YamlMap):
        return value
    if not isinstance(value, YamlText) or not value.absent:
        fields.error(value.at, f"queue '{name.text}' is a mapping, not {describe(value)}")
    return YamlMap(name.at, ())


def _queue(name: YamlText, fields: Fields, languages: tuple[str, ...]) -> QueueDefinition:
    places = {written: fields.place(written) for written in fields.names()}
    found = group.read_group(fields, QUEUE_KEYS, languages)
    keys: Mapping[str, WaitingKey] = found["keys"]
    offer_key = next((k.key for k in keys.values() if k.action is KeyAction.CALLBACK), "")
    callbacks = callback_keys.rules_of(found["callback"] or group.defaults(callback_keys.KEYS))
    return QueueDefinition(
        name.at,
        _settings(name.text, found, callbacks.policy),
        found["music"],
        _announce(found["announce"] or group.defaults(ANNOUNCE_KEYS), offer_key),
        _connecting(found["connecting"] or group.defaults(CONNECTING_KEYS)),
        _recording(found["record"] or group.defaults(RECORD_KEYS)),
        callbacks,
        keys,
        found["survey"] or "",
        found["survey_link"],
        found["match_language"],
        MappingProxyType(places),
    )


def _settings(name: str, found: Mapping[str, Any], callbacks: CallbackPolicy) -> QueueSettings:
    rise = found["priority_rise"]
    ring_s: float = found["ring"]
    strategy: Strategy = found["strategy"]
    join: Staffing = found["join"]
    return QueueSettings(
        name=name,
        strategy=strategy,
        weight=found["weight"],
        capacity=found["capacity"],
        maximum_wait_s=found["maximum_wait"],
        overflow=found["overflow"],
        join=join,
        stay=found["stay"],
        skills=found["skills"],
        relaxations=tuple(Relaxation(step["after"], step["skills"]) for step in found["relax"]),
        priority_rise=None if rise is None else PriorityRise(rise["every"], rise["by"], rise["limit"]),
        ring_s=ring_s,
        lease_s=ring_s + _ACCEPTING_S if found["lease"] is None else found["lease"],
        retry_s=found["retry"],
        misses_to_break=found["misses_to_break"],
        wrap_up_s=found["wrap_up"],
        dispositions=found["dispositions"],
        sticky_s=found["sticky"],
        service_level_s=found["service_level"],
        short_abandon_s=found["short_abandon"],
        rejoin_s=found["rejoin"],
        at_restart=found["restart"],
        callback_lease_s=callbacks.reach_s,
    )


def _announce(found: Mapping[str, Any], offer_key: str) -> Announce:
    welcome: Wording | bool | None = found["welcome"]
    offer: Mapping[str, Any] = found["callback"] or {"after": None, "above": None, "again": 0.0}
    position: PositionRule = found["position"]
    estimate: EstimateRule = found["estimate"]
    rules = AnnouncementRules(
        welcome=welcome is not False,
        on_entry=found["on_entry"],
        every_s=found["every"],
        spacing_s=found["spacing"],
        only_when_better=found["only_when_better"],
        position=position,
        position_limit=found["position_limit"],
        estimate=estimate,
        messages=len(found["messages"]),
        messages_every_s=found["messages_every"],
        offer_after_s=offer["after"],
        offer_above_s=offer["above"],
        offer_every_s=offer["again"],
        offer_key=offer_key,
    )
    own = welcome if isinstance(welcome, Wording) else WELCOME
    return Announce(rules, own, found["messages"])


def _connecting(found: Mapping[str, Any]) -> Connecting:
    say: Wording | bool | None = found["say"]
    return Connecting(
        whisper=found["whisper"],
        accept_key=found["accept_key"],
        zip_tone=found["zip_tone"],
        say=_or_shipped(say, CONNECTING, default=True),
    )


def _recording(found: Mapping[str, Any]) -> RecordingPolicy:
    when: RecordWhen = found["when"]
    consent: Wording | bool | None = found["consent"]
    said = _or_shipped(consent, CONSENT, default=when is not RecordWhen.NEVER)
    return RecordingPolicy(when, said, found["format"], found["retention"])


def _or_shipped(written: Wording | bool | None, shipped: Wording, *, default: bool) -> Wording | None:
    """The plan's own words, Ringback's, or none. `default`: whether Ringback's when nothing is written."""
    if isinstance(written, Wording):
        return written
    wanted = default if written is None else written
    return shipped if wanted else None
