"""what is said about a query, who opened it, and what it asked about"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

#: Who first did what to a query, as the trail has it.
_OPENED = """
    UPDATE query SET opened_by_id = (
        SELECT user_id FROM audit_event
        WHERE record_type = 'query' AND record_id = query.id AND action = 'create' ORDER BY id LIMIT 1
    ) WHERE rule IS NULL
"""

#: Answers, each by whom and when the trail last tells of one, else when the query was last changed.
_ANSWERS = """
    INSERT INTO query_message (query_id, position, author_id, at, step, text)
    SELECT query.id, 0, event.user_id, COALESCE(event.at, query.updated_at), 'answered', query.answer
    FROM query LEFT JOIN audit_event AS event ON event.id = (
        SELECT MAX(id) FROM audit_event
        WHERE record_type = 'query' AND record_id = query.id AND CAST(changes AS TEXT) LIKE '%"answer"%'
    ) WHERE query.answer IS NOT NULL
"""

#: The same of closing, by a person or by the rule.
_CLOSINGS = """
    INSERT INTO query_message (query_id, position, author_id, at, step, text)
    SELECT query.id, CASE WHEN query.answer IS NULL THEN 0 ELSE 1 END,
        CASE WHEN query.rule IS NULL THEN event.user_id END, COALESCE(event.at, query.updated_at), 'closed', NULL
    FROM query LEFT JOIN audit_event AS event ON event.id = (
        SELECT MAX(id) FROM audit_event
        WHERE record_type = 'query' AND record_id = query.id AND CAST(changes AS TEXT) LIKE '%"closed"]%'
    ) WHERE query.state = 'closed'
"""

_LAST_ANSWER = """
    UPDATE query SET answer = (
        SELECT text FROM query_message
        WHERE query_id = query.id AND step = 'answered' ORDER BY position DESC LIMIT 1
    )
"""


def upgrade():
    op.create_table(
        "query_message",
        sa.Column("query_id", sa.Integer(), nullable=False),
        sa.Column("author_id", sa.Integer(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "step",
            sa.Enum(
                "answered",
                "closed",
                "reopened",
                name="querystep",
                native_enum=False,
                create_constraint=True,
                length=60,
            ),
            nullable=False,
        ),
        sa.Column("text", sa.String(length=1000), nullable=True),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["user.id"], name=op.f("fk_query_message_author_id_user")),
        sa.ForeignKeyConstraint(["query_id"], ["query.id"], name=op.f("fk_query_message_query_id_query")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_query_message")),
    )
    with op.batch_alter_table("query_message", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_query_message_author_id"), ["author_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_query_message_query_id"), ["query_id"], unique=False)
    with op.batch_alter_table("query", schema=None) as batch_op:
        batch_op.add_column(sa.Column("asked_value", sa.String(length=300), nullable=True))
        batch_op.add_column(sa.Column("is_found", sa.Boolean(), nullable=True))
        batch_op.add_column(sa.Column("opened_by_id", sa.Integer(), nullable=True))
        batch_op.create_foreign_key(
            batch_op.f("fk_query_opened_by_id_user"), "user", ["opened_by_id"], ["id"]
        )
        batch_op.create_index(batch_op.f("ix_query_opened_by_id"), ["opened_by_id"], unique=False)
    op.execute("UPDATE query SET is_found = (rule IS NOT NULL AND state <> 'closed')")
    for statement in (_OPENED, _ANSWERS, _CLOSINGS):
        op.execute(statement)
    with op.batch_alter_table("query", schema=None) as batch_op:
        batch_op.alter_column("is_found", existing_type=sa.Boolean(), nullable=False)
        batch_op.drop_column("answer")


def downgrade():
    with op.batch_alter_table("query", schema=None) as batch_op:
        batch_op.add_column(sa.Column("answer", sa.String(length=1000), nullable=True))
    op.execute(_LAST_ANSWER)
    with op.batch_alter_table("query", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_query_opened_by_id"))
        batch_op.drop_constraint(batch_op.f("fk_query_opened_by_id_user"), type_="foreignkey")
        batch_op.drop_column("opened_by_id")
        batch_op.drop_column("is_found")
        batch_op.drop_column("asked_value")
    with op.batch_alter_table("query_message", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_query_message_query_id"))
        batch_op.drop_index(batch_op.f("ix_query_message_author_id"))
    op.drop_table("query_message")
