"""Forms of lesions and tumor assessments. An assessment is one grid: a line for each lesion."""

from dataclasses import dataclass, field

import pandas as pd
import wtforms
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker import values
from tracker.forms.base import RecordForm
from tracker.forms.fields import (
    CheckboxField,
    CodeField,
    DateField,
    OwnerField,
    RowForm,
    RowsField,
    TermField,
    TextField,
)
from tracker.models import Lesion, LesionMeasurement, Participant, TumorAssessment
from tracker.reads.response import assessments_of, lesions_of
from tracker.rules.checks import run_checks
from tracker.rules.lesions import LARGEST_MM
from tracker.terms.response import LesionRole, LesionState, Modality, Organ, OverallResponse
from tracker.values import Refusal

#: Earlier assessments that the grid shows beside the new one.
_SHOWN_BEFORE = 4


class LesionForm(RecordForm):
    model = Lesion
    needs = "participant"
    sections = [(_l("Lesion"), ["participant", "label", "role", "place", "organ", "nodal"])]

    participant = OwnerField(_l("Participant"), Participant)
    label = CodeField(_l("Label"), help=_l("Such as T1, N2 or NT3: every assessment names the lesion so."))
    role = TermField(_l("Role"), LesionRole)
    place = TextField(_l("Place"), help=_l("Such as right upper lobe, or segment IV of the liver."))
    organ = TermField(_l("Organ"), Organ, optional=True)
    nodal = CheckboxField(_l("Nodal: the short axis is measured"))


#: What one writes of a lesion without a diameter, in the reader's language; its codes and aliases are read too.
_WORDS = {
    LesionState.PRESENT: _l("present"),
    LesionState.ABSENT: _l("absent"),
    LesionState.UNEQUIVOCAL_PROGRESSION: _l("unequivocal"),
    LesionState.TOO_SMALL: _l("too small"),
    LesionState.NOT_EVALUABLE: _l("NE"),
}


def read_found(text) -> tuple[float | None, LesionState | None]:
    """A diameter in mm, or the state of a lesion, as one writes it in a cell of the grid."""
    typed = (text or "").strip().casefold()
    for state, word in _WORDS.items():
        if typed == str(word).casefold():
            return None, state
    try:
        return None, values.read_term(text, LesionState)
    except Refusal:
        pass
    try:
        return values.read_number(text, decimal=".,", minimum=0, maximum=LARGEST_MM), None
    except Refusal:
        raise Refusal(
            _("Write a diameter in mm, or one of: absent, present, unequivocal, too small, NE.")
        ) from None


def write_found(measurement: LesionMeasurement | None) -> str:
    if measurement is None:
        return ""
    return f"{measurement.diameter_mm:g}" if measurement.state is None else str(_WORDS[measurement.state])


@dataclass
class Line:
    """One lesion in the grid: what was found of it before, and the cell to fill in."""

    lesion: Lesion
    before: list[LesionMeasurement | None]
    text: str = ""
    found: tuple = (None, None)
    errors: list[str] = field(default_factory=list)


class GridField(wtforms.Field):
    """A cell for each lesion of the participant, beside those of the assessments before."""

    kind = "grid"
    conflict = None

    def __init__(self, label=None, *, help="", _form=None, **kwargs):
        super().__init__(label, description=help, _form=_form, **kwargs)
        self.around = _form
        self.earlier: list[TumorAssessment] = []
        self.lines: list[Line] = []

    def cell_name(self, line) -> str:
        return f"{self.name}-{line.lesion.id}"

    def process(self, formdata, data=wtforms.utils.unset_value, extra_filters=None):
        self.errors, self.data = [], None
        participant = self.around.participant.data
        if participant is None:
            return
        record = self.around.record
        stored = record.by_lesion if record else {}
        others = [one for one in assessments_of(participant) if one is not record]
        if record is not None:
            others = [one for one in others if one.assessed_on < record.assessed_on]
        self.earlier = others[-_SHOWN_BEFORE:]
        by_visit = [visit.by_lesion for visit in self.earlier]
        for lesion in lesions_of(participant):
            line = Line(lesion, [visit.get(lesion.id) for visit in by_visit])
            line.text = write_found(stored.get(lesion.id))
            self.lines.append(line)
            if formdata is not None:
                self._take(line, formdata.getlist(self.cell_name(line)), copies="copy" in formdata)

    def _take(self, line, texts, copies):
        line.text = texts[0] if texts else ""
        last = next((one for one in reversed(line.before) if one is not None), None)
        if copies and not line.text.strip():
            line.text = write_found(last)
        try:
            line.found = read_found(line.text)
        except Refusal as refusal:
            line.errors.append(refusal.message)
            return
        diameter, state = line.found
        row = pd.DataFrame(
            {
                "diameter_mm": pd.Series([diameter], dtype="float64"),
                "state": pd.Series([state and state.value], dtype="str"),
                "lesion_role": line.lesion.role.value,
            }
        )
        line.errors += [str(found.check.message) for found in run_checks("lesion_measurement", row)]

    def validate(self, form, extra_validators=()):
        return not any(line.errors for line in self.lines)

    def differs(self, record) -> bool:
        stored = {one.lesion_id: (one.diameter_mm, one.state) for one in record.measurements}
        return any(stored.get(line.lesion.id, (None, None)) != line.found for line in self.lines)

    def populate_obj(self, record, name):
        stored = record.by_lesion
        for line in self.lines:
            part = stored.get(line.lesion.id)
            if line.found == (None, None):
                if part is not None:
                    record.measurements.remove(part)
                continue
            if part is None:
                part = LesionMeasurement(lesion=line.lesion)
                record.measurements.append(part)
            if (part.diameter_mm, part.state) != line.found:
                part.diameter_mm, part.state = line.found
        record.measurements.reorder()


class FoundField(TextField):
    """A diameter or a state, of a lesion that is seen for the first time."""

    def __init__(self, label=None, **kwargs):
        super().__init__(label, free=False, **kwargs)

    def read(self, text):
        found = read_found(text)
        return None if found == (None, None) else found

    def written(self, value):
        diameter, state = value
        return f"{diameter:g}" if state is None else str(_WORDS[state])


class NewLesionRow(RowForm):
    label = CodeField(_l("Label"))
    role = TermField(_l("Role"), LesionRole)
    place = TextField(_l("Place"))
    organ = TermField(_l("Organ"), Organ, optional=True)
    nodal = CheckboxField(_l("Nodal"))
    found = FoundField(_l("mm or state"))


class AssessmentForm(RecordForm):
    model = TumorAssessment
    needs = "participant"
    sections = [
        (_l("Assessment"), ["participant", "assessed_on", "modality"]),
        (_l("Lesions"), ["measurements", "new_lesions"]),
        (_l("Investigator's call"), ["investigator_response", "investigator_reason"]),
    ]

    participant = OwnerField(_l("Participant"), Participant)
    assessed_on = DateField(_l("Assessed on"), help=_l("2026-03-12, 12mar26, or t-3 for three days ago."))
    modality = TermField(_l("Modality"), Modality)
    measurements = GridField(
        _l("Known lesions"),
        help=_l(
            "A diameter in mm (the short axis of a node), or absent, present, unequivocal (progression),"
            " too small, NE. Empty: not looked at."
        ),
    )
    new_lesions = RowsField(
        _l("Lesions seen for the first time"),
        NewLesionRow,
        Lesion,
        help=_l("At baseline the target and non-target lesions; later what is new."),
        least=0,
    )
    investigator_response = TermField(
        _l("Investigator's response"),
        OverallResponse,
        optional=True,
        help=_l("Only where it differs from the derived one."),
    )
    investigator_reason = TextField(_l("Why it differs"), maximum=300, optional=True)

    def process(self, formdata=None, obj=None, **kwargs):
        super().process(formdata, obj, **kwargs)
        if obj is None and not self.is_filled and self.participant.data is not None:
            self._begin_from_the_last()

    def _begin_from_the_last(self):
        """The modality of the assessment before; at baseline, a row for a first target lesion."""
        if self.measurements.earlier:
            self.modality.data = self.measurements.earlier[-1].modality
        elif not self.measurements.lines:
            self.new_lesions.process(None, [{"label": "T1", "role": LesionRole.TARGET}])

    @property
    def names(self):
        return [name for name in super().names if name != "new_lesions"]

    def validate(self, extra_validators=None):
        sound = super().validate(extra_validators)
        taken = {line.lesion.label for line in self.measurements.lines}
        for entry in self.new_lesions:
            label = entry.form.label
            if label.data in taken:
                label.errors = [_("A lesion of this participant has this label already.")]
                sound = False
            taken.add(label.data)
        if not self.new_lesions.entries and all(
            line.found == (None, None) for line in self.measurements.lines
        ):
            self.measurements.errors = [_("Write what was found of at least one lesion.")]
            sound = False
        return sound

    def field_of(self, name):
        return name if name in self else "measurements"

    def more_columns(self):
        """The day of the baseline, before which nothing is compared with it."""
        participant = self.participant.data
        if participant is None or participant.first_dose_on is None:
            return {}
        before = [
            one.assessed_on
            for one in assessments_of(participant)
            if one is not self.record and one.assessed_on <= participant.first_dose_on
        ]
        return {"baseline_on": min(before)} if before else {}

    def populate_obj(self, record):
        super().populate_obj(record)
        for entry in self.new_lesions:
            row = entry.form
            lesion = Lesion(participant=self.participant.data)
            for name in ("label", "role", "place", "organ", "nodal"):
                setattr(lesion, name, row[name].data)
            diameter, state = row.found.data
            record.measurements.append(LesionMeasurement(lesion=lesion, diameter_mm=diameter, state=state))
