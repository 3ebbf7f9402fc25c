"""One file a step, in order of their numbers. A released one never changes."""
