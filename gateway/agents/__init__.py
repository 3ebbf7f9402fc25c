"""Agents: who they are, what they chose (presence), and what calls did to them (state)."""
