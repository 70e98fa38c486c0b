"""What the tracker keeps for its own work."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker import clock
from tracker.extensions import db
from tracker.models.base import Record
from tracker.terms.biomarker import ScreenEndpoint, ScreenTest
from tracker.terms.housekeeping import JobState, LockState

if TYPE_CHECKING:
    from tracker.models.account import User
    from tracker.models.participant import Participant
    from tracker.models.trial import Trial

_JSON_OR_NULL = sa.JSON(none_as_null=True)


class DataVersion(db.Model):
    """How often a trial's data have changed; the row without a trial counts what belongs to no trial."""

    id: Mapped[int] = mapped_column(primary_key=True)
    trial_id: Mapped[int | None] = mapped_column(sa.ForeignKey("trial.id"), unique=True)
    version: Mapped[int] = mapped_column(default=0)


class Lock(Record):
    """That a trial, one of its participants, or its data up to a day are closed to changes, until it is unlocked.

    It is never changed or withdrawn, only lifted, with who did it, when and why: what is locked again has a new one.
    """

    titles = _l("Lock"), _l("Locks")
    trial_path = "trial"
    stays_open = True
    needs_reason = False
    searched = ("reason", "unlock_reason")

    trial_id: Mapped[int] = mapped_column(sa.ForeignKey("trial.id"), index=True)
    participant_id: Mapped[int | None] = mapped_column(sa.ForeignKey("participant.id"), index=True)
    #: Records of this day and of earlier ones are locked.
    cut_on: Mapped[datetime.date | None]
    reason: Mapped[str] = mapped_column(sa.String(1000))
    locked_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user.id"), index=True)
    unlocked_at: Mapped[datetime.datetime | None]
    unlock_reason: Mapped[str | None] = mapped_column(sa.String(1000))
    unlocked_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user.id"), index=True)

    trial: Mapped[Trial] = relationship()
    participant: Mapped[Participant | None] = relationship()
    locked_by: Mapped[User | None] = relationship(foreign_keys=[locked_by_id])
    unlocked_by: Mapped[User | None] = relationship(foreign_keys=[unlocked_by_id])

    __table_args__ = (
        sa.CheckConstraint("participant_id IS NULL OR cut_on IS NULL", name="participant_or_cut"),
        sa.CheckConstraint("(unlocked_at IS NULL) = (unlock_reason IS NULL)", name="unlocked_with_reason"),
    )

    def __str__(self):
        if self.participant_id is not None:
            return _("Lock of participant %(code)s", code=self.participant or "–")
        if self.cut_on is not None:
            day = self.cut_on.isoformat()
            return _("Lock of the data of %(code)s up to %(day)s", code=self.trial, day=day)
        return _("Lock of trial %(code)s", code=self.trial)

    @property
    def state(self) -> LockState:
        return LockState.LOCKED if self.unlocked_at is None else LockState.UNLOCKED


class Submission(db.Model):
    """A form that was sent and stored, and where it led: sent again, it leads there without storing."""

    key: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    user_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user.id"))
    address: Mapped[str] = mapped_column(sa.String(200))
    created_at: Mapped[datetime.datetime]


class Draft(db.Model):
    """What somebody typed in a form and has not saved: one of each person for each form.

    address: the form's, with what its query says. fields: the names and texts that the form would send, in their
    order; no passwords and no files. It is housekeeping: its content is in no export and not in the trail.
    """

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("user.id"), index=True)
    address: Mapped[str] = mapped_column(sa.String(1000))
    #: The form's key: once a form with it is stored, the draft is of no use.
    submission: Mapped[str] = mapped_column(sa.String(36))
    fields: Mapped[list] = mapped_column(sa.JSON)
    kept_at: Mapped[datetime.datetime]

    __table_args__ = (sa.UniqueConstraint("user_id", "address"),)


class Job(db.Model):
    """Work that takes longer than a request, done by the worker of a process on behalf of who asked.

    kind: which function of `jobs` does it, with these arguments. address: where its result is seen. done, total,
    text: how far it is. result: what the function gave; message: why it failed.
    """

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(40))
    title: Mapped[str] = mapped_column(sa.String(400))
    address: Mapped[str] = mapped_column(sa.String(200))
    arguments: Mapped[dict]
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("user.id"), index=True)
    language: Mapped[str] = mapped_column(sa.String(10))
    state: Mapped[JobState] = mapped_column(default=JobState.QUEUED, index=True)
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    text: Mapped[str] = mapped_column(sa.String(200), default="")
    created_at: Mapped[datetime.datetime] = mapped_column(default=clock.now)
    heartbeat_at: Mapped[datetime.datetime | None]
    ended_at: Mapped[datetime.datetime | None]
    result: Mapped[dict | None] = mapped_column(_JSON_OR_NULL)
    message: Mapped[str | None] = mapped_column(sa.Text)

    user: Mapped[User] = relationship()

    @property
    def is_over(self) -> bool:
        return self.state in (JobState.DONE, JobState.FAILED)


class ImportFile(db.Model):
    """A file that somebody imports on the web, from its upload until its records are stored.

    Only who uploaded it sees it. content: its bytes, thrown away once its records are stored, because columns
    that nobody mapped may hold what the tracker must not keep. mapping: the TOML of a mapping file. corrections:
    by row, what was mended on the page, by column; None for a row that is left out. outline: the columns with some
    of their values. checked: what a comparison with the stored records found. counts: what was stored, by section.
    """

    id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column()
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("user.id"), index=True)
    trial_id: Mapped[int | None] = mapped_column(sa.ForeignKey("trial.id"), index=True)
    job_id: Mapped[int | None] = mapped_column(sa.ForeignKey("job.id"))
    name: Mapped[str] = mapped_column(sa.String(300))
    content: Mapped[bytes | None] = mapped_column(deferred=True)
    mapping: Mapped[str | None] = mapped_column(sa.Text, deferred=True)
    corrections: Mapped[dict] = mapped_column(default=dict, deferred=True)
    outline: Mapped[dict | None] = mapped_column(_JSON_OR_NULL, deferred=True)
    checked: Mapped[dict | None] = mapped_column(_JSON_OR_NULL, deferred=True)
    counts: Mapped[dict | None] = mapped_column(_JSON_OR_NULL)
    created_at: Mapped[datetime.datetime] = mapped_column(default=clock.now)
    stored_at: Mapped[datetime.datetime | None]

    trial: Mapped[Trial | None] = relationship()
    job: Mapped[Job | None] = relationship()

    __mapper_args__ = {"version_id_col": version}


class Screen(db.Model):
    """Many markers against one outcome of one trial: what was asked, and what was found.

    Only who asked sees it. file_name, content: the matrix that was uploaded,
    thrown away once it is screened; without one every stored assay is. summary: how many markers were tried, how many
    participants there were, the faults of the file. table: one line a marker, as CSV.
    """

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("user.id"), index=True)
    trial_id: Mapped[int] = mapped_column(sa.ForeignKey("trial.id"), index=True)
    job_id: Mapped[int | None] = mapped_column(sa.ForeignKey("job.id"))
    endpoint: Mapped[ScreenEndpoint]
    test: Mapped[ScreenTest]
    file_name: Mapped[str | None] = mapped_column(sa.String(300))
    content: Mapped[bytes | None] = mapped_column(deferred=True)
    summary: Mapped[dict | None] = mapped_column(_JSON_OR_NULL)
    table: Mapped[bytes | None] = mapped_column(deferred=True)
    created_at: Mapped[datetime.datetime] = mapped_column(default=clock.now)

    trial: Mapped[Trial] = relationship()
    job: Mapped[Job | None] = relationship()
