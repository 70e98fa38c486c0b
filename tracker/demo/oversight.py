"""What is said about the queries of the demonstration centre: some are answered, closed or opened again."""

import datetime
from typing import NamedTuple

import sqlalchemy as sa

from tracker.extensions import db
from tracker.models import AdverseEvent, Query, QueryMessage
from tracker.rules.checks import rules_of
from tracker.terms.oversight import QueryState, QueryStep

_ANSWER, _CLOSE, _REOPEN = QueryStep.ANSWERED, QueryStep.CLOSED, QueryStep.REOPENED


class _Said(NamedTuple):
    """How many days ago, by which account (None: the rule), and what."""

    days: int
    step: QueryStep
    account: str | None
    text: str | None = None


#: When a person's query was opened, in days, and what was said of it since; taken in turn.
_COURSES = [
    (4, []),
    (12, [_Said(9, _ANSWER, "moreau", "Still going on at the last visit; the next one is in a week.")]),
    (
        30,
        [
            _Said(24, _ANSWER, "moreau", "Recovered with sequelae. I have asked the ward for the day."),
            _Said(20, _CLOSE, "ferrari", "Agreed."),
        ],
    ),
    (
        41,
        [
            _Said(33, _ANSWER, "moreau", "It has ended."),
            _Said(31, _REOPEN, "ferrari", "On which day? The source only says “before the next cycle”."),
        ],
    ),
    (19, [_Said(15, _CLOSE, "ferrari", "Asked twice by mistake; the other query stays.")]),
]
_STATES = {_ANSWER: QueryState.ANSWERED, _CLOSE: QueryState.CLOSED, _REOPEN: QueryState.OPEN}


def store_talk(users, today: datetime.date) -> None:
    """Give the queries a past: those of persons their courses, and one rule's query data that were mended."""
    now = datetime.datetime.combine(today, datetime.time(9), datetime.UTC)
    answering = {one.trial_id for one in users["moreau"].memberships}
    asked = db.session.scalars(sa.select(Query).where(Query.rule.is_(None)).order_by(Query.id)).all()
    courses = 0
    for query in asked:
        if query.trial_id not in answering:
            continue
        days, said = _COURSES[courses % len(_COURSES)]
        courses += 1
        query.opened_by = users["ferrari"]
        query.created_at = now - datetime.timedelta(days=days)
        event = db.session.get(AdverseEvent, query.record_id)
        query.asked_value = str(event.outcome.label) if event.outcome else None
        _say(query, said, users, now)
    _mended(users, now, [query.record_id for query in asked])


def _say(query, said, users, now):
    for one in said:
        author = users[one.account] if one.account else None
        at = now - datetime.timedelta(days=one.days)
        query.messages.append(QueryMessage(step=one.step, author=author, at=at, text=one.text))
        query.state = _STATES[one.step]


def _mended(users, now, others):
    """A serious event's criterion was missing once, and was given."""
    event = db.session.scalars(
        sa.select(AdverseEvent)
        .where(
            AdverseEvent.serious, AdverseEvent.serious_criterion.is_not(None), AdverseEvent.id.not_in(others)
        )
        .order_by(AdverseEvent.id)
        .limit(1)
    ).one()
    check = rules_of("adverse_event")["serious_without_criterion"]
    query = Query(
        trial_id=event.participant.trial_id,
        participant=event.participant,
        record_type="adverse_event",
        record_id=event.id,
        field=check.field,
        rule=check.name,
        question=str(check.message),
        created_at=now - datetime.timedelta(days=26),
    )
    db.session.add(query)
    _say(query, [_Said(22, _CLOSE, None)], users, now)
