"""The record of what was done to the records."""

import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from tracker.extensions import db
from tracker.terms.account import Action


class AuditEvent(db.Model):
    """One change of one record: who, when, what, and the old and new value of every field that changed.

    `changes` maps a field's name to [old, new].
    """

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime.datetime]
    user_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user.id"), index=True)
    actor: Mapped[str] = mapped_column(sa.String(120))
    role: Mapped[str] = mapped_column(sa.String(40))
    action: Mapped[Action]
    record_type: Mapped[str] = mapped_column(sa.String(40))
    record_id: Mapped[int]
    trial_id: Mapped[int | None] = mapped_column(sa.ForeignKey("trial.id"), index=True)
    changes: Mapped[dict]
    reason: Mapped[str | None] = mapped_column(sa.Text)
    request_id: Mapped[str] = mapped_column(sa.String(40))

    __table_args__ = (sa.Index("ix_audit_event_record", "record_type", "record_id"),)
