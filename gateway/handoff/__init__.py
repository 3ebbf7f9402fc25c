"""What is known of a caller before they are heard: tokens that apps have signed, and later the handoff
envelope.
"""
