"""What was done to the records, and what is said and asked about them."""

from __future__ import annotations

import datetime

import sqlalchemy as sa
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.ext.orderinglist import ordering_list
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker import clock
from tracker.extensions import db
from tracker.models.account import User
from tracker.models.base import Authored, FromReport, Part, Record
from tracker.models.participant import Participant
from tracker.models.trial import Trial
from tracker.roles import Role
from tracker.terms.account import Action
from tracker.terms.oversight import QueryAge, QueryOrigin, QueryState, QueryStep, SignatureMeaning


class AuditEvent(db.Model):
    """One change of one record, or something else that was done: who, when, what, and what changed.

    `changes` maps a field's name to [old, new]. The event is the `position`-th of the transaction that `seal_id` names;
    `mac` is its keyed digest (`tracker/seal.py`).
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
    seal_id: Mapped[int]
    position: Mapped[int]
    mac: Mapped[bytes] = mapped_column(sa.LargeBinary)

    __table_args__ = (sa.Index("ix_audit_event_record", "record_type", "record_id"),)


class AuditSeal(db.Model):
    """One transaction that wrote events: the `number`-th link of the chain, in the order of the commits.

    `events`: how many it wrote. `mac`: the keyed digest of those and of the link before.
    """

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(unique=True)
    events: Mapped[int]
    mac: Mapped[bytes] = mapped_column(sa.LargeBinary)


class Query(Record):
    """A discrepancy on a field of a record, opened by a rule or a person, answered, closed, and perhaps opened again.

    `participant` is whom the record is about, if anybody. asked_value: what stood in the field when it was asked
    about, in words; None where nothing did, or where not everybody may read it. `rule` names the check that opened
    it, which closes it when the data are mended; None where a person did. is_found: whether that check found the
    fault when it looked last. `actions` has the steps from one state to the next.
    """

    titles = _l("Query"), _l("Queries")
    trial_path = "trial"
    stays_open = True
    searched = ("question",)
    needs_reason = False

    trial_id: Mapped[int] = mapped_column(sa.ForeignKey("trial.id"), index=True)
    participant_id: Mapped[int | None] = mapped_column(sa.ForeignKey("participant.id"), index=True)
    record_type: Mapped[str] = mapped_column(sa.String(40))
    record_id: Mapped[int]
    field: Mapped[str] = mapped_column(sa.String(40))
    asked_value: Mapped[str | None] = mapped_column(sa.String(300))
    rule: Mapped[str | None] = mapped_column(sa.String(80))
    is_found: Mapped[bool] = mapped_column(default=False)
    opened_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user.id"), index=True)
    question: Mapped[str] = mapped_column(sa.String(500))
    state: Mapped[QueryState] = mapped_column(default=QueryState.OPEN)

    trial: Mapped[Trial] = relationship()
    participant: Mapped[Participant | None] = relationship()
    opened_by: Mapped[User | None] = relationship()
    messages: Mapped[list[QueryMessage]] = relationship(
        back_populates="query",
        cascade="all, delete-orphan",
        order_by="QueryMessage.position",
        collection_class=ordering_list("position"),
    )

    __table_args__ = (sa.Index("ix_query_record", "record_type", "record_id"),)

    def __str__(self):
        return _("Query %(number)d", number=self.id)

    @hybrid_property
    def origin(self) -> QueryOrigin:
        return QueryOrigin.RULE if self.rule else QueryOrigin.PERSON

    @origin.inplace.expression
    @classmethod
    def _origin_in_sql(cls):
        return sa.case((cls.rule.is_(None), QueryOrigin.PERSON.value), else_=QueryOrigin.RULE.value)

    @hybrid_property
    def age(self) -> QueryAge:
        days = (clock.now() - self.created_at).days
        return QueryAge.WEEK if days <= 7 else QueryAge.MONTH if days <= 30 else QueryAge.OLDER

    @age.inplace.expression
    @classmethod
    def _age_in_sql(cls):
        week, month = (clock.now() - datetime.timedelta(days=days + 1) for days in (7, 30))
        return sa.case(
            (cls.created_at > week, QueryAge.WEEK.value),
            (cls.created_at > month, QueryAge.MONTH.value),
            else_=QueryAge.OLDER.value,
        )

    @property
    def last_answer(self) -> QueryMessage | None:
        return next((one for one in reversed(self.messages) if one.step is QueryStep.ANSWERED), None)


class QueryMessage(Part):
    """What was done about a query, with what was said; without an author its rule did it."""

    titles = _l("Message"), _l("Messages")
    owner = "query"
    rows = "messages"

    query_id: Mapped[int] = mapped_column(sa.ForeignKey("query.id"), index=True)
    author_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user.id"), index=True)
    at: Mapped[datetime.datetime] = mapped_column(default=clock.now)
    step: Mapped[QueryStep]
    text: Mapped[str | None] = mapped_column(sa.String(1000))

    query: Mapped[Query] = relationship(back_populates="messages")
    author: Mapped[User | None] = relationship()

    def __str__(self):
        return str(self.step.label)


class Comment(Authored, FromReport, Record):
    """What somebody says about a record; those whom it mentions, as in @ada, find it on their first page.

    One that was made from a report keeps its figures, as an ArmDecision does.

    It belongs to the record's trial, if that has one.
    """

    titles = _l("Comment"), _l("Comments")
    trial_path = "trial"
    stays_open = True
    searched = ("text",)

    trial_id: Mapped[int | None] = mapped_column(sa.ForeignKey("trial.id"), index=True)
    record_type: Mapped[str] = mapped_column(sa.String(40))
    record_id: Mapped[int]
    text: Mapped[str] = mapped_column(sa.Text)

    trial: Mapped[Trial | None] = relationship()
    mentions: Mapped[list[Mention]] = relationship(
        back_populates="comment",
        cascade="all, delete-orphan",
        order_by="Mention.position",
        collection_class=ordering_list("position"),
    )

    __table_args__ = (sa.Index("ix_comment_record", "record_type", "record_id"),)

    def __str__(self):
        return _("Comment %(number)d", number=self.id)


class Mention(Part):
    """Somebody whom a comment addresses."""

    owner = "comment"
    rows = "mentions"

    comment_id: Mapped[int] = mapped_column(sa.ForeignKey("comment.id"), index=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("user.id"), index=True)

    comment: Mapped[Comment] = relationship(back_populates="mentions")
    user: Mapped[User] = relationship()

    __table_args__ = (sa.UniqueConstraint("comment_id", "user_id"),)

    def __str__(self):
        return f"@{self.user.name}"


class ReportSnapshot(Authored, FromReport, Record):
    """A report that was frozen whole, as it was then: numbers, words and drawings. It is never changed.

    `content` is what `reports.frozen` made of the answer, in English as files are; `content_hash` its SHA-256. It is of
    the trials in its list: whoever does not see all of them does not see it, and nobody for whom an arm of theirs is
    masked.
    """

    titles = _l("Frozen report"), _l("Frozen reports")
    searched = ("title", "asked")
    trials_path = "trials"
    is_final = True
    is_data = False
    stays_open = True

    title: Mapped[str] = mapped_column(sa.String(100))
    #: What the report was asked, in words.
    asked: Mapped[str] = mapped_column(sa.Text)
    tracker_version: Mapped[str] = mapped_column(sa.String(40))
    #: The trail has its hash.
    content: Mapped[dict] = mapped_column(deferred=True, info={"secret": True})
    content_hash: Mapped[str] = mapped_column(sa.String(64))

    trials: Mapped[list[SnapshotTrial]] = relationship(
        back_populates="report_snapshot",
        cascade="all, delete-orphan",
        order_by="SnapshotTrial.position",
        collection_class=ordering_list("position"),
    )
    signatures: Mapped[list[Signature]] = relationship(back_populates="snapshot", order_by="Signature.id")

    def __str__(self):
        return _("%(report)s, frozen %(day)s", report=self.title, day=self.created_at.date().isoformat())


class SnapshotTrial(Part):
    """A trial whose data a frozen report holds."""

    owner = "report_snapshot"
    rows = "trials"

    report_snapshot_id: Mapped[int] = mapped_column(sa.ForeignKey("report_snapshot.id"), index=True)
    trial_id: Mapped[int] = mapped_column(sa.ForeignKey("trial.id"), index=True)

    report_snapshot: Mapped[ReportSnapshot] = relationship(back_populates="trials")
    trial: Mapped[Trial] = relationship()

    __table_args__ = (sa.UniqueConstraint("report_snapshot_id", "trial_id"),)

    def __str__(self):
        return str(self.trial)


class Signature(Record):
    """What somebody signed, under which name, when and what it means (21 CFR 11.50). It is never changed.

    `content_hash` binds it to what the record said (11.70): where that is other now, it is void. A frozen report is
    `snapshot`, any other record is named by its type and number; trial and participant are those whom it is about.
    """

    titles = _l("Signature"), _l("Signatures")
    trial_path = "trial"
    seen_with = "snapshot"
    searched = ("printed_name",)
    is_final = True
    is_data = False
    stays_open = True

    trial_id: Mapped[int | None] = mapped_column(sa.ForeignKey("trial.id"), index=True)
    participant_id: Mapped[int | None] = mapped_column(sa.ForeignKey("participant.id"), index=True)
    snapshot_id: Mapped[int | None] = mapped_column(sa.ForeignKey("report_snapshot.id"), index=True)
    record_type: Mapped[str] = mapped_column(sa.String(40))
    record_id: Mapped[int]
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("user.id"), index=True)
    printed_name: Mapped[str] = mapped_column(sa.String(100))
    role: Mapped[Role]
    meaning: Mapped[SignatureMeaning]
    signed_at: Mapped[datetime.datetime] = mapped_column(default=clock.now)
    content_hash: Mapped[str] = mapped_column(sa.String(64))

    trial: Mapped[Trial | None] = relationship()
    participant: Mapped[Participant | None] = relationship()
    snapshot: Mapped[ReportSnapshot | None] = relationship(back_populates="signatures")
    user: Mapped[User] = relationship()

    __table_args__ = (sa.Index("ix_signature_record", "record_type", "record_id"),)

    def __str__(self):
        return _("%(name)s, %(meaning)s", name=self.printed_name, meaning=self.meaning.label)
