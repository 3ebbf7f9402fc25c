"""How queues and agents are written in a plan, and what is said of each mistake."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from gateway.agents.profile import AgentProfile, Membership
from gateway.dialplan import schema
from gateway.dialplan.agent_keys import AGENT_KEYS, MEMBERSHIP_KEYS
from gateway.dialplan.model import AgentDefinition, Plan, QueueDefinition, Spoken
from gateway.dialplan.queue_keys import (
    ANNOUNCE_KEYS,
    CALLBACK_KEYS,
    CONNECTING_KEYS,
    QUEUE_KEYS,
    RECORD_KEYS,
    RELAX_KEYS,
    RISE_KEYS,
)
from gateway.dialplan.queues import (
    CONNECTING,
    CONSENT,
    WELCOME,
    Announce,
    Connecting,
    KeyAction,
    Music,
    RecordingFormat,
    RecordingPolicy,
    RecordWhen,
    language_skill,
)
from gateway.queues.settings import PriorityRise, QueueSettings, Relaxation, Staffing, Strategy
from gateway.queues.waiting import AnnouncementRules, EstimateRule, PositionRule
from tests.fakes.plans import ROUTES, faults_of, plan_of, write_tone

FLOW = ROUTES + "flow: main\nlanguages: [en, ja]\nstart: wait\nnodes:\n  wait: {queue: q}\n---\n"

EVERYTHING = """\
queues:
  q:
    strategy: best_skill
    weight: 3
    capacity: 50
    maximum_wait: 20m
    overflow: second
    join: logged_in
    stay: always
    skills: {billing: 3, german: 1}
    relax:
      - {after: 60s, skills: {billing: 1}}
      - {after: 2m, skills: {german: 0}}
    priority_rise: {every: 30s, by: 2, limit: 20}
    match_language: true
    ring: 15s
    lease: 1m
    retry: 10s
    misses_to_break: 2
    wrap_up: 30s
    dispositions: [resolved, call again]
    sticky: 40s
    service_level: 30s
    short_abandon: 3s
    rejoin: 2m
    music: [a.wav, b.wav]
    announce:
      welcome: {en: "Hello.", ja: "もしもし。"}
      on_entry: false
      every: 90s
      spacing: 20s
      only_when_better: yes
      position: more
      position_limit: 5
      estimate: once
      messages: [{key: ringback.queue.next}, {en: "Second.", ja: "二。"}]
      messages_every: 40s
      callback: {after: 3m, above: 5m, again: 4m}
    connecting: {whisper: "{{ queue.name }}", accept_key: 1, zip_tone: true, say: false}
    record: {when: always, format: opus, retention: 90d}
    keys: {1: callback, 2: position, 3: {language: ja}, "*": leave}
  second:
"""


def queue_of(directory: Path, text: str) -> QueueDefinition:
    return plan_of(directory, FLOW + text).queues["q"]


def test_a_list_of_names_is_queues_with_all_defaults(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, FLOW + "queues: [q, second]")

    queue = plan.queues["q"]
    assert list(plan.queues) == ["q", "second"]
    assert queue.settings == QueueSettings("q")
    assert (queue.music, queue.announce) == (Music(), Announce())
    assert (queue.connecting, queue.recording) == (Connecting(), RecordingPolicy())
    assert not queue.keys


def test_a_queue_with_nothing_written_is_like_one_of_a_list(tmp_path: Path) -> None:
    assert queue_of(tmp_path, "queues: {q: }").settings == queue_of(tmp_path, "queues: q").settings


def test_every_key_of_a_queue_reaches_its_settings(tmp_path: Path) -> None:
    write_tone(tmp_path / "a.wav")
    write_tone(tmp_path / "b.wav")

    queue = queue_of(tmp_path, EVERYTHING)

    assert queue.settings == QueueSettings(
        name="q",
        strategy=Strategy.BEST_SKILL,
        weight=3,
        capacity=50,
        maximum_wait_s=1200.0,
        overflow="second",
        join=Staffing.LOGGED_IN,
        stay=Staffing.ALWAYS,
        skills={"billing": 3, "german": 1},
        relaxations=(Relaxation(60.0, {"billing": 1}), Relaxation(120.0, {"german": 0})),
        priority_rise=PriorityRise(30.0, 2, 20),
        ring_s=15.0,
        lease_s=60.0,
        retry_s=10.0,
        misses_to_break=2,
        wrap_up_s=30.0,
        dispositions=("resolved", "call again"),
        sticky_s=40.0,
        service_level_s=30.0,
        short_abandon_s=3.0,
        rejoin_s=120.0,
    )
    assert queue.match_language
    assert [file.file for file in queue.music.files] == ["a.wav", "b.wav"]


def test_every_key_of_what_callers_hear_reaches_its_rules(tmp_path: Path) -> None:
    write_tone(tmp_path / "a.wav")
    write_tone(tmp_path / "b.wav")

    queue = queue_of(tmp_path, EVERYTHING)

    assert queue.announce.rules == AnnouncementRules(
        welcome=True,
        on_entry=False,
        every_s=90.0,
        spacing_s=20.0,
        only_when_better=True,
        position=PositionRule.MORE,
        position_limit=5,
        estimate=EstimateRule.ONCE,
        messages=2,
        messages_every_s=40.0,
        offer_after_s=180.0,
        offer_above_s=300.0,
        offer_every_s=240.0,
        offer_key="1",
    )
    assert queue.announce.welcome.variants["en"] == Spoken("Hello.", "en")
    assert [wording.key for wording in queue.announce.messages] == ["ringback.queue.next", None]
    assert (queue.connecting.accept_key, queue.connecting.zip_tone, queue.connecting.say) == ("1", True, None)
    assert queue.recording == RecordingPolicy(RecordWhen.ALWAYS, CONSENT, RecordingFormat.OPUS, 90 * 86_400.0)
    assert {key: found.action for key, found in queue.keys.items()} == {
        "1": KeyAction.CALLBACK,
        "2": KeyAction.POSITION,
        "3": KeyAction.LANGUAGE,
        "*": KeyAction.LEAVE,
    }
    assert queue.key_for(KeyAction.CALLBACK) == "1"
    assert queue.keys["3"].language == "ja"


def test_an_offer_may_take_as_long_as_the_phone_rings_and_a_whisper_takes(tmp_path: Path) -> None:
    assert queue_of(tmp_path, "queues: {q: {ring: 60s}}").settings.lease_s == 85.0


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("never", RecordingPolicy()),
        ("always", RecordingPolicy(RecordWhen.ALWAYS, CONSENT)),
        ("{when: on_demand, consent: false}", RecordingPolicy(RecordWhen.ON_DEMAND)),
        ("{when: on_demand, consent: yes}", RecordingPolicy(RecordWhen.ON_DEMAND, CONSENT)),
    ],
)
def test_recording_is_a_word_or_a_policy(tmp_path: Path, written: str, expected: RecordingPolicy) -> None:
    assert queue_of(tmp_path, f"queues: {{q: {{record: {written}}}}}").recording == expected


def test_no_music_and_no_welcome_are_written_out(tmp_path: Path) -> None:
    queue = queue_of(tmp_path, "queues: {q: {music: none, announce: {welcome: false}}}")

    assert queue.music == Music(silent=True)
    assert not queue.announce.rules.welcome
    assert queue.announce.welcome == WELCOME


def test_what_the_caller_is_told_on_connecting_may_be_a_prompt(tmp_path: Path) -> None:
    said = queue_of(tmp_path, "queues: {q: {connecting: {say: {key: ringback.transfer}}}}").connecting.say

    assert said is not None
    assert said != CONNECTING
    assert said.key == "ringback.transfer"


AGENTS = """\
queues: [q, second]
---
agents:
  ann:
    name: Ann Example
    device: sip:ann@127.0.0.1:5080;transport=tcp
    skills: {billing: 3, cards: 1}
    queues: {q: {order: 2, weight: 5}, second: }
    nailed_up: true
    languages: [en, ja-JP]
  ben:
    device: "sips:ben@[::1]"
    skills: [cards]
    queues: q
"""


def test_every_key_of_an_agent_reaches_their_profile(tmp_path: Path) -> None:
    agents = plan_of(tmp_path, FLOW + AGENTS).agents

    assert agents["ann"].profile == AgentProfile(
        id="ann",
        name="Ann Example",
        device="sip:ann@127.0.0.1:5080;transport=tcp",
        skills={"language-en": 1, "language-ja": 1, "billing": 3, "cards": 1},
        queues={"q": Membership(2, 5), "second": Membership()},
        nailed_up=True,
    )
    assert agents["ann"].languages == ("en", "ja-JP")


def test_an_agent_needs_neither_name_nor_phone(tmp_path: Path) -> None:
    agent = plan_of(tmp_path, FLOW + AGENTS.replace('device: "sips:ben@[::1]"', "device: none")).agents["ben"]

    assert agent.profile == AgentProfile("ben", "ben", "", {"cards": 1}, {"q": Membership()})
    assert agent.languages == ()


def test_a_key_of_an_agent_or_a_queue_knows_its_place(tmp_path: Path) -> None:
    plan: Plan = plan_of(tmp_path, FLOW + AGENTS)
    ann: AgentDefinition = plan.agents["ann"]

    assert ann.place("device").line == 14
    assert ann.place("queues.second").line == 16
    assert ann.place("nothing") == ann.at
    assert plan.queues["q"].place("ring") == plan.queues["q"].at


@pytest.mark.parametrize("language", ["ja", "ja-JP"])
def test_a_language_is_a_skill(language: str) -> None:
    assert language_skill(language) == "language-ja"


def test_mandarin_has_one_skill_under_both_its_names() -> None:
    assert language_skill("cmn") == language_skill("zh-CN") == "language-zh"


@pytest.mark.parametrize("text", [EVERYTHING, AGENTS, "queues: [q]", "queues: q"])
def test_the_schema_takes_what_the_loader_takes(text: str) -> None:
    validator = jsonschema.Draft202012Validator(schema.schema())

    for document in YAML(typ="safe", pure=True).load_all(text):
        assert [e.message for e in validator.iter_errors(_with_text_keys(document))] == []


def _with_text_keys(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): _with_text_keys(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_text_keys(item) for item in value]
    return value


def test_the_guide_names_every_key() -> None:
    guide = (Path(__file__).parents[3] / "dialplans" / "README.md").read_text()
    section = guide[guide.index("## Queues") : guide.index("## What the check finds")]
    tables = (QUEUE_KEYS, ANNOUNCE_KEYS, CONNECTING_KEYS, AGENT_KEYS)

    missing = [key for table in tables for key in table if f"`{key}`" not in section]
    inner = (CALLBACK_KEYS, RECORD_KEYS, RISE_KEYS, RELAX_KEYS, MEMBERSHIP_KEYS)
    missing += [key for table in inner for key in table if f"{key}:" not in section]
    assert missing == []


SETTING_FAULTS = [
    ("dispositions: [sold, sold]", "'sold' is in 'dispositions' twice"),
    ('dispositions: [""]', "'dispositions' is a list of texts of 1 to 64 characters"),
    ("strategy: longest_idel", "'strategy' is one of "),
    ("strategi: random", "queue 'q' has no 'strategi'; did you mean 'strategy'?"),
    ("capacity: lots", "'capacity' is a whole number from 1 to 100000, not 'lots'"),
    ("maximum_wait: 2 days", "'maximum_wait' is a time from 1s to 86400s (5s, 1500ms), not '2 days'"),
    ("skills: {billing: 11}", "the level of 'billing' is a number from 1 to 10, not '11'"),
    ("skills: {billing: high}", "the level of 'billing' is a number from 1 to 10, not 'high'"),
    ("skills: [[a]]", "'skills' is a name, a list of names, or names and levels"),
    ("skills: {Billing: 1}", "'Billing' can't be the name of a skill"),
    ("relax: {after: 60s}", "'relax' needs 'skills'"),
    ("relax: later", "'relax' is a list of mappings with 'after' and 'skills', not 'later'"),
    ("priority_rise: {evry: 60s}", "'priority_rise' has no 'evry'; did you mean 'every'?"),
    ("music: /etc/passwd.wav", "'/etc/passwd.wav' isn't a path inside the plan's directory"),
    ("music: {file: a.wav}", "'music' is a file, a list of files, or none, not a mapping"),
    ("announce: often", "'announce' is a mapping, not 'often'"),
    ("announce: {position: sometimes}", "'position' is one of always, limited, more, never, not 'sometimes'"),
    ("announce: {callback: {aftr: 3m}}", "'callback' has no 'aftr'; did you mean 'after'?"),
    ("announce: {welcome: [x]}", "'welcome' is a text, not a list"),
    ("connecting: {accept_key: 12}", "'accept_key' is one key or none, not '12'"),
    ("record: sometimes", "'when' is one of never, always, on_demand, not 'sometimes'"),
    ("record: [always]", "'record' is a mapping, not a list"),
    ("record: {format: mp3}", "'format' is one of flac, opus, wav, not 'mp3'"),
    ("keys: {12: leave}", "'12' isn't one key (0-9, * or #)"),
    ("keys: {1: leaf}", "key 1 does leave, callback, position, chat, or {language: TAG}, not 'leaf'"),
    ("keys: {1: [leave]}", "key 1 does leave, callback, position, chat, or {language: TAG}, not a list"),
    ("keys: {1: {language: }}", "key 1 needs 'language'"),
    ("keys: {1: {language: Klingon!}}", "'Klingon!' isn't a language tag, such as en or de-CH"),
]


@pytest.mark.parametrize(("written", "message"), SETTING_FAULTS)
def test_a_mistake_in_a_queue_is_told_with_its_place(tmp_path: Path, written: str, message: str) -> None:
    found = [f for f in faults_of(tmp_path, f"{FLOW}queues: {{q: {{{written}}}}}") if ": error: " in f]

    assert len(found) == 1, found
    assert found[0].startswith("plan.yaml:9:")
    assert f": error: {message}" in found[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("queues: {q: 3}", "queue 'q' is a mapping, not '3'"),
        ("queues: [q, [r]]", "'queues' is names, or names and settings, not a list"),
        ("queues: [q, q]", "'q' is in 'queues' already at "),
        ("queues: [q, Loud]", "'Loud' isn't a name"),
        ("{queues: [q], language: Loud}", "'Loud' isn't a language tag"),
        ("queues: q\n---\nagents: {ann: }", "agent 'ann' is a mapping, not nothing"),
        ("queues: q\n---\nagents: {ann: {queues: [[q]]}}", "'queues' is names of queues, or names and keys"),
        ("queues: q\n---\nagents: {ann: {queues: {q: 1}}}", "queue 'q' has 'order' and 'weight', not '1'"),
        ("queues: q\n---\nagents: {ann: {languages: [E]}}", "'E' isn't a language tag"),
        ("queues: q\n---\nagents: {ann: {device: 127.0.0.1}}", "'device' is a SIP address such as sip:ann"),
        ("queues: q\n---\nagents: {ann: {device: 'sip:a@b>c'}}", "'device' is a SIP address such as sip:ann"),
        ("queues: q\n---\nagents: {ann: {devise: none}}", "has no 'devise'; did you mean 'device'?"),
        ("queues: q\n---\nagents: {Ann!: {}}", "'Ann!' isn't a name"),
        ("queues: q\n---\nagents: {a: {}}\n---\nagents: {a: {}}", "agent 'a' exists already at "),
    ],
)
def test_a_mistake_in_a_section_is_told(tmp_path: Path, text: str, message: str) -> None:
    found = [f for f in faults_of(tmp_path, FLOW + text) if ": error: " in f]

    assert len(found) == 1, found
    assert message in found[0]


def test_a_single_text_is_of_the_documents_language(tmp_path: Path) -> None:
    text = "language: ja\nqueues: {q: {announce: {messages: もしもし}}}"

    queue = plan_of(tmp_path, FLOW.replace("[en, ja]", "[ja]") + text).queues["q"]

    assert queue.announce.messages[0].variants["ja"] == Spoken("もしもし", "ja")
