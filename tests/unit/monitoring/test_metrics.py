"""Metrics: names, bounded labels, and figures that balance."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client import Metric

from monitoring.metrics import CallbackStats, MediaStats, Metrics, PbxStats, QueueStats, WebhookStats

README = Path(__file__).parents[3] / "monitoring" / "README.md"


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"ringback_{name}", labels)


def ours(metrics: Metrics) -> list[Metric]:
    metrics.watch_media(MediaStats)
    metrics.watch_queues(lambda: [QueueStats("support", 0, 0.0, {"idle": 0}, {"sl": 1.0})])
    metrics.watch_callbacks(lambda: [CallbackStats("support", "waiting", 2)])
    metrics.watch_pbx(lambda: PbxStats(True, 1, 0.5, 0.001, 100, 0, 2))
    metrics.watch_webhooks(lambda: [WebhookStats("crm", 2, 1.5)])
    return [metric for metric in metrics.registry.collect() if metric.name.startswith("ringback_")]


def test_every_metric_has_a_help_text_and_a_name_in_base_units() -> None:
    for metric in ours(Metrics()):
        assert metric.documentation
        assert re.fullmatch(r"ringback_[a-z_]+", metric.name)
        assert not re.search(r"_(ms|minutes|percent)$", metric.name)


def test_the_readme_describes_every_metric_and_no_other() -> None:
    described = set(re.findall(r"^\| `(ringback_\w+)`", README.read_text(encoding="utf-8"), re.MULTILINE))

    exposed = {
        f"{metric.name}_total" if metric.type == "counter" else metric.name for metric in ours(Metrics())
    }
    exposed = {f"{name}_info" if name == "ringback_node" else name for name in exposed}

    assert described == exposed


def test_a_call_is_active_from_its_start_to_its_end() -> None:
    metrics = Metrics()
    labels = {"technology": "sip", "direction": "inbound"}

    metrics.call_started("sip", "inbound")
    during = value(metrics, "calls_active", **labels)
    metrics.call_ended("sip", "inbound", "answered", setup_s=0.01, duration_s=60)

    assert during == 1
    assert value(metrics, "calls_active", **labels) == 0
    assert value(metrics, "calls_total", **labels, result="answered") == 1
    assert value(metrics, "call_setup_seconds_sum", **labels) == 0.01
    assert value(metrics, "call_duration_seconds_sum", **labels) == 60


def test_a_call_that_was_never_answered_has_no_setup_and_no_duration() -> None:
    metrics = Metrics()

    metrics.call_started("sip", "inbound")
    metrics.call_ended("sip", "inbound", "cancelled", setup_s=None, duration_s=0.0)

    assert value(metrics, "call_setup_seconds_count", technology="sip", direction="inbound") is None


def test_what_a_scanner_sends_makes_no_new_label() -> None:
    metrics = Metrics()

    responses = (("INVITE", 200, 3), ("HELLO", 405, 1), ("GOODBYE", 405, 1), ("INVITE", 1234, 1))
    metrics.watch_media(lambda: MediaStats(responses=responses))

    assert value(metrics, "sip_responses_total", method="INVITE", code="200") == 3
    assert value(metrics, "sip_responses_total", method="other", code="405") == 2
    assert value(metrics, "sip_responses_total", method="INVITE", code="other") == 1


def test_loss_is_a_share_of_what_should_have_come() -> None:
    metrics = Metrics()

    metrics.media_quality("received", packets=90, lost=10, jitter_s=0.002)

    assert value(metrics, "rtp_packets_lost_ratio_sum", direction="received") == 0.1
    assert value(metrics, "rtp_jitter_seconds_sum", direction="received") == 0.002


def test_duplicates_that_make_the_loss_negative_count_as_none() -> None:
    metrics = Metrics()

    metrics.media_quality("received", packets=100, lost=-3, jitter_s=0.001)

    assert value(metrics, "rtp_packets_lost_ratio_sum", direction="received") == 0


def test_a_leg_without_packets_says_nothing_about_the_network() -> None:
    metrics = Metrics()

    metrics.media_quality("received", packets=0, lost=0, jitter_s=0.0)

    assert value(metrics, "rtp_packets_lost_ratio_count", direction="received") is None


def test_media_figures_are_read_at_every_scrape() -> None:
    metrics = Metrics()
    snapshots = iter([MediaStats(late_ticks=1), MediaStats(late_ticks=2, pcm_underruns=5)])
    metrics.watch_media(lambda: next(snapshots))

    assert value(metrics, "media_late_ticks_total") == 1
    assert value(metrics, "pcm_underruns_total") == 5


def test_two_nodes_in_a_process_do_not_share_figures() -> None:
    one, other = Metrics(), Metrics()

    one.draining.set(1)

    assert value(other, "draining") == 0
