"""`ringback`, and `python -m gateway`."""

from __future__ import annotations

from gateway.cli.root import app


def main() -> None:
    """The command; exits with 1 on a fault that it printed and 2 on a wrong use."""
    app(prog_name="ringback")


if __name__ == "__main__":
    main()
