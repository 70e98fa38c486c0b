"""The whole trail: all that was done, by whom and when."""

import datetime
from collections.abc import Iterator

import sqlalchemy as sa

from tracker.extensions import db
from tracker.models import AuditEvent, TrialMember, User
from tracker.reads.pages import PAGE_SIZE, Filter, Page, page_number
from tracker.terms.account import Action

#: What the trail tells of accounts, for those who keep them.
ABOUT_ACCOUNTS = (User.__tablename__, TrialMember.__tablename__)

#: Events that are read at once.
_BATCH = 5_000


def trail_conditions(
    accounts_only: bool,
    who: str | None = None,
    action: Action | None = None,
    record_type: str | None = None,
    since: datetime.date | None = None,
    until: datetime.date | None = None,
) -> list:
    """Of the events that are asked for. who: a part of the name of who did it; days in UTC."""
    chosen = [AuditEvent.record_type.in_(ABOUT_ACCOUNTS)] if accounts_only else []
    if who:
        chosen.append(AuditEvent.actor.icontains(who, autoescape=True))
    if action:
        chosen.append(AuditEvent.action == action)
    if record_type:
        chosen.append(AuditEvent.record_type == record_type)
    if since:
        chosen.append(AuditEvent.at >= _midnight(since))
    if until:
        chosen.append(AuditEvent.at < _midnight(until + datetime.timedelta(days=1)))
    return chosen


def _midnight(day):
    return datetime.datetime.combine(day, datetime.time(), datetime.UTC)


def trail_page(conditions: list, filters: list[Filter], arguments) -> Page:
    """A page of the events, the latest first. arguments: the address's, as of `list_page`."""
    total = db.session.scalar(sa.select(sa.func.count(AuditEvent.id)).where(*conditions))
    number = page_number(arguments.get("page"), total)
    chosen = sa.select(AuditEvent).where(*conditions).order_by(AuditEvent.id.desc())
    rows = list(db.session.scalars(chosen.limit(PAGE_SIZE).offset((number - 1) * PAGE_SIZE)))
    pairs = [(name, value) for name, value in arguments.items(multi=True) if value]
    return Page(rows, [], filters, arguments.get("q", ""), "", number, total, pairs)


def stored_trail(accounts_only: bool) -> Iterator[sa.Row]:
    """Every event, the oldest first."""
    last = 0
    columns = [getattr(AuditEvent, one.key) for one in sa.inspect(AuditEvent).column_attrs]
    conditions = trail_conditions(accounts_only)
    while True:
        chosen = sa.select(*columns).where(AuditEvent.id > last, *conditions).order_by(AuditEvent.id)
        rows = db.session.execute(chosen.limit(_BATCH)).all()
        yield from rows
        if len(rows) < _BATCH:
            return
        last = rows[-1].id
