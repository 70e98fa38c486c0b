"""What is locked: a trial, a participant, or a trial's data up to a day, the cut.

`audit` asks here before it lets anything be written, an import of every row of its preview, a page before it offers a
change. Nobody who writes needs to think of it. A lock leaves open what speaks of the data (`Record.stays_open`), and
what belongs to no trial, such as a regimen.

A cut keeps what a report reads that is asked as of that day: records of that day or of an earlier one, and those
without a date, which reports always read. What of a record tells of another day (`Record.days_of`), as when a
participant died, may still be entered where that day comes after the cut. Trials, arms, cohorts and dose levels
have no day, so that a trial goes on after a cut.
"""

import datetime
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

import sqlalchemy as sa
from flask_babel import gettext as _
from sqlalchemy import orm

from tracker import clock
from tracker.extensions import db
from tracker.models import Lock, Participant, Record
from tracker.values import Refusal

#: What a record's day follows from where it has none of its own.
PERSON = ("undated", *Participant.dated_by)


@dataclass(frozen=True)
class Written:
    """One record that is written, as locks look at it.

    before: its stored values by column, None of a new one; after: those that it gets. changed: the columns that
    differ; of a part the name of its list. person: PERSON of the participant whom it is about, if anybody.
    """

    model: type[Record]
    before: Callable[[str], object] | None
    after: Callable[[str], object]
    changed: Collection[str] = ()
    person: tuple | None = None


_LOCKS = (
    sa.select(Lock)
    .where(Lock.trial_id.in_(sa.bindparam("trials", expanding=True)), Lock.unlocked_at.is_(None))
    .options(*(orm.joinedload(getattr(Lock, name)) for name in ("trial", "participant", "locked_by")))
    .order_by(Lock.id)
    .execution_options(unscoped=True)
)


def locks_of(trials: Iterable[int | None]) -> dict[int, list[Lock]]:
    """The locks of these trials that nobody has lifted, by trial, the oldest first; one statement.

    It is asked when the trial's DataVersion is the transaction's own, so that no lock can come between.
    """
    chosen = sorted({trial for trial in trials if trial is not None})
    if not chosen:
        return {}
    found: dict[int, list[Lock]] = {}
    for lock in db.session.scalars(_LOCKS, {"trials": chosen}):
        found.setdefault(lock.trial_id, []).append(lock)
    return found


def told(lock: Lock) -> str:
    """What a lock says to whom it refuses: what is locked, since when, by whom and why."""
    if lock.participant_id is not None:
        what = _("Participant %(code)s is locked", code=lock.participant.code)
    elif lock.cut_on is not None:
        what = _(
            "The data of %(code)s up to %(day)s are locked", code=lock.trial.code, day=lock.cut_on.isoformat()
        )
    else:
        what = _("Trial %(code)s is locked", code=lock.trial.code)
    return _(
        "%(what)s since %(when)s by %(who)s: %(why)s",
        what=what,
        when=f"{lock.created_at:%Y-%m-%d %H:%M} UTC",
        who=lock.locked_by.display_name if lock.locked_by else _("the system's owner"),
        why=lock.reason,
    )


def refusal(lock: Lock) -> Refusal:
    """What is raised where the lock stands in the way."""
    return Refusal(
        _("%(told)s Nothing was stored; it must be unlocked first.", told=_sentence(told(lock))), status=423
    )


def _sentence(text):
    return text if text.endswith((".", "!", "?")) else f"{text}."


def lock_on(
    locks: list[Lock], written: Callable[[], Written], model: type[Record], participants: Collection
) -> Lock | None:
    """Which of a trial's locks stands in the way of a record; participants: the ids of those whom it is or was about.

    written: gives what only a cut needs to know.
    """
    if model.stays_open:
        return None
    for lock in locks:
        if lock.participant_id is not None:
            if lock.participant_id in participants:
                return lock
        elif lock.cut_on is None or (model.dated_by is not None and touches_cut(lock, written())):
            return lock
    return None


def touches_cut(lock: Lock, written: Written) -> bool:
    """Whether something is written that a report as of the cut reads, or would read."""
    if written.before is None:
        return _is_within(lock, written, written.after)
    if not any(_is_within(lock, written, one) for one in (written.before, written.after)):
        return False
    return any(_is_known(lock, written, name) for name in written.changed)


def _is_known(lock, written, name) -> bool:
    """Whether a column of a record within the cut tells, before or after the change, of a day within the cut."""
    day = written.model.days_of.get(name)
    if day is None:
        return True
    if written.person is not None and written.person[0]:  # study days come before every cut
        return True
    days = [written.before(day), written.after(day)]
    if any(one is not None and one <= lock.cut_on for one in days):
        return True
    return name != day and days[1] is None  # a reason, say, of something that has no day


def _is_within(lock, written, value_of) -> bool:
    """Whether a record with these values is of the cut's day, or of an earlier one, or of none."""
    model, person = written.model, written.person
    undated = person is not None and bool(person[0])
    days = [value_of(name) for name in model.dated_by]
    if days and isinstance(days[0], datetime.datetime):
        return days[0] <= lock.created_at and _is_persons_within(lock, person)
    day = None if undated else next((one for one in days if one is not None), None)
    if day is None and model is not Participant:
        return _is_persons_within(lock, person)
    return day is None or day <= lock.cut_on


def _is_persons_within(lock, person) -> bool:
    days = [] if person is None or person[0] else [day for day in person[1:] if day is not None]
    return not days or days[0] <= lock.cut_on


# A record of the session


def lock_on_record(locks: list[Lock], record: Record, values: dict[str, list], is_new: bool) -> Lock | None:
    """Which of its trial's locks stands in the way of a record that the session writes, or would.

    values: [old, new] of each changed column, as the trail keeps them.
    """
    participants = {participant_id_of(record), *values.get("participant_id", [])} - {None}

    def before(name):
        if name not in values:
            return getattr(record, name)
        old = values[name][0]
        return datetime.date.fromisoformat(old) if isinstance(old, str) else old

    def written():
        return Written(
            type(record),
            None if is_new else before,
            lambda name: getattr(record, name),
            [name.partition(".")[0] for name in values],
            person_of(record),
        )

    return lock_on(locks, written, type(record), participants)


def participant_id_of(record: Record) -> int | None:
    """Whom a record is about, if anybody."""
    return record.id if isinstance(record, Participant) else getattr(record, "participant_id", None)


def person_of(record: Record) -> tuple | None:
    person = record if isinstance(record, Participant) else getattr(record, "participant", None)
    return person and tuple(getattr(person, name) for name in PERSON)


def lock_in_the_way(locks: list[Lock], record: Record, of_all=False) -> Lock | None:
    """The lock because of which nothing of a stored record can be changed, or with of_all not all of it."""
    if record.days_of and not of_all:  # what comes after a cut may still be entered
        locks = [lock for lock in locks if lock.cut_on is None]
    return lock_on_record(locks, record, {"withdrawn_at": [None, None]}, is_new=False)


# Many rows at once


def refuse_rows(model: type[Record], columns: dict[str, list], trials: list[int | None]) -> None:
    """Raise Refusal where a lock stands in the way of new rows. trials: the trial of each."""
    if model.stays_open:
        return
    locks = locks_of(trials)
    if not locks:
        return
    people, now = columns.get("participant_id", [None] * len(trials)), clock.now()
    has_cut = any(lock.cut_on is not None for found in locks.values() for lock in found)
    persons = persons_of(people) if has_cut and model.dated_by is not None else {}
    for row, (trial, person) in enumerate(zip(trials, people)):

        def written(row=row, person=person):
            def after(name):
                return now if name == "created_at" else columns[name][row] if name in columns else None

            own = tuple(after(name) for name in PERSON) if model is Participant else persons.get(person)
            return Written(model, None, after, (), own)

        if trial in locks and (lock := lock_on(locks[trial], written, model, {person} - {None})):
            raise refusal(lock)


def persons_of(people: Iterable[int | None]) -> dict[int, tuple]:
    """PERSON of these participants, by id."""
    ids = sorted({one for one in people if one is not None})
    columns = [getattr(Participant, name) for name in PERSON]
    found = {}
    for start in range(0, len(ids), 5_000):
        chosen = sa.select(Participant.id, *columns).where(Participant.id.in_(ids[start : start + 5_000]))
        rows = db.session.execute(chosen, execution_options={"unscoped": True})
        found |= {number: tuple(rest) for number, *rest in rows}
    return found
