"""Participants and their reported outcomes."""

from flask_babel import lazy_gettext as _l

from tracker.forms.participant import ParticipantForm, ReportedOutcomeForm
from tracker.models import Participant, ReportedOutcome
from tracker.reads.biomarker import measurements_of
from tracker.roles import Permission
from tracker.views.access import permission_required
from tracker.views.records import KINDS, find, record_views, render_record

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


@participant.get("/<id:id>")
@permission_required(Permission.READ_PARTICIPANTS)
def show(id):
    """A participant: what became of them, and what was measured."""
    found = find(Participant, id, include_withdrawn=True)
    return render_record(KINDS["participant"], found, measurements=measurements_of(found))


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
