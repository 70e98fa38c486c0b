"""What a mapping file may bring in: the sections and their fields.

A section is one entry of SECTIONS. How a field is read follows from its model's column, unless the entry says
otherwise; `field_on`, a date, may also come as `field_day`, a study day.
"""

from dataclasses import dataclass, field, replace

import sqlalchemy as sa

from tracker import values
from tracker.exchange.fields import (
    DATE,
    INTEGER,
    STUDY_DAY,
    YES_NO,
    Field,
    code_field,
    integer_field,
    model_fields,
    name_field,
    number_field,
    term_field,
)
from tracker.exchange.source import Where
from tracker.models import (
    Administration,
    AdverseEvent,
    Arm,
    Assay,
    Attribution,
    Biomarker,
    Cohort,
    Lesion,
    LesionMeasurement,
    Measurement,
    Part,
    Participant,
    Record,
    ReferenceResult,
    ReportedOutcome,
    Specimen,
    Trial,
    TumorAssessment,
)
from tracker.models.base import Code
from tracker.rules.lesions import LARGEST_MM
from tracker.terms.treatment import Causality
from tracker.terms.trial import EnrolmentStatus, Phase, ResponseCriteria, TrialStatus

#: Before the name of an agent, in the name of the field that tells whether it caused an event.
ATTRIBUTION_OF = "attribution."


@dataclass(frozen=True)
class Section:
    """Records of one kind.

    key: the field that tells them apart, within the trial; or, where several fields do together (`made_of`),
    the name of a column that joins them. required: what a new one must say. defaults: what a new one gets
    where the file tells nothing. derived: fields that follow from others, and that a mapping cannot name.
    needs: the keys without which a table of the mapping means nothing. beside: keys that say something of
    another section's record. told: a row in which all of these are missing has no record; what is the same for
    all rows does not tell. exclusive: fields of which a record has one. is_list: written [[name]] in the mapping.
    in_rows: one record a row of the source; otherwise the mapping itself says the values. written_in: the section
    of the mapping that this one's records are named in, if not its own. attributes: the model's, where they are
    not named as the fields. in_days: whether its dates are study days.

    Where a list is in rows, each of its tables is a section of its own (`of_table`), with its number, the
    records that it is about (`only`), and which rows are its own (`where`) if not all.

    Parts (`part_of` a section) are stored with their owner; what tells them apart may be the owner's (`borrowed`,
    the owner's columns).
    """

    name: str
    model: type[Record] | type[Part]
    key: str
    fields: dict[str, Field]
    required: tuple[str, ...]
    defaults: dict = field(default_factory=dict)
    derived: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    beside: dict[str, Field] = field(default_factory=dict)
    made_of: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    exclusive: tuple[str, ...] = ()
    is_list: bool = False
    in_rows: bool = True
    written_in: str | None = None
    number: int | None = None
    only: dict[str, str] = field(default_factory=dict)
    in_days: bool = False
    attributes: dict[str, str] = field(default_factory=dict)
    part_of: str | None = None
    borrowed: dict = field(default_factory=dict)
    where: Where | None = None

    @property
    def title(self):
        name = self.written_in or self.name
        title = f"[[{name}]]" if self.is_list else f"[{name}]"
        return title if self.number is None else f"{title} {self.number}"

    @property
    def place(self) -> str:
        """Where a reading and a comparison keep what is this section's."""
        return self.name if self.number is None else f"{self.name} {self.number}"

    def of_table(self, number, fields, only, in_days) -> "Section":
        """The section of one table of a list; number: None for an only one."""
        return replace(self, number=number, fields=self.fields | fields, only=only, in_days=in_days)

    @property
    def owner(self) -> type[Record]:
        """The model of the records, or of those that they are parts of."""
        if self.part_of is None:
            return self.model
        return sa.inspect(self.model).relationships[self.model.owner].mapper.class_

    @property
    def days(self) -> dict[str, str]:
        """The date that each study day is stored as: first_dose_day for first_dose_on."""
        dates = [name for name, one in self.fields.items() if one.dtype == DATE and self.in_rows]
        return {f"{name.removesuffix('_on')}_day": name for name in dates}

    @property
    def keys(self) -> list[str]:
        """What a mapping may name."""
        names = dict.fromkeys([*self.fields, *self.days, *self.beside])
        return [name for name in names if name not in self.derived]

    @property
    def needed(self) -> list[str]:
        """The fields without which it cannot be said which record a row is."""
        if not self.made_of:
            return [self.key]
        owner = ["participant"] if "participant" in self.fields else []
        return [*owner, *(name for name in self.made_of if name in self.required)]

    @property
    def shown(self) -> list[str]:
        """The fields that are worth showing as they would be stored: not what a record belongs to."""
        return [name for name in self.fields if name not in ("participant", "lesion", self.part_of)]

    @property
    def stored(self) -> list[str]:
        """The fields that the model has itself."""
        return [name for name in self.fields if name not in self.borrowed]

    def field(self, name) -> Field:
        if name.startswith(ATTRIBUTION_OF):
            return ATTRIBUTION.fields["causality"]
        return STUDY_DAY if name in self.days else self.fields.get(name) or self.beside[name]

    def attribute(self, name) -> str:
        """The model's attribute that holds the field: for another record, its id."""
        return f"{name}_id" if self.fields[name].refers_to else self.attributes.get(name, name)

    def named(self, attribute) -> str:
        """The field that an attribute holds."""
        return next((name for name, one in self.attributes.items() if one == attribute), attribute)


def terms_of(section: Section, name: str):
    """The terms or the code list of which a field is one; yes and no as True and False; None for other fields."""
    if name in section.beside and section.beside[name].dtype == YES_NO:
        return (True, False)
    if name not in section.stored or section.fields[name].refers_to:
        return None
    kind = getattr(section.model, section.attribute(name)).type
    if isinstance(kind, Code):
        return kind.codes
    if isinstance(kind, sa.Enum):
        return kind.enum_class
    return (True, False) if isinstance(kind, sa.Boolean) else None


TRIAL = Section(
    "trial",
    Trial,
    key="code",
    fields=model_fields(
        Trial,
        "code title phase status design is_randomised is_blinded setting response_criteria primary_endpoint"
        " nct_number eu_ct_number sponsor partner principal_investigator accrual_target opened_on closed_on"
        " synopsis assessment_interval_days assessment_window_days minimum_sd_days confirmation_required"
        " minimum_age treatment_emergent_window_days dlt_window_days minimum_dose_percent",
        code=code_field(),
        accrual_target=integer_field(1),
        assessment_interval_days=integer_field(1),
        minimum_age=integer_field(0, 120),
        minimum_dose_percent=integer_field(0, 100),
    ),
    required=("title", "design"),
    needs=("code",),
    defaults={
        "phase": Phase.NA,
        "status": TrialStatus.COMPLETED,
        "response_criteria": ResponseCriteria.OTHER,
    },
    in_rows=False,
)

ARM = Section(
    "arm",
    Arm,
    key="code",
    fields=model_fields(
        Arm,
        "code title type status planned_n",
        code=code_field(),
        planned_n=integer_field(1),
    )
    | {"regimen": name_field("regimen", maximum=200)},
    required=("title", "type"),
    needs=("code",),
    defaults={"status": EnrolmentStatus.CLOSED},
    is_list=True,
    in_rows=False,
)

COHORT = Section(
    "cohort",
    Cohort,
    key="name",
    fields=model_fields(
        Cohort,
        "name tumor_location subtype prior_lines_allowed biomarker_selection status planned_n",
        planned_n=integer_field(1),
    ),
    required=("tumor_location",), needs=("name",),
    defaults={"status": EnrolmentStatus.CLOSED},
    is_list=True,
    in_rows=False,
)  # fmt: skip

PARTICIPANT = Section(
    "participant",
    Participant,
    key="code",
    fields={"arm": code_field("arm"), "cohort": name_field("cohort")}
    | model_fields(
        Participant,
        "code sex ecog tumor_location diagnosis subtype stage prior_lines prior_immunotherapy birth_year"
        " age_at_enrolment consented_on enrolled_on first_dose_on last_dose_on new_therapy_on"
        " off_treatment_on off_treatment_reason off_study_on off_study_reason last_known_alive_on died_on"
        " undated",
        code=code_field(),
        ecog=integer_field(0, 5),
        birth_year=Field(lambda texts, origin, decimal: values.read_years(texts), INTEGER),
        age_at_enrolment=number_field(0, 120, unit="years"),
    ),
    required=("tumor_location",),
    needs=("code",),
    defaults={"undated": True},  # no calendar date is known
    derived=("undated",),
)

OUTCOME = Section(
    "outcome",
    ReportedOutcome,
    key="participant",
    fields={"participant": code_field("participant")}
    | model_fields(
        ReportedOutcome,
        "best_overall_response clinical_benefit pathological_complete_response pfs_months pfs_event os_months"
        " os_event source",
        pfs_months=number_field(0, 1200, unit="months"),
        os_months=number_field(0, 1200, unit="months"),
    ),
    required=(),
    told=(
        "best_overall_response",
        "clinical_benefit",
        "pathological_complete_response",
        "pfs_months",
        "pfs_event",
        "os_months",
        "os_event",
    ),
)

SPECIMEN = Section(
    "specimen",
    Specimen,
    key="barcode",
    fields={"participant": code_field("participant")}
    | model_fields(
        Specimen,
        "barcode type anatomic_place location collected_on timepoint tumor_content_percent quality status",
        barcode=code_field(), tumor_content_percent=number_field(0, 100),
    ),
    required=("participant", "type", "timepoint"), needs=("barcode",), told=("barcode",),
)  # fmt: skip

BIOMARKER = Section(
    "biomarker",
    Biomarker,
    key="name",
    fields=model_fields(Biomarker, "name kind"),
    required=("kind",),
    is_list=True,
    in_rows=False,
    written_in="measurement",
)

ASSAY = Section(
    "assay",
    Assay,
    key="name",
    fields={"biomarker": name_field("biomarker", maximum=200)}
    | model_fields(Assay, "name scale unit lower_limit upper_limit positive_cutoff"),
    required=("biomarker", "scale"),
    is_list=True,
    in_rows=False,
    written_in="measurement",
)

MEASUREMENT = Section(
    "measurement",
    Measurement,
    key="record",
    made_of=("participant", "assay", "specimen", "timepoint", "measured_on"),
    fields={
        "participant": code_field("participant"),
        "assay": name_field("assay", maximum=200),
        "specimen": code_field("specimen"),
    }
    | model_fields(Measurement, "value category qualifier timepoint measured_on"),
    required=(),
    derived=("category",),
    needs=("assay", "value"),
    beside={
        "biomarker": ASSAY.fields["biomarker"],
        "kind": BIOMARKER.fields["kind"],
        **{name: ASSAY.fields[name] for name in ("scale", "unit", "positive_cutoff")},
    },
    told=("value", "category"),
    is_list=True,
)

REFERENCE_RESULT = Section(
    "reference_result",
    ReferenceResult,
    key="record",
    made_of=("regimen", "tumor_location", "endpoint", "n", "citation"),
    fields={"regimen": name_field("regimen", maximum=200)}
    | model_fields(
        ReferenceResult,
        "tumor_location subtype prior_lines endpoint x n x_is_rounded published_rate selection citation",
        n=integer_field(1),
    ),
    required=("regimen", "tumor_location", "endpoint", "x", "n", "citation"),
    needs=("regimen", "tumor_location", "endpoint", "n", "citation"),
    derived=("x_is_rounded", "published_rate"),
    told=("n", "x", "rate"),
    beside={"rate": number_field(0, 1, unit="fraction")},
)

ADMINISTRATION = Section(
    "administration",
    Administration,
    key="record",
    made_of=("participant", "component", "cycle", "given_on"),
    fields={"participant": code_field("participant"), "component": name_field("component", maximum=400)}
    | model_fields(
        Administration,
        "cycle given_on dose unit modification",
        cycle=integer_field(1, 200),
        dose=number_field(0, 1e12),
    )
    | {"reason": model_fields(Administration, "modification_reason")["modification_reason"]},
    required=("component", "cycle", "given_on", "dose", "unit"),
    needs=("component", "cycle", "given_on", "dose", "unit"),
    told=("given_on", "dose", "modification", "reason"),
    attributes={"reason": "modification_reason"},
)

ADVERSE_EVENT = Section(
    "adverse_event",
    AdverseEvent,
    key="record",
    made_of=("participant", "term", "grade", "started_on"),
    fields={"participant": code_field("participant")}
    | model_fields(
        AdverseEvent,
        "term ctcae_term soc grade started_on ended_on serious serious_criterion expected immune_related dlt"
        " immunosuppression action_taken outcome aware_on reported_to_sponsor_on narrative",
        grade=integer_field(1, 5),
    ),
    required=("term", "grade", "started_on"),
    needs=("term", "grade", "started_on"),
    derived=("ctcae_term",),
    told=("term", "grade", "started_on"),
    beside={"related": model_fields(AdverseEvent, "expected")["expected"]},
)

ATTRIBUTION = Section(
    "attribution",
    Attribution,
    key="record",
    made_of=("adverse_event", "agent"),
    fields={
        "adverse_event": name_field("adverse_event"),
        "agent": name_field("agent"),
        "causality": term_field(Causality),
    },
    required=("causality",),
    written_in="adverse_event",
    part_of="adverse_event",
)

LESION = Section(
    "lesion",
    Lesion,
    key="record",
    made_of=("participant", "label"),
    fields={"participant": code_field("participant"), "label": code_field()}
    | model_fields(Lesion, "role place organ nodal"),
    required=("label", "role", "place"),
    needs=("label", "role", "place"),
    told=("label", "role", "place"),
)

ASSESSMENT = Section(
    "assessment",
    TumorAssessment,
    key="record",
    made_of=("participant", "assessed_on"),
    fields={"participant": code_field("participant")}
    | model_fields(
        TumorAssessment,
        "assessed_on modality investigator_response investigator_reason",
    ),
    required=("assessed_on", "modality"),
    needs=("assessed_on", "modality"),
    told=("assessed_on", "modality", "investigator_response", "investigator_reason"),
)

LESION_MEASUREMENT = Section(
    "lesion_measurement",
    LesionMeasurement,
    key="record",
    made_of=("lesion", "assessed_on"),
    fields={
        "participant": code_field("participant"),
        "assessment": name_field("assessment"),
        "lesion": code_field("lesion"),
        "assessed_on": model_fields(TumorAssessment, "assessed_on")["assessed_on"],
    }
    | model_fields(LesionMeasurement, "diameter_mm state", diameter_mm=number_field(0, LARGEST_MM)),
    required=("lesion", "assessed_on"),
    needs=("lesion", "assessed_on"),
    derived=("assessment",),
    told=("diameter_mm", "state"),
    exclusive=("diameter_mm", "state"),
    part_of="assessment",
    borrowed={
        "participant": TumorAssessment.participant_id,
        "assessed_on": TumorAssessment.assessed_on,
    },
)

SECTIONS = {
    section.name: section
    for section in (
        TRIAL,
        ARM,
        COHORT,
        REFERENCE_RESULT,
        PARTICIPANT,
        OUTCOME,
        SPECIMEN,
        BIOMARKER,
        ASSAY,
        MEASUREMENT,
        ADMINISTRATION,
        ADVERSE_EVENT,
        ATTRIBUTION,
        LESION,
        ASSESSMENT,
        LESION_MEASUREMENT,
    )
}

#: Those whose stored records are looked at only where a file needs them.
ON_DEMAND = {
    "reference_result",
    "specimen",
    "administration",
    "adverse_event",
    "attribution",
    "lesion",
    "assessment",
    "lesion_measurement",
}

#: Those that a mapping names.
WRITTEN = {name: section for name, section in SECTIONS.items() if section.written_in is None}
