"""locks"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "lock",
        sa.Column("trial_id", sa.Integer(), nullable=False),
        sa.Column("participant_id", sa.Integer(), nullable=True),
        sa.Column("cut_on", sa.Date(), nullable=True),
        sa.Column("reason", sa.String(length=1000), nullable=False),
        sa.Column("locked_by_id", sa.Integer(), nullable=True),
        sa.Column("unlocked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("unlock_reason", sa.String(length=1000), nullable=True),
        sa.Column("unlocked_by_id", sa.Integer(), nullable=True),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "participant_id IS NULL OR cut_on IS NULL", name=op.f("ck_lock_participant_or_cut")
        ),
        sa.CheckConstraint(
            "(unlocked_at IS NULL) = (unlock_reason IS NULL)", name=op.f("ck_lock_unlocked_with_reason")
        ),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.id"], name=op.f("fk_lock_trial_id_trial")),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["participant.id"], name=op.f("fk_lock_participant_id_participant")
        ),
        sa.ForeignKeyConstraint(["locked_by_id"], ["user.id"], name=op.f("fk_lock_locked_by_id_user")),
        sa.ForeignKeyConstraint(["unlocked_by_id"], ["user.id"], name=op.f("fk_lock_unlocked_by_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lock")),
    )
    with op.batch_alter_table("lock", schema=None) as batch_op:
        for name in ("trial_id", "participant_id", "locked_by_id", "unlocked_by_id"):
            batch_op.create_index(batch_op.f(f"ix_lock_{name}"), [name], unique=False)


def downgrade():
    op.drop_table("lock")
