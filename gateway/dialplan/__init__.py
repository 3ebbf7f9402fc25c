"""Dialplans: what a caller hears and where their keys lead. The front door is `loader`."""
