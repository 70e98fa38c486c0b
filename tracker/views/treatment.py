"""Doses and adverse events."""

from flask_babel import lazy_gettext as _l

from tracker.forms.treatment import AdministrationForm, AdverseEventForm, CycleForm
from tracker.models import Administration, AdverseEvent
from tracker.roles import Permission
from tracker.views.records import record_views

administration = record_views(
    Administration,
    AdministrationForm,
    read=Permission.READ_PARTICIPANTS,
    edit=Permission.EDIT_PARTICIPANTS,
    columns=["participant", "component", "cycle", "given_on", "dose", "unit", "modification"],
    filters=["modification"],
    entry_form=CycleForm,
    new_label=_l("Dose a cycle"),
)

adverse_event = record_views(
    AdverseEvent,
    AdverseEventForm,
    read=Permission.READ_PARTICIPANTS,
    edit=Permission.EDIT_PARTICIPANTS,
    columns=[
        "participant",
        "term",
        "grade",
        "soc",
        "started_on",
        "ended_on",
        "serious",
        "dlt",
        "immune_related",
        "outcome",
    ],
    headings={"dlt": _l("DLT")},
    filters=["grade", "soc", "serious", "dlt", "immune_related"],
    new_label=_l("Record an adverse event"),
)
