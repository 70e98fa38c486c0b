"""comments that keep the figures of a report"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade():
    with op.batch_alter_table("comment", schema=None) as batch_op:
        batch_op.add_column(sa.Column("report", sa.String(length=40), nullable=True))
        batch_op.add_column(sa.Column("parameters", sa.JSON(none_as_null=True), nullable=True))
        batch_op.add_column(sa.Column("as_of", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("fingerprint", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("figures", sa.JSON(none_as_null=True), nullable=True))


def downgrade():
    with op.batch_alter_table("comment", schema=None) as batch_op:
        for name in ("figures", "fingerprint", "as_of", "parameters", "report"):
            batch_op.drop_column(name)
