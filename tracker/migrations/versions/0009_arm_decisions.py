"""arm decisions"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "arm_decision",
        sa.Column("arm_id", sa.Integer(), nullable=False),
        sa.Column(
            "decision",
            sa.Enum(
                "open",
                "expand",
                "pause",
                "close",
                name="armaction",
                native_enum=False,
                create_constraint=True,
                length=60,
            ),
            nullable=False,
        ),
        sa.Column("decided_on", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.Column("author_id", sa.Integer(), nullable=True),
        sa.Column("report", sa.String(length=40), nullable=True),
        sa.Column("parameters", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("as_of", sa.Date(), nullable=True),
        sa.Column("fingerprint", sa.String(length=64), nullable=True),
        sa.Column("figures", sa.JSON(none_as_null=True), nullable=True),
        sa.ForeignKeyConstraint(["arm_id"], ["arm.id"], name=op.f("fk_arm_decision_arm_id_arm")),
        sa.ForeignKeyConstraint(["author_id"], ["user.id"], name=op.f("fk_arm_decision_author_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_arm_decision")),
    )
    with op.batch_alter_table("arm_decision", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_arm_decision_arm_id"), ["arm_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_arm_decision_author_id"), ["author_id"], unique=False)

    op.create_table(
        "decision_finding",
        sa.Column("arm_decision_id", sa.Integer(), nullable=False),
        sa.Column("finding_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["arm_decision_id"],
            ["arm_decision.id"],
            name=op.f("fk_decision_finding_arm_decision_id_arm_decision"),
        ),
        sa.ForeignKeyConstraint(
            ["finding_id"], ["finding.id"], name=op.f("fk_decision_finding_finding_id_finding")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decision_finding")),
        sa.UniqueConstraint(
            "arm_decision_id", "finding_id", name=op.f("uq_decision_finding_arm_decision_id_finding_id")
        ),
    )
    with op.batch_alter_table("decision_finding", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_decision_finding_arm_decision_id"), ["arm_decision_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_decision_finding_finding_id"), ["finding_id"], unique=False)


def downgrade():
    op.drop_table("decision_finding")
    op.drop_table("arm_decision")
