"""Ringback's control plane."""
