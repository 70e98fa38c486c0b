"""Forms of biomarkers, assays and measurements."""

import sqlalchemy as sa
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker.extensions import db
from tracker.forms.base import RecordForm
from tracker.forms.fields import (
    CodeField,
    DateField,
    NumberField,
    OwnerField,
    RecordField,
    TermField,
    TextField,
)
from tracker.models import Assay, Biomarker, Measurement, Participant
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


class MeasurementForm(RecordForm):
    model = Measurement
    needs = "participant"
    sections = [
        (_l("Measurement"), ["participant", "assay", "qualifier", "value", "category"]),
        (_l("When and how well"), ["timepoint", "measured_on", "qc_status", "batch"]),
    ]

    participant = OwnerField(_l("Participant"), Participant)
    assay = RecordField(_l("Assay"), Assay)
    qualifier = TermField(_l("Qualifier"), Qualifier, default=Qualifier.EQUAL)
    value = NumberField(_l("Value"), optional=True, help=_l("In the assay's unit; 1 or 0 of a binary assay."))
    category = TextField(
        _l("Category"), maximum=100, optional=True, help=_l("Of an ordinal assay, such as 2+.")
    )
    timepoint = TermField(_l("Timepoint"), Timepoint, optional=True)
    measured_on = DateField(_l("Measured on"), optional=True)
    qc_status = TermField(_l("Quality control"), QcStatus, default=QcStatus.PASSED)
    batch = TextField(_l("Batch"), maximum=100, optional=True, free=False)

    def validate(self, extra_validators=None):
        return super().validate(extra_validators) and self._is_the_only_one()

    def _is_the_only_one(self):
        """One value of an assay a participant, timepoint and day."""
        same = sa.select(Measurement.id).where(
            Measurement.assay_id == self.assay.data.id,
            Measurement.participant_id == self.participant.data.id,
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
