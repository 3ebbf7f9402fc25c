"""Real peers on loopback: phones, callers, and the ears to hear what they were sent.

Each is started by a test on ports of its own, in a directory of its own, and ended by its process id.
"""
