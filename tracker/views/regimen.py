"""Agents, regimens and reference results."""

from tracker.forms.regimen import AgentForm, ReferenceResultForm, RegimenForm
from tracker.models import Agent, ReferenceResult, Regimen
from tracker.roles import Permission
from tracker.views.records import record_views

agent = record_views(
    Agent,
    AgentForm,
    read=Permission.READ_TRIALS,
    edit=Permission.EDIT_TRIALS,
    columns=["name", "code", "target", "mechanism_class", "modality", "developer"],
    filters=["mechanism_class", "modality"],
)

regimen = record_views(
    Regimen,
    RegimenForm,
    read=Permission.READ_TRIALS,
    edit=Permission.EDIT_TRIALS,
    columns=["name", "components"],
)

reference_result = record_views(
    ReferenceResult,
    ReferenceResultForm,
    read=Permission.READ_TRIALS,
    edit=Permission.EDIT_TRIALS,
    columns=["citation", "regimen", "tumor_location", "subtype", "endpoint", "x", "n"],
    headings={"x": "x", "n": "n"},
    filters=["regimen", "tumor_location", "endpoint"],
)
