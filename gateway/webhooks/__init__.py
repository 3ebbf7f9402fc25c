"""Webhooks: what happens on a node, told to other systems over HTTP, signed, and never lost."""
