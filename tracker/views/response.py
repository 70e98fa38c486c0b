"""Lesions and tumor assessments."""

import functools

from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import joinedload, selectinload

from tracker import clock
from tracker.forms.response import AssessmentForm, LesionForm
from tracker.models import Lesion, LesionMeasurement, TumorAssessment
from tracker.reads.response import visits_of
from tracker.roles import Permission
from tracker.views.access import permission_required
from tracker.views.records import KINDS, find, record_views, render_record
from tracker.views.timeline import shown_day

lesion = record_views(
    Lesion,
    LesionForm,
    read=Permission.READ_PARTICIPANTS,
    edit=Permission.EDIT_PARTICIPANTS,
    columns=["label", "participant", "role", "place", "organ", "nodal"],
    filters=["role", "organ"],
)

tumor_assessment = record_views(
    TumorAssessment,
    AssessmentForm,
    read=Permission.READ_PARTICIPANTS,
    edit=Permission.EDIT_PARTICIPANTS,
    columns=["participant", "assessed_on", "modality", "investigator_response"],
    filters=["modality"],
    without=["show"],
    new_label=_l("Record an assessment"),
)


@tumor_assessment.get("/<id:id>")
@permission_required(Permission.READ_PARTICIPANTS)
def show(id):
    """An assessment: what was found, the response that follows from it, and why."""
    found = find(
        TumorAssessment,
        id,
        joinedload(TumorAssessment.participant),
        selectinload(TumorAssessment.measurements).joinedload(LesionMeasurement.lesion),
        include_withdrawn=True,
    )
    visits = visits_of(found.participant, clock.today(), functools.partial(shown_day, found.participant))
    visit = next((one for one in visits if one.response["assessment_id"] == found.id), None)
    return render_record(KINDS["tumor_assessment"], found, visit=visit)
