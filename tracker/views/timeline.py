"""What the timeline of a participant shows, and in which words."""

import datetime
import functools

import pandas as pd
from flask_babel import gettext as _

from tracker.charts.timeline import Lane, Mark, Sum
from tracker.models import Administration, AdverseEvent, Participant, Specimen
from tracker.models.participant import study_day
from tracker.reports.columns import percent
from tracker.rules.reasons import best_response_reason
from tracker.terms.response import Modality
from tracker.views.pages import shown

#: Responses that the style sheet colours.
RESPONSE_CLASSES = {"CR", "PR", "SD", "PD", "NE"}

#: Dates of a participant that stand in the timeline, with the letters that stand for each.
_MILESTONES = [
    ("consented_on", "C"),
    ("enrolled_on", "E"),
    ("off_treatment_on", "T"),
    ("new_therapy_on", "N"),
    ("off_study_on", "S"),
    ("last_known_alive_on", "A"),
    ("died_on", "†"),
]


def timeline_of(
    participant: Participant, form, doses, events, specimens, course
) -> tuple[list[Lane], list[Sum]]:
    """The lanes of one participant (milestones, doses of each agent, specimens, assessments, events), and the sums.

    form: of the participant, for its labels. doses, events, specimens: as stored. course: as derived, or None.
    """
    visits = course.visits if course else []
    lanes = [
        Lane(_("Milestones"), _milestones(participant, form)),
        *_doses(participant, doses),
        *_specimens(participant, specimens),
        Lane(
            _("Assessments"), [_visit(participant, response, reasons) for response, reasons, _found in visits]
        ),
        Lane(_("Adverse events"), [_event(participant, event) for event in events]),
    ]
    return lanes, [_sum(participant, response) for response, _reasons, _found in visits if _has_sum(response)]


def shown_day(participant: Participant, date) -> str:
    """A day of the participant, as a date with its study day, or as the study day alone."""
    date = date.date() if isinstance(date, datetime.datetime) else date
    day = _("day %(day)d", day=_day(participant, date))
    return day if participant.undated else f"{date.isoformat()} ({day})"


def best_in_words(participant: Participant, course) -> dict[str, str]:
    """Which assessments made the best response, by its kind."""
    show_date = functools.partial(shown_day, participant)
    days = participant.trial.minimum_sd_days
    return {
        kind: best_response_reason(course.best, kind, days, show_date)
        for kind in ("confirmed", "unconfirmed")
    }


def _day(participant, date):
    return study_day(date, participant.day_1 or date)


def _when(participant, record, name):
    return shown_day(participant, getattr(record, name))


def _milestones(participant, form):
    return [
        Mark(
            _day(participant, date),
            None,
            "milestone",
            _("%(name)s: %(what)s", name=form[name].label.text, what=_when(participant, participant, name)),
            letters,
        )
        for name, letters in _MILESTONES
        if (date := getattr(participant, name)) is not None
    ]


def _doses(participant, doses: list[Administration]):
    """A lane for each agent; an empty one where none is known to the reader."""
    lanes = {}
    for dose in doses:
        agent = str(dose.component.agent)
        kind = f"dose-{dose.modification.value}" if dose.modification else "dose"
        words = _("Cycle %(cycle)d, %(when)s", cycle=dose.cycle, when=_when(participant, dose, "given_on"))
        amount = f"{shown(dose.dose)} {dose.unit.label}"
        changed = [str(dose.modification.label), dose.modification_reason] if dose.modification else []
        text = ", ".join([agent, words, amount, *filter(None, changed)])
        lanes.setdefault(agent, []).append(Mark(_day(participant, dose.given_on), None, kind, text))
    return [Lane(agent, marks) for agent, marks in lanes.items()] or [Lane(_("Doses"), [])]


def _specimens(participant, specimens: list[Specimen]):
    """A lane of those whose day is known, one mark a day; none where there are no such."""
    by_day = {}
    for one in specimens:
        if one.collected_on is not None:
            by_day.setdefault(one.collected_on, []).append(one)
    marks = [
        Mark(
            _day(participant, date),
            None,
            "specimen",
            ", ".join([*(f"{one.type.label} {one}" for one in taken), shown_day(participant, date)]),
            str(len(taken)),
        )
        for date, taken in by_day.items()
    ]
    return [Lane(_("Specimens"), marks)] if marks else []


def _visit(participant, response, reasons):
    date = pd.Timestamp(response["assessed_on"]).date()
    letters = response["response"] or _("BL")
    kind = letters if letters in RESPONSE_CLASSES else "BL" if not response["response"] else "SD"
    modality = str(Modality(response["modality"]).label)
    what = ", ".join([modality, shown_day(participant, date), letters])
    text = _("%(name)s: %(what)s", name=what, what=" ".join(reasons))
    return Mark(_day(participant, date), None, f"response-{kind}", text, letters)


def _has_sum(response):
    return response["sum_complete"] and pd.notna(response["change_from_baseline"])


def _sum(participant, response):
    date = pd.Timestamp(response["assessed_on"]).date()
    change = response["change_from_baseline"]
    text = _(
        "%(when)s: %(sum)s mm, %(change)s from baseline",
        when=shown_day(participant, date),
        sum=shown(response["sum_mm"]),
        change=percent(change, 0),
    )
    return Sum(_day(participant, date), change, text)


def _event(participant, event: AdverseEvent):
    end = event.ended_on or participant.died_on or participant.last_known_alive_on
    start = _day(participant, event.started_on)
    marks = [
        mark
        for mark, applies in (
            (_("serious"), event.serious),
            (_("DLT"), event.dlt),
            (_("immune-related"), event.immune_related),
            (_("ongoing"), event.ended_on is None),
        )
        if applies
    ]
    text = ", ".join([str(event), _when(participant, event, "started_on"), *marks])
    last = None if end is None or end < event.started_on else _day(participant, end)
    return Mark(start, last, f"grade-{event.grade}", text)
