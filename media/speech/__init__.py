"""Speech: the ports of synthesisers and recognisers, and their engines."""
