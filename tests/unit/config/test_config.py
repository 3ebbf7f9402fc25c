"""Configuration: defaults, the file, the variables over it, and what a fault looks like."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from gateway.config import SHIPPED_DIALPLANS, ConfigurationErrors, Settings, api_key, load


@pytest.fixture(autouse=True)
def _nothing_configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def written(text: str) -> Path:
    file = Path("ringback.toml")
    file.write_text(text, encoding="utf-8")
    return file


def faults_of(text: str) -> list[str]:
    with pytest.raises(ConfigurationErrors) as raised:
        load(written(text))
    return [str(error) for error in raised.value.errors]


def test_no_file_is_needed() -> None:
    settings = load()

    assert (settings.sip.udp_port, settings.sip.tcp_port, settings.http.port) == (5060, 5060, 8080)
    assert settings.database_url.get_secret_value() == "sqlite:///var/ringback.db"
    assert settings.dialplan.path == SHIPPED_DIALPLANS / "demo"


def test_http_listens_on_loopback_unless_told_otherwise() -> None:
    assert load().http.host == "127.0.0.1"


def test_the_file_in_the_working_directory_is_read_by_itself() -> None:
    written("[sip]\nudp_port = 5070\n")

    assert load().sip.udp_port == 5070


def test_a_variable_wins_over_the_file_and_leaves_its_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGBACK_SIP__UDP_PORT", "5090")

    settings = load(written("[sip]\nudp_port = 5070\ntcp_port = 5071\n"))

    assert (settings.sip.udp_port, settings.sip.tcp_port) == (5090, 5071)


def test_variables_hold_lists_with_commas_and_numbers_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGBACK_SIP__CODECS", "PCMA/8000, PCMU/8000")
    monkeypatch.setenv("RINGBACK_SIP__RTP_PORTS", "20000,23999")
    monkeypatch.setenv("RINGBACK_SIP__FULL_RESPONSE", "486")
    monkeypatch.setenv("RINGBACK_MEDIA__RATE", "16000")
    monkeypatch.setenv("RINGBACK_SPEECH__VOICES__EN", "en-gb")

    settings = load()

    assert settings.sip.codecs == ("PCMA/8000", "PCMU/8000")
    assert settings.sip.rtp_ports == (20000, 23999)
    assert settings.sip.full_response == 486
    assert settings.media.rate == 16000
    assert settings.speech.voices == {"en": "en-gb"}


@pytest.mark.parametrize("off", ["false", '"off"'])
def test_a_transport_can_be_switched_off(off: str) -> None:
    assert load(written(f"[sip]\ntcp_port = {off}\n")).sip.tcp_port is None


def test_header_names_are_kept_in_lower_case() -> None:
    assert load(written('[sip]\nheaders_in = ["X-Account"]\n')).sip.headers_in == ("x-account",)


def test_settings_never_change() -> None:
    settings = Settings()

    with pytest.raises(ValidationError):
        settings.sip.udp_port = 1  # type: ignore[misc]


def test_the_database_url_is_not_printed() -> None:
    settings = load(written('[storage]\nurl = "postgresql://ringback:hunter2@db/ringback"\n'))

    assert "hunter2" not in repr(settings)


def test_an_unknown_key_is_a_fault_at_its_line_with_the_nearest_name() -> None:
    faults = faults_of("# phones\n[sip]\n\nudpport = 5060\n")

    assert faults == ['ringback.toml:4: unknown key "sip.udpport"; did you mean udp_port?']


def test_an_unknown_section_is_a_fault_at_its_header() -> None:
    assert faults_of("[spi]\nudp_port = 1\n") == ['ringback.toml:1: unknown key "spi"; did you mean sip?']


def test_all_faults_are_reported_at_once_in_the_order_of_the_file() -> None:
    faults = faults_of('[sip]\nmax_calls = 5000\ncodecs = ["PCMA/8000", "MP3"]\n[http]\nhost = "here"\n')

    assert [fault.split(" ")[0] for fault in faults] == [
        "ringback.toml:2:",
        "ringback.toml:3:",
        "ringback.toml:5:",
    ]


def test_a_fault_in_a_variable_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGBACK_HTTP__PORT", "99999")

    faults = faults_of("[http]\nport = 8080\n")

    assert faults == ["RINGBACK_HTTP__PORT: http.port: input should be less than or equal to 65535"]


def test_a_variable_of_an_unknown_section_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGBACK_SPI__UDP_PORT", "1")

    assert faults_of("") == ["RINGBACK_SPI__UDP_PORT: unknown setting; did you mean RINGBACK_SIP?"]


def test_a_variable_of_the_build_is_none_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGBACK_PJPROJECT", "pjproject.tar.xz")

    assert load() == Settings()


def test_a_syntax_error_is_a_fault_at_its_line() -> None:
    assert faults_of("[sip]\nudp_port = \n") == ["ringback.toml:2: Invalid value"]


def test_a_file_that_was_named_must_exist() -> None:
    with pytest.raises(
        ConfigurationErrors, match=r"^missing\.toml: can't be read: No such file or directory$"
    ):
        load(Path("missing.toml"))


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ("udp_port = false\ntcp_port = false", "udp_port and tcp_port are both off"),
        ("rtp_ports = [20000, 10000]", "the first must be at least 1024 and below the last"),
        ("rtp_ports = [10000, 10099]", "rtp_ports 10000-10099 hold 50 calls, but max_calls is 1000"),
        ('codecs = ["PCMA/8000", "PCMA/8000"]', "codecs names one twice"),
        ("codecs = []", "should have at least 1 item"),
        ("max_calls = 1901", "less than or equal to 1900"),
        ("full_response = 404", "input should be 486 or 503"),
        ('user_agent = "Ring\\nback"', "should match pattern"),
        ('bind_address = "everywhere"', "does not appear to be an IPv4 or IPv6 address"),
    ],
)
def test_a_setting_that_could_not_work_is_refused(keys: str, reason: str) -> None:
    (fault,) = faults_of(f"[sip]\n{keys}\n")

    assert reason in fault


HASHED = f"ops:admin:{'0a' * 32}"


def test_api_keys_are_names_roles_and_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(written(f'[http]\napi_keys = ["{HASHED}"]\n')).http.api_keys == (HASHED,)

    monkeypatch.setenv("RINGBACK_HTTP__API_KEYS", f"{HASHED}, {HASHED}")
    assert load().http.api_keys == (HASHED, HASHED)


def test_a_key_given_in_place_of_its_hash_is_refused_without_being_repeated() -> None:
    (fault,) = faults_of('[http]\napi_keys = ["ops:admin:rbk_secret"]\n')

    assert fault.startswith("ringback.toml:2: http.api_keys.0: an API key is NAME:ROLE:SHA256")
    assert "rbk_secret" not in fault


def test_the_key_for_a_running_node_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    assert api_key() is None

    monkeypatch.setenv("RINGBACK_API_KEY", "rbk_secret")
    load()
    found = api_key()

    assert found is not None
    assert found.get_secret_value() == "rbk_secret"
    assert "rbk_secret" not in str(found)
