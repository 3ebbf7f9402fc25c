"""A plan that counts on a PBX, and a node without one."""

from __future__ import annotations

from pathlib import Path

from gateway.asterisk.plans import without_pbx
from tests.fakes.plans import plan_of

PLAN = """
agents:
  ann: {name: Ann, device: "pbx:4711", pbx_device: PJSIP/ann}
  bob: {name: Bob, device: "sip:bob@192.0.2.1"}
---
{flow: main, start: end, nodes: {end: {hangup: normal_clearing}}}
---
routes:
  - {dnis: "100", flow: main}
"""


def test_agents_at_a_pbx_that_isnt_set_are_warned_of(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, PLAN)
    warnings = [str(fault) for fault in without_pbx(plan, "")]

    assert len(warnings) == 2
    assert all("pbx.host isn't set" in warning for warning in warnings)
    assert without_pbx(plan, "127.0.0.1") == []
