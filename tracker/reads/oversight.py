"""Queries: what is asked about records, and what awaits whom. Locks: what is closed to changes."""

import datetime

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from tracker.extensions import db
from tracker.locking import lock_in_the_way, locks_of
from tracker.models import Lock, Participant, Query, QueryMessage, Record, Trial
from tracker.models.participant import study_day
from tracker.reads.base import once
from tracker.scope import trial_id_of
from tracker.terms.base import Term
from tracker.terms.oversight import QueryState, QueryStep

#: Characters of a field's value that a query keeps.
LONGEST_VALUE = 300


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


def title_of(record_type: str) -> str:
    """What a kind of record is called, by its table's name."""
    return str(
        next(model for model in Record.__subclasses__() if model.__tablename__ == record_type).titles[0]
    )


def queries_of(participant: Participant) -> list[Query]:
    """Queries on the participant, or on any record about them, that are not closed, the oldest first."""
    chosen = sa.select(Query).where(Query.participant_id == participant.id, Query.state != QueryState.CLOSED)
    return list(db.session.scalars(chosen.order_by(Query.id)))


def with_values(model: type[Record], rows: list[dict]) -> list[dict]:
    """New queries of rules, with what stands now in the field of each, in words.

    rows: columns of queries on records of this model. Of who came without dates a day is a study day.
    """
    plain = {one.key: getattr(model, one.key) for one in sa.inspect(model).column_attrs}
    fields = sorted({row["field"] for row in rows} & plain.keys())
    numbers = sorted({row["record_id"] for row in rows})
    if not fields or not numbers:
        return [{**row, "asked_value": None} for row in rows]
    chosen = sa.select(model.id, *(plain[name] for name in fields)).where(model.id.in_(numbers))
    values = {number: dict(zip(fields, cells)) for number, *cells in db.session.execute(chosen)}
    people = {row["participant_id"] for row in rows} - {None}
    undated = set(
        db.session.scalars(sa.select(Participant.id).where(Participant.undated, Participant.id.in_(people)))
    )
    return [
        {
            **row,
            "asked_value": _in_words(
                values.get(row["record_id"], {}).get(row["field"]), row["participant_id"] in undated
            ),
        }
        for row in rows
    ]


def _in_words(value, is_undated) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Term):
        return str(value.label)[:LONGEST_VALUE]
    if isinstance(value, datetime.date) and is_undated:
        return f"day {study_day(value)}"
    return f"{value:.15g}" if isinstance(value, float) else str(value)[:LONGEST_VALUE]


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


def queries_frame(_participants: sa.ColumnElement, as_of: datetime.date) -> pd.DataFrame:
    """One row a query that had been opened on the day as_of, whomever it is about. CDISC: none.

    query_id, trial_id, trial, about_id (the participant's, missing where it is about nobody), record_type, field,
    by_rule, state (as on that day), opened_on, closed_on (the last time; missing while it is not closed), days (from
    opening to closing, or to as_of).
    """
    opened = db.session.execute(
        sa.select(
            Query.id, Query.trial_id, Trial.code, Query.participant_id, Query.record_type, Query.field, Query.rule,
            Query.created_at,
        ).join(Query.trial).order_by(Query.id)
    ).all()  # fmt: skip
    said = db.session.execute(
        sa.select(QueryMessage.query_id, QueryMessage.step, QueryMessage.at)
        .join(QueryMessage.query)
        .order_by(QueryMessage.query_id, QueryMessage.position)
    ).all()
    last = {number: (step, at.date()) for number, step, at in said if at.date() <= as_of}
    rows = []
    for number, trial_id, trial, about, record_type, field, rule, at in opened:
        if at.date() > as_of:
            continue
        step, day = last.get(number, (QueryStep.REOPENED, None))
        closed_on = day if step is QueryStep.CLOSED else None
        days = ((closed_on or as_of) - at.date()).days
        state = _STATES[step].value
        rows.append((number, trial_id, trial, about, record_type, field, rule is not None, state, at.date(),
                     closed_on, days))  # fmt: skip
    kinds = {
        "query_id": "int64", "trial_id": "int64", "trial": "str", "about_id": "Int64", "record_type": "str",
        "field": "str", "by_rule": "bool", "state": "str", "opened_on": "datetime64[us]",
        "closed_on": "datetime64[us]", "days": "int64",
    }  # fmt: skip
    return pd.DataFrame(rows, columns=list(kinds)).astype(kinds)


#: The state in which each step leaves a query.
_STATES = {
    QueryStep.ANSWERED: QueryState.ANSWERED,
    QueryStep.CLOSED: QueryState.CLOSED,
    QueryStep.REOPENED: QueryState.OPEN,
}
