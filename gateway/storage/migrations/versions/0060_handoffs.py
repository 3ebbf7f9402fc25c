"""Envelopes of context, who changed them, and the tokens that were used."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0060"
down_revision: str | None = "0050"
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    op.create_table(
        "handoffs",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("app", sa.String(255), nullable=False),
        sa.Column("customer", sa.String(255), nullable=False),
        sa.Column("number", sa.String(64), nullable=False),
        sa.Column("pin", sa.String(64)),
        sa.Column("pin_until", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("envelope", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_handoffs"),
        sa.UniqueConstraint("pin", name="uq_handoffs_pin"),
    )
    op.create_index("ix_handoffs_number_created_at", "handoffs", ["number", "created_at"])
    op.create_index("ix_handoffs_customer_created_at", "handoffs", ["customer", "created_at"])
    op.create_index("ix_handoffs_expires_at", "handoffs", ["expires_at"])
    op.create_table(
        "handoff_changes",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("handoff", sa.String(64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(255), nullable=False),
        sa.Column("what", sa.String(64), nullable=False),
        sa.Column("details", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_handoff_changes"),
    )
    op.create_index("ix_handoff_changes_handoff_id", "handoff_changes", ["handoff", "id"])
    op.create_table(
        "used_tokens",
        sa.Column("id", sa.String(255), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_used_tokens"),
    )


def downgrade() -> None:
    op.drop_table("used_tokens")
    op.drop_table("handoff_changes")
    op.drop_table("handoffs")
