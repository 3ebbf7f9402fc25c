"""The journal of queues and agents, and the entries that are open."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0010"
down_revision: str | None = "0001"
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    op.create_table(
        "journal",
        sa.Column("node", sa.String(64), nullable=False),
        sa.Column("id", sa.BigInteger, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("queue", sa.String(255), nullable=False),
        sa.Column("entry", sa.String(64), nullable=False),
        sa.Column("call_id", sa.String(64), nullable=False),
        sa.Column("agent", sa.String(255), nullable=False),
        sa.Column("details", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("node", "id", name="pk_journal"),
    )
    op.create_index("ix_journal_at_node_id", "journal", ["at", "node", "id"])
    op.create_index("ix_journal_entry_at", "journal", ["entry", "at"])
    op.create_index("ix_journal_call_id_at", "journal", ["call_id", "at"])
    op.create_index("ix_journal_agent_at", "journal", ["agent", "at"])
    op.create_table(
        "queue_entries",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("node", sa.String(64), nullable=False),
        sa.Column("queue", sa.String(255), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("enqueued_at", sa.Float(53), nullable=False),
        sa.Column("joined_at", sa.Float(53), nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("skills", sa.JSON, nullable=False),
        sa.Column("language", sa.String(32), nullable=False),
        sa.Column("identity", sa.String(255), nullable=False),
        sa.Column("ani", sa.String(255), nullable=False),
        sa.Column("dnis", sa.String(255), nullable=False),
        sa.Column("number", sa.String(255), nullable=False),
        sa.Column("not_before", sa.Float(53)),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("call_id", sa.String(64), nullable=False),
        sa.Column("agent", sa.String(255), nullable=False),
        sa.Column("envelope", sa.String(64), nullable=False),
        sa.Column("details", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_queue_entries"),
    )


def downgrade() -> None:
    op.drop_table("queue_entries")
    op.drop_table("journal")
