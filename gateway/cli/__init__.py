"""The `ringback` command: one module a group of commands, put together in `root`."""
