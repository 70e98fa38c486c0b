"""A record's history as people read it: the trail's events, with labels for names and words for codes."""

import datetime
from collections import defaultdict
from dataclasses import dataclass

import sqlalchemy as sa
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker.audit import REDACTED, batches
from tracker.extensions import db
from tracker.forms.base import RecordForm
from tracker.forms.fields import (
    CheckboxField,
    CodeListField,
    CodeOrTextField,
    DateField,
    RecordField,
    RowsField,
    TermField,
    YesNoField,
)
from tracker.models import AuditEvent
from tracker.reads.masking import is_masked
from tracker.terms.account import Action, SecondFactorEvent
from tracker.values import Refusal
from tracker.views.pages import shown, shown_study_day


@dataclass
class Event:
    what: str
    when: str
    who: str
    changes: list[tuple[str, str | None, str | None]]  # label, old, new
    reason: str | None
    tone: str | None
    is_change: bool  # of stored values
    redactions: list[tuple[str, str, str | None]]  # who took values out of it, when, why


def events_of(record) -> list[AuditEvent]:
    """The record's events, latest first."""
    return list(
        db.session.scalars(
            sa.select(AuditEvent)
            .where(AuditEvent.record_type == record.__tablename__, AuditEvent.record_id == record.id)
            .order_by(AuditEvent.id.desc())
        )
    )


def told(record, form: RecordForm) -> list[Event]:
    """The history for the page. form: an empty form of the record, which knows labels and words."""
    events = events_of(record)
    names = _names(form, events)
    redactions = _redactions(events)
    return [
        Event(
            event.action.label,
            shown(event.at),
            event.actor,
            # Masked changes are one: how many agents an event was attributed to would tell the arm.
            list(
                dict.fromkeys(
                    _change(record, form, names, name, *pair) for name, pair in event.changes.items()
                )
            ),
            event.reason,
            "bad" if event.action is Action.WITHDRAW else None,
            event.action is Action.CHANGE,
            redactions.get(event.id, []),
        )
        for event in events
    ]


def _redactions(events) -> dict[int, list[tuple]]:
    """By the event's number: who took values out of it, when and why; what they were is told nowhere."""
    found = defaultdict(list)
    numbers = [event.id for event in events if any(REDACTED in pair for pair in event.changes.values())]
    for batch in batches(numbers):
        told_of = sa.select(AuditEvent).where(
            AuditEvent.action == Action.REDACT,
            AuditEvent.record_type == AuditEvent.__tablename__,
            AuditEvent.record_id.in_(batch),
        )
        for one in db.session.scalars(told_of.order_by(AuditEvent.id)):
            found[one.record_id].append((one.actor, shown(one.at), one.reason))
    return found


def _names(form, events) -> dict[tuple, str]:
    """Names of the records that the events speak of, withdrawn ones too: {(model, number): name}."""
    numbers = defaultdict(set)
    for event in events:
        for name, pair in event.changes.items():
            field, _label = _field(form, name)
            if isinstance(field, RecordField):
                numbers[field.model].update(number for number in pair if number not in (None, REDACTED))
    names = {}
    for model, chosen in numbers.items():
        statement = sa.select(model).where(model.id.in_(chosen)).execution_options(include_withdrawn=True)
        names |= {(model, record.id): str(record) for record in db.session.scalars(statement)}
    return names


def _change(record, form, names, name, old, new):
    if is_masked(record, name):
        owner = name.partition(".")[0].removesuffix("_id")
        return form[owner].label.text, _("masked"), _("masked")
    field, label = _field(form, name)
    if name == "second_factor":
        return label, None, str(SecondFactorEvent(new).label)
    return label, _word(field, names, old), _word(field, names, new)


#: What is called otherwise than in a form, or stands in none.
_OTHERS = {
    "withdrawn_at": _l("Withdrawn"),
    "confirmed": _l("Confirmed that it identifies nobody"),
    "undated": _l("Without dates"),
    "imported": _l("Imported"),
    "disabled_at": _l("Disabled"),
    "password_hash": _l("Password"),
    "browser": _l("Browser"),
    "second_factor": _l("Second factor"),
    "advice": _l("Advice of the rule"),
    "ctcae_term": _l("CTCAE term"),
    "report": _l("Report"),
    "parameters": _l("What the report was asked"),
    "as_of": _l("Records up to"),
    "figures": _l("What the report said"),
    "fingerprint": _l("Fingerprint of the data"),
}


def _field(form, name):
    """The form's field of a stored attribute, and its label; of a part's, as in components.12.dose."""
    owner, _dot, rest = name.partition(".")
    if rest and owner in form and isinstance(form[owner], RowsField):
        part = rest.split(".")[-1].removesuffix("_id")
        row = form[owner].blank_row()
        if part in row:
            return row[part], _part(form[owner].label.text, row[part].label.text)
        return None, _part(form[owner].label.text, _("place"))
    name = name.removesuffix("_id")
    if name in _OTHERS:
        return None, str(_OTHERS[name])
    return (form[name], form[name].label.text) if name in form else (None, name.replace("_", " "))


def _part(rows, column):
    return _("%(rows)s: %(column)s", rows=rows, column=column)


def _word(field, names, value):
    if value is None:
        return None
    if value == REDACTED:
        return _("taken out")
    if isinstance(field, RecordField):
        return names.get((field.model, value), f"#{value}")
    if isinstance(field, (TermField, YesNoField, CheckboxField)) and isinstance(value, str):
        try:
            return str(field.read(value).label)
        except Refusal:  # a term that has been taken out of its list
            return value
    if isinstance(field, DateField) and field.is_study_day:
        return shown_study_day(datetime.date.fromisoformat(value))
    if isinstance(field, (CodeListField, CodeOrTextField)):
        return field.codes.label(value, str(get_locale()))
    if isinstance(value, dict) and "action" in value:  # the advice that a decision keeps
        return f"{value['action']}: {value.get('reason')}"
    if isinstance(value, dict) and "tables" in value:  # a whole report, which not every reader may see
        return _("kept, as the record's page shows them")
    if isinstance(value, dict):  # the figures of a report
        return "; ".join(
            f"{name} {shown(one)}" for name, one in value.items() if isinstance(one, (int, float))
        )
    if isinstance(value, list):  # what a report was asked; not every reader knows the trials
        return "; ".join(f"{name}={one}" for name, one in value if name != "trial")
    return shown(value)
