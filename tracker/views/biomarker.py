"""Biomarkers, assays and measurements."""

from flask_babel import lazy_gettext as _l

from tracker.forms.biomarker import AssayForm, BiomarkerForm, MeasurementForm
from tracker.models import Assay, Biomarker, Measurement
from tracker.roles import Permission
from tracker.views.records import record_views

biomarker = record_views(
    Biomarker,
    BiomarkerForm,
    read=Permission.READ_FINDINGS,
    edit=Permission.EDIT_OWN_FINDINGS,
    columns=["name", "hgnc_symbol", "kind"],
    filters=["kind"],
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
        "qualifier",
        "timepoint",
        "measured_on",
        "qc_status",
    ],
    headings={"qc_status": _l("QC")},
    filters=["assay", "timepoint", "qc_status"],
)
