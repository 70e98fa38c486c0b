"""Queries: what is asked about records, and what awaits whom."""

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from tracker.extensions import db
from tracker.models import Query, Record
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
