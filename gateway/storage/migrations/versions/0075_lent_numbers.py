"""Numbers of a pool that were lent to customers, one at a time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0075"
down_revision: str | None = "0070"
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    op.create_table(
        "lent_numbers",
        sa.Column("number", sa.String(64), nullable=False),
        sa.Column("handoff", sa.String(64), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_lent_numbers"),
    )


def downgrade() -> None:
    op.drop_table("lent_numbers")
