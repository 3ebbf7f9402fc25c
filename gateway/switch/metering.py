"""CallObserver on the node's metrics."""

from __future__ import annotations

from gateway.call.cdr import CallRecord
from gateway.call.leg import CallLeg
from gateway.dialplan.run import NodeLeft
from gateway.switch.ports import RejectionReason
from gateway.webrtc.takeover import Path
from monitoring.metrics import Metrics


class MetricsObserver:
    """Counts calls and dialplan outcomes. Labels come from enumerations and plans, never from callers."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def call_started(self, leg: CallLeg) -> None:
        self._metrics.call_started(leg.technology.value, leg.direction.value)

    def call_rejected(self, reason: RejectionReason) -> None:
        self._metrics.call_rejected(reason)

    def node_left(self, outcome: NodeLeft) -> None:
        self._metrics.ivr_node_outcomes.labels(outcome.flow, outcome.node, outcome.outcome).inc()

    def internal_error(self) -> None:
        self._metrics.internal_errors.labels("session").inc()

    def call_ended(self, record: CallRecord) -> None:
        answered_at = record.answered_at
        self._metrics.call_ended(
            record.technology,
            record.direction,
            record.result.value,
            setup_s=None if answered_at is None else (answered_at - record.started_at).total_seconds(),
            duration_s=record.duration_s,
        )
        if (quality := record.quality) is not None:
            self._metrics.media_quality(
                "received",
                packets=quality.packets_received,
                lost=quality.packets_lost,
                jitter_s=quality.jitter_ms / 1000,
            )


class MetricsVoiceObserver:
    """VoiceObserver on the node's metrics. Codes come from our own sources, never from apps."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def session_count(self, sessions: int) -> None:
        self._metrics.voice_sessions.set(sessions)

    def transport_connected(self, path: Path) -> None:
        self._metrics.webrtc_transports.labels(path.value).inc()

    def fault(self, code: str) -> None:
        self._metrics.voice_faults.labels(code).inc()

    def internal_error(self) -> None:
        self._metrics.internal_errors.labels("webrtc").inc()
