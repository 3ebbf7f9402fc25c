"""Callbacks: which numbers may be called, when, how often, and what becomes of a try that fails."""
