"""signatures and frozen reports"""

import sqlalchemy as sa
from alembic import op

from tracker.extensions import guard_final, unguard_final

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

MEANINGS = ["author", "reviewed", "approved", "responsible investigator"]
ROLES = ["physician", "researcher", "director", "monitor", "admin"]


def _record_columns():
    return [
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("search_text", sa.Text(), nullable=False),
    ]


def _term(name, values):
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=60)


def _reference(table, column, other):
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=op.f(f"fk_{table}_{column}_{other}"))


def _index(table, *columns):
    with op.batch_alter_table(table) as batch_op:
        for column in columns:
            batch_op.create_index(batch_op.f(f"ix_{table}_{column}"), [column], unique=False)


def upgrade():
    op.create_table(
        "report_snapshot",
        *_record_columns(),
        sa.Column("title", sa.String(length=100), nullable=False),
        sa.Column("asked", sa.Text(), nullable=False),
        sa.Column("tracker_version", sa.String(length=40), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("author_id", sa.Integer(), nullable=True),
        sa.Column("report", sa.String(length=40), nullable=True),
        sa.Column("parameters", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("as_of", sa.Date(), nullable=True),
        sa.Column("fingerprint", sa.String(length=64), nullable=True),
        sa.Column("figures", sa.JSON(none_as_null=True), nullable=True),
        _reference("report_snapshot", "author_id", "user"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_snapshot")),
    )
    _index("report_snapshot", "author_id")
    op.create_table(
        "snapshot_trial",
        sa.Column("report_snapshot_id", sa.Integer(), nullable=False),
        sa.Column("trial_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        _reference("snapshot_trial", "report_snapshot_id", "report_snapshot"),
        _reference("snapshot_trial", "trial_id", "trial"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_snapshot_trial")),
        sa.UniqueConstraint(
            "report_snapshot_id", "trial_id", name=op.f("uq_snapshot_trial_report_snapshot_id_trial_id")
        ),
    )
    _index("snapshot_trial", "report_snapshot_id", "trial_id")
    op.create_table(
        "signature",
        *_record_columns(),
        sa.Column("trial_id", sa.Integer(), nullable=True),
        sa.Column("participant_id", sa.Integer(), nullable=True),
        sa.Column("snapshot_id", sa.Integer(), nullable=True),
        sa.Column("record_type", sa.String(length=40), nullable=False),
        sa.Column("record_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("printed_name", sa.String(length=100), nullable=False),
        sa.Column("role", _term("role", ROLES), nullable=False),
        sa.Column("meaning", _term("signaturemeaning", MEANINGS), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        _reference("signature", "trial_id", "trial"),
        _reference("signature", "participant_id", "participant"),
        _reference("signature", "snapshot_id", "report_snapshot"),
        _reference("signature", "user_id", "user"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signature")),
    )
    _index("signature", "trial_id", "participant_id", "snapshot_id", "user_id")
    with op.batch_alter_table("signature") as batch_op:
        batch_op.create_index("ix_signature_record", ["record_type", "record_id"], unique=False)
    guard_final(op.get_bind())


def downgrade():
    unguard_final(op.get_bind())
    for table in ("signature", "snapshot_trial", "report_snapshot"):
        op.drop_table(table)
