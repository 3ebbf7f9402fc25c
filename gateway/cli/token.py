"""`ringback token`: a new API key."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.api.auth import Role, hash_of, new_key


def token(
    name: Annotated[str, typer.Argument(help="Whose key it is, for the log.")] = "admin",
    role: Annotated[Role, typer.Option(help="What its holder may do.")] = Role.ADMIN,
) -> None:
    """Make an API key: print it, once, and the line for the configuration that admits it."""
    key = new_key()
    typer.echo(f"key: {key}")
    typer.echo(f'in ringback.toml: [http] api_keys = ["{name}:{role.value}:{hash_of(key)}"]')
    typer.echo(
        "Nothing keeps the key: put it where it is used (RINGBACK_API_KEY for this command).", err=True
    )
