"""The harnesses that the leg contract is run over.

Another technology adds itself here: its name to `HARNESSES`, and what makes its harness.
"""

from __future__ import annotations

import pytest

from tests.contract.fake_harness import FakeLegHarness
from tests.contract.harness import LegHarness

HARNESSES = ("fake",)


@pytest.fixture(params=HARNESSES)
def legs(request: pytest.FixtureRequest) -> LegHarness:
    """Makes legs of the technology under test."""
    return FakeLegHarness()
