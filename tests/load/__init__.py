"""Figures and endurance: what a call costs, how regular its packets are, and whether anything grows.

    python -m tests.load.bench     cost, gaps, latencies
    python -m tests.load.soak      thousands of calls, nothing may grow
    python -m tests.load.fuzz      broken SIP and SDP, the node has to live

Everything runs on loopback, for a bounded time. Machines are noisy: figures are given beside a reference that
was measured in the same run, and no test asserts a time.
"""
