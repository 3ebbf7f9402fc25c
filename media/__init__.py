"""Ringback's media plane. Imports nothing of the gateway."""
