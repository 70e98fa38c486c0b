"""Participants and their reported outcomes."""

import functools

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import joinedload

from tracker import clock
from tracker.charts import base
from tracker.charts.timeline import timeline
from tracker.forms.participant import ParticipantForm, ReportedOutcomeForm
from tracker.models import DoseLevel, Participant, ReportedOutcome
from tracker.reads.biomarker import measurements_of
from tracker.reads.course import course_of
from tracker.reads.masking import hides_doses
from tracker.reads.oversight import queries_of
from tracker.reads.treatment import doses_of, events_of
from tracker.reports.columns import percent
from tracker.roles import Permission
from tracker.terms.response import Censoring, LesionRole
from tracker.views.access import permission_required
from tracker.views.records import KINDS, find, record_views, render_record
from tracker.views.timeline import best_in_words, shown_day, timeline_of

participant = record_views(
    Participant,
    ParticipantForm,
    read=Permission.READ_PARTICIPANTS,
    edit=Permission.EDIT_PARTICIPANTS,
    columns=[
        "code",
        "trial",
        "arm",
        "cohort",
        "tumor_location",
        "sex",
        "ecog",
        "reported_outcome",
        "enrolled_on",
        "first_dose_on",
    ],
    headings={"ecog": _l("ECOG"), "reported_outcome": _l("Best response")},
    filters=["trial", "tumor_location", "subtype", "sex"],
    without=["show"],
    new_label=_l("Enrol participant"),
)


#: What the page of a participant shows of other records.
_BESIDE = (
    *(joinedload(getattr(Participant, name)) for name in ("trial", "arm", "cohort")),
    joinedload(Participant.dose_level).joinedload(DoseLevel.arm),
    joinedload(Participant.reported_outcome),
    joinedload(Participant.specimens),
)


@participant.get("/<id:id>")
@permission_required(Permission.READ_PARTICIPANTS)
def show(id):
    """A participant: what became of them, and what was measured."""
    found = find(Participant, id, *_BESIDE, include_withdrawn=True)
    kind = KINDS["participant"]
    form = kind.empty_form(found)
    doses, events, specimens = doses_of(found), events_of(found), found.specimens
    course = course_of(found, clock.today(), show_date=functools.partial(shown_day, found))
    return render_record(
        kind,
        found,
        form=form,
        doses=doses,
        hides_doses=hides_doses(),
        events=events,
        course=course,
        shown_day=shown_day,
        censoring_label=lambda code: Censoring(code).label,
        role_label=lambda code: LesionRole(code).label,
        best=course and best_in_words(found, course),
        measurements=measurements_of(found),
        queries=queries_of(found),
        drawn=_drawn(found, *timeline_of(found, form, doses, events, specimens, course)),
    )


def _drawn(found, lanes, sums):
    """The timeline for a wide and for a narrow page; None while nothing has happened."""
    if not any(lane.marks for lane in lanes):
        return None
    title = _("Timeline of %(participant)s", participant=found.code)
    label = _("Sum of target lesions")
    return [
        timeline(lanes, sums, title=title, sums_label=label, width=width, percent=percent)
        for width in (base.WIDE_PAGE, base.NARROW)
    ]


reported_outcome = record_views(
    ReportedOutcome,
    ReportedOutcomeForm,
    read=Permission.READ_PARTICIPANTS,
    edit=Permission.EDIT_PARTICIPANTS,
    columns=["participant", "best_overall_response", "clinical_benefit", "pfs_months", "os_months", "source"],
    headings={
        "best_overall_response": _l("Best response"),
        "pfs_months": _l("PFS (months)"),
        "os_months": _l("OS (months)"),
    },
    filters=["best_overall_response"],
)
