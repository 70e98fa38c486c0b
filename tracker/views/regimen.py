"""Agents, regimens and reference results."""

from urllib.parse import urlencode

from flask import url_for
from flask_login import current_user
from sqlalchemy.orm import selectinload

from tracker.forms.regimen import AgentForm, ReferenceResultForm, RegimenForm
from tracker.models import Agent, Arm, ReferenceResult, Regimen
from tracker.reports.base import run_report
from tracker.roles import Permission
from tracker.views.access import permission_required
from tracker.views.records import KINDS, find, record_views, render_record

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
    without=["show"],
)


@regimen.get("/<id:id>")
@permission_required(Permission.READ_TRIALS)
def show(id):
    """A regimen: the ledger of a combination, its components, the arms that give it and what is published of it."""
    found = find(
        Regimen,
        id,
        selectinload(Regimen.components),
        selectinload(Regimen.arms).joinedload(Arm.trial),
        selectinload(Regimen.reference_results),
        include_withdrawn=True,
    )
    arguments = [("regimen", found.name)]
    is_judged = found.is_combination and found.withdrawn_at is None
    result = None
    if is_judged and current_user.may(Permission.READ_REPORTS):
        result = run_report("combinations", arguments)

    def file_address(format, **own):
        query = urlencode([*arguments, *own.items()])
        return f"{url_for('reports.file', slug='combinations', format=format)}?{query}"

    return render_record(KINDS["regimen"], found, result=result, file_address=file_address)


reference_result = record_views(
    ReferenceResult,
    ReferenceResultForm,
    read=Permission.READ_TRIALS,
    edit=Permission.EDIT_TRIALS,
    columns=["citation", "regimen", "tumor_location", "subtype", "endpoint", "x", "n"],
    headings={"x": "x", "n": "n"},
    filters=["regimen", "tumor_location", "endpoint"],
)
