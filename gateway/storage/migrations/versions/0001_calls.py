"""Call records."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision: str | None = None
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    op.create_table(
        "calls",
        sa.Column("leg_id", sa.String(64), nullable=False),
        sa.Column("call_id", sa.String(64), nullable=False),
        sa.Column("technology", sa.String(16), nullable=False),
        sa.Column("direction", sa.String(16), nullable=False),
        sa.Column("ani", sa.String(255), nullable=False),
        sa.Column("dnis", sa.String(255), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("result", sa.String(16), nullable=False),
        sa.Column("cause", sa.SmallInteger, nullable=False),
        sa.Column("cause_text", sa.String(255), nullable=False),
        sa.Column("sip_status", sa.SmallInteger),
        sa.Column("ended_by", sa.String(16), nullable=False),
        sa.Column("sip_call_id", sa.String(255), nullable=False),
        sa.Column("dialplan", sa.String(255), nullable=False),
        sa.Column("path", sa.JSON, nullable=False),
        sa.Column("attributes", sa.JSON, nullable=False),
        sa.Column("codec", sa.String(32)),
        sa.Column("packets_received", sa.Integer),
        sa.Column("packets_lost", sa.Integer),
        sa.Column("packets_sent", sa.Integer),
        sa.Column("jitter_ms", sa.Float),
        sa.Column("round_trip_ms", sa.Float),
        sa.PrimaryKeyConstraint("leg_id", name="pk_calls"),
    )
    op.create_index("ix_calls_call_id", "calls", ["call_id"])
    op.create_index("ix_calls_started_at_leg_id", "calls", ["started_at", "leg_id"])


def downgrade() -> None:
    op.drop_table("calls")
