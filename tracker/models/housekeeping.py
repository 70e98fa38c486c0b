"""What the tracker keeps for its own work."""

import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from tracker.extensions import db


class DataVersion(db.Model):
    """How often a trial's data have changed; the row without a trial counts what belongs to no trial."""

    id: Mapped[int] = mapped_column(primary_key=True)
    trial_id: Mapped[int | None] = mapped_column(sa.ForeignKey("trial.id"), unique=True)
    version: Mapped[int] = mapped_column(default=0)


class Submission(db.Model):
    """A form that was sent and stored, and where it led: sent again, it leads there without storing."""

    key: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    user_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user.id"))
    address: Mapped[str] = mapped_column(sa.String(200))
    created_at: Mapped[datetime.datetime]
