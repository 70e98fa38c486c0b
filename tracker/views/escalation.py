"""Dose levels, and what is decided about the dose."""

from flask_babel import lazy_gettext as _l

from tracker.forms.escalation import DoseDecisionForm, DoseLevelForm
from tracker.models import DoseDecision, DoseLevel
from tracker.roles import Permission
from tracker.views.records import record_views

dose_level = record_views(
    DoseLevel,
    DoseLevelForm,
    read=Permission.READ_TRIALS,
    edit=Permission.EDIT_TRIALS,
    columns=["level", "second_level", "arm", "status"],
    headings={"second_level": _l("Second agent")},
    filters=["arm", "status"],
)

# A decision is never rewritten: one that was recorded by mistake is withdrawn with its reason, and made anew.
dose_decision = record_views(
    DoseDecision,
    DoseDecisionForm,
    read=Permission.READ_TRIALS,
    edit=Permission.EDIT_TRIALS,
    columns=["decided_on", "arm", "decided", "to_level", "override_reason"],
    headings={"override_reason": _l("Reason against the advice")},
    filters=["arm", "decided"],
    without=["edit"],
    new_label=_l("Record a dose decision"),
)
