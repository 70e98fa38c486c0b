"""Forms of biomarkers, assays and measurements."""

import sqlalchemy as sa
from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker.extensions import db
from tracker.forms.base import RecordForm
from tracker.forms.fields import (
    BoundedNumberField,
    CodeField,
    DateField,
    HiddenTermField,
    NumberField,
    OwnerField,
    RecordField,
    TermField,
    TextField,
)
from tracker.models import Assay, Biomarker, Measurement, Participant, Specimen
from tracker.terms.biomarker import BiomarkerKind, QcStatus, Qualifier, Scale, Timepoint


class BiomarkerForm(RecordForm):
    model = Biomarker
    sections = [(_l("Biomarker"), ["name", "hgnc_symbol", "kind", "rationale"])]

    name = TextField(_l("Name"), free=False, help=_l("Such as tumor mutational burden."))
    hgnc_symbol = CodeField(_l("HGNC symbol"), optional=True, help=_l("Of its gene, such as CD274."))
    kind = TermField(_l("Kind"), BiomarkerKind)
    rationale = TextField(
        _l("Rationale"), multiline=True, maximum=5000, optional=True, help=_l("Why it may tell who responds.")
    )


class AssayForm(RecordForm):
    model = Assay
    needs = "biomarker"
    sections = [
        (_l("Assay"), ["biomarker", "name", "platform", "clone", "scoring_method"]),
        (_l("Scale"), ["scale", "unit", "lower_limit", "upper_limit", "positive_cutoff"]),
        (_l("Pooling"), ["pool_group"]),
    ]

    biomarker = OwnerField(_l("Biomarker"), Biomarker)
    name = TextField(_l("Name"), free=False, help=_l("As reports call it, such as PD-L1 22C3 CPS."))
    platform = TextField(_l("Platform"), optional=True, free=False)
    clone = TextField(_l("Clone"), maximum=100, optional=True, free=False)
    scoring_method = TextField(_l("Scoring method"), optional=True, free=False)
    scale = TermField(_l("Scale"), Scale)
    unit = TextField(_l("Unit"), maximum=40, optional=True, free=False)
    lower_limit = NumberField(_l("Lower limit of quantification"), optional=True)
    upper_limit = NumberField(_l("Upper limit of quantification"), optional=True)
    positive_cutoff = NumberField(
        _l("Positive at or above"),
        optional=True,
        help=_l("Taken by reports unless they name another cutoff."),
    )
    pool_group = TextField(
        _l("Pool group"),
        maximum=100,
        optional=True,
        free=False,
        help=_l("Values of assays of one group may be pooled; empty: never."),
    )


class SpecimenField(RecordField):
    """One of the participant's specimens; ?specimen=3 of the address fills it in."""

    def __init__(self, label=None, **kwargs):
        super().__init__(label, Specimen, within="participant", optional=True, **kwargs)

    def options(self):
        found = db.session.scalars(self.candidates().order_by(Specimen.collected_on, Specimen.barcode))
        return [(one.id, f"{one}: {one.type.label}, {one.timepoint.label}") for one in found]

    def process(self, formdata, *args, **kwargs):
        super().process(formdata, *args, **kwargs)
        asked = request.args.get(self.name)
        if formdata is None and self.data is None and asked is not None:
            self.data = self.read(asked)


class MeasurementForm(RecordForm):
    model = Measurement
    needs = "participant"
    sections = [
        (_l("Measurement"), ["participant", "specimen", "assay", "value", "category"]),
        (_l("When and how well"), ["timepoint", "measured_on", "qc_status", "batch"]),
    ]

    participant = OwnerField(_l("Participant"), Participant)
    specimen = SpecimenField(_l("Specimen"), help=_l("In which it was measured, if in one."))
    assay = RecordField(_l("Assay"), Assay)
    qualifier = HiddenTermField(_l("Qualifier"), Qualifier, default=Qualifier.EQUAL)
    value = BoundedNumberField(
        _l("Value"),
        optional=True,
        help=_l("In the assay's unit; <1 or >100 beyond its limits; 1 or 0 of a binary assay."),
    )
    category = TextField(
        _l("Category"), maximum=100, optional=True, help=_l("Of an ordinal assay, such as 2+.")
    )
    timepoint = TermField(
        _l("Timepoint"), Timepoint, optional=True, help=_l("Left empty it is the specimen's.")
    )
    measured_on = DateField(_l("Measured on"), optional=True)
    qc_status = TermField(_l("Quality control"), QcStatus, default=QcStatus.PASSED)
    batch = TextField(_l("Batch"), maximum=100, optional=True, free=False)

    def __init__(self, record=None, **kwargs):
        super().__init__(record, **kwargs)
        if self.specimen.data is not None and self.timepoint.data is None:
            self.timepoint.data = self.specimen.data.timepoint

    @property
    def names(self):
        return [*super().names, "qualifier"]

    def validate(self, extra_validators=None):
        return super().validate(extra_validators) and self._is_the_only_one()

    def _is_the_only_one(self):
        """One value of an assay a participant, specimen, timepoint and day."""
        same = sa.select(Measurement.id).where(
            Measurement.assay_id == self.assay.data.id,
            Measurement.participant_id == self.participant.data.id,
            Measurement.specimen_id == (self.specimen.data and self.specimen.data.id),
            Measurement.timepoint == self.timepoint.data,
            Measurement.measured_on == self.measured_on.data,
            Measurement.id != (self.record.id if self.record else None),
        )
        if db.session.scalar(same.limit(1)) is None:
            return True
        self.assay.errors = [
            *self.assay.errors,
            _("It is measured already at this timepoint and on this day."),
        ]
        return False
