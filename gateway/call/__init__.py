"""What a call is. Pure: no I/O, no clocks, no threads."""
