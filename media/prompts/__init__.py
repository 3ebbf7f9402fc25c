"""Prompts: spoken texts rendered once, and music."""
