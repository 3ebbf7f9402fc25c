"""What is known of a caller before they are heard: the envelope, apps' tokens, and how a call finds both."""
