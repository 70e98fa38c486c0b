"""screens"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "screen",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("trial_id", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.Integer(), nullable=True),
        sa.Column(
            "endpoint",
            sa.Enum(
                "response",
                "pfs",
                "os",
                name="screenendpoint",
                native_enum=False,
                create_constraint=True,
                length=60,
            ),
            nullable=False,
        ),
        sa.Column(
            "test",
            sa.Enum(
                "association",
                "interaction",
                name="screentest",
                native_enum=False,
                create_constraint=True,
                length=60,
            ),
            nullable=False,
        ),
        sa.Column("file_name", sa.String(length=300), nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("summary", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("table", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_screen_job_id_job")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.id"], name=op.f("fk_screen_trial_id_trial")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_screen_user_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_screen")),
    )
    with op.batch_alter_table("screen", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_screen_trial_id"), ["trial_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_screen_user_id"), ["user_id"], unique=False)


def downgrade():
    with op.batch_alter_table("screen", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_screen_user_id"))
        batch_op.drop_index(batch_op.f("ix_screen_trial_id"))

    op.drop_table("screen")
