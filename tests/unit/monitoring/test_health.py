"""Liveness and readiness."""

from __future__ import annotations

from monitoring.health import Check, Health, Phase


def test_only_vital_probes_decide_on_liveness() -> None:
    health = Health()
    health.register("storage", lambda: "gone")
    health.register("media clock", lambda: None, vital=True)

    assert health.liveness().ok
    assert health.liveness().checks == (Check("media clock", None),)


def test_a_failing_vital_probe_asks_for_a_restart() -> None:
    health = Health()
    health.register("media clock", lambda: "stopped", vital=True)

    assert not health.liveness().ok


def test_readiness_asks_every_probe_and_the_phase() -> None:
    health = Health()
    health.register("sip", lambda: None)
    health.phase = Phase.SERVING

    assert health.readiness().ok
    assert [check.name for check in health.readiness().checks] == ["phase", "sip"]


def test_a_probe_that_raises_is_a_failing_check_and_the_others_are_asked() -> None:
    def broken() -> str | None:
        raise RuntimeError("lost")

    health = Health()
    health.register("sip", broken)
    health.register("dialplan", lambda: None)
    health.phase = Phase.SERVING

    assert health.readiness().checks[1:] == (
        Check("sip", "the probe failed: RuntimeError('lost')"),
        Check("dialplan", None),
    )
