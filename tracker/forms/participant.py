"""Forms of participants and their reported outcomes."""

import re

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import contains_eager

from tracker.extensions import db
from tracker.forms.base import RecordForm
from tracker.forms.fields import (
    CodeField,
    CodeListField,
    CodeOrTextField,
    DateField,
    IntegerField,
    NumberField,
    OwnerField,
    RecordField,
    TermField,
    TextField,
    YearField,
    YesNoField,
)
from tracker.models import Arm, Cohort, DoseLevel, Participant, ReportedOutcome, Trial
from tracker.reads.masking import is_masked
from tracker.terms.codes import diagnoses, tissues
from tracker.terms.participant import (
    BestResponse,
    OffStudyReason,
    OffTreatmentReason,
    PriorLines,
    Sex,
    Stage,
    Subtype,
)

#: What only a trial with dose levels asks.
_OF_DOSE_LEVELS = ("dose_level", "dlt_not_evaluable_reason")


class DoseLevelField(RecordField):
    """A dose level of an arm of the form's trial."""

    def __init__(self, label=None, **kwargs):
        super().__init__(label, DoseLevel, within="trial", **kwargs)

    def candidates(self):
        trial = self.around.trial.data
        return (
            sa.select(DoseLevel)
            .join(DoseLevel.arm)
            .where(Arm.trial_id == (trial.id if trial else None))
            .options(contains_eager(DoseLevel.arm))
        )

    def options(self):
        levels = self.candidates().order_by(Arm.code, DoseLevel.level, DoseLevel.second_level)
        return [(one.id, f"{one.arm}: {one}") for one in db.session.scalars(levels)]


class ParticipantForm(RecordForm):
    model = Participant
    needs = "trial"
    sections = [
        (_l("Place in the trial"), ["trial", "code", "arm", "dose_level", "cohort"]),
        (_l("Person"), ["sex", "birth_year", "age_at_enrolment", "ecog"]),
        (
            _l("Disease"),
            ["tumor_location", "subtype", "diagnosis", "stage", "prior_lines", "prior_immunotherapy"],
        ),
        (
            _l("Enrolment and treatment"),
            ["consented_on", "enrolled_on", "first_dose_on", "last_dose_on", "dlt_not_evaluable_reason"],
        ),
        (
            _l("Follow-up"),
            [
                "off_treatment_on",
                "off_treatment_reason",
                "new_therapy_on",
                "off_study_on",
                "off_study_reason",
                "last_known_alive_on",
                "died_on",
            ],
        ),
        (
            _l("Consent to research"),
            ["consents_to_data_research", "consents_to_sample_research", "research_consent_withdrawn_on"],
        ),
    ]

    trial = OwnerField(_l("Trial"), Trial)
    code = CodeField(_l("Code"), help=_l("Unique in the trial. Never initials, never a hospital number."))
    arm = RecordField(_l("Arm"), Arm, within="trial", optional=True)
    dose_level = DoseLevelField(_l("Dose level"), optional=True, help=_l("Of an arm whose dose escalates."))
    cohort = RecordField(_l("Cohort"), Cohort, within="trial", optional=True)
    sex = TermField(_l("Sex"), Sex, optional=True)
    birth_year = YearField(_l("Year of birth"), optional=True, help=_l("The year only."))
    age_at_enrolment = NumberField(_l("Age at enrolment"), optional=True, minimum=0, maximum=120)
    ecog = IntegerField(_l("ECOG performance status"), optional=True, minimum=0, maximum=5)
    tumor_location = CodeListField(_l("Tumor location"), tissues)
    subtype = TermField(
        _l("Subtype"), Subtype, optional=True, help=_l("Required for breast, empty elsewhere.")
    )
    diagnosis = CodeOrTextField(
        _l("Diagnosis"), diagnoses, optional=True, help=_l("An OncoTree code, or the source's words.")
    )
    stage = TermField(_l("Stage"), Stage, optional=True)
    prior_lines = TermField(_l("Prior lines"), PriorLines, optional=True)
    prior_immunotherapy = YesNoField(_l("Prior immunotherapy"), optional=True)
    consented_on = DateField(
        _l("Consented on"), optional=True, help=_l("2026-03-12, 12mar26, or t-3 for three days ago.")
    )
    enrolled_on = DateField(_l("Enrolled on"), help=_l("The day of randomisation where it is randomised."))
    first_dose_on = DateField(_l("First dose on"), optional=True)
    last_dose_on = DateField(_l("Last dose on"), optional=True)
    new_therapy_on = DateField(_l("New anticancer therapy on"), optional=True)
    dlt_not_evaluable_reason = TextField(
        _l("Not evaluable for DLT, because"),
        maximum=300,
        optional=True,
        help=_l("Left empty the DLT status follows from events, doses and the window."),
    )
    off_treatment_on = DateField(_l("Off treatment on"), optional=True)
    off_treatment_reason = TermField(_l("Reason off treatment"), OffTreatmentReason, optional=True)
    off_study_on = DateField(_l("Off study on"), optional=True)
    off_study_reason = TermField(_l("Reason off study"), OffStudyReason, optional=True)
    last_known_alive_on = DateField(_l("Last known alive on"), optional=True)
    died_on = DateField(_l("Died on"), optional=True)
    consents_to_data_research = YesNoField(_l("Consents to research on data"), optional=True)
    consents_to_sample_research = YesNoField(_l("Consents to research on samples"), optional=True)
    research_consent_withdrawn_on = DateField(_l("Consent to research withdrawn on"), optional=True)

    def __init__(self, record=None, **kwargs):
        super().__init__(record, **kwargs)
        if record is None and self.trial.data is not None and not self.dose_level.options():
            self.sections = [
                (title, [name for name in names if name not in _OF_DOSE_LEVELS])
                for title, names in self.sections
            ]
        masked = ("arm", "dose_level") if record is not None and is_masked(record, "arm") else ()
        self.masked = [self[name] for name in masked]
        for field in self.masked:
            field.description = _l("Masked until the results are released; empty leaves it as it is.")
            if not self.is_filled:
                field.data = None

    def process(self, formdata=None, obj=None, **kwargs):
        if obj is not None and obj.undated:
            self.enrolled_on.optional = True
            self.enrolled_on.flags.required = False
        super().process(formdata, obj, **kwargs)

    @property
    def names(self):
        """The fields of the record; what is masked and left empty stays as it is."""
        kept = {field.name for field in self.masked if field.data is None}
        return [name for name in super().names if name not in kept]

    def more_columns(self):
        """How many are enrolled already, for those who would be enrolled by this form: a new one, or a moved one."""
        if self.trial.data is None:
            return {}
        codes = db.session.scalars(
            sa.select(Participant.code).where(Participant.trial_id == self.trial.data.id).limit(500)
        )
        letters = {match.upper() for code in codes for match in re.findall("[A-Za-z]{2,3}", code)}
        columns = {"trial_code_letters": " ".join(sorted(letters))}
        for name in ("trial", "arm", "cohort"):
            column = getattr(Participant, f"{name}_id")
            chosen = self[name].data
            if chosen is not None and (self.record is None or getattr(self.record, name) != chosen):
                columns[f"{name}_enrolled"] = db.session.scalar(
                    sa.select(sa.func.count(Participant.id)).where(column == chosen.id)
                )
        return columns


class ReportedOutcomeForm(RecordForm):
    model = ReportedOutcome
    needs = "participant"
    sections = [
        (
            _l("Response"),
            ["participant", "best_overall_response", "clinical_benefit", "pathological_complete_response"],
        ),
        (_l("Survival"), ["pfs_months", "pfs_event", "os_months", "os_event"]),
        (_l("Source"), ["source"]),
    ]

    participant = OwnerField(_l("Participant"), Participant)
    best_overall_response = TermField(_l("Best overall response"), BestResponse, optional=True)
    clinical_benefit = YesNoField(_l("Clinical benefit"), optional=True)
    pathological_complete_response = YesNoField(_l("Pathological complete response"), optional=True)
    pfs_months = NumberField(_l("Progression-free survival (months)"), optional=True, minimum=0, maximum=1200)
    pfs_event = YesNoField(_l("Progressed or died"), optional=True)
    os_months = NumberField(_l("Overall survival (months)"), optional=True, minimum=0, maximum=1200)
    os_event = YesNoField(_l("Died"), optional=True)
    source = TextField(_l("Source"), maximum=300, help=_l("Where this is known from."))
