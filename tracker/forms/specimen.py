"""Forms of specimens."""

from flask_babel import lazy_gettext as _l

from tracker.forms.base import RecordForm
from tracker.forms.fields import CodeField, DateField, NumberField, OwnerField, TermField
from tracker.models import Participant, Specimen
from tracker.terms.biomarker import Timepoint
from tracker.terms.response import Organ
from tracker.terms.specimen import AnatomicPlace, SpecimenQuality, SpecimenStatus, SpecimenType


class SpecimenForm(RecordForm):
    model = Specimen
    needs = "participant"
    sections = [
        (_l("Specimen"), ["participant", "barcode", "type", "anatomic_place", "location"]),
        (_l("Collection"), ["timepoint", "collected_on"]),
        (_l("State"), ["tumor_content_percent", "quality", "status"]),
    ]

    participant = OwnerField(_l("Participant"), Participant)
    barcode = CodeField(_l("Barcode"), help=_l("As the biobank has it. Never a hospital number."))
    type = TermField(_l("Type"), SpecimenType)
    anatomic_place = TermField(_l("Anatomic place"), AnatomicPlace, optional=True, help=_l("Of a tumor."))
    location = TermField(_l("Location"), Organ, optional=True, help=_l("The organ that it was taken from."))
    timepoint = TermField(_l("Timepoint"), Timepoint)
    collected_on = DateField(_l("Collected on"), optional=True)  # a check asks for it, but of the undated
    tumor_content_percent = NumberField(_l("Tumor content (%)"), optional=True, minimum=0, maximum=100)
    quality = TermField(_l("Quality"), SpecimenQuality, optional=True)
    status = TermField(_l("Status"), SpecimenStatus, default=SpecimenStatus.AVAILABLE)

    def __init__(self, record=None, **kwargs):
        super().__init__(record, **kwargs)
        self.collected_on.flags.required = not self.is_undated
