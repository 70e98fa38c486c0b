"""Specimens."""

from sqlalchemy.orm import joinedload

from tracker.forms.specimen import SpecimenForm
from tracker.models import Specimen
from tracker.reads.biomarker import measurements_in
from tracker.roles import Permission
from tracker.views.access import permission_required
from tracker.views.records import KINDS, find, record_views, render_record

specimen = record_views(
    Specimen,
    SpecimenForm,
    read=Permission.READ_SPECIMENS,
    edit=Permission.EDIT_SPECIMENS,
    columns=[
        "barcode",
        "participant",
        "type",
        "anatomic_place",
        "location",
        "timepoint",
        "collected_on",
        "quality",
        "status",
    ],
    filters=["type", "anatomic_place", "timepoint", "quality", "status"],
    without=["show"],
)


@specimen.get("/<id:id>")
@permission_required(Permission.READ_SPECIMENS)
def show(id):
    """A specimen, and what was measured in it."""
    found = find(Specimen, id, joinedload(Specimen.participant), include_withdrawn=True)
    return render_record(KINDS["specimen"], found, measurements=measurements_in(found))
