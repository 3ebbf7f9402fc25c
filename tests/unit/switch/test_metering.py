"""What the node's metrics show after a call."""

from __future__ import annotations

from gateway.dialplan.run import NodeLeft
from gateway.switch.metering import MetricsObserver
from monitoring.metrics import Metrics
from tests.unit.switch.conftest import Node


async def test_a_call_shows_in_the_metrics(node: Node) -> None:
    metrics = Metrics()
    observer = MetricsObserver(metrics)
    call = await node.call()
    observer.call_started(call.leg)
    await node.timers.advance(30)
    call.far_end.hang_up()
    observer.call_ended(await call.over())

    labels = {"technology": "sip", "direction": "inbound"}
    value = metrics.registry.get_sample_value
    assert value("ringback_calls_active", labels) == 0
    assert value("ringback_calls_total", {**labels, "result": "answered"}) == 1
    assert value("ringback_call_duration_seconds_sum", labels) == 30


async def test_refusals_faults_and_nodes_are_counted(node: Node) -> None:
    metrics = Metrics()
    observer = MetricsObserver(metrics)
    call = await node.call("999")
    observer.call_started(call.leg)
    observer.call_rejected("no_route")
    observer.node_left(NodeLeft("main", "top", "matched"))
    observer.internal_error()
    observer.call_ended(await call.over())

    value = metrics.registry.get_sample_value
    assert value("ringback_calls_rejected_total", {"reason": "no_route"}) == 1
    node_labels = {"dialplan": "main", "node": "top", "outcome": "matched"}
    assert value("ringback_ivr_node_outcomes_total", node_labels) == 1
    assert value("ringback_internal_errors_total", {"component": "session"}) == 1
    assert value("ringback_call_setup_seconds_count", {"technology": "sip", "direction": "inbound"}) is None
