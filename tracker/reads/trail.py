"""The whole trail: all that was done, by whom and when."""

import datetime
from collections.abc import Iterator

import sqlalchemy as sa

from tracker.extensions import db
from tracker.models import Administration, AuditEvent, Signature, TrialMember, User
from tracker.reads.masking import hides_doses, masked_trials
from tracker.reads.pages import PAGE_SIZE, Filter, Page, page_number
from tracker.roles import Permission
from tracker.scope import reader, visible_trial_ids
from tracker.terms.account import Action

#: What the trail tells of accounts, for those who keep them.
ABOUT_ACCOUNTS = (User.__tablename__, TrialMember.__tablename__)

#: What an event is about that tells by being there that a dose was given.
_ABOUT_DOSES = (Administration.__tablename__, Signature.__tablename__)

#: Events that are read at once.
_BATCH = 5_000


def events_seen() -> list:
    """The conditions of the events that the reader may read, by their role: all; those about accounts; those of their
    trials; or what they did themselves, but for trials that they do not see any more.
    """
    user = reader().user
    if user is None or user.may(Permission.READ_WHOLE_TRAIL):
        return []
    if user.may(Permission.READ_ACCOUNT_TRAIL):
        return [AuditEvent.record_type.in_(ABOUT_ACCOUNTS)]
    of_trials = AuditEvent.trial_id.in_(visible_trial_ids())
    if user.may(Permission.READ_TRIAL_TRAIL):
        seen = [of_trials]
    else:
        seen = [AuditEvent.user_id == user.id, sa.or_(AuditEvent.trial_id.is_(None), of_trials)]
    if hides_doses():
        of_masked = sa.and_(AuditEvent.trial_id.is_not(None), AuditEvent.trial_id.in_(masked_trials()))
        seen.append(sa.not_(sa.and_(AuditEvent.record_type.in_(_ABOUT_DOSES), of_masked)))
    return seen


def trail_conditions(
    who: str | None = None,
    action: Action | None = None,
    record_type: str | None = None,
    since: datetime.date | None = None,
    until: datetime.date | None = None,
) -> list:
    """Of the events that are asked for, and that the reader may read. who: part of a name; days in UTC."""
    chosen = events_seen()
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


def stored_trail() -> Iterator[sa.Row]:
    """Every event that the reader may read, the oldest first."""
    last = 0
    columns = [getattr(AuditEvent, one.key) for one in sa.inspect(AuditEvent).column_attrs]
    conditions = trail_conditions()
    while True:
        chosen = sa.select(*columns).where(AuditEvent.id > last, *conditions).order_by(AuditEvent.id)
        rows = db.session.execute(chosen.limit(_BATCH)).all()
        yield from rows
        if len(rows) < _BATCH:
            return
        last = rows[-1].id
