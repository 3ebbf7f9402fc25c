"""Every metric of a node, defined once. `monitoring/README.md` says what each means and when to worry.

Labels are bounded: by an enumeration, by the dialplans that are loaded, or by what SIP knows. Nothing
that a caller makes up becomes a label value. There is one `Metrics` a node, on a registry of its own, so that
tests and a second node in the same process don't meet.
"""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

# A second series beside every counter, for a figure that nobody asks for.
disable_created_metrics()  # type: ignore[no-untyped-call]

NAMESPACE = "ringback"

RejectionReason = Literal["full", "draining", "no_route", "not_acceptable", "forbidden", "malformed", "error"]
MediaPath = Literal["received", "sent"]
StorageOperation = Literal["write", "spill", "restore", "read"]

# RFC 3261 and its extensions; anything else is a scanner's invention.
SIP_METHODS = frozenset({
    "INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "INFO", "PRACK", "UPDATE", "REFER", "NOTIFY",
    "SUBSCRIBE", "MESSAGE", "PUBLISH",
})  # fmt: skip

SETUP_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
DURATION_BUCKETS = (1, 5, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200)
LOSS_BUCKETS = (0, 0.001, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5)
JITTER_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2)
CONFIDENCE_BUCKETS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
LATENCY_BUCKETS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1, 1.5, 2, 3, 5, 10)
WORK_BUCKETS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1, 2)
WRITE_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30)
ERROR_BUCKETS = (-900, -300, -120, -60, -30, -10, 0, 10, 30, 60, 120, 300, 900)
WAIT_BUCKETS = (1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1200, 1800, 3600)
LAG_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5)


@dataclass(frozen=True, slots=True)
class MediaStats:
    """What the media plane counts, at one moment. Counters run from the start of the engine."""

    ticks: int = 0  # of the media clock
    late_ticks: int = 0  # that began more than half a frame after their time
    skipped_ticks: int = 0  # that were given up after a stall
    pcm_underruns: int = 0  # frames in which Python had promised audio and delivered none
    pcm_overruns: int = 0  # frames of callers' audio that Python didn't fetch in time
    handler_errors: int = 0  # commands to the native library that failed
    events_lost: int = 0  # notices to Python that found their queue full
    malformed: int = 0  # datagrams and streams that weren't SIP
    portless: int = 0  # calls refused because every RTP port was used or resting
    responses: tuple[tuple[str, int, int], ...] = ()  # SIP: method, status, how many were sent and received


class Reading(Protocol):
    """A reading of an utterance, as far as metrics count it."""

    @property
    def confidence(self) -> float: ...


class Recognised(Protocol):
    """What an utterance came to, as far as metrics count it."""

    @property
    def engines(self) -> Sequence[str]: ...
    @property
    def best(self) -> Reading: ...
    @property
    def seconds(self) -> float: ...
    @property
    def audio_s(self) -> float: ...
    @property
    def waited_s(self) -> float: ...


@dataclass(frozen=True, slots=True)
class QueueStats:
    """How one queue stands at one moment. `agents`: how many of its agents are in which state.

    `service_levels`: today's, by formula; a queue in which nothing has happened has none.
    """

    queue: str
    waiting: int
    oldest_wait_s: float
    agents: Mapping[str, int]
    service_levels: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class CallbackStats:
    """How many callbacks of a queue stand so: waiting (for an agent), scheduled (for later), dialling."""

    queue: str
    state: str
    count: int


@dataclass(frozen=True, slots=True)
class PbxStats:
    """The link to the PBX at one moment. Seconds; None for what hasn't been yet."""

    connected: bool
    connections: int
    last_event_s: float | None
    ping_s: float | None
    events: int
    dropped: int
    agents_busy: int


@dataclass(frozen=True, slots=True)
class WebhookStats:
    """What an endpoint still has to get, and how old the oldest of it is."""

    endpoint: str
    pending: int
    oldest_s: float


class Metrics:
    """A node's metrics. The methods are for what happens in several metrics at once or needs bounding."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, namespace=NAMESPACE, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(name, text, labels, namespace=NAMESPACE, registry=registry)

        def histogram(name: str, text: str, unit: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(
                name, text, labels, namespace=NAMESPACE, registry=registry, unit=unit, buckets=buckets
            )

        call = ("technology", "direction")
        self.calls_active = gauge("calls_active", "Legs that haven't ended.", *call)
        self.calls = counter("calls", "Legs that ended, by what became of them.", *call, "result")
        self.call_setup = histogram(
            "call_setup", "From the first INVITE to the answer.", "seconds", SETUP_BUCKETS, *call
        )
        self.call_duration = histogram(
            "call_duration", "From the answer to the end.", "seconds", DURATION_BUCKETS, *call
        )
        self.calls_rejected = counter("calls_rejected", "Calls that we refused, by reason.", "reason")
        self.rtp_packets_lost = histogram(
            "rtp_packets_lost",
            "Share of a call's packets lost.",
            "ratio",
            LOSS_BUCKETS,
            "direction",
        )
        self.rtp_jitter = histogram(
            "rtp_jitter", "Interarrival jitter of a call (RFC 3550).", "seconds", JITTER_BUCKETS, "direction"
        )
        self.event_loop_lag = histogram(
            "event_loop_lag", "How late the event loop ran a timer.", "seconds", LAG_BUCKETS
        )
        self.ivr_node_outcomes = counter(
            "ivr_node_outcomes", "How dialplan nodes ended.", "dialplan", "node", "outcome"
        )
        self.dialplan_reloads = counter(
            "dialplan_reloads", "Reloads of the dialplan, by how they went.", "result"
        )
        self.recording_failures = counter("recording_failures", "Recordings that couldn't be written.")
        self.prompt_failures = counter("prompt_failures", "Prompts replaced by the spoken fallback.")
        self.storage_failures = counter("storage_failures", "Storage operations that failed.", "operation")
        self.calls_unsaved = gauge("calls_unsaved", "Call records waiting to be stored.")
        self.journal_unsaved = gauge("journal_unsaved", "Events of the journal waiting to be stored.")
        self.journal_write = histogram(
            "journal_write",
            "From an event of the journal until it is on disk.",
            "seconds",
            WRITE_BUCKETS,
        )
        queue = ("queue",)
        self.queue_entries = counter("queue_entries", "Entries, by what became of them.", *queue, "outcome")
        self.queue_wait = histogram(
            "queue_wait", "How long callers waited.", "seconds", WAIT_BUCKETS, *queue, "outcome"
        )
        self.queue_estimate_error = histogram(
            "queue_estimate_error", "Actual minus announced wait.", "seconds", ERROR_BUCKETS, *queue
        )
        self.offers = counter("offers", "Offers to agents, by what came of them.", *queue, "result")
        self.callback_attempts = counter(
            "callback_attempts",
            "Calls to customers who asked for one, by how they came out.",
            *queue,
            "result",
        )
        self.callbacks_duplicate_prevented = counter(
            "callbacks_duplicate_prevented", "Requests for a callback that updated an earlier one."
        )
        self.callers_lost = counter("callers_lost", "Callers and callbacks lost by a fault of ours.")
        self.internal_errors = counter("internal_errors", "Faults of our own that ended a call.", "component")
        self.recognitions = counter(
            "recognitions",
            "Utterances, by what became of them and the engines that were asked.",
            "outcome",
            "engines",
        )
        self.recognition_confidence = histogram(
            "recognition_confidence", "Confidence of the best reading.", "ratio", CONFIDENCE_BUCKETS
        )
        self.recognition_latency = histogram(
            "recognition_latency", "From the end of speech to the result.", "seconds", LATENCY_BUCKETS
        )
        self.recognition_wait = histogram(
            "recognition_wait", "Of an utterance for a recogniser.", "seconds", LATENCY_BUCKETS
        )
        self.recognition_work = histogram(
            "recognition_work", "CPU time for a second of speech.", "ratio", WORK_BUCKETS
        )
        self.recognisers = gauge("recognisers", "Processes that recognise speech and are ready.")
        self.recognisers_waiting = gauge("recognisers_waiting", "Utterances that wait for one of them.")
        self.synthesis = histogram(
            "synthesis", "To speak one text that wasn't known.", "seconds", LATENCY_BUCKETS
        )
        self.prompts = counter(
            "prompts", "Spoken prompts that were asked for, by where they came from.", "source"
        )
        self.voice_sessions = gauge(
            "voice_sessions", "Apps and desktops that are connected, or were a moment ago."
        )
        self.voice_faults = counter("voice_faults", "What apps and browsers did wrong, by kind.", "code")
        self.webrtc_transports = counter(
            "webrtc_transports", "WebRTC transports that were connected, by the way of their packets.", "path"
        )
        self.webhook_deliveries = counter(
            "webhook_deliveries", "Tries to deliver, by how they came out.", "endpoint", "outcome"
        )
        self.webhook_delivery = histogram(
            "webhook_delivery", "How long an endpoint took to answer.", "seconds", LATENCY_BUCKETS
        )
        self.handoffs = counter("handoffs", "Context handed over and found, by how.", "channel", "result")
        self.handoffs_shown = counter(
            "handoff_shown_before_answer",
            "Offers with context, by whether a desktop had it before the answer.",
            "shown",
        )
        self.draining = gauge("draining", "1 while the node refuses new calls because it is stopping.")
        self.node = Info("node", "What runs here.", namespace=NAMESPACE, registry=registry)

    def handed_over(self, channel: str, result: str) -> None:
        """Context came, or a call looked for it."""
        self.handoffs.labels(channel, result).inc()

    def handoff_shown(self, *, screened: bool) -> None:
        """An agent answered an offer with context. `screened`: a desktop had been sent it."""
        self.handoffs_shown.labels("yes" if screened else "no").inc()

    def recognised(self, outcome: str, recognition: Recognised | None, *, late_s: float) -> None:
        """An utterance: what became of it, and `late_s` after its end. None: nobody could say anything."""
        if recognition is None:
            self.recognitions.labels(outcome, "none").inc()
            return
        self.recognitions.labels(outcome, "+".join(recognition.engines)).inc()
        self.recognition_confidence.observe(recognition.best.confidence)
        self.recognition_latency.observe(late_s)
        self.recognition_wait.observe(recognition.waited_s)
        if recognition.audio_s > 0:
            self.recognition_work.observe(recognition.seconds / recognition.audio_s)

    def prompt_sourced(self, source: str, took_s: float) -> None:
        """A spoken prompt was asked for; `took_s` is how long it took to be spoken, if it was."""
        self.prompts.labels(source).inc()
        if source == "synthesis":
            self.synthesis.observe(took_s)

    def watch_pool(self, waiting: Callable[[], int], alive: Callable[[], int]) -> None:
        """Ask the recognisers at every scrape. Called once."""
        self.recognisers_waiting.set_function(waiting)
        self.recognisers.set_function(alive)

    def call_started(self, technology: str, direction: str) -> None:
        """A leg began; every one of these is followed by one `call_ended`."""
        self.calls_active.labels(technology, direction).inc()

    def call_ended(
        self, technology: str, direction: str, result: str, *, setup_s: float | None, duration_s: float
    ) -> None:
        """A leg ended. `setup_s` is None for one that was never answered."""
        self.calls_active.labels(technology, direction).dec()
        self.calls.labels(technology, direction, result).inc()
        if setup_s is not None:
            self.call_setup.labels(technology, direction).observe(setup_s)
            self.call_duration.labels(technology, direction).observe(duration_s)

    def call_rejected(self, reason: RejectionReason) -> None:
        self.calls_rejected.labels(reason).inc()

    def media_quality(self, path: MediaPath, *, packets: int, lost: int, jitter_s: float) -> None:
        """One direction of an ended leg. A leg without packets says nothing about the network."""
        expected = packets + lost
        if expected <= 0:
            return
        self.rtp_packets_lost.labels(path).observe(max(lost, 0) / expected)
        self.rtp_jitter.labels(path).observe(jitter_s)

    def storage_failed(self, operation: StorageOperation) -> None:
        self.storage_failures.labels(operation).inc()

    def watch_media(self, stats: Callable[[], MediaStats]) -> None:
        """Ask `stats` at every scrape; it must return at once. Called once, when the engine runs."""
        self.registry.register(_MediaCollector(stats))

    def watch_queues(self, stats: Callable[[], Sequence[QueueStats]]) -> None:
        """Ask `stats` at every scrape; it must return at once. Called once, when there are queues."""
        self.registry.register(_QueueCollector(stats))

    def watch_callbacks(self, stats: Callable[[], Sequence[CallbackStats]]) -> None:
        """The same for callbacks."""
        self.registry.register(_CallbackCollector(stats))

    def watch_pbx(self, stats: Callable[[], PbxStats]) -> None:
        """The same for the link to the PBX. Not called where there is none: no series, no alarm."""
        self.registry.register(_PbxCollector(stats))

    def watch_webhooks(self, stats: Callable[[], Sequence[WebhookStats]]) -> None:
        """The same for endpoints of webhooks."""
        self.registry.register(_WebhookCollector(stats))


class _PbxCollector(Collector):
    """The link knows how it stands."""

    def __init__(self, stats: Callable[[], PbxStats]) -> None:
        self._stats = stats

    def collect(self) -> Iterator[Metric]:
        stats = self._stats()
        gauges: tuple[tuple[str, str, float | None], ...] = (
            ("pbx_connected", "1 while the PBX can be heard.", float(stats.connected)),
            ("pbx_last_event_age_seconds", "Since the last event of the PBX.", stats.last_event_s),
            ("pbx_ping_seconds", "How long the last ping of the PBX took.", stats.ping_s),
            ("pbx_agents_busy", "Agents who are on a call there that isn't ours.", stats.agents_busy),
        )
        for name, text, value in gauges:
            if value is not None:
                yield GaugeMetricFamily(f"{NAMESPACE}_{name}", text, value=value)
        for name, text, count in (
            ("pbx_connections", "Times the PBX was connected.", stats.connections),
            ("pbx_events", "Events of the PBX.", stats.events),
            ("pbx_events_dropped", "Events that found too many before them.", stats.dropped),
        ):
            yield CounterMetricFamily(f"{NAMESPACE}_{name}", text, value=count)


class _CallbackCollector(Collector):
    """The same for callbacks."""

    def __init__(self, stats: Callable[[], Sequence[CallbackStats]]) -> None:
        self._stats = stats

    def collect(self) -> Iterator[Metric]:
        text = "Callbacks that aren't over, by how they stand."
        callbacks = GaugeMetricFamily(f"{NAMESPACE}_callbacks", text, labels=("queue", "state"))
        for one in self._stats():
            callbacks.add_metric((one.queue, one.state), one.count)
        yield callbacks


class _WebhookCollector(Collector):
    """The same for endpoints of webhooks."""

    def __init__(self, stats: Callable[[], Sequence[WebhookStats]]) -> None:
        self._stats = stats

    def collect(self) -> Iterator[Metric]:
        labels = ("endpoint",)
        pending = GaugeMetricFamily(
            f"{NAMESPACE}_webhooks_pending", "Messages that aren't delivered yet.", labels=labels
        )
        oldest = GaugeMetricFamily(
            f"{NAMESPACE}_webhook_oldest_pending_seconds", "Age of the oldest of them.", labels=labels
        )
        for one in self._stats():
            pending.add_metric((one.endpoint,), one.pending)
            oldest.add_metric((one.endpoint,), one.oldest_s)
        yield from (pending, oldest)


class _QueueCollector(Collector):
    """The engine knows how things stand; asking it at the scrape can't disagree with it."""

    def __init__(self, stats: Callable[[], Sequence[QueueStats]]) -> None:
        self._stats = stats

    def collect(self) -> Iterator[Metric]:
        def gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
            return GaugeMetricFamily(f"{NAMESPACE}_{name}", text, labels=("queue", *labels))

        waiting = gauge("queue_waiting", "Callers who wait.")
        oldest = gauge("queue_oldest_wait_seconds", "How long who came first has waited.")
        level = gauge("queue_service_level_ratio", "Today's service level.", "formula")
        agents = gauge("agents", "Agents of a queue, by what they do.", "state")
        for one in self._stats():
            waiting.add_metric((one.queue,), one.waiting)
            oldest.add_metric((one.queue,), one.oldest_wait_s)
            for formula, ratio in one.service_levels.items():
                level.add_metric((one.queue, formula), ratio)
            for state, count in one.agents.items():
                agents.add_metric((one.queue, state), count)
        yield from (waiting, oldest, level, agents)


class _MediaCollector(Collector):
    """Media counts by itself, in C; its figures are read at the scrape instead of being counted twice."""

    def __init__(self, stats: Callable[[], MediaStats]) -> None:
        self._stats = stats

    def collect(self) -> Iterator[Metric]:
        stats = self._stats()
        for name, text, value in (
            ("media_ticks", "Ticks of the media clock.", stats.ticks),
            ("media_late_ticks", "Ticks that began over 5 ms late.", stats.late_ticks),
            ("media_skipped_ticks", "Ticks given up after a stall.", stats.skipped_ticks),
            ("pcm_underruns", "Frames of silence where Python's audio was due.", stats.pcm_underruns),
            ("pcm_overruns", "Frames of callers' audio dropped unread.", stats.pcm_overruns),
            ("media_handler_errors", "Commands to the native library that failed.", stats.handler_errors),
            ("media_events_lost", "Notices from native code that found their queue full.", stats.events_lost),
            ("sip_malformed", "Messages that weren't SIP.", stats.malformed),
            ("rtp_ports_exhausted", "Calls refused for want of a free RTP port.", stats.portless),
        ):
            yield CounterMetricFamily(f"{NAMESPACE}_{name}", text, value=value)
        yield _responses(stats.responses)


def _responses(counts: tuple[tuple[str, int, int], ...]) -> Metric:
    """Methods and codes that SIP doesn't know count as "other": a scanner's inventions make no series."""
    family = CounterMetricFamily(
        f"{NAMESPACE}_sip_responses", "SIP responses sent and received.", labels=("method", "code")
    )
    bounded: Counts[tuple[str, str]] = Counts()
    for method, status, count in counts:
        known = method if method in SIP_METHODS else "other"
        bounded[known, str(status) if 100 <= status <= 699 else "other"] += count
    for labels, count in bounded.items():
        family.add_metric(labels, count)
    return family
