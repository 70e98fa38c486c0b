"""Biomarkers, assays and measurements."""

from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import selectinload

from tracker.forms.biomarker import AssayForm, BiomarkerForm, MeasurementForm
from tracker.models import Assay, Biomarker, Measurement
from tracker.reads.evidence import findings_by_location, hypotheses_about, hypothesis_states, workers_on
from tracker.reports.base import run_report
from tracker.reports.kept import stale
from tracker.roles import Permission
from tracker.views.access import permission_required
from tracker.views.records import KINDS, find, record_views, render_record

biomarker = record_views(
    Biomarker,
    BiomarkerForm,
    read=Permission.READ_FINDINGS,
    edit=Permission.EDIT_OWN_FINDINGS,
    columns=["name", "hgnc_symbol", "kind"],
    filters=["kind"],
    without=["show"],
)


@biomarker.get("/<id:id>", endpoint="show")
@permission_required(Permission.READ_FINDINGS)
def show_biomarker(id):
    """A biomarker: its assays, what is expected of it, and what was found, by tumor location."""
    found = find(Biomarker, id, selectinload(Biomarker.assays), include_withdrawn=True)
    hypotheses = hypotheses_about(found)
    by_location = findings_by_location(found)
    findings = [finding for group in by_location for finding in group.findings]
    portability = run_report("portability", [("biomarker", found.name)]) if not found.withdrawn_at else None
    return render_record(
        KINDS["biomarker"],
        found,
        stale=stale(findings),
        workers=workers_on(hypotheses, findings),
        matrix=portability and portability.tables[0],
        hypotheses=hypotheses,
        states=hypothesis_states(hypotheses),
        by_location=by_location,
    )


assay = record_views(
    Assay,
    AssayForm,
    read=Permission.READ_SPECIMENS,
    edit=Permission.EDIT_SPECIMENS,
    columns=["name", "biomarker", "platform", "scale", "unit", "positive_cutoff", "pool_group"],
    filters=["biomarker", "scale"],
)

measurement = record_views(
    Measurement,
    MeasurementForm,
    read=Permission.READ_SPECIMENS,
    edit=Permission.EDIT_SPECIMENS,
    columns=[
        "participant",
        "assay",
        "value",
        "category",
        "specimen",
        "timepoint",
        "measured_on",
        "qc_status",
    ],
    headings={"qc_status": _l("QC")},
    filters=["assay", "timepoint", "qc_status"],
)
