"""Queues: who waits, who is offered which call, and what callers are told of their wait."""
