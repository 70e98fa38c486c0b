"""refused sign-ins, and when a password was last given"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "refused_sign_in",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name_hash", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refused_sign_in")),
    )
    with op.batch_alter_table("refused_sign_in") as batch_op:
        batch_op.create_index(batch_op.f("ix_refused_sign_in_name_hash"), ["name_hash"], unique=False)
    with op.batch_alter_table("sign_in") as batch_op:
        batch_op.add_column(sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE sign_in SET confirmed_at = created_at")
    with op.batch_alter_table("sign_in") as batch_op:
        batch_op.alter_column("confirmed_at", existing_type=sa.DateTime(timezone=True), nullable=False)


def downgrade():
    with op.batch_alter_table("sign_in") as batch_op:
        batch_op.drop_column("confirmed_at")
    with op.batch_alter_table("refused_sign_in") as batch_op:
        batch_op.drop_index(batch_op.f("ix_refused_sign_in_name_hash"))
    op.drop_table("refused_sign_in")
