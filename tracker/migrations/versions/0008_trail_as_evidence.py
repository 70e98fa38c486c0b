"""trail as evidence: digests, chain and guards"""

import datetime
import hashlib
import hmac

import sqlalchemy as sa
from alembic import op
from flask import current_app

from tracker.extensions import guard_trail, unguard_trail

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

OLD_ACTIONS = ["create", "change", "withdraw", "restore"]
ACTIONS = [
    *OLD_ACTIONS,
    *("sign in", "sign-in refused", "sign out", "export", "sign", "lock", "unlock", "redact"),
    *("back up", "recover"),
]


def _allow(batch_op, names):
    batch_op.drop_constraint(op.f("ck_audit_event_action"), type_="check")
    batch_op.create_check_constraint(op.f("ck_audit_event_action"), sa.column("action").in_(names))


def upgrade():
    op.create_table(
        "audit_seal",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_seal")),
        sa.UniqueConstraint("number", name=op.f("uq_audit_seal_number")),
    )
    with op.batch_alter_table("audit_event") as batch_op:
        batch_op.add_column(sa.Column("seal_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("position", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("mac", sa.LargeBinary(), nullable=True))
    _seal_what_is_there(op.get_bind())
    with op.batch_alter_table("audit_event") as batch_op:
        batch_op.alter_column("seal_id", existing_type=sa.Integer(), nullable=False)
        batch_op.alter_column("position", existing_type=sa.Integer(), nullable=False)
        batch_op.alter_column("mac", existing_type=sa.LargeBinary(), nullable=False)
        _allow(batch_op, ACTIONS)
    guard_trail(op.get_bind())


def _seal_what_is_there(connection):
    """All events so far are one link of the chain, the first."""
    key = current_app.config["TRAIL_KEY"].encode()
    event = sa.table("audit_event", *(sa.column(name) for name in ("id", "seal_id", "position", "mac")))
    change = (
        sa.update(event)
        .where(event.c.id == sa.bindparam("key"))
        .values(seal_id=sa.bindparam("one"), position=sa.bindparam("place"), mac=sa.bindparam("digest"))
    )
    chosen = sa.text(
        "SELECT id, at, user_id, action, record_type, record_id, trial_id, request_id, role, actor,"
        " CAST(changes AS TEXT) AS changes, reason FROM audit_event ORDER BY id"
    ).columns(at=sa.DateTime(timezone=True))
    digest, rows = bytes(32), []
    for position, row in enumerate(connection.execute(chosen).all(), start=1):
        mac = _event_mac(key, row, position)
        digest = hashlib.sha256(digest + mac).digest()
        rows.append({"key": row.id, "one": 1, "place": position, "digest": mac})
    if not rows:
        return
    for start in range(0, len(rows), 10_000):
        connection.execute(change, rows[start : start + 10_000])
    mac = _mac(key, f"seal|{bytes(32).hex()}|1|1|{len(rows)}|{digest.hex()}")
    link = sa.table("audit_seal", *(sa.column(name) for name in ("id", "number", "events", "mac")))
    connection.execute(sa.insert(link).values(id=1, number=1, events=len(rows), mac=mac))
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SELECT setval(pg_get_serial_sequence('audit_seal', 'id'), 1)")
    text = f"{1:012d} {rows[-1]['key']:012d} {mac.hex()}"
    with open(current_app.config["TRAIL_ANCHOR"], "w", encoding="utf-8") as file:
        file.write(f"{text} {_mac(key, f'anchor|{text}').hex()}\n")


def _event_mac(key, row, position):
    at = row.at.replace(tzinfo=datetime.UTC) if row.at.tzinfo is None else row.at.astimezone(datetime.UTC)
    said = f"says|{row.changes}|" if row.reason is None else f"says|{row.changes}|because|{row.reason}"
    facts = [row.id, 1, position, at.isoformat(), row.user_id, row.action, row.record_type, row.record_id]
    facts += [row.trial_id, row.request_id, row.role, row.actor]
    return _mac(key, f"event|{_mac(key, said).hex()}|{'|'.join(map(str, facts))}")


def _mac(key, text):
    return hmac.digest(key, text.encode(), "sha256")


def downgrade():
    unguard_trail(op.get_bind())
    with op.batch_alter_table("audit_event") as batch_op:
        batch_op.drop_column("mac")
        batch_op.drop_column("position")
        batch_op.drop_column("seal_id")
        _allow(batch_op, OLD_ACTIONS)
    op.drop_table("audit_seal")
