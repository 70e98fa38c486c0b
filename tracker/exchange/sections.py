"""What a mapping file may bring in: the sections, their fields, and how the text of each field is read.

A section is one entry of SECTIONS. How a field is read follows from its model's column, unless the entry says
otherwise; `field_on`, a date, may also come as `field_day`, a study day.
"""

import datetime
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pandas as pd
import sqlalchemy as sa

from tracker import values
from tracker.models import (
    Arm,
    Assay,
    Biomarker,
    Cohort,
    Measurement,
    Participant,
    Record,
    ReportedOutcome,
    Trial,
)
from tracker.models.base import Code
from tracker.terms.trial import EnrolmentStatus, Phase, ResponseCriteria, TrialStatus

#: Study days are stored as dates counted from this one, which is day 1.
DAY_ONE = datetime.date(2000, 1, 1)

DAYS_A_MONTH = 30.4375

#: For a stored unit, what a source's unit is multiplied with and then divided by.
UNITS = {
    "months": {"days": (1, DAYS_A_MONTH), "weeks": (7, DAYS_A_MONTH), "months": (1, 1), "years": (12, 1)},
    "years": {"days": (1, 365.25), "weeks": (7, 365.25), "months": (1, 12), "years": (1, 1)},
}

#: The day before the first one that Excel counts, as the 1900 system of dates is used after February 1900.
_EXCEL_DAY_ZERO = pd.Timestamp(1899, 12, 30)


@dataclass(frozen=True)
class Origin:
    """Where the text of a field comes from: a column, a constant, or the row's number after a prefix."""

    column: str | None = None
    constant: str | None = None
    prefix: str | None = None
    values: dict[str, str] | None = None
    unit: str | None = None
    date_format: str | None = None


@dataclass(frozen=True)
class Field:
    """How a field is read.

    read: from a column of text, its origin and the source's decimal mark, to a column of values and the
    messages of the faulty rows, as the column readers of `values` give them.
    unit: of a time, the unit that is stored. refers_to: the section whose records the field names.
    """

    read: Callable
    dtype: str
    unit: str | None = None
    refers_to: str | None = None


@dataclass(frozen=True)
class Section:
    """Records of one kind.

    key: the field that tells them apart, within the trial; or, where several fields do together (`made_of`),
    the name of a column that joins them. required: what a new one must say. defaults: what a new one gets
    where the file tells nothing. derived: fields that follow from others, and that a mapping cannot name.
    needs: the keys without which a table of the mapping means nothing. beside: keys that say something of
    another section's record. told: a row in which all of these are missing has no record. is_list: written
    [[name]] in the mapping. in_rows: one record a row of the source; otherwise the mapping itself says the
    values. written_in: the section of the mapping that this one's records are named in, if not its own.

    Where a list is in rows, each of its tables is a section of its own (`of_table`), with its number, the
    records that it is about (`only`), and whether its dates are study days.
    """

    name: str
    model: type[Record]
    key: str
    fields: dict[str, Field]
    required: tuple[str, ...]
    defaults: dict = field(default_factory=dict)
    derived: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    beside: dict[str, Field] = field(default_factory=dict)
    made_of: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    is_list: bool = False
    in_rows: bool = True
    written_in: str | None = None
    number: int | None = None
    only: dict[str, str] = field(default_factory=dict)
    in_days: bool = False

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
    def days(self) -> dict[str, str]:
        """The date that each study day is stored as: first_dose_day for first_dose_on."""
        dates = [name for name, one in self.fields.items() if one.dtype == DATE and self.in_rows]
        return {f"{name.removesuffix('_on')}_day": name for name in dates}

    @property
    def keys(self) -> list[str]:
        """What a mapping may name."""
        names = dict.fromkeys([*self.fields, *self.days, *self.beside])
        return [name for name in names if name not in self.derived]

    def field(self, name) -> Field:
        return STUDY_DAY if name in self.days else self.fields[name]

    def attribute(self, name) -> str:
        """The model's attribute that holds the field: for another record, its id."""
        return f"{name}_id" if self.fields[name].refers_to else name


TEXT, NUMBER, INTEGER, YES_NO, DATE = "str", "float64", "Int64", "boolean", "datetime64[us]"


def _fields(model, names, **special) -> dict[str, Field]:
    return {name: special.get(name) or _of_column(getattr(model, name).type) for name in names.split()}


def _of_column(kind) -> Field:
    """How a column of this SQL type is read."""
    if isinstance(kind, Code):
        return _terms(kind.codes)
    if isinstance(kind, sa.Enum):
        return _terms(kind.enum_class)
    if isinstance(kind, sa.Boolean):
        return Field(lambda texts, origin, decimal: values.read_booleans(texts), YES_NO)
    if isinstance(kind, sa.Date):
        return Field(_read_dates, DATE)
    if isinstance(kind, sa.Integer):
        return _integers()
    if isinstance(kind, sa.Float):
        return _numbers()
    if isinstance(kind, sa.Text):
        return Field(
            lambda texts, origin, decimal: values.read_texts(texts, multiline=True, maximum=20_000), TEXT
        )
    return Field(lambda texts, origin, decimal: values.read_texts(texts, maximum=kind.length), TEXT)


def _terms(terms):
    return Field(lambda texts, origin, decimal: values.read_terms(texts, terms), TEXT)


def _codes(refers_to=None):
    return Field(lambda texts, origin, decimal: values.read_codes(texts), TEXT, refers_to=refers_to)


def _names(refers_to, maximum=100):
    return Field(
        lambda texts, origin, decimal: values.read_texts(texts, maximum=maximum), TEXT, refers_to=refers_to
    )


def _integers(minimum=0, maximum=values.INTEGER_LIMIT):
    return Field(lambda texts, origin, decimal: values.read_integers(texts, minimum, maximum), INTEGER)


def _numbers(minimum=None, maximum=None, unit=None):
    def read(texts, origin, decimal):
        times, by = UNITS[unit][origin.unit or unit] if unit else (1, 1)
        limits = {"minimum": minimum, "maximum": None if maximum is None else maximum * by / times}
        numbers, faults = values.read_numbers(texts, decimal=decimal, **limits)
        return numbers * times / by, faults

    return Field(read, NUMBER, unit=unit)


def _read_dates(texts, origin, decimal):
    """Dates in the origin's format; or ISO and Excel's numbers of days, as dates come out of spreadsheets."""
    dates, faults = values.read_dates(texts, date_format=origin.date_format)
    unread = texts[faults.index]
    is_iso = unread.str.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}").astype(bool)
    known = excel_dates(unread).fillna(values.read_dates(unread.where(is_iso))[0])
    return dates.fillna(known), faults[known.isna()]


def excel_dates(texts: pd.Series) -> pd.Series:
    """The dates of cells that hold nothing but Excel's number of a day, 1927 to 2091; others are missing."""
    numbers = pd.to_numeric(texts.where(texts.str.fullmatch("[1-6][0-9]{4}").fillna(False).astype(bool)))
    return (_EXCEL_DAY_ZERO + pd.to_timedelta(numbers.astype("float64"), unit="D")).astype(DATE)


def _read_study_days(texts, origin, decimal):
    days, faults = values.read_study_days(texts)
    # There is no day 0: the day before day 1 is day -1.
    offsets = pd.to_timedelta((days - (days > 0).astype("Int64")).astype("float64"), unit="D")
    return (pd.Timestamp(DAY_ONE) + offsets).astype(DATE), faults


STUDY_DAY = Field(_read_study_days, DATE)


# What an assay gives


def _number_of(text):
    return text[1:] if text[:1] in ("<", ">") else text


def _bound_of(text):
    return text[0] if text[:1] in ("<", ">") else "="


def _read_bounded(texts, origin, decimal):
    """Numbers, also those that are only a bound, such as <5."""
    return values.read_numbers(texts.map(_number_of, na_action="ignore"), decimal=decimal)


def _read_bounds(texts, origin, decimal):
    """How such numbers stand to what was measured; nothing is faulty that is not so as a number."""
    bounds = texts.map(_bound_of, na_action="ignore").astype(TEXT)
    return bounds, pd.Series([], texts.index[:0], TEXT)


def _read_zero_or_one(texts, origin, decimal):
    found, faults = values.read_booleans(texts)
    return found.astype(NUMBER), faults


BOUNDED_NUMBER, BOUND = Field(_read_bounded, NUMBER), Field(_read_bounds, TEXT)
ZERO_OR_ONE = Field(_read_zero_or_one, NUMBER)


TRIAL = Section(
    "trial",
    Trial,
    key="code",
    fields=_fields(
        Trial,
        "code title phase status design is_randomised is_blinded setting response_criteria primary_endpoint"
        " nct_number eu_ct_number sponsor partner principal_investigator accrual_target opened_on closed_on"
        " synopsis assessment_interval_days assessment_window_days minimum_sd_days confirmation_required"
        " minimum_age treatment_emergent_window_days dlt_window_days minimum_dose_percent",
        code=_codes(),
        accrual_target=_integers(1),
        assessment_interval_days=_integers(1),
        minimum_age=_integers(0, 120),
        minimum_dose_percent=_integers(0, 100),
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
    fields=_fields(
        Arm,
        "code title type status planned_n",
        code=_codes(),
        planned_n=_integers(1),
    )
    | {"regimen": _names("regimen", maximum=200)},
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
    fields=_fields(
        Cohort,
        "name tumor_location subtype prior_lines_allowed biomarker_selection status planned_n",
        planned_n=_integers(1),
    ),
    required=("tumor_location",),
    needs=("name",),
    defaults={"status": EnrolmentStatus.CLOSED},
    is_list=True,
    in_rows=False,
)

PARTICIPANT = Section(
    "participant",
    Participant,
    key="code",
    fields={"arm": _codes("arm"), "cohort": _names("cohort")}
    | _fields(
        Participant,
        "code sex ecog tumor_location diagnosis subtype stage prior_lines prior_immunotherapy birth_year"
        " age_at_enrolment consented_on enrolled_on first_dose_on last_dose_on new_therapy_on"
        " off_treatment_on off_treatment_reason off_study_on off_study_reason last_known_alive_on died_on"
        " undated",
        code=_codes(),
        ecog=_integers(0, 5),
        birth_year=Field(lambda texts, origin, decimal: values.read_years(texts), INTEGER),
        age_at_enrolment=_numbers(0, 120, unit="years"),
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
    fields={"participant": _codes("participant")}
    | _fields(
        ReportedOutcome,
        "best_overall_response clinical_benefit pathological_complete_response pfs_months pfs_event os_months"
        " os_event source",
        pfs_months=_numbers(0, 1200, unit="months"),
        os_months=_numbers(0, 1200, unit="months"),
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

BIOMARKER = Section(
    "biomarker",
    Biomarker,
    key="name",
    fields=_fields(Biomarker, "name kind"),
    required=("kind",),
    is_list=True,
    in_rows=False,
    written_in="measurement",
)

ASSAY = Section(
    "assay",
    Assay,
    key="name",
    fields={"biomarker": _names("biomarker", maximum=200)}
    | _fields(Assay, "name scale unit lower_limit upper_limit positive_cutoff"),
    required=("biomarker", "scale"),
    is_list=True,
    in_rows=False,
    written_in="measurement",
)

MEASUREMENT = Section(
    "measurement",
    Measurement,
    key="record",
    made_of=("participant", "assay", "timepoint", "measured_on"),
    fields={"participant": _codes("participant"), "assay": _names("assay", maximum=200)}
    | _fields(Measurement, "value category qualifier timepoint measured_on"),
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

SECTIONS = {
    section.name: section
    for section in (TRIAL, ARM, COHORT, PARTICIPANT, OUTCOME, BIOMARKER, ASSAY, MEASUREMENT)
}

#: Those that a mapping names.
WRITTEN = {name: section for name, section in SECTIONS.items() if section.written_in is None}
