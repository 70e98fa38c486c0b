"""What must hold within a record, or between records.

A check is a function from columns to a mask that is true where the record is wrong. It names the columns it
needs as its arguments: those of the record itself (`died_on`), and those of a record that it points to, after
the name of the relationship (`trial_minimum_age`, `arm_status`). Dates are datetime64, numbers float, terms and
text str, yes and no `boolean`; all may be missing. A form runs the checks on one row, an import on all of its
rows; a check whose columns are not at hand does not apply.
"""

import enum
import functools
import inspect
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from babel.numbers import format_decimal
from flask_babel import get_locale
from flask_babel import lazy_gettext as _l

from tracker.terms.trial import EnrolmentStatus, TrialStatus


class Weight(enum.Enum):
    """What follows when a check finds something."""

    REFUSE = "refuse"
    REASON = "reason"  # stored only with a reason
    CONFIRM = "confirm"  # stored only when the person confirms it
    QUERY = "query"  # stored, and a query is opened on the field, until the data are mended


@dataclass(frozen=True)
class Check:
    """says: the column whose value stands in the message, as %(value)s."""

    record: str
    field: str
    message: str
    weight: Weight
    finds: Callable
    says: str | None = None

    @property
    def name(self):
        return self.finds.__name__

    @functools.cached_property
    def columns(self):
        return list(inspect.signature(self.finds).parameters)


@dataclass(frozen=True)
class Finding:
    """That a check found something. mask: a boolean Series, true at the rows. said: what the message says of each."""

    check: Check
    mask: pd.Series
    said: pd.Series | None = None

    @property
    def messages(self) -> pd.Series:
        """What to say of each row that is wrong."""
        texts = pd.Series(str(self.check.message), self.mask.index[self.mask], dtype=object)
        if self.said is None:
            return texts
        return texts.index.to_series().map(
            lambda row: (
                texts[row]
                % {"value": format_decimal(self.said[row], "0.######", locale=get_locale() or "en")}
            )
        )

    @property
    def message(self) -> str:
        """The same of the first of them."""
        return self.check.message if self.said is None else self.messages.iloc[0]


_CHECKS: dict[str, list[Check]] = defaultdict(list)


def check(record, field, message, weight=Weight.REFUSE, says=None):
    """Register a check of a record (its table's name); the message stands beside the field."""

    def register(finds):
        _CHECKS[record].append(Check(record, field, message, weight, finds, says))
        return finds

    return register


def rules_of(record: str) -> dict[str, Check]:
    """The checks of a record that open queries, by name."""
    return {one.name: one for one in _CHECKS.get(record, ()) if one.weight is Weight.QUERY}


def checks_of(record: str) -> list[Check]:
    """All checks of a record, in the order of their definition."""
    return list(_CHECKS.get(record, ()))


def checked_columns(record: str) -> set[str]:
    """Every column that a check of the record looks at."""
    return {column for one in _CHECKS.get(record, ()) for column in one.columns}


def run_checks(record: str, frame: pd.DataFrame) -> list[Finding]:
    """The checks of a record that find something in the frame, in the order of their definition."""
    columns = dict(frame.items())
    found = []
    for one in _CHECKS.get(record, ()):
        if all(name in columns for name in one.columns):
            mask = one.finds(*(columns[name] for name in one.columns))
            if mask.dtype != bool:  # it has, or could have, missing cells
                mask = mask.fillna(False).astype(bool)
            if mask.any():
                found.append(Finding(one, mask, columns[one.says] if one.says else None))
    return found


def refuse_future(record, *fields):
    """Register for each of these dates that it is not still to come.

    Undated cohorts count their days from 2000-01-01, and so never reach the future.
    """
    for field in fields:

        def is_in_the_future(date, today):
            return date > today

        is_in_the_future.__signature__ = inspect.Signature(
            [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in (field, "today")]
        )
        check(record, field, _l("This day is still to come: write a day up to today."))(is_in_the_future)


# Trials, arms and cohorts


@check("trial", "closed_on", _l("A trial cannot close before it opens."))
def closed_before_opened(opened_on, closed_on):
    return closed_on < opened_on


@check("trial", "is_randomised", _l("A trial of randomised design is randomised."))
def randomised_design_without_randomisation(design, is_randomised):
    return (design == "randomised") & ~is_randomised.fillna(False).astype(bool)


@check(
    "trial",
    "status",
    _l("A trial that recruits has not closed: empty the closing date, or change the status."),
)
def recruits_after_closing(status, closed_on):
    return status.isin([TrialStatus.RECRUITING, TrialStatus.NOT_YET_RECRUITING]) & closed_on.notna()


@check("trial", "nct_number", _l("Write the NCT number as NCT and eight digits, such as NCT03275402."))
def nct_number_malformed(nct_number):
    return nct_number.notna() & ~nct_number.astype("str").str.fullmatch("NCT[0-9]{8}")


@check("trial", "eu_ct_number", _l("Write the EU CT number as 2023-501234-12-00."))
def eu_ct_number_malformed(eu_ct_number):
    return eu_ct_number.notna() & ~eu_ct_number.astype("str").str.fullmatch(
        "[0-9]{4}-[0-9]{6}-[0-9]{2}(-[0-9]{2})?"
    )


@check("arm", "regimen", _l("Choose the arm's regimen; only an arm without treatment has none."))
def arm_without_regimen(type, regimen_id):
    return (type != "no treatment") & regimen_id.isna()


@check("arm", "regimen", _l("An arm without treatment has no regimen."))
def untreated_arm_with_regimen(type, regimen_id):
    return (type == "no treatment") & regimen_id.notna()


@check("cohort", "subtype", _l("A subtype belongs to breast tumors only: leave it empty here."))
@check("participant", "subtype", _l("A subtype belongs to breast tumors only: leave it empty here."))
@check("reference_result", "subtype", _l("A subtype belongs to breast tumors only: leave it empty here."))
def subtype_elsewhere(tumor_location, subtype):
    return (tumor_location != "BREAST") & subtype.notna()


# Reference results


@check("reference_result", "x", _l("There cannot be more responders than participants."))
def more_responders_than_participants(x, n):
    return x > n


# Participants


@check("participant", "subtype", _l("Breast cancer needs its subtype: choose one, or “unknown”."))
def breast_without_subtype(tumor_location, subtype):
    return (tumor_location == "BREAST") & subtype.isna()


@check("participant", "died_on", _l("A participant cannot die before enrolment."))
def died_before_enrolment(died_on, enrolled_on):
    return died_on < enrolled_on


@check(
    "participant",
    "enrolled_on",
    _l("Consent comes before enrolment: enrolled cannot be earlier than consented."),
)
def enrolled_before_consent(enrolled_on, consented_on):
    return enrolled_on < consented_on


@check(
    "participant",
    "consented_on",
    _l("Consent comes before treatment: it cannot be later than the first dose."),
)
def consented_after_first_dose(consented_on, first_dose_on):
    return consented_on > first_dose_on


@check("participant", "first_dose_on", _l("The first dose cannot come before enrolment."))
def dosed_before_enrolment(first_dose_on, enrolled_on):
    return first_dose_on < enrolled_on


@check("participant", "last_dose_on", _l("The last dose cannot come before the first, nor without one."))
def last_dose_before_first(last_dose_on, first_dose_on):
    return last_dose_on.notna() & ~(first_dose_on <= last_dose_on)


@check("participant", "last_dose_on", _l("Nobody is dosed after death."))
def dosed_after_death(last_dose_on, died_on):
    return last_dose_on > died_on


@check("participant", "last_known_alive_on", _l("Last known alive cannot be later than the day of death."))
def alive_after_death(last_known_alive_on, died_on):
    return last_known_alive_on > died_on


@check("participant", "off_treatment_on", _l("Treatment cannot end before the first dose."))
def off_treatment_before_first_dose(off_treatment_on, first_dose_on):
    return off_treatment_on < first_dose_on


@check("participant", "off_treatment_reason", _l("Give both the day and the reason of going off treatment."))
def off_treatment_by_half(off_treatment_on, off_treatment_reason):
    return off_treatment_on.isna() & off_treatment_reason.notna()


@check("participant", "off_study_on", _l("A participant cannot leave the study before enrolment."))
def off_study_before_enrolment(off_study_on, enrolled_on):
    return off_study_on < enrolled_on


@check("participant", "off_study_reason", _l("Give both the day and the reason of going off study."))
def off_study_by_half(off_study_on, off_study_reason):
    return off_study_on.isna() & off_study_reason.notna()


for _field in (
    "consented_on",
    "enrolled_on",
    "first_dose_on",
    "last_dose_on",
    "new_therapy_on",
    "off_treatment_on",
    "off_study_on",
    "last_known_alive_on",
    "died_on",
    "research_consent_withdrawn_on",
):
    refuse_future("participant", _field)


def _age(birth_year, enrolled_on, today, age_at_enrolment):
    """Years reached in the year of enrolment, as precisely as a year of birth tells."""
    return age_at_enrolment.fillna(enrolled_on.fillna(today).dt.year - birth_year)


@check("participant", "birth_year", _l("The year of birth makes the participant older than 120."))
def older_than_120(birth_year, enrolled_on, today):
    return (enrolled_on.fillna(today).dt.year - birth_year) > 120


@check("participant", "birth_year", _l("The year of birth lies after enrolment."))
def born_after_enrolment(birth_year, enrolled_on, today):
    return birth_year > enrolled_on.fillna(today).dt.year


@check("participant", "age_at_enrolment", _l("Age and year of birth disagree by more than a year."))
def age_disagrees(age_at_enrolment, birth_year, enrolled_on):
    return ((enrolled_on.dt.year - birth_year) - age_at_enrolment).abs() > 1.5


@check(
    "participant", "birth_year", _l("The participant is younger than the trial's minimum age."), Weight.REASON
)
def younger_than_minimum(birth_year, age_at_enrolment, enrolled_on, today, trial_minimum_age):
    return _age(birth_year, enrolled_on, today, age_at_enrolment) < trial_minimum_age


@check("participant", "cohort", _l("The cohort is for another tumor location."))
def cohort_elsewhere(tumor_location, cohort_tumor_location):
    return cohort_tumor_location.notna() & (tumor_location != cohort_tumor_location)


@check("participant", "cohort", _l("The cohort is for another subtype."))
def cohort_of_another_subtype(subtype, cohort_subtype):
    return cohort_subtype.notna() & subtype.notna() & (subtype != cohort_subtype)


@check(
    "participant",
    "arm",
    _l("The arms of a blinded trial are entered when it is unblinded; until then leave it empty."),
)
def arm_while_blinded(arm_id, trial_is_blinded):
    return arm_id.notna() & trial_is_blinded.fillna(False).astype(bool)


# Enrolment: columns that only a new participant's form brings (`_enrolled`: participants there already)


@check(
    "participant",
    "trial",
    _l("The trial does not recruit: change its status first, or choose another trial."),
)
def enrolled_in_a_trial_that_does_not_recruit(trial_status, trial_enrolled):
    return ~trial_status.isin([TrialStatus.RECRUITING, TrialStatus.ENROLLING_BY_INVITATION])


@check("participant", "arm", _l("The arm is not open to enrolment."))
def enrolled_in_an_arm_that_is_not_open(arm_status, arm_enrolled):
    return arm_status.notna() & (arm_status != EnrolmentStatus.OPEN)


@check("participant", "cohort", _l("The cohort is not open to enrolment."))
def enrolled_in_a_cohort_that_is_not_open(cohort_status, cohort_enrolled):
    return cohort_status.notna() & (cohort_status != EnrolmentStatus.OPEN)


@check("participant", "trial", _l("The trial has reached its accrual target."), Weight.REASON)
def trial_is_full(trial_enrolled, trial_accrual_target):
    return trial_enrolled >= trial_accrual_target


@check("participant", "arm", _l("The arm has reached its planned number."), Weight.REASON)
def arm_is_full(arm_enrolled, arm_planned_n):
    return arm_enrolled >= arm_planned_n


@check("participant", "cohort", _l("The cohort has reached its planned number."), Weight.REASON)
def cohort_is_full(cohort_enrolled, cohort_planned_n):
    return cohort_enrolled >= cohort_planned_n


@check(
    "participant",
    "code",
    _l("The letters look like a person's initials; a code must not tell who it is."),
    Weight.CONFIRM,
)
def initials_in_code(code, trial_code, trial_code_letters):
    """Letters that are no prefix of the trial's codes: JD-017, 01-003-MD, J.D.

    trial_code_letters: the letters that other codes of the trial have, as in "CCI ONC".
    """
    whole, before, after = (found for _name, found in code.str.extract(_INITIALS, expand=False).items())
    own = whole.fillna(before).fillna(after)
    own = own.str.upper().str.replace("[^A-Z]", "", regex=True)
    usual = (trial_code + " " + trial_code_letters.fillna("")).str.upper()
    return pd.Series(
        [
            isinstance(few, str) and few not in known and few not in _PREFIXES
            for few, known in zip(own, usual, strict=True)
        ],
        index=code.index,
    )


#: Nothing but two or three letters; two letters before a number; or two or three letters after one.
_INITIALS = (
    r"^([A-Za-z][-. ]?[A-Za-z](?:[-. ]?[A-Za-z])?)\.?$"
    r"|^([A-Za-z]{2})(?=[-_./ 0-9])"
    r"|[0-9][-_./ ]?([A-Za-z]{2,3})(?=$|[-_./ 0-9])"
)

#: Two letters that usually stand before a participant's number.
_PREFIXES = {"PT", "PA", "ID", "SJ", "SU", "NO", "NR", "CA"}


# Reported outcomes


@check("reported_outcome", "pfs_event", _l("Give both the months and whether there was an event."))
def pfs_by_half(pfs_months, pfs_event):
    return pfs_months.isna() != pfs_event.isna()


@check("reported_outcome", "os_event", _l("Give both the months and whether there was an event."))
def os_by_half(os_months, os_event):
    return os_months.isna() != os_event.isna()


@check(
    "reported_outcome", "pfs_months", _l("Progression-free survival cannot be longer than overall survival.")
)
def pfs_longer_than_os(pfs_months, os_months):
    return pfs_months > os_months + 0.05  # months are often rounded to one decimal
