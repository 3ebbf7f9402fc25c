"""Tests. A directory is a category; `tests/conftest.py` marks by it."""
