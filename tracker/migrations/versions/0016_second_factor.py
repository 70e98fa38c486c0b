"""second factors, recovery codes, and sign-ins that wait for a code"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "second_factor",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.String(length=200), nullable=False),
        sa.Column("last_step", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_second_factor_user_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_second_factor")),
        sa.UniqueConstraint("user_id", name=op.f("uq_second_factor_user_id")),
    )
    op.create_table(
        "recovery_code",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("second_factor_id", sa.Integer(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["second_factor_id"],
            ["second_factor.id"],
            name=op.f("fk_recovery_code_second_factor_id_second_factor"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_code")),
    )
    with op.batch_alter_table("recovery_code") as batch_op:
        batch_op.create_index(
            batch_op.f("ix_recovery_code_second_factor_id"), ["second_factor_id"], unique=False
        )
    with op.batch_alter_table("sign_in") as batch_op:
        batch_op.add_column(sa.Column("awaits_code", sa.Boolean(), nullable=True))
    op.execute(sa.text("UPDATE sign_in SET awaits_code = :no").bindparams(no=False))
    with op.batch_alter_table("sign_in") as batch_op:
        batch_op.alter_column("awaits_code", existing_type=sa.Boolean(), nullable=False)


def downgrade():
    op.execute(sa.text("DELETE FROM sign_in WHERE awaits_code = :yes").bindparams(yes=True))
    with op.batch_alter_table("sign_in") as batch_op:
        batch_op.drop_column("awaits_code")
    with op.batch_alter_table("recovery_code") as batch_op:
        batch_op.drop_index(batch_op.f("ix_recovery_code_second_factor_id"))
    op.drop_table("recovery_code")
    op.drop_table("second_factor")
