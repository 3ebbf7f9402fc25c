"""What every test shares: the category that its directory gives it."""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
CATEGORIES = frozenset({"unit", "property", "simulation", "contract", "integration", "browser", "load"})


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark a test with the first directory below tests/, so that `-m` selects whole categories.

    A test elsewhere is an error: it would run in every selection, or in none.
    """
    category = item.path.relative_to(TESTS).parts[0]
    if category not in CATEGORIES:
        raise pytest.UsageError(f"{item.nodeid}: tests live in tests/{{{','.join(sorted(CATEGORIES))}}}/")
    item.add_marker(category)
