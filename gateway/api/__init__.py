"""What other programs ask a node over HTTP."""
