"""published rates from which responders were computed"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade():
    with op.batch_alter_table("reference_result", schema=None) as batch_op:
        batch_op.add_column(sa.Column("published_rate", sa.Double(), nullable=True))
        batch_op.create_check_constraint(
            op.f("ck_reference_result_rate_is_fraction"), "published_rate BETWEEN 0 AND 1"
        )


def downgrade():
    with op.batch_alter_table("reference_result", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_reference_result_rate_is_fraction"), type_="check")
        batch_op.drop_column("published_rate")
