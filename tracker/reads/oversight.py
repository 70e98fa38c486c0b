"""Queries: what is asked about records, and what awaits whom. Locks: what is closed to changes."""

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from tracker.extensions import db
from tracker.locking import lock_in_the_way, locks_of
from tracker.models import Lock, Query, Record
from tracker.reads.base import once
from tracker.scope import trial_id_of
from tracker.terms.oversight import QueryState


def queries_about(records: list[Record]) -> list[Query]:
    """Queries on any of these records that are not closed, the oldest first."""
    numbers = {}
    for record in records:
        numbers.setdefault(record.__tablename__, []).append(record.id)
    about = [
        sa.and_(Query.record_type == kind, Query.record_id.in_(chosen)) for kind, chosen in numbers.items()
    ]
    if not about:
        return []
    statement = sa.select(Query).where(sa.or_(*about), Query.state != QueryState.CLOSED).order_by(Query.id)
    return list(db.session.scalars(statement))


def queries_in(state: QueryState, limit: int) -> tuple[list[Query], int]:
    """The oldest queries of a state in the reader's trials, and how many there are."""
    total = sa.func.count(Query.id).over()
    statement = (
        sa.select(Query, total)
        .where(Query.state == state)
        .options(joinedload(Query.trial), joinedload(Query.participant))
    )
    rows = db.session.execute(statement.order_by(Query.id).limit(limit)).all()
    return [query for query, _total in rows], rows[0][1] if rows else 0


def count_open_queries(trial_id: int, participant_id: int | None = None) -> int:
    """How many queries of a trial, or of one of its participants, are not closed."""
    statement = sa.select(sa.func.count(Query.id)).where(
        Query.trial_id == trial_id, Query.state != QueryState.CLOSED
    )
    if participant_id is not None:
        statement = statement.where(Query.participant_id == participant_id)
    return db.session.scalar(statement)


def present_locks(record: Record) -> list[Lock]:
    """The locks of a record's trial that nobody has lifted, the oldest first."""
    trial = trial_id_of(record)
    return once(("locks", trial), lambda: locks_of([trial]).get(trial, [])) if trial is not None else []


def lock_about(record: Record, of_all=False) -> Lock | None:
    """The lock because of which nothing of a stored record can be changed now, or with of_all not all of it."""
    return lock_in_the_way(present_locks(record), record, of_all)


def latest_locks(trial_id: int, limit: int) -> list[Lock]:
    """The locks of a trial, lifted ones too, the latest first."""
    people = (joinedload(getattr(Lock, name)) for name in ("participant", "locked_by", "unlocked_by"))
    statement = sa.select(Lock).where(Lock.trial_id == trial_id).options(*people)
    return list(db.session.scalars(statement.order_by(Lock.id.desc()).limit(limit)))
